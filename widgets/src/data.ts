// What the page works with: the wire's types with every field filled in, and names of its own.

import { DETAIL, LEDGER, ROW } from "./wire.js";
import type * as wire from "./wire.js";

export type * from "./wire.js";
export type { AttemptRow as Attempt, CallLine as Call, Preview as Plan } from "./wire.js";

/** Values of one field of many rows. */
export type Column = wire.Sent["columns"];

export type Row = Required<wire.Row>;
export type Detail = Required<wire.Detail>;

/** started, ended, kind, status */
export type Span = Row["spans"][number];

export type Message = Detail["messages"][number];

export const toRow = (sent: wire.Row): Row => ({ ...ROW, ...sent });

export const toDetail = (sent: wire.Detail): Detail => ({ ...DETAIL, ...sent });

/** The sum of two ledgers, field by field. */
export function addLedgers(a: wire.Ledger, b: wire.Ledger): wire.Ledger {
  const sum = { ...LEDGER };
  for (const field of Object.keys(LEDGER) as (keyof wire.Ledger)[]) sum[field] = a[field] + b[field];
  return sum;
}
