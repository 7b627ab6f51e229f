// The first tab: what became of it, why it ran, what it cost, what is different.

import "./overview.css";
import type { ComponentChildren, JSX } from "preact";
import type { Detail, Row } from "../data.js";
import { compact, count, moment, money, took } from "../format.js";
import { endOf, look } from "../looks.js";
import { leftBehind } from "../state.js";
import type { State } from "../state.js";
import type { Intent } from "../verbs.js";
import { Jump } from "./controls.js";
import { Waiting } from "./waiting.js";
import { Plain } from "./text.js";

interface Props {
  row: Row;
  detail: Detail;
  state: State;
  choose(intent: Intent): void;
}

export function Overview({ row, detail, state, choose }: Props): JSX.Element {
  const { ledger } = row;
  const end = endOf(row, state.now());
  const { word, moves } = look(row, state.live);
  return (
    <>
      {detail.why && <p class="db-why">{detail.why}</p>}
      {row.stale.length > 0 && (
        <p class="db-notice db-tone-amber">
          Stale: <b>{row.stale.join(", ")}</b> changed since it ran.
        </p>
      )}
      {leftBehind(row) && <p class="db-notice">Not on the way to where the kernel stands: rewind to it or switch branch.</p>}
      {row.waits.map((wait) => (
        <Waiting
          key={wait.call}
          wait={wait}
          asked={detail.questions.find((each) => each.call === wait.call)}
          state={state}
        />
      ))}
      {row.status === "waiting" && row.waits.length === 0 && (
        <p class="db-notice db-tone-amber">What it waited for is there: run it again, and it goes on.</p>
      )}
      {row.doubts.map((doubt) => (
        <p class="db-notice db-tone-amber" key={doubt.call}>
          <b>
            {doubt.name}({doubt.text})
          </b>{" "}
          was begun and the process died: nobody knows whether it happened.{" "}
          {state.live && (
            <button class="db-button db-primary" onClick={() => choose({ verb: "resolve", row })}>
              Resolve
            </button>
          )}
        </p>
      ))}
      {detail.error && (
        <section class="db-error">
          <b>{detail.error.type}</b>
          <Plain text={detail.error.message} />
          {detail.error.traceback && (
            <details>
              <summary>Traceback</summary>
              <Plain text={detail.error.traceback} />
            </details>
          )}
        </section>
      )}
      <div class="db-facts">
        <Fact name="Status">
          {standing(row, word)}
          {row.of > 0 && <Jump state={state} id={row.of} text={` from #${row.of}`} />}
          {row.compensated_by > 0 && <Jump state={state} id={row.compensated_by} text={` by #${row.compensated_by}`} />}
          {row.compensates > 0 && <Jump state={state} id={row.compensates} text={` of #${row.compensates}`} />}
          {row.replays > 0 && <Jump state={state} id={row.replays} text={` of #${row.replays}`} />}
        </Fact>
        <Fact name="Started">{moment(row.started)}</Fact>
        {row.origin !== "restored" && <Fact name={row.died ? "Killed after" : moves ? "Running for" : row.waits.length ? "Ran for" : "Took"}>{took(end - row.started)}</Fact>}
        {row.waits.length > 0 && <Fact name="Waits since">{moment(Math.min(...row.waits.map((wait) => wait.since)))}</Fact>}
        {(ledger.calls > 0 || ledger.cost > 0) && (
          <Fact name="Paid">
            {count(ledger.calls, "call")}, {compact(ledger.tokens)} tokens, {money(ledger.cost)}
            {ledger.unpriced > 0 && ` and ${count(ledger.unpriced, "call")} without a price`}
          </Fact>
        )}
        {ledger.saved_calls > 0 && (
          <Fact name="Saved">
            <span class="db-saved">
              {count(ledger.saved_calls, "call")}, {compact(ledger.saved_tokens)} tokens, {money(ledger.saved_cost)},{" "}
              {took(ledger.saved_seconds * 1e6)}
            </span>
          </Fact>
        )}
        {row.effects > 0 && <Fact name="Effects">{count(row.effects, "change")} to the outside world</Fact>}
        <Fact name="Branch">{row.branch}</Fact>
        {detail.snapshot > 0 && <Fact name="Snapshot">{`${detail.before || "empty"} → ${detail.snapshot}`}</Fact>}
        {Object.keys(detail.options).length > 0 && (
          <Fact name="Options">
            <code>{Object.entries(detail.options).map(([name, value]) => `${name}=${show(value)}`).join("  ")}</code>
          </Fact>
        )}
        {detail.uses.length > 0 && <Fact name="Uses">{detail.uses.join(", ")}</Fact>}
        {row.parent > 0 && (
          <Fact name="Inside">
            <Jump state={state} id={row.parent} text={`${state.rows.get(row.parent)?.step ?? ""} #${row.parent}`} />
          </Fact>
        )}
      </div>
      <Since detail={detail} state={state} />
      {detail.outputs.length > 0 && (
        <section>
          <h3>What it made</h3>
          <ul class="db-names">
            {detail.outputs.slice(0, MOST_OUTPUTS).map((name) => (
              <li>
                <code>{name.name}</code>
                <small>{name.type}</small>
                {name.preview && <span class="db-preview">{name.preview}</span>}
              </li>
            ))}
          </ul>
          {detail.outputs.length > MOST_OUTPUTS && <p class="db-note">and {detail.outputs.length - MOST_OUTPUTS} more</p>}
        </section>
      )}
    </>
  );
}

function standing(row: Row, word: string): string {
  if (row.kind === "compensation") return `${row.status}, a compensation`;
  return word.includes(row.status) ? word : `${row.status}, ${word}`;
}

const MOST_OUTPUTS = 5;

const show = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

const Fact = ({ name, children }: { name: string; children: ComponentChildren }): JSX.Element => (
  <>
    <span>{name}</span>
    <span>{children}</span>
  </>
);

function Since({ detail, state }: { detail: Detail; state: State }): JSX.Element | null {
  const difference = detail.difference;
  if (!difference) return null;
  const parts: string[] = [];
  if (difference.code?.length) parts.push("its code");
  if (difference.inputs?.length) parts.push(`input ${difference.inputs.join(", ")}`);
  if (difference.uses?.length) parts.push(`helper ${difference.uses.join(", ")}`);
  const outputs = difference.outputs ?? [];
  return (
    <section class="db-since">
      <h3>
        Compared with <Jump state={state} id={difference.execution} text={`#${difference.execution}`} />
      </h3>
      <p>
        {parts.length ? `Changed before: ${parts.join("; ")}.` : "Code, inputs and helpers are the same."}{" "}
        {outputs.length ? `Changed after: ${outputs.join(", ")}.` : "Its outputs are the same."}
      </p>
    </section>
  );
}
