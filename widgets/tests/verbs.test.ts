import assert from "node:assert/strict";
import { test } from "node:test";
import { BUTTONS, begin, complete, readInputs } from "../src/verbs.js";
import type { Button } from "../src/verbs.js";
import { row } from "./made.js";

const off = (verb: Button["verb"], more: Parameters<typeof row>[1]): string =>
  BUTTONS.find((button) => button.verb === verb)!.off(row(1, more));

test("every row can be rewound to", () => {
  assert.equal(off("rewind", { status: "failed" }), "");
});

test("only cells can be replayed", () => {
  assert.equal(off("replay", { kind: "cell" }), "");
  assert.match(off("replay", { kind: "function" }), /only cells/);
  assert.match(off("replay", { kind: "compensation" }), /only cells/);
});

test("a branch can begin only where state was left", () => {
  assert.equal(off("fork", { snapshot: 3 }), "");
  assert.match(off("fork", {}), /no state/);
});

test("only what did something can be undone, and only once", () => {
  assert.equal(off("compensate", { compensable: true }), "");
  assert.match(off("compensate", {}), /nothing that can be undone/);
  assert.match(off("compensate", { compensated_by: 9 }), /undone already/);
});

test("a verb begins with the execution that is selected", () => {
  const made = row(7, { step: "draft", snapshot: 2 });
  assert.deepEqual(begin({ verb: "replay", row: made }), { step: "draft@7", from_: "", live: false, with_: {} });
  assert.deepEqual(begin({ verb: "fork", row: made }), { name: "", at: "draft@7" });
  assert.deepEqual(begin({ verb: "switch", branch: "concise" }), { name: "concise" });
});

test("rewinding to an execution that left no state goes to before it", () => {
  assert.equal(begin({ verb: "rewind", row: row(7) }).before, true);
  assert.equal(begin({ verb: "rewind", row: row(7, { snapshot: 2 }) }).before, false);
});

test("a fork is planned once it has a name", () => {
  assert.deepEqual(["", "short"].map((name) => complete("fork", { name })), [false, true]);
});

test("a doubt is settled once it is said what became of it", () => {
  const given = begin({ verb: "resolve", row: row(1) });
  assert.equal(complete("resolve", given), false);
  for (const choice of [{ happened: true }, { not_happened: true }, { compensate: true }])
    assert.equal(complete("resolve", { ...given, ...choice }), true);
});

test("inputs are read line by line, with everything after the first equals sign", () => {
  assert.deepEqual(readInputs("k = 2\n name=f(a=1, b == 2) \n"), { k: "2", name: "f(a=1, b == 2)" });
});

test("a line that is half typed is left out", () => {
  assert.deepEqual(readInputs("k\nk =\n= 3\na b = 2\n2x = 1"), {});
});

test("names in any script are names", () => {
  assert.deepEqual(readInputs("größe = 3"), { größe: "3" });
});
