// What a JSON schema asks a person for, and what is sent.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MISSING, complete, control, initial, options, plain, read } from "../src/schemas.js";
import type { Schema } from "../src/schemas.js";

const TRIP: Schema = {
  type: "object",
  properties: {
    to: { type: "string" },
    seats: { type: "integer", minimum: 1 },
    cabin: { enum: ["economy", "business"], default: "economy" },
    note: { anyOf: [{ type: "string" }, { type: "null" }], default: null },
    extras: { type: "array", items: { enum: ["bag", "meal"] } },
  },
  required: ["to", "seats"],
};

test("each type has its control", () => {
  const controls: [Schema, string][] = [
    [{ type: "boolean" }, "yesno"],
    [{ enum: ["a"] }, "one"],
    [{ const: 1 }, "one"],
    [{ type: "number" }, "number"],
    [{ type: "string" }, "text"],
    [{ type: "string", format: "date" }, "date"],
    [{ type: "string", format: "date-time" }, "datetime"],
    [{ type: "array", items: { type: "string" } }, "lines"],
    [{ type: "array", items: { enum: ["a"] } }, "several"],
    [{ type: "array", items: { type: "integer" } }, "json"],
    [TRIP, "fields"],
    [{ type: "object" }, "json"],
    [{ anyOf: [{ type: "integer" }, { type: "string" }] }, "json"],
    [{ anyOf: [{ type: "integer" }, { type: "null" }] }, "number"],
    [{}, "json"],
  ];
  for (const [schema, expected] of controls) assert.equal(control(schema), expected, JSON.stringify(schema));
});

test("or nothing is no type of its own", () => {
  const found = plain({ anyOf: [{ type: "integer" }, { type: "null" }], title: "Seats" });
  assert.deepEqual(found, { schema: { type: "integer", title: "Seats" }, nullable: true });
});

test("a form begins with its defaults, and sends what was filled in", () => {
  const held = initial(TRIP) as Record<string, unknown>;
  assert.deepEqual(held, { to: "", seats: "", cabin: "economy", note: "", extras: [] });
  assert.equal(complete(TRIP, held), false);
  const filled = { ...held, to: "Oslo", seats: "2", extras: ["bag"] };
  assert.equal(complete(TRIP, filled), true);
  assert.deepEqual(read(TRIP, filled), { to: "Oslo", seats: 2, cabin: "economy", extras: ["bag"] });
});

test("a payload is edited from what it is", () => {
  const schema: Schema = { type: "object", properties: { to: { type: "string" }, more: {} }, required: ["to", "more"] };
  const held = initial(schema, { to: "ann", more: [1, 2] });
  assert.deepEqual(read(schema, held), { to: "ann", more: [1, 2] });
});

test("what was not given is missing, or nothing where nothing will do", () => {
  assert.equal(read({ type: "integer" }, ""), MISSING);
  assert.equal(read({ anyOf: [{ type: "integer" }, { type: "null" }] }, ""), null);
  assert.equal(read({ type: "boolean" }, false), false);
  assert.deepEqual(read({ type: "array", items: { type: "string" } }, " a \n\nb"), ["a", "b"]);
});

test("options of several are those of each", () => {
  assert.deepEqual(options({ type: "array", items: { enum: ["a", "b"] } }), ["a", "b"]);
  assert.deepEqual(options({ const: 3 }), [3]);
});
