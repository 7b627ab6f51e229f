// A time axis that all rows share. Stretches in which nothing ran are folded to a thin mark, as a
// notebook is idle most of the time.

export interface Fold {
  /** Left edge and width, as parts of the whole. */
  x: number;
  width: number;
  /** Microseconds folded away. */
  us: number;
}

export interface Tick {
  x: number;
  at: number;
}

export interface Axis {
  /** Where a time lies, from 0 to 1. */
  place(time: number): number;
  folds: Fold[];
  ticks: Tick[];
  /** Microseconds of running time shown. */
  active: number;
  /** Microseconds between ticks. */
  step: number;
}

interface Piece {
  from: number;
  to: number;
  x: number;
  width: number;
}

const FOLD_WIDTH = 0.025;
const ALL_FOLDS = 0.3;
const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];

/** `spans` are [start, end] pairs in microseconds; `ticks` is how many labels there is room for. */
export function makeAxis(spans: readonly (readonly [number, number])[], ticks: number): Axis {
  const blocks = merge(spans);
  const first = blocks[0];
  if (!first) return { place: () => 0, folds: [], ticks: [], active: 0, step: 1 };
  const active = Math.max(1, blocks.reduce((sum, [a, b]) => sum + (b - a), 0));
  const joined = join(blocks, Math.max(active * 0.06, 400_000));
  const shown = Math.max(1, joined.reduce((sum, [a, b]) => sum + (b - a), 0));
  const width = joined.length > 1 ? Math.min(FOLD_WIDTH, ALL_FOLDS / (joined.length - 1)) : 0;
  const room = 1 - width * (joined.length - 1);
  const pieces: Piece[] = [];
  const folds: Fold[] = [];
  let x = 0;
  joined.forEach(([from, to], i) => {
    const share = (room * Math.max(to - from, 1)) / shown;
    pieces.push({ from, to, x, width: share });
    x += share;
    const next = joined[i + 1];
    if (next) {
      folds.push({ x, width, us: next[0] - to });
      x += width;
    }
  });
  const step = chooseStep(shown / Math.max(1, ticks));
  return { place: (time) => place(pieces, time), folds, ticks: makeTicks(pieces, step, ticks), active: shown, step };
}

function merge(spans: readonly (readonly [number, number])[]): [number, number][] {
  const sorted = [...spans].sort((a, b) => a[0] - b[0]);
  const blocks: [number, number][] = [];
  for (const [from, to] of sorted) {
    const last = blocks[blocks.length - 1];
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else blocks.push([from, Math.max(from, to)]);
  }
  return blocks;
}

function join(blocks: [number, number][], within: number): [number, number][] {
  const joined: [number, number][] = [];
  for (const [from, to] of blocks) {
    const last = joined[joined.length - 1];
    if (last && from - last[1] <= within) last[1] = to;
    else joined.push([from, to]);
  }
  return joined;
}

function place(pieces: readonly Piece[], time: number): number {
  let low = 0;
  let high = pieces.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pieces[middle]!.from <= time) low = middle;
    else high = middle - 1;
  }
  const piece = pieces[low]!;
  const part = (time - piece.from) / Math.max(1, piece.to - piece.from);
  return piece.x + piece.width * Math.min(1, Math.max(0, part));
}

function chooseStep(us: number): number {
  const seconds = us / 1e6;
  return (STEPS.find((s) => s >= seconds) ?? 86400 * Math.ceil(seconds / 86400)) * 1e6;
}

function makeTicks(pieces: readonly Piece[], step: number, most: number): Tick[] {
  const ticks: Tick[] = [];
  const apart = 0.8 / Math.max(1, most);
  for (const piece of pieces) {
    for (let at = Math.ceil(piece.from / step) * step; at <= piece.to; at += step) {
      const x = place(pieces, at);
      const last = ticks[ticks.length - 1];
      if (x < 0.97 && (!last || x - last.x >= apart)) ticks.push({ x, at });
    }
  }
  return ticks;
}
