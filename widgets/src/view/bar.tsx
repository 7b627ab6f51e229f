// One row's time: attempts as segments, waits between them, calls as ticks inside.

import "./bar.css";
import type { JSX } from "preact";
import type { Axis } from "../axis.js";
import type { Attempt, CallStatus, Kind, Row } from "../data.js";
import { clock, took } from "../format.js";
import { awaited, endOf } from "../looks.js";
import type { Look } from "../looks.js";
import type { State } from "../state.js";
import { toneOfCall, toneOfCause, toneOfKind, toneOfStatus } from "../tones.js";

const percent = (part: number): string => `${(part * 100).toFixed(3)}%`;

function span(axis: Axis, from: number, to: number): { left: string; width: string } {
  const left = axis.place(from);
  return { left: percent(left), width: percent(Math.max(0, axis.place(to) - left)) };
}

interface Props {
  row: Row;
  look: Look;
  axis: Axis;
  now: number;
}

export function Bar({ row, look, axis, now }: Props): JSX.Element {
  if (row.origin === "restored")
    return (
      <div class="db-track" role="gridcell" title={`restored at ${clock(row.started)}: nothing ran`}>
        <i class="db-diamond" style={{ left: percent(axis.place(row.started)) }} />
      </div>
    );
  const end = endOf(row, now);
  const [from, to] = [axis.place(row.started), axis.place(end)];
  const place = labelPlace(from, to, row.waits.length > 0);
  const tone = toneOfStatus(look.status);
  return (
    <div class="db-track" role="gridcell" title={said(row, end)}>
      <i class={`db-bar db-whole ${tone}`} style={span(axis, row.started, end)} />
      {row.attempts.map((attempt) => (
        <Segment attempt={attempt} tone={`${tone} ${look.moves ? "db-running" : ""}`} axis={axis} end={end} />
      ))}
      {row.spans.map(([from, to, kind, status]) => (
        <i class={`db-call ${callTone(kind, status)}`} style={span(axis, from, Math.min(to || end, end))} />
      ))}
      {row.died && <i class="db-cut" style={{ left: percent(to) }} />}
      {row.waits.length > 0 && <i class="db-wait" style={span(axis, end, now)} />}
      <span class="db-took" style={{ left: percent(place === "before" || place === "inside" ? from : to) }} data-place={place}>
        {row.waits[0] ? `waits for ${awaited(row.waits[0])}` : `${row.died ? "> " : ""}${took(end - row.started)}`}
      </span>
    </div>
  );
}

/** Where a bar's label has room: beside it, or else on it. A line of waiting follows a bar that waits. */
function labelPlace(from: number, to: number, waits: boolean): "before" | "after" | "inside" | "over" {
  if (waits) return from >= 0.4 ? "before" : "over";
  if (to <= 0.8) return "after";
  return from >= 0.2 ? "before" : "inside";
}

function said(row: Row, end: number): string {
  const verb = row.died ? "killed after" : row.ended || row.waits.length ? "took" : "for";
  const waits = row.waits.map((wait) => `waits for ${awaited(wait)}: ${wait.text}`);
  return [`${clock(row.started)}, ${verb} ${took(end - row.started)}`, ...waits].join("\n");
}

/** What went wrong has a tone, and so has what changed the outside world. */
const callTone = (kind: Kind, status: CallStatus): string => toneOfCall(status) || (kind === "effect" ? toneOfKind(kind) : "");

interface SegmentProps {
  attempt: Attempt;
  /** Its tone while nothing went wrong. */
  tone: string;
  axis: Axis;
  end: number;
}

function Segment({ attempt, tone, axis, end }: SegmentProps): JSX.Element {
  const stop = attempt.ended || end;
  const wait = attempt.wait ?? -1;
  return (
    <>
      <i class={`db-bar ${attempt.cause ? toneOfCause(attempt.cause) : tone}`} style={span(axis, attempt.started, stop)} />
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
