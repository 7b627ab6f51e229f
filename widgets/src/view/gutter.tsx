// The branches' lanes beside a row: the piece of each that passes it, and the row's own dot.

import "./gutter.css";
import type { JSX } from "preact";
import type { Lane } from "../graph.js";
import type { Line } from "../state.js";
import { toneOfLane } from "../tones.js";
import { ROW } from "./row.js";

/** Pixels between two lanes. */
const LANE = 13;
/** Lanes drawn beside each other; further ones lie on the last. */
const MOST_LANES = 6;

export const gutterWidth = (lanes: readonly Lane[]): number => 12 + Math.max(1, Math.min(lanes.length, MOST_LANES)) * LANE;

interface Props {
  index: number;
  lanes: Lane[];
  width: number;
  line: Line;
}

export function Gutter({ index, lanes, width, line }: Props): JSX.Element {
  const { row } = line;
  const own = lanes.find((lane) => lane.branch === row.branch)?.index ?? 0;
  const at = (lane: number): number => 11 + Math.min(lane, MOST_LANES - 1) * LANE;
  const middle = ROW / 2;
  return (
    <svg class="db-gutter" width={width} height={ROW} aria-hidden="true">
      {lanes.map((lane) => {
        if (index < lane.from || index > lane.to) return null;
        const x = at(lane.index);
        if (index === lane.fork) {
          const from = at(lane.forkLane);
          return <path class={`db-lane ${toneOfLane(lane.index)}`} d={`M${from} ${middle}C${x} ${middle} ${x} ${middle + 4} ${x} ${ROW}`} />;
        }
        const begins = lane.fork < 0 && index === lane.from;
        return (
          <path
            class={`db-lane ${toneOfLane(lane.index)}`}
            d={`M${x} ${begins ? middle : 0}V${index === lane.to ? middle : ROW}`}
          />
        );
      })}
      <circle
        class={`db-node ${toneOfLane(own)} ${row.line || row.status === "running" ? "" : "db-hollow"}`}
        cx={at(own)}
        cy={middle}
        r={row.parent ? 2.5 : row.head ? 4.5 : 3.5}
      />
      {row.head && <circle class={`db-ring ${toneOfLane(own)}`} cx={at(own)} cy={middle} r="7.5" />}
    </svg>
  );
}
