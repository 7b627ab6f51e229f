// The list of executions on a shared time axis. Only the rows in view are in the page.

import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { makeAxis } from "./axis.js";
import type { Axis } from "./axis.js";
import { Bar, Marks } from "./bar.js";
import { compact, count, money, tickLabel, took } from "./format.js";
import { makeLanes } from "./graph.js";
import type { Lane } from "./graph.js";
import { useSize, useTicking } from "./hooks.js";
import { Badge, Icon, StatusIcon } from "./icons.js";
import { leftBehind } from "./state.js";
import type { Line, State } from "./state.js";

const ROW = 30;
const BEYOND = 8;
const LANE = 13;
/** With more rows than this the axis spans those in view, as one pixel would be minutes. */
const ONE_AXIS = 400;

export function List({ state }: { state: State }): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null);
  const track = useRef<HTMLDivElement>(null);
  const { height } = useSize(scroller);
  const { width } = useSize(track);
  const [top, setTop] = useState(0);
  const { lines } = state;
  const active = (state.totals?.running ?? 0) > 0 && state.link.liveness !== "file";
  useTicking(active, 250);

  const first = Math.max(0, Math.floor(top / ROW) - BEYOND);
  const last = Math.min(lines.length, Math.ceil((top + height) / ROW) + BEYOND);
  const inView = lines.slice(first, last);
  const lanes = useMemo(() => makeLanes(lines, state.branches), [lines, state.branches]);
  const axis = useAxis(state, lines.length > ONE_AXIS ? inView : lines, width, active);

  useEffect(() => {
    const box = scroller.current;
    if (state.follow && box) box.scrollTop = box.scrollHeight;
  }, [state.follow, lines.length, height]);

  const scrolled = (): void => {
    const box = scroller.current;
    if (!box || box.clientHeight === 0) return; // hidden, which scrolls to the top and back
    const grew = box.scrollTop >= top;
    setTop(box.scrollTop);
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < ROW;
    if (atEnd !== state.follow && (atEnd || !grew)) state.set({ follow: atEnd });
  };

  const choose = (index: number): void => {
    const line = lines[Math.max(0, Math.min(lines.length - 1, index))];
    const box = scroller.current;
    if (!line || !box) return;
    const at = lines.indexOf(line) * ROW;
    if (at < box.scrollTop) box.scrollTop = at;
    else if (at + ROW > box.scrollTop + box.clientHeight) box.scrollTop = at + ROW - box.clientHeight;
    state.select(line.row.id);
  };

  const keyed = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = lines.findIndex((line) => line.row.id === state.selected);
    const page = Math.max(1, Math.floor(height / ROW) - 1);
    const line = lines[at];
    const moves: Record<string, () => void> = {
      ArrowDown: () => choose(at + 1),
      ArrowUp: () => choose(at - 1),
      PageDown: () => choose(at + page),
      PageUp: () => choose(at - page),
      Home: () => choose(0),
      End: () => choose(lines.length - 1),
      ArrowRight: () => line?.children && !line.open && state.toggle(line.row.id),
      ArrowLeft: () => {
        if (line?.children && line.open) state.toggle(line.row.id);
        else if (line?.row.parent) state.select(line.row.parent);
      },
      Enter: () => state.set({ inspecting: true }),
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  };

  const gutter = 12 + Math.max(1, Math.min(lanes.length, 6)) * LANE;
  return (
    <div class="db-list" style={{ "--db-gutter": `${gutter}px` }}>
      <div class="db-head db-grid" aria-hidden="true">
        <span />
        <span />
        <span>Step</span>
        <span>Tries</span>
        <span>Origin</span>
        <span class="db-num">Calls</span>
        <span class="db-num">Tokens</span>
        <span class="db-num">Cost</span>
        <span class="db-num">Saved</span>
        <div class="db-track" ref={track}>
          {axis.ticks.map((tick) => (
            <span class="db-tick" hidden={tick.x * width > width - 56} style={{ left: `${tick.x * 100}%` }}>
              {tickLabel(tick.at, axis.step)}
            </span>
          ))}
        </div>
      </div>
      <div
        class="db-scroll"
        ref={scroller}
        onScroll={scrolled}
        onKeyDown={keyed}
        tabIndex={0}
        role="treegrid"
        aria-label="Executions"
        aria-rowcount={lines.length}
        aria-activedescendant={`db-row-${state.selected}`}
      >
        <div class="db-space" style={{ height: `${lines.length * ROW}px` }}>
          <Marks axis={axis} state={state} />
          {inView.map((line, i) => (
            <RowView
              key={line.row.id}
              line={line}
              index={first + i}
              lanes={lanes}
              gutter={gutter}
              axis={axis}
              state={state}
            />
          ))}
        </div>
        {lines.length === 0 && <Empty state={state} />}
      </div>
    </div>
  );
}

function useAxis(state: State, lines: readonly Line[], width: number, active: boolean): Axis {
  const tick = active ? Math.floor(Date.now() / 250) : 0;
  return useMemo(() => {
    const now = state.now();
    const spans = lines.map(({ row }): [number, number] => [row.started, row.ended || now]);
    return makeAxis(spans, Math.max(1, Math.floor(width / 80)));
  }, [state, lines, lines.length, lines[0], lines[lines.length - 1], width, tick]);
}

interface RowProps {
  line: Line;
  index: number;
  lanes: Lane[];
  gutter: number;
  axis: Axis;
  state: State;
}

function RowView({ line, index, lanes, gutter, axis, state }: RowProps): JSX.Element {
  const { row, ledger } = line;
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
      <StatusIcon status={row.status} />
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
        {row.head && <small class="db-chip db-c-head">head</small>}
        {row.stale.length > 0 && (
          <small class="db-chip db-c-stale" title={`changed since: ${row.stale.join(", ")}`}>
            stale
          </small>
        )}
        {row.questions.length > 0 && <small class="db-chip db-c-ask">answer?</small>}
        {row.doubts.length > 0 && <small class="db-chip db-c-doubt">resolve?</small>}
      </span>
      <Attempts line={line} />
      <span role="gridcell">
        <Badge row={row} />
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
      <Bar row={row} axis={axis} now={state.now()} />
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
        <i class={a.cause ? `db-a-${a.cause}` : through ? "db-a-ok" : "db-a-open"} />
      ))}
    </span>
  );
}

function Gutter({ index, lanes, width, line }: { index: number; lanes: Lane[]; width: number; line: Line }): JSX.Element {
  const { row } = line;
  const own = lanes.find((lane) => lane.branch === row.branch)?.index ?? 0;
  const at = (lane: number): number => 11 + Math.min(lane, 5) * LANE;
  const middle = ROW / 2;
  return (
    <svg class="db-gutter" width={width} height={ROW} aria-hidden="true">
      {lanes.map((lane) => {
        if (index < lane.from || index > lane.to) return null;
        const x = at(lane.index);
        if (index === lane.fork) {
          const from = at(lane.forkLane);
          return <path class={`db-lane db-l${lane.index % 6}`} d={`M${from} ${middle}C${x} ${middle} ${x} ${middle + 4} ${x} ${ROW}`} />;
        }
        const begins = lane.fork < 0 && index === lane.from;
        return (
          <path
            class={`db-lane db-l${lane.index % 6}`}
            d={`M${x} ${begins ? middle : 0}V${index === lane.to ? middle : ROW}`}
          />
        );
      })}
      <circle
        class={`db-node db-l${own % 6} ${row.line || row.status === "running" ? "" : "db-hollow"}`}
        cx={at(own)}
        cy={middle}
        r={row.parent ? 2.5 : row.head ? 4.5 : 3.5}
      />
      {row.head && <circle class={`db-ring db-l${own % 6}`} cx={at(own)} cy={middle} r="7.5" />}
    </svg>
  );
}

function Empty({ state }: { state: State }): JSX.Element {
  const narrowed = state.search || state.show !== "all";
  const text = state.problem
    ? state.problem
    : narrowed
      ? "No execution matches."
      : state.seq < 0
        ? "Reading the history…"
        : "Nothing has run yet. Put %%durable on a cell's first line and run it: it shows here.";
  return <p class="db-empty">{text}</p>;
}
