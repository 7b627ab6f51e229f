import assert from "node:assert/strict";
import { test } from "node:test";
import { awaited, endOf, look, remaining } from "../src/looks.js";
import { SECOND, question, row } from "./made.js";

const NOW = 100 * SECOND;
const timer = { ...question(), kind: "timer", name: "sleep", until: 160 * SECOND } as const;

test("what runs moves, as long as there is a kernel to hear from", () => {
  const running = row(1, { status: "running" });
  assert.deepEqual(look(running, true), { status: "running", word: "running", tone: "db-tone-blue", moves: true });
  assert.deepEqual(look(running, false), { status: "running", word: "was running", tone: "db-tone-blue", moves: false });
});

test("what was killed does not move, and is said to have been killed", () => {
  const shown = look(row(1, { status: "failed", died: true, ended: 5 * SECOND }), true);
  assert.deepEqual([shown.word, shown.moves, shown.tone], ["killed", false, "db-tone-red"]);
});

test("a step that waits looks so, whether it stopped or holds its kernel", () => {
  const waits = [question()];
  const shown = [row(1, { status: "waiting", waits }), row(2, { status: "running", waits })].map((each) => look(each, true));
  assert.deepEqual(shown.map(({ status, word, moves }) => [status, word, moves]), [["waiting", "waiting", false], ["waiting", "waiting", false]]);
});

test("what went well is said to have been executed, resumed, restored or replayed", () => {
  const origins = ["executed", "resumed", "restored", "replayed"] as const;
  assert.deepEqual(origins.map((origin) => look(row(1, { origin }), true).word), [...origins]);
});

test("what is undone still says how it came about, what failed says that it failed", () => {
  assert.equal(look(row(1, { status: "compensated" }), true).word, "executed");
  assert.equal(look(row(1, { status: "failed" }), true).word, "failed");
  assert.equal(look(row(1, { status: "in doubt", died: false }), true).word, "in doubt");
});

test("a compensation is marked as one, and moves while it runs", () => {
  const undo = row(1, { kind: "compensation", status: "running" });
  assert.deepEqual([look(undo, true).word, look(undo, true).moves, look(undo, false).moves], ["undo", true, false]);
});

test("a step ends when it ended, or began to wait; otherwise it goes on to the present", () => {
  assert.equal(endOf(row(1, { ended: 7 * SECOND }), NOW), 7 * SECOND);
  assert.equal(endOf(row(1, { status: "running" }), NOW), NOW);
  assert.equal(endOf(row(1, { status: "running", waits: [question(9), question(8)] }), NOW), 8 * SECOND);
});

test("what is waited for is an answer, or a time and how far off it is", () => {
  assert.equal(awaited(question()), "an answer");
  assert.equal(awaited(timer), "00:02:40");
  assert.equal(awaited({ ...timer, until: 86_400 * SECOND }), "1970-01-02 00:00:00");
  assert.equal(remaining(timer, NOW), "1 min");
});

test("a wait that is over, or for an answer, has no time left", () => {
  assert.deepEqual([remaining(timer, 200 * SECOND), remaining(question(), NOW)], ["", ""]);
});
