// The other tabs: values, code, attempts.

import type { JSX } from "preact";
import type { Detail, Message, Name } from "./data.js";
import { bytes, clock, took } from "./format.js";
import { Jump } from "./overview.js";
import type { State } from "./state.js";
import { Diff, Html, Plain, Python } from "./text.js";

export function Values({ detail, state }: { detail: Detail; state: State }): JSX.Element {
  const unstored = Object.entries(detail.unstored);
  return (
    <>
      <Names title="Inputs" names={detail.inputs} none="It read no variables." state={state} />
      <Names title="Outputs" names={detail.outputs} none="It bound no variables." state={state} />
      {detail.deleted.length > 0 && <p class="db-note">It deleted {detail.deleted.join(", ")}.</p>}
      {detail.result && <Names title="Result" names={[{ ...detail.result, name: detail.result.name || "the cell's value" }]} none="" state={state} />}
      {unstored.length > 0 && (
        <section class="db-notice db-amber">
          {unstored.map(([name, why]) => (
            <p>
              <code>{name}</code> is not stored as it was: {why}
            </p>
          ))}
        </section>
      )}
      {(detail.messages.length > 0 || detail.messages_note) && <h4>What it put out</h4>}
      {detail.messages.map((message) => (
        <Output message={message} />
      ))}
      {detail.messages_note && <p class="db-note">{detail.messages_note}</p>}
    </>
  );
}

interface NamesProps {
  title: string;
  names: Name[];
  none: string;
  state: State;
}

function Names({ title, names, none, state }: NamesProps): JSX.Element {
  return (
    <section>
      <h4>{title}</h4>
      {names.length === 0 && <p class="db-note">{none}</p>}
      <ul class="db-names">
        {names.map((name) => (
          <li>
            <code>{name.name}</code>
            <small>{name.type}</small>
            {(name.size ?? 0) > 0 && <small>{bytes(name.size!)}</small>}
            {name.moved && <small class="db-chip db-c-stale">changed since</small>}
            {(name.by ?? 0) > 0 && <Jump state={state} id={name.by!} text={`${name.by_step} #${name.by}`} />}
            {name.preview && <pre class="db-value">{name.preview}</pre>}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Output({ message }: { message: Message }): JSX.Element {
  if ("stream" in message) return <Plain text={message.text} kind={`db-${message.stream}`} />;
  const { data } = message;
  for (const type of ["image/png", "image/jpeg"])
    if (data[type]) return <img class="db-image" alt={data["text/plain"] ?? "an image"} src={`data:${type};base64,${data[type].replace(/\s/g, "")}`} />;
  if (data["text/html"]) return <Html html={data["text/html"]} />;
  return <Plain text={data["text/plain"] ?? ""} />;
}

export function Code({ detail }: { detail: Detail }): JSX.Element {
  const changed = detail.difference?.code ?? [];
  return (
    <>
      <Python source={detail.source} />
      {changed.length > 0 && (
        <section>
          <h4>Changed since #{detail.difference!.execution}</h4>
          <Diff lines={changed} />
        </section>
      )}
      {detail.undo && (
        <section>
          <h4>Its compensation</h4>
          <Python source={detail.undo} />
        </section>
      )}
    </>
  );
}

export function Attempts({ detail }: { detail: Detail }): JSX.Element {
  if (!detail.attempts.length) return <p class="db-note">It made no attempt.</p>;
  return (
    <ol class="db-attempts">
      {detail.attempts.map((attempt) => (
        <li class={attempt.cause ? `db-a-${attempt.cause}` : "db-a-ok"}>
          <p>
            <b>Attempt {attempt.number}</b> <small>{clock(attempt.started)}</small>{" "}
            {attempt.ended ? <small>{took(attempt.ended - attempt.started)}</small> : <small>not over</small>}{" "}
            {attempt.cause && <small class={`db-chip db-q-${attempt.cause}`}>{attempt.cause}</small>}
          </p>
          {attempt.type && (
            <>
              <p>
                <b>{attempt.type}</b>
              </p>
              {attempt.message && <Plain text={attempt.message} />}
              {attempt.traceback && (
                <details>
                  <summary>Traceback</summary>
                  <Plain text={attempt.traceback} />
                </details>
              )}
            </>
          )}
          {(attempt.wait ?? -1) >= 0 && <p class="db-pause">waited {took(attempt.wait! * 1e6)} before the next</p>}
        </li>
      ))}
    </ol>
  );
}
