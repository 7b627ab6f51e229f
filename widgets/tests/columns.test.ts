import assert from "node:assert/strict";
import { deflateSync } from "node:zlib";
import { test } from "node:test";
import { toUpdate, unfold, unpack } from "../src/columns.js";
import type { Column } from "../src/data.js";

const same = (value: unknown): Column => ({ type: "same", value });

test("each kind of column gives its values again", () => {
  const columns: [Column, unknown[]][] = [
    [same("x"), ["x", "x", "x"]],
    [{ type: "steps", by: [1_700_000_000_000_000, 5, -3] }, [1_700_000_000_000_000, 1_700_000_000_000_005, 1_700_000_000_000_002]],
    [{ type: "words", words: ["a", "b"], at: [1, 0, 1] }, ["b", "a", "b"]],
    [{ type: "plain", values: [0.5, 2, 1] }, [0.5, 2, 1]],
    [{ type: "lists", lengths: { type: "steps", by: [2, -2, 1] }, items: { type: "plain", values: [7, 8, 9] } }, [[7, 8], [], [9]]],
    [{ type: "tuples", places: [same(1), { type: "plain", values: ["a", "b", "c"] }] }, [[1, "a"], [1, "b"], [1, "c"]]],
    [{ type: "records", fields: { id: { type: "steps", by: [1, 1, 1] }, of: same(0) } }, [1, 2, 3].map((id) => ({ id, of: 0 }))],
    [{ type: "records", fields: {} }, [{}, {}, {}]],
  ];
  for (const [column, values] of columns) assert.deepEqual(unfold(column, 3), values);
});

test("an update has its rows and what is about all of them", () => {
  const columns: Column = { type: "records", fields: { id: { type: "steps", by: [4, 1] } } };
  assert.deepEqual(toUpdate({ count: 2, columns, about: { seq: 9 } }), { seq: 9, rows: [{ id: 4 }, { id: 5 }] });
});

test("what was packed is read", async () => {
  assert.deepEqual(await unpack(deflateSync(JSON.stringify({ result: [1, "ä"] }))), { result: [1, "ä"] });
});
