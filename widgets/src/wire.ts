// Generated from Python's structs by `python -m duranb.timelines.wire`: do not edit.
// Times are microseconds since the epoch, UTC; 0 means "not yet".

/** Where an execution stands. */
export type Status = "running" | "waiting" | "completed" | "failed" | "cancelled" | "in doubt" | "compensated" | "compensation failed";

/** How an execution's result came about. */
export type Origin = "executed" | "resumed" | "restored" | "replayed";

/** An attempt's span, and why it failed. `wait` is in seconds, -1 when nothing followed. */
export interface AttemptRow {
  number: number;
  started: number;
  ended?: number;
  cause?: string;
  wait?: number;
  error?: string;
}

/**
 * One kind of call. It is recorded as its name.
 *
 * `http` is any request on the wire that does not go to a model (`llm`), `read` what an MCP
 * client reads from a server. A `batch` is calls to models that were submitted together. A
 * `value` is something that differs each time it is asked for: the time, a random number.
 * `ask` is a question to a person, a `signal` waits for an outside event, a `timer` for a
 * time, a `map` is an item of a map. Once undone, an effect's own status says so, so it needs no
 * `again`.
 */
export type Kind = "llm" | "http" | "read" | "effect" | "ask" | "map" | "signal" | "timer" | "value" | "batch" | "unknown";

/** Where a call stands. */
export type CallStatus = "intended" | "completed" | "failed" | "rejected" | "in doubt" | "compensated";

/**
 * Sums over calls: what was made, and what was answered from the journal instead of paid.
 *
 * Tokens are counts, money is US dollars; what `unpriced` of the calls cost is not known, and is
 * in no sum. `saved_seconds` is the time the served calls took when they were made.
 */
export interface Ledger {
  calls: number;
  tokens: number;
  cost: number;
  unpriced: number;
  saved_calls: number;
  saved_tokens: number;
  saved_cost: number;
  saved_seconds: number;
}

/**
 * A call that is not settled: what a step waits for, or an effect in doubt.
 *
 * It began at `since`. `until` is when a wait ends by itself; 0 where it needs an answer.
 */
export interface OpenCall {
  call: number;
  kind: Kind;
  name: string;
  text: string;
  since: number;
  until: number;
}

/**
 * An execution, as the list shows it.
 *
 * `spans` are its calls as (started, ended, kind, status). `ledger` is about its own calls.
 * `waits` are the calls that it waits for, `doubts` the effects that nobody knows about.
 * `died` says that its process ended meanwhile: then `ended` is its last sign of life.
 * `line` says that it, or what was restored from it, lies on the way to the head, `head` that
 * it is the last one there; `stale` are the inputs that changed since. `snapshot` is 0 where
 * it left no state.
 */
export interface Row {
  id: number;
  step: string;
  kind: string;
  status: Status;
  origin: Origin;
  run: string;
  branch: string;
  started: number;
  ended?: number;
  died?: boolean;
  parent?: number;
  of?: number;
  replays?: number;
  compensates?: number;
  compensated_by?: number;
  attempts?: AttemptRow[];
  spans?: [number, number, Kind, CallStatus][];
  made?: number;
  served?: number;
  effects?: number;
  ledger?: Ledger;
  reason?: string;
  error?: string;
  waits?: OpenCall[];
  doubts?: OpenCall[];
  compensable?: boolean;
  snapshot?: number;
  line?: boolean;
  head?: boolean;
  stale?: string[];
}

/** A line of history in a run; `head` is the snapshot it stands at. */
export interface Branch {
  name: string;
  run: string;
  parent: string;
  forked_at: number;
  head: number;
}

/**
 * The sums over all rows, and how many times the notebook came back after its process ended.
 *
 * A step that waits for an answer or a time is `waiting`, whether or not it holds its process.
 * `saved_*` are about calls answered from the journal instead of being made again.
 */
export interface Totals {
  executions: number;
  running: number;
  waiting: number;
  restarts: number;
  ledger: Ledger;
}

/**
 * The rows that changed after `since`, up to event `seq`, and what is about all of them.
 *
 * `now` is this machine's time in microseconds: the front end may run on another one.
 * `sessions` are the times at which a process took the store.
 */
export interface Update {
  since: number;
  seq: number;
  now: number;
  notebook: string;
  run: string;
  branch: string;
  rows: Row[];
  branches: Branch[];
  sessions: number[];
  totals: Totals;
}

/** Every value is this one. */
export interface Same {
  type: "same";
  value: unknown;
}

/** Whole numbers, each as the difference to the one before it; the first to 0. */
export interface Steps {
  type: "steps";
  by: number[];
}

/** Values of which there are few: each as its place among `words`. */
export interface Words {
  type: "words";
  words: unknown[];
  at: number[];
}

/** The values as they are. */
export interface Plain {
  type: "plain";
  values: unknown[];
}

/**
 * Objects: a column for each field. Of those that omit defaults on the wire, a field that is
 * left out has its default in all of them.
 */
export interface Records {
  type: "records";
  fields: Record<string, Same | Steps | Words | Plain | Lists | Tuples | Records>;
}

/** Lists of the same length: a column for each place. */
export interface Tuples {
  type: "tuples";
  places: (Same | Steps | Words | Plain | Lists | Tuples | Records)[];
}

/** Lists: how long each is, and what is in them all, one after the other. */
export interface Lists {
  type: "lists";
  lengths: Same | Steps | Words | Plain | Lists | Tuples | Records;
  items: Same | Steps | Words | Plain | Lists | Tuples | Records;
}

/**
 * An :class:`Update` as it is sent: its `count` rows are `columns`, its other fields are
 * `about` all of them.
 */
export interface Sent {
  count: number;
  columns: Same | Steps | Words | Plain | Lists | Tuples | Records;
  about: Record<string, unknown>;
}

/**
 * A variable or parameter. `moved` says that it has another version now; `by` is the
 * execution it came from; `why` is set where the value could not be stored.
 */
export interface Name {
  name: string;
  type?: string;
  preview?: string;
  size?: number;
  version?: string;
  moved?: boolean;
  by?: number;
  by_step?: string;
  why?: string;
}

/** Text that a step printed to `stdout` or `stderr`. */
export interface Printed {
  stream: string;
  text: string;
}

/** Something that a step displayed, by its MIME type: those that the inspector can show. */
export interface Displayed {
  data: Record<string, string>;
}

/** A call as the inspector lists it; its exchange is another request. */
export interface CallLine {
  id: number;
  kind: Kind;
  name: string;
  status: CallStatus;
  attempt: number;
  occurrence: number;
  started?: number;
  ended?: number;
  served?: boolean;
  model?: string;
  input_tokens?: number;
  output_tokens?: number;
  cached_tokens?: number;
  cost?: number;
  priced?: boolean;
  streamed?: boolean;
  http_status?: number;
  preview?: string;
  result?: string;
  error?: string;
  reason?: string;
  idempotency_key?: string;
  idempotent?: boolean;
  compensate?: string;
  exchange?: boolean;
}

/** An attempt with its traceback; `wait` is in seconds, -1 when nothing followed. */
export interface AttemptDetail {
  number: number;
  started: number;
  ended?: number;
  cause?: string;
  wait?: number;
  type?: string;
  message?: string;
  traceback?: string;
}

/** An exception as it is kept: its type's name, its message and its traceback as text. */
export interface ErrorInfo {
  type: string;
  message: string;
  traceback?: string;
}

/**
 * A question with what it takes. `call` is its number. `schema` is the JSON schema of the
 * answer, or with `approves` of the payload, which is shown whole; None where anything will do.
 * `until` is when nobody waits for the answer any more, 0 for never.
 */
export interface Asked {
  call: number;
  step: string;
  text: string;
  schema?: Record<string, unknown> | null;
  approves?: boolean;
  payload?: unknown;
  default?: unknown;
  has_default?: boolean;
  until?: number;
}

/** How an execution differs from the one of the same step before it. */
export interface Difference {
  execution: number;
  code?: string[];
  inputs?: string[];
  uses?: string[];
  outputs?: string[];
}

/** All there is to see of one execution. */
export interface Detail {
  id: number;
  step: string;
  why: string;
  source?: string;
  snapshot?: number;
  before?: number;
  fingerprint?: string;
  options?: Record<string, unknown>;
  uses?: string[];
  inputs?: Name[];
  outputs?: Name[];
  deleted?: string[];
  unstored?: Record<string, string>;
  result?: Name | null;
  messages?: (Printed | Displayed)[];
  messages_note?: string;
  calls?: CallLine[];
  calls_left?: number;
  attempts?: AttemptDetail[];
  error?: ErrorInfo | null;
  undo?: string;
  questions?: Asked[];
  difference?: Difference | null;
}

/** One message of a conversation. */
export interface Said {
  role: string;
  text: string;
}

/** Both sides of a call, and the request's plain settings; `note` says why there are none. */
export interface Exchange {
  call: number;
  url?: string;
  request?: Said[];
  answer?: Said[];
  settings?: Record<string, unknown>;
  note?: string;
}

/** What a verb would do, in sentences; `warnings` are what cannot be undone. */
export interface Preview {
  title: string;
  lines: string[];
  warnings: string[];
}

/**
 * Bring every variable back to what it was after a step, or at the head of the history.
 *
 * No cell runs, and nothing is lost: the executions since stay in the history.
 */
export interface Rewind {
  step?: string;
  before?: boolean;
  compensate?: boolean;
}

/**
 * Run a recorded step again, with its inputs as recorded.
 *
 * Its calls are answered from the journal; its effects are not done again.
 */
export interface Replay {
  step?: string;
  from_?: string;
  stale?: boolean;
  live?: boolean;
  with_?: Record<string, string>;
}

/** Begin a branch after a step, or at the head, and stand on it. */
export interface Fork {
  name: string;
  at?: string;
}

/** Stand on another branch, at its head. */
export interface Switch {
  name: string;
}

/**
 * Undo what a step did to the outside world, with the inputs and outputs recorded then.
 *
 * Without a step: go on with an undoing that did not come to its end.
 */
export interface Compensate {
  step?: string;
  chain?: boolean;
  all?: boolean;
  happened?: boolean | string;
  not_happened?: boolean;
  by_hand?: boolean;
}

/** Say what became of a step's effect whose outcome was never recorded. */
export interface Resolve {
  step: string;
  happened?: boolean | string;
  not_happened?: boolean;
  compensate?: boolean;
}

/**
 * Answer a question; the step that waits for it goes on when it is run again.
 *
 * A value that is JSON (true, 3, ["a"]) arrives as that, any other as text; it has to be one that
 * the question takes. A payload is answered with approve, deny, or {"edit": PAYLOAD}. Answer again
 * to correct it, until the step has gone on with it.
 */
export interface Answer {
  number: number;
  value: unknown;
  why?: string;
  by?: string;
}

/**
 * Tell the notebook that something happened outside: what duranb.wait_for(NAME) waits for.
 *
 * It is kept where nobody waits yet. Each signal answers one wait.
 */
export interface Signal {
  name: string;
  value?: unknown;
  by?: string;
}

/**
 * Stand for a store that somebody else wrote or changed: it is loaded and run from then on.
 *
 * It says first what is in it, and always asks.
 */
export interface Trust {}

/**
 * Take a secret out of all that is recorded; a mask of as many bytes is in its place.
 *
 * Without a value it is asked for, and not shown; the command line also reads it from a pipe. The
 * history says that something was taken out, and stays sealed: verify finds nothing wrong.
 */
export interface Redact {
  value?: string;
  found?: boolean;
}

/**
 * Take out all that a step has recorded: its code, outputs, messages and calls.
 *
 * That it ran, when, and what it cost stays. It cannot be brought back.
 */
export interface Forget {
  step: string;
}

/**
 * Free the room that large values and outputs of earlier executions take.
 *
 * What stays: the latest executions of each step, the variables at the head of each branch, every
 * call and its answer, and the history itself. It says first what it would drop.
 */
export interface Prune {
  keep?: number;
}

/** The verbs that say first what they would do, each with what it takes. */
export interface Changes {
  rewind: Rewind;
  replay: Replay;
  fork: Fork;
  switch: Switch;
  compensate: Compensate;
  resolve: Resolve;
  trust: Trust;
  redact: Redact;
  forget: Forget;
  prune: Prune;
}

/** The verbs that act at once, each with what it takes. */
export interface Acts {
  answer: Answer;
  signal: Signal;
}

/** What the fields of Row are where they were left out. */
export const ROW: Omit<Required<Row>, "id" | "step" | "kind" | "status" | "origin" | "run" | "branch" | "started"> = {
  "ended": 0,
  "died": false,
  "parent": 0,
  "of": 0,
  "replays": 0,
  "compensates": 0,
  "compensated_by": 0,
  "attempts": [],
  "spans": [],
  "made": 0,
  "served": 0,
  "effects": 0,
  "ledger": {
    "calls": 0,
    "tokens": 0,
    "cost": 0.0,
    "unpriced": 0,
    "saved_calls": 0,
    "saved_tokens": 0,
    "saved_cost": 0.0,
    "saved_seconds": 0.0
  },
  "reason": "",
  "error": "",
  "waits": [],
  "doubts": [],
  "compensable": false,
  "snapshot": 0,
  "line": false,
  "head": false,
  "stale": []
};

/** What the fields of Detail are where they were left out. */
export const DETAIL: Omit<Required<Detail>, "id" | "step" | "why"> = {
  "source": "",
  "snapshot": 0,
  "before": 0,
  "fingerprint": "",
  "options": {},
  "uses": [],
  "inputs": [],
  "outputs": [],
  "deleted": [],
  "unstored": {},
  "result": null,
  "messages": [],
  "messages_note": "",
  "calls": [],
  "calls_left": 0,
  "attempts": [],
  "error": null,
  "undo": "",
  "questions": [],
  "difference": null
};

/** What the fields of Ledger are where they were left out. */
export const LEDGER: Ledger = {
  "calls": 0,
  "tokens": 0,
  "cost": 0.0,
  "unpriced": 0,
  "saved_calls": 0,
  "saved_tokens": 0,
  "saved_cost": 0.0,
  "saved_seconds": 0.0
};
