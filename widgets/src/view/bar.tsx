// One row's time: attempts as segments, waits between them, calls as ticks inside.

import "./bar.css";
import type { JSX } from "preact";
import type { Axis } from "../axis.js";
import type { Attempt, CallStatus, Kind, Row } from "../data.js";
import { clock, took } from "../format.js";
import type { State } from "../state.js";
import { toneOfCall, toneOfCause, toneOfKind, toneOfStatus } from "../tones.js";

const percent = (part: number): string => `${(part * 100).toFixed(3)}%`;

function span(axis: Axis, from: number, to: number): { left: string; width: string } {
  const left = axis.place(from);
  return { left: percent(left), width: percent(Math.max(0, axis.place(to) - left)) };
}

export function Bar({ row, axis, now }: { row: Row; axis: Axis; now: number }): JSX.Element {
  if (row.origin === "restored")
    return (
      <div class="db-track" role="gridcell" title={`restored at ${clock(row.started)}: nothing ran`}>
        <i class="db-diamond" style={{ left: percent(axis.place(row.started)) }} />
      </div>
    );
  const end = row.ended || now;
  const verb = row.died ? "killed after" : row.ended ? "took" : "for";
  const title = `${clock(row.started)}, ${verb} ${took(end - row.started)}`;
  const [from, to] = [axis.place(row.started), axis.place(end)];
  const label = to <= 0.8 ? "after" : from >= 0.2 ? "before" : "inside";
  return (
    <div class="db-track" role="gridcell" title={title}>
      <i class={`db-bar db-whole ${toneOfStatus(row.status)}`} style={span(axis, row.started, end)} />
      {row.attempts.map((attempt) => (
        <Segment attempt={attempt} row={row} axis={axis} end={end} />
      ))}
      {row.spans.map(([from, to, kind, status]) => (
        <i class={`db-call ${callTone(kind, status)}`} style={span(axis, from, to || end)} />
      ))}
      {row.died && <i class="db-cut" style={{ left: percent(axis.place(end)) }} />}
      <span class="db-took" style={{ left: percent(label === "after" ? to : from) }} data-place={label}>
        {row.died && "> "}
        {took(end - row.started)}
      </span>
    </div>
  );
}

/** What went wrong has a tone, and so has what changed the outside world. */
const callTone = (kind: Kind, status: CallStatus): string => toneOfCall(status) || (kind === "effect" ? toneOfKind(kind) : "");

function Segment({ attempt, row, axis, end }: { attempt: Attempt; row: Row; axis: Axis; end: number }): JSX.Element {
  const stop = attempt.ended || end;
  const running = row.status === "running" ? "db-running" : "";
  const tone = attempt.cause ? toneOfCause(attempt.cause) : `${toneOfStatus(row.status)} ${running}`;
  const wait = attempt.wait ?? -1;
  return (
    <>
      <i class={`db-bar ${tone}`} style={span(axis, attempt.started, stop)} />
      {wait > 0 && <i class="db-wait" style={span(axis, stop, Math.min(end, stop + wait * 1e6))} />}
    </>
  );
}

/** Lines through all rows: folded idle time, and where the kernel was restarted. */
export function Marks({ axis, state }: { axis: Axis; state: State }): JSX.Element {
  return (
    <div class="db-grid db-marks" aria-hidden="true">
      <div class="db-track">
        {axis.folds.map((fold) => (
          <i class="db-fold" style={{ left: percent(fold.x), width: percent(fold.width) }} title={`idle for ${took(fold.us)}`} />
        ))}
        {axis.ticks.map((tick) => (
          <i class="db-rule" style={{ left: percent(tick.x) }} />
        ))}
        {state.sessions.slice(1).map((at) => (
          <i class="db-restart" style={{ left: percent(axis.place(at)) }} title={`kernel started again at ${clock(at)}`} />
        ))}
      </div>
    </div>
  );
}
