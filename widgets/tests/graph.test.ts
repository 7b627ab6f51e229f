import assert from "node:assert/strict";
import { test } from "node:test";
import type { Row } from "../src/data.js";
import { makeLanes } from "../src/graph.js";
import type { Line } from "../src/state.js";
import { branch, ledger, row } from "./made.js";

const lines = (...rows: Row[]): Line[] =>
  rows.map((each) => ({ row: each, depth: 0, children: 0, open: true, ledger: ledger() }));

const on = (name: string, id: number, snapshot = id): Row => row(id, { branch: name, snapshot });

test("a lane spans the lines from its first to its last", () => {
  const [main] = makeLanes(lines(on("main", 1), on("main", 2), on("main", 3)), [branch("main")]);
  assert.deepEqual([main!.from, main!.to, main!.fork], [0, 2, -1]);
});

test("a branch begins at the line that it was forked from", () => {
  const rows = lines(on("main", 1), on("main", 2), on("main", 3), on("short", 4));
  const lanes = makeLanes(rows, [branch("main"), branch("short", { parent: "main", forked_at: 2 })]);
  assert.deepEqual(lanes[1], { branch: "short", index: 1, from: 1, to: 3, fork: 1, forkLane: 0 });
});

test("a branch of a branch hangs on the lane where its snapshot was made", () => {
  const rows = lines(on("main", 1), on("a", 2), on("b", 3));
  const lanes = makeLanes(rows, [
    branch("main"),
    branch("a", { parent: "main", forked_at: 1 }),
    branch("b", { parent: "a", forked_at: 1 }), // made on main, before anything ran on a
  ]);
  assert.deepEqual([lanes[2]!.fork, lanes[2]!.forkLane], [0, 0]);
});

test("a branch on which nothing ran has no lane, and keeps its colour for later", () => {
  const branches = [branch("main"), branch("empty", { parent: "main" }), branch("used", { parent: "main", forked_at: 1 })];
  const lanes = makeLanes(lines(on("main", 1), on("used", 2)), branches);
  assert.deepEqual(lanes.map((lane) => [lane.branch, lane.index]), [["main", 0], ["used", 2]]);
});

test("executions that left no state are no place to fork from", () => {
  const rows = lines(on("main", 1), on("main", 2, 0), on("short", 3));
  const lanes = makeLanes(rows, [branch("main"), branch("short", { parent: "main", forked_at: 1 })]);
  assert.equal(lanes[1]!.fork, 0);
});

test("a branch whose fork is not among the lines begins at its own first line", () => {
  const lanes = makeLanes(lines(on("short", 9)), [branch("main"), branch("short", { parent: "main", forked_at: 2 })]);
  assert.deepEqual([lanes[0]!.from, lanes[0]!.fork], [0, -1]);
});

test("a row on a branch that is not known draws nothing", () => {
  assert.deepEqual(makeLanes(lines(on("gone", 1)), [branch("main")]), []);
});
