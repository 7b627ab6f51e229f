// Rows, updates and a link for the tests, made with what each test cares about.

import type { Branch, Ledger, OpenCall, Row, Update } from "../src/data.js";
import { toRow } from "../src/data.js";
import type { Link, Liveness } from "../src/link.js";
import type * as wire from "../src/wire.js";
import { LEDGER } from "../src/wire.js";

export const SECOND = 1e6;

/** A row as Python sends it: with little more than what is given. */
export const sent = (id: number, more: Partial<wire.Row> = {}): wire.Row => ({
  id,
  step: `step_${id}`,
  kind: "cell",
  status: "completed",
  origin: "executed",
  run: "r",
  branch: "main",
  started: id * SECOND,
  ...more,
});

export const row = (id: number, more: Partial<wire.Row> = {}): Row => toRow(sent(id, more));

export const ledger = (more: Partial<Ledger> = {}): Ledger => ({ ...LEDGER, ...more });

/** A question that was asked at second `since`. */
export const question = (since = 1): OpenCall => ({
  call: 1,
  kind: "ask",
  name: "ask",
  text: "Publish it?",
  since: since * SECOND,
  until: 0,
});

export const branch = (name: string, more: Partial<Branch> = {}): Branch => ({
  name,
  run: "r",
  parent: "",
  forked_at: 0,
  head: 0,
  ...more,
});

/** What Python sends: these rows, up to event `seq`. */
export const update = (seq: number, rows: wire.Row[], more: Partial<Update> = {}): Update => ({
  since: -1,
  seq,
  now: 1000 * SECOND,
  notebook: "/home/ada/a.ipynb",
  run: "r",
  branch: "main",
  rows,
  branches: [branch("main")],
  sessions: [],
  totals: { executions: rows.length, running: 0, waiting: 0, restarts: 0, ledger: ledger() },
  ...more,
});

/** A link whose other end is the test: it says what comes, and reads what was asked. */
export class TestLink implements Link {
  readonly asked: [verb: string, body: Record<string, unknown>][] = [];
  push: (update: Update) => void = () => {};
  private changed: (liveness: Liveness) => void = () => {};

  /** `answers` are given to requests, in turn; an error rejects. */
  constructor(
    public liveness: Liveness,
    private readonly answers: unknown[],
  ) {}

  request<T>(verb: string, body: Record<string, unknown> = {}): Promise<T> {
    this.asked.push([verb, body]);
    const answer = this.answers.shift();
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer as T);
  }

  onUpdate(callback: (update: Update) => void): void {
    this.push = callback;
  }

  onLiveness(callback: (liveness: Liveness) => void): void {
    this.changed = callback;
  }

  become(liveness: Liveness): void {
    this.liveness = liveness;
    this.changed(liveness);
  }
}
