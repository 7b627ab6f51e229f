// What Python sends, field by field: duranb/timelines/{rows,model,detail,exchange}.py.
// Times are microseconds since the epoch, UTC; 0 means "not yet". Fields at their default value
// are left out on the wire; `toRow` and `toDetail` put them back.

export interface Ledger {
  calls: number;
  tokens: number;
  cost: number;
  saved_calls: number;
  saved_tokens: number;
  saved_cost: number;
  saved_seconds: number;
}

export interface Attempt {
  number: number;
  started: number;
  ended?: number;
  cause?: "" | "transport" | "content" | "code";
  wait?: number;
  error?: string;
}

export interface Question {
  call: number;
  name: string;
  text: string;
}

export type Status =
  | "running"
  | "waiting"
  | "completed"
  | "failed"
  | "cancelled"
  | "in doubt"
  | "compensated"
  | "compensation failed";

export type Origin = "executed" | "resumed" | "restored" | "replayed";

/** started, ended, kind, status */
export type Span = [number, number, string, string];

export interface Row {
  id: number;
  step: string;
  kind: "cell" | "function" | "compensation";
  status: Status;
  origin: Origin;
  run: string;
  branch: string;
  started: number;
  ended: number;
  /** Its process ended meanwhile; `ended` is its last sign of life. */
  died: boolean;
  parent: number;
  of: number;
  replays: number;
  compensates: number;
  compensated_by: number;
  attempts: Attempt[];
  spans: Span[];
  made: number;
  served: number;
  effects: number;
  unpriced: number;
  ledger: Ledger;
  reason: string;
  error: string;
  questions: Question[];
  doubts: Question[];
  compensable: boolean;
  snapshot: number;
  line: boolean;
  head: boolean;
  stale: string[];
}

export interface Branch {
  name: string;
  run: string;
  parent: string;
  forked_at: number;
  head: number;
}

export interface Totals {
  executions: number;
  running: number;
  restarts: number;
  unpriced: number;
  ledger: Ledger;
}

export interface Update {
  since: number;
  seq: number;
  now: number;
  notebook: string;
  run: string;
  branch: string;
  rows: Partial<Row>[];
  branches: Branch[];
  sessions: number[];
  totals: Totals;
}

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

export interface Call {
  id: number;
  kind: string;
  name: string;
  status: "intended" | "completed" | "failed" | "rejected" | "in doubt" | "compensated";
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

export interface ErrorInfo {
  type: string;
  message: string;
  traceback?: string;
}

export interface Difference {
  execution: number;
  code?: string[];
  inputs?: string[];
  uses?: string[];
  outputs?: string[];
}

export type Message =
  | { stream: string; text: string }
  | { data: Record<string, string> };

export interface Detail {
  id: number;
  step: string;
  why: string;
  source: string;
  snapshot: number;
  before: number;
  fingerprint: string;
  options: Record<string, unknown>;
  uses: string[];
  inputs: Name[];
  outputs: Name[];
  deleted: string[];
  unstored: Record<string, string>;
  result: Name | null;
  messages: Message[];
  messages_note: string;
  calls: Call[];
  calls_left: number;
  attempts: AttemptDetail[];
  error: ErrorInfo | null;
  undo: string;
  difference: Difference | null;
}

export interface Said {
  role: string;
  text: string;
}

export interface Exchange {
  call: number;
  url?: string;
  settings?: Record<string, unknown>;
  request?: Said[];
  answer?: Said[];
  note?: string;
}

export interface Plan {
  title: string;
  lines: string[];
  warnings: string[];
}

const NOTHING: Ledger = {
  calls: 0,
  tokens: 0,
  cost: 0,
  saved_calls: 0,
  saved_tokens: 0,
  saved_cost: 0,
  saved_seconds: 0,
};

const ROW: Row = {
  id: 0,
  step: "",
  kind: "cell",
  status: "running",
  origin: "executed",
  run: "",
  branch: "",
  started: 0,
  ended: 0,
  died: false,
  parent: 0,
  of: 0,
  replays: 0,
  compensates: 0,
  compensated_by: 0,
  attempts: [],
  spans: [],
  made: 0,
  served: 0,
  effects: 0,
  unpriced: 0,
  ledger: NOTHING,
  reason: "",
  error: "",
  questions: [],
  doubts: [],
  compensable: false,
  snapshot: 0,
  line: false,
  head: false,
  stale: [],
};

const DETAIL: Detail = {
  id: 0,
  step: "",
  why: "",
  source: "",
  snapshot: 0,
  before: 0,
  fingerprint: "",
  options: {},
  uses: [],
  inputs: [],
  outputs: [],
  deleted: [],
  unstored: {},
  result: null,
  messages: [],
  messages_note: "",
  calls: [],
  calls_left: 0,
  attempts: [],
  error: null,
  undo: "",
  difference: null,
};

export const toRow = (sent: Partial<Row>): Row => ({
  ...ROW,
  ...sent,
  ledger: { ...NOTHING, ...sent.ledger },
});

export const toDetail = (sent: Partial<Detail>): Detail => ({ ...DETAIL, ...sent });

export const addLedgers = (a: Ledger, b: Ledger): Ledger => ({
  calls: a.calls + b.calls,
  tokens: a.tokens + b.tokens,
  cost: a.cost + b.cost,
  saved_calls: a.saved_calls + b.saved_calls,
  saved_tokens: a.saved_tokens + b.saved_tokens,
  saved_cost: a.saved_cost + b.saved_cost,
  saved_seconds: a.saved_seconds + b.saved_seconds,
});
