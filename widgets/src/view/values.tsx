// The tab of variables: what a step read, what it made, and what it put out.

import "./values.css";
import type { JSX } from "preact";
import type { Detail, Message, Name } from "../data.js";
import { bytes } from "../format.js";
import type { State } from "../state.js";
import { Jump } from "./controls.js";
import { Html, Plain } from "./text.js";

export function Values({ detail, state }: { detail: Detail; state: State }): JSX.Element {
  const unstored = Object.entries(detail.unstored);
  return (
    <>
      <Names title="Inputs" names={detail.inputs} none="It read no variables." state={state} />
      <Names title="Outputs" names={detail.outputs} none="It bound no variables." state={state} />
      {detail.deleted.length > 0 && <p class="db-note">It deleted {detail.deleted.join(", ")}.</p>}
      {detail.result && <Names title="Result" names={[{ ...detail.result, name: detail.result.name || "the cell's value" }]} none="" state={state} />}
      {unstored.length > 0 && (
        <section class="db-notice db-tone-amber">
          {unstored.map(([name, why]) => (
            <p>
              <code>{name}</code> is not stored as it was: {why}
            </p>
          ))}
        </section>
      )}
      {(detail.messages.length > 0 || detail.messages_note) && <h3>What it put out</h3>}
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
      <h3>{title}</h3>
      {names.length === 0 && <p class="db-note">{none}</p>}
      <ul class="db-names">
        {names.map((name) => (
          <li>
            <code>{name.name}</code>
            <small>{name.type}</small>
            {(name.size ?? 0) > 0 && <small>{bytes(name.size!)}</small>}
            {name.moved && <small class="db-chip db-tone-amber">changed since</small>}
            {(name.by ?? 0) > 0 && <Jump state={state} id={name.by!} text={`${name.by_step} #${name.by}`} />}
            {name.preview && <pre class="db-value" tabIndex={0}>{name.preview}</pre>}
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
