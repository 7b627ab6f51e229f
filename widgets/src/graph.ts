// Branches as lanes beside the rows, the way commit graphs are drawn.

import type { Branch } from "./data.js";
import type { Line } from "./state.js";

export interface Lane {
  branch: string;
  /** Position from the left, from 0; the lane's colour too. */
  index: number;
  /** First and last line the lane passes, as indexes of lines. */
  from: number;
  to: number;
  /** The line it was forked at, and that line's lane; -1 for a first branch. */
  fork: number;
  forkLane: number;
}

/** One lane a branch, in order of appearance. */
export function makeLanes(lines: readonly Line[], branches: readonly Branch[]): Lane[] {
  const lanes = new Map<string, Lane>();
  for (const branch of branches) {
    const index = lanes.size;
    lanes.set(branch.name, { branch: branch.name, index, from: -1, to: -1, fork: -1, forkLane: -1 });
  }
  lines.forEach(({ row }, i) => {
    const lane = lanes.get(row.branch);
    if (!lane) return;
    if (lane.from < 0) lane.from = i;
    lane.to = i;
  });
  for (const branch of branches) {
    const lane = lanes.get(branch.name)!;
    const parent = lanes.get(branch.parent);
    if (!parent || lane.from < 0) continue;
    lane.forkLane = parent.index;
    for (let i = 0; i < lane.from; i++) {
      const row = lines[i]!.row;
      if (row.snapshot > 0 && row.snapshot <= branch.forked_at && row.branch !== branch.name) lane.fork = i;
    }
    if (lane.fork >= 0) {
      lane.from = lane.fork;
      lane.forkLane = lanes.get(lines[lane.fork]!.row.branch)?.index ?? parent.index;
    }
  }
  return [...lanes.values()].filter((lane) => lane.from >= 0);
}
