// One execution in the list: what became of it, in ten cells.

import "./row.css";
import type { JSX } from "preact";
import type { Axis } from "../axis.js";
import { compact, count, money, took } from "../format.js";
import type { Lane } from "../graph.js";
import { look } from "../looks.js";
import { leftBehind } from "../state.js";
import type { Line, State } from "../state.js";
import { toneOfCause } from "../tones.js";
import { Bar } from "./bar.js";
import { Gutter } from "./gutter.js";
import { Icon } from "./icons.js";
import { Badge, StatusIcon } from "./marks.js";

/** The height of a row in pixels, as in row.css. */
export const ROW = 30;

interface Props {
  line: Line;
  index: number;
  lanes: Lane[];
  gutter: number;
  axis: Axis;
  state: State;
}

export function RowView({ line, index, lanes, gutter, axis, state }: Props): JSX.Element {
  const { row, ledger } = line;
  const shown = look(row, state.live);
  const selected = row.id === state.selected;
  const classes = ["db-row", "db-grid"];
  if (selected) classes.push("db-selected");
  if (leftBehind(row)) classes.push("db-behind");
  if (row.head) classes.push("db-at-head");
  return (
    <div
      id={`db-row-${row.id}`}
      class={classes.join(" ")}
      style={{ transform: `translateY(${index * ROW}px)` }}
      role="row"
      aria-selected={selected}
      aria-rowindex={index + 1}
      aria-level={line.depth + 1}
      {...(line.children ? { "aria-expanded": line.open } : {})}
      onClick={() => state.select(row.id)}
      onDblClick={() => state.set({ inspecting: true })}
    >
      <Gutter index={index} lanes={lanes} width={gutter} line={line} />
      <span class="db-cell" role="gridcell">
        <StatusIcon look={shown} />
      </span>
      <span class="db-name" role="gridcell" style={{ paddingLeft: `${line.depth * 14}px` }}>
        {line.children > 0 && (
          <button
            class={`db-twist ${line.open ? "db-open" : ""}`}
            tabIndex={-1}
            aria-label={line.open ? "close" : "open"}
            onClick={(event) => {
              event.stopPropagation();
              state.toggle(row.id);
            }}
          >
            <Icon name="open" />
          </button>
        )}
        <b title={row.step}>{row.step}</b>
        <small class="db-number">#{row.id}</small>
        {line.children > 0 && <small class="db-chip">{count(line.children, "item")}</small>}
        {row.head && <small class="db-chip db-current">head</small>}
        {row.stale.length > 0 && (
          <small class="db-chip db-tone-amber" title={`changed since: ${row.stale.join(", ")}`}>
            stale
          </small>
        )}
        {row.waits.some((wait) => wait.kind === "ask") && <small class="db-chip db-tone-amber">answer?</small>}
        {row.doubts.length > 0 && <small class="db-chip db-tone-amber">resolve?</small>}
      </span>
      <Attempts line={line} />
      <span role="gridcell">
        <Badge look={shown} />
      </span>
      <Calls line={line} />
      <span class="db-num" role="gridcell">
        {ledger.tokens > 0 && compact(ledger.tokens)}
      </span>
      <span
        class="db-num"
        role="gridcell"
        title={ledger.unpriced ? `${count(ledger.unpriced, "call")} without a price` : ""}
      >
        {ledger.cost > 0 && money(ledger.cost)}
        {ledger.unpriced > 0 && (ledger.cost > 0 ? "+" : "?")}
      </span>
      <span
        class="db-num db-saved"
        role="gridcell"
        title={ledger.saved_calls ? `${count(ledger.saved_calls, "call")} came from the journal: ${compact(ledger.saved_tokens)} tokens and ${took(ledger.saved_seconds * 1e6)}` : ""}
      >
        {ledger.saved_cost > 0 ? money(ledger.saved_cost) : ledger.saved_calls > 0 ? `${ledger.saved_calls}×` : ""}
      </span>
      <Bar row={row} look={shown} axis={axis} now={state.now()} />
    </div>
  );
}

function Calls({ line }: { line: Line }): JSX.Element {
  const { ledger, row } = line;
  const title = `${count(ledger.calls, "call")} made, ${count(ledger.saved_calls, "call")} from the journal${row.effects ? `, ${count(row.effects, "effect")} done` : ""}`;
  return (
    <span class="db-num" role="gridcell" title={title}>
      {ledger.calls > 0 && <span>{ledger.calls}</span>}
      {ledger.saved_calls > 0 && <span class="db-saved"> +{ledger.saved_calls}</span>}
      {ledger.calls + ledger.saved_calls === 0 && row.effects > 0 && <span class="db-effect">{row.effects} fx</span>}
    </span>
  );
}

const MOST_DOTS = 5;

function Attempts({ line }: { line: Line }): JSX.Element {
  const { attempts, status } = line.row;
  const through = ["completed", "compensated", "compensation failed"].includes(status);
  const title = attempts
    .map((a) => `attempt ${a.number}: ${a.cause ? `${a.cause}: ${a.error ?? ""}` : through ? "went through" : status}`)
    .join("\n");
  if (attempts.length > MOST_DOTS)
    return (
      <span class="db-dots" role="gridcell" title={title}>
        {attempts.length}×
      </span>
    );
  return (
    <span class="db-dots" role="gridcell" title={title} aria-label={count(attempts.length, "attempt")}>
      {attempts.map((a) => (
        <i class={a.cause ? toneOfCause(a.cause) : through ? "db-tone-green" : "db-tone-blue db-open-end"} />
      ))}
    </span>
  );
}
