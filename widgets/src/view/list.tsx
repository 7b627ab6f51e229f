// The list of executions on a shared time axis. Only the rows in view are in the page.

import "./list.css";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { makeAxis } from "../axis.js";
import type { Axis } from "../axis.js";
import { tickLabel } from "../format.js";
import { makeLanes } from "../graph.js";
import { endOf } from "../looks.js";
import type { Line, State } from "../state.js";
import { Marks } from "./bar.js";
import { gutterWidth } from "./gutter.js";
import { useSize, useTicking } from "./hooks.js";
import { ROW, RowView } from "./row.js";

/** Rows kept on the page above and below those in view, so that scrolling shows no gap. */
const BEYOND = 8;
/** With more rows than this the axis spans those in view, as one pixel would be minutes. */
const ONE_AXIS = 400;

export function List({ state }: { state: State }): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null);
  const track = useRef<HTMLDivElement>(null);
  const { height } = useSize(scroller);
  const { width } = useSize(track);
  const [top, setTop] = useState(0);
  const { lines } = state;
  const active = (state.totals?.running ?? 0) > 0 && state.live;
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

  const gutter = gutterWidth(lanes);
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
        <div class="db-space" role="rowgroup" style={{ height: `${lines.length * ROW}px` }}>
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
    const spans = lines.map(({ row }): [number, number] => [row.started, endOf(row, now)]);
    return makeAxis(spans, Math.max(1, Math.floor(width / 80)));
  }, [state, lines, lines.length, lines[0], lines[lines.length - 1], width, tick]);
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
