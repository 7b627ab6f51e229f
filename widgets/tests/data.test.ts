import assert from "node:assert/strict";
import { test } from "node:test";
import { addLedgers, toDetail, toRow } from "../src/data.js";
import { ledger, sent } from "./made.js";

test("what was left out of a row on the wire has its default", () => {
  const row = toRow(sent(7));
  assert.deepEqual([row.ended, row.died, row.attempts, row.stale, row.ledger.cost], [0, false, [], [], 0]);
});

test("what was sent of a row is kept", () => {
  const row = toRow(sent(7, { died: true, ledger: ledger({ calls: 3, cost: 0.5 }) }));
  assert.deepEqual([row.id, row.died, row.ledger.calls, row.ledger.cost], [7, true, 3, 0.5]);
});

test("what was left out of a detail has its default", () => {
  const detail = toDetail({ id: 1, step: "a", why: "" });
  assert.deepEqual([detail.inputs, detail.calls, detail.error, detail.difference], [[], [], null, null]);
});

test("two ledgers add up field by field, and stay as they were", () => {
  const one = ledger({ calls: 1, tokens: 10, cost: 0.25, unpriced: 1 });
  const other = ledger({ calls: 2, saved_calls: 4, saved_cost: 1, saved_seconds: 2, saved_tokens: 8 });
  const sum = { calls: 3, tokens: 10, cost: 0.25, unpriced: 1, saved_calls: 4, saved_tokens: 8, saved_cost: 1, saved_seconds: 2 };
  assert.deepEqual(addLedgers(one, other), sum);
  assert.equal(one.calls, 1);
});
