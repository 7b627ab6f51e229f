// How an execution shows, in whichever place: its word, its tone, and whether it goes on.

import type { OpenCall, Row, Status } from "./data.js";
import { clock, moment, took } from "./format.js";
import { toneOfOrigin, toneOfStatus } from "./tones.js";

export interface Look {
  /** Which icon it has. */
  status: Status;
  /** What is said of it in a word. */
  word: string;
  /** The class of that word's tone. */
  tone: string;
  /** Whether it runs right now, so that its time goes on. */
  moves: boolean;
}

const SETTLED: readonly Status[] = ["completed", "compensated", "compensation failed"];

/**
 * `live` says whether there is a kernel to hear from. Without one nothing is known to go on: a step
 * that ran when it was last heard of may be long over.
 */
export function look(row: Row, live: boolean): Look {
  const running = row.status === "running";
  const status: Status = running && row.waits.length > 0 ? "waiting" : row.status;
  const tone = toneOfStatus(status);
  if (row.kind === "compensation") return { status, word: "undo", tone: toneOfStatus("compensated"), moves: running && live };
  if (SETTLED.includes(status)) return { status, word: row.origin, tone: toneOfOrigin(row.origin), moves: false };
  if (row.died) return { status, word: "killed", tone, moves: false };
  if (status === "running") return { status, word: live ? "running" : "was running", tone, moves: live };
  return { status, word: status, tone, moves: false };
}

/** When it ended, or began to wait; the present while neither has come to pass. */
export function endOf(row: Row, now: number): number {
  return row.ended || (row.waits.length > 0 ? Math.min(...row.waits.map((wait) => wait.since)) : now);
}

/** Microseconds up to which a wait's end needs no date. */
const HALF_A_DAY = 12 * 3600e6;

/** A time to come, with its date where that is not near. */
export const timeOf = (at: number, from: number): string => (at - from < HALF_A_DAY ? clock(at) : moment(at));

/** What a step waits for, after "waits for". */
export function awaited(wait: OpenCall): string {
  if (wait.kind === "ask") return "an answer";
  if (wait.kind === "signal") return "a signal";
  return timeOf(wait.until, wait.since);
}

/** How long a wait for a time still takes; an empty string where it is not for a time, or over. */
export const remaining = (wait: OpenCall, now: number): string => (wait.until > now ? took(wait.until - now) : "");
