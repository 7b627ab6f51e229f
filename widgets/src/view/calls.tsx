// The calls of an execution; a recorded exchange is read when it is opened.

import "./calls.css";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Call, Detail, Exchange, Said } from "../data.js";
import { compact, count, money, took } from "../format.js";
import type { State } from "../state.js";
import { plain } from "../terminal.js";
import { toneOfCall, toneOfKind } from "../tones.js";
import { Icon } from "./icons.js";

export function Calls({ detail, state }: { detail: Detail; state: State }): JSX.Element {
  const [open, setOpen] = useState(() => (detail.calls.length === 1 ? detail.calls[0]!.id : 0));
  if (!detail.calls.length) return <p class="db-note">It made no calls.</p>;
  return (
    <>
      <ol class="db-calls">
        {detail.calls.map((call) => (
          <li key={call.id}>
            <button
              class="db-callhead"
              aria-expanded={open === call.id}
              onClick={() => setOpen(open === call.id ? 0 : call.id)}
            >
              <i class={`db-kind ${toneOfKind(call.kind)}`}>{call.kind}</i>
              <b>{call.model || call.name}</b>
              <Tags call={call} />
              <span class="db-figures">{figures(call)}</span>
              {(call.preview || call.result) && <span class="db-preview">{plain(call.preview || call.result || "")}</span>}
            </button>
            {open === call.id && <Opened call={call} state={state} />}
          </li>
        ))}
      </ol>
      {detail.calls_left > 0 && <p class="db-note">{count(detail.calls_left, "more call")} in the history</p>}
    </>
  );
}

function figures(call: Call): string {
  const parts: string[] = [];
  const { input_tokens: sent = 0, output_tokens: got = 0 } = call;
  if (sent || got) parts.push(`${compact(sent)} → ${compact(got)}`);
  if (call.priced) parts.push(money(call.cost ?? 0));
  else if (call.kind === "llm" && call.status === "completed") parts.push("cost unknown");
  if (call.started && call.ended) parts.push(took(call.ended - call.started));
  return parts.join(" · ");
}

function Tags({ call }: { call: Call }): JSX.Element {
  return (
    <>
      {call.served && <small class="db-chip db-tone-green">from the journal</small>}
      {call.streamed && <small class="db-chip">streamed</small>}
      {call.status !== "completed" && <small class={`db-chip ${toneOfCall(call.status)}`}>{call.status}</small>}
      {call.kind === "effect" && call.idempotent && <small class="db-chip">idempotent</small>}
      {(call.http_status ?? 0) >= 400 && <small class="db-chip db-tone-red">HTTP {call.http_status}</small>}
      {call.occurrence > 0 && <small class="db-chip">{ordinal(call.occurrence + 1)} identical</small>}
      {call.attempt > 1 && <small class="db-chip">attempt {call.attempt}</small>}
    </>
  );
}

const ordinal = (n: number): string => {
  const tail = n % 100 > 10 && n % 100 < 14 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th");
  return `${n}${tail}`;
};

function Opened({ call, state }: { call: Call; state: State }): JSX.Element {
  const [seen, setSeen] = useState<Exchange | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    if (!call.exchange) return undefined;
    let stop = false;
    state.link.request<Exchange>("call", { call: call.id }).then(
      (found) => stop || setSeen(found),
      (error: Error) => stop || setProblem(error.message),
    );
    return () => {
      stop = true;
    };
  }, [call.id, call.exchange, state]);
  const facts: [string, string | undefined][] = [
    ["error", call.error],
    ["rejected", call.reason],
    ["returned", call.result],
    ["idempotency key", call.idempotency_key],
    ["undone by", call.compensate],
    ["cached tokens", call.cached_tokens ? compact(call.cached_tokens) : undefined],
    ["sent to", seen?.url],
    ["settings", settings(seen)],
  ];
  return (
    <div class="db-opened">
      <div class="db-facts">
        {facts.map(([name, value]) =>
          value ? (
            <>
              <span>{name}</span>
              <span>
                <code>{value}</code>
              </span>
            </>
          ) : null,
        )}
      </div>
      {problem && <p class="db-problem">{problem}</p>}
      {seen?.note && <p class="db-note">{seen.note}</p>}
      {seen?.request?.map((said, i) => <Bubble key={`q${i}`} said={said} side="sent" />)}
      {seen?.answer?.map((said, i) => <Bubble key={`a${i}`} said={said} side="got" />)}
      {call.exchange && !seen && !problem && <p class="db-note">Reading what was recorded…</p>}
    </div>
  );
}

function settings(seen: Exchange | null): string {
  return Object.entries(seen?.settings ?? {})
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(", ");
}

const LONG = 900;

function Bubble({ said, side }: { said: Said; side: "sent" | "got" }): JSX.Element {
  const [whole, setWhole] = useState(said.text.length <= LONG);
  return (
    <div class={`db-said db-${side}`}>
      <small>
        {said.role}
        <button
          class="db-tool"
          title="Copy"
          aria-label="Copy"
          onClick={() => void navigator.clipboard?.writeText(said.text)}
        >
          <Icon name="copy" />
        </button>
      </small>
      <div>{whole ? said.text : `${said.text.slice(0, LONG)}…`}</div>
      {!whole && (
        <button class="db-link" onClick={() => setWhole(true)}>
          all {compact(said.text.length)} characters
        </button>
      )}
    </div>
  );
}
