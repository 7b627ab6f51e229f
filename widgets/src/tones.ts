// Which colour says what. Each colour is a class, `db-tone-NAME`, that sets `--db-tone`.

import type { Branch, CallStatus, Kind, Origin, Status } from "./data.js";

export type Tone = "accent" | "blue" | "teal" | "green" | "violet" | "amber" | "red" | "grey";

const STATUS: Record<Status, Tone> = {
  running: "blue",
  waiting: "amber",
  completed: "green",
  failed: "red",
  cancelled: "grey",
  "in doubt": "amber",
  compensated: "violet",
  "compensation failed": "red",
};

const ORIGIN: Record<Origin, Tone> = { executed: "grey", resumed: "teal", restored: "green", replayed: "blue" };

const KIND: Record<Kind, Tone> = {
  llm: "blue",
  http: "teal",
  read: "teal",
  effect: "violet",
  ask: "amber",
  signal: "amber",
  timer: "amber",
  value: "grey",
  map: "grey",
  batch: "amber",
  unknown: "grey",
};

/** Calls that became nothing special have none. */
const CALL: Partial<Record<CallStatus, Tone>> = { failed: "red", rejected: "violet", "in doubt": "amber" };

const CAUSE: Record<string, Tone> = { transport: "amber", content: "violet", code: "red" };

const LANES: readonly Tone[] = ["accent", "teal", "violet", "amber", "green", "red"];

const named = (tone: Tone | undefined): string => (tone ? `db-tone-${tone}` : "");

export const toneOfStatus = (status: Status): string => named(STATUS[status]);
export const toneOfOrigin = (origin: Origin): string => named(ORIGIN[origin]);
export const toneOfKind = (kind: Kind): string => named(KIND[kind]);
export const toneOfCall = (status: CallStatus): string => named(CALL[status]);
/** The tone of an attempt that failed for this reason. */
export const toneOfCause = (cause: string): string => named(CAUSE[cause]);
/** The tone of a branch, by its place in the list of branches. */
export const toneOfLane = (index: number): string => named(LANES[index % LANES.length]);
/** The tone of a branch by its name. */
export const toneOfBranch = (name: string, branches: readonly Branch[]): string =>
  toneOfLane(Math.max(0, branches.findIndex((branch) => branch.name === name)));
