import assert from "node:assert/strict";
import { test } from "node:test";
import { State, leftBehind, needsAttention } from "../src/state.js";
import { SECOND, TestLink, ledger, question, row, sent, update } from "./made.js";
import type * as wire from "../src/wire.js";

/** A state that has loaded these rows. */
async function loaded(rows: wire.Row[], more: Parameters<typeof update>[2] = {}): Promise<{ state: State; link: TestLink }> {
  const link = new TestLink("live", [update(10, rows, more)]);
  const state = new State(link);
  await state.load();
  return { state, link };
}

const listed = (state: State): number[] => state.lines.map((line) => line.row.id);
const settled = (): Promise<void> => new Promise((done) => setTimeout(done, 5));

test("rows are listed in the order in which they began", async () => {
  const { state } = await loaded([sent(3), sent(1), sent(2)]);
  assert.deepEqual(listed(state), [1, 2, 3]);
});

test("children are listed below their parent, one level deeper", async () => {
  const { state } = await loaded([sent(1), sent(2), sent(3, { parent: 1 }), sent(4, { parent: 3 })]);
  assert.deepEqual(state.lines.map((line) => [line.row.id, line.depth]), [[1, 0], [3, 1], [4, 2], [2, 0]]);
});

test("a child whose parent is not known stands by itself", async () => {
  const { state } = await loaded([sent(1), sent(5, { parent: 4 })]);
  assert.deepEqual(listed(state), [1, 5]);
});

test("a parent of many begins closed, and opens when it is toggled", async () => {
  const many = Array.from({ length: 9 }, (_, i) => sent(i + 2, { parent: 1 }));
  const { state } = await loaded([sent(1), ...many]);
  assert.deepEqual([listed(state), state.lines[0]!.children], [[1], 9]);
  state.toggle(1);
  assert.equal(state.lines.length, 10);
});

test("a parent of few begins open, and closes when it is toggled", async () => {
  const { state } = await loaded([sent(1), sent(2, { parent: 1 })]);
  state.toggle(1);
  assert.deepEqual(listed(state), [1]);
});

test("a parent's line sums up its children's calls with its own", async () => {
  const one = ledger({ calls: 1, cost: 0.5 });
  const { state } = await loaded([sent(1, { ledger: one }), sent(2, { parent: 1, ledger: one }), sent(3, { parent: 2, ledger: one })]);
  assert.deepEqual(state.lines.map((line) => [line.ledger.calls, line.ledger.cost]), [[3, 1.5], [2, 1], [1, 0.5]]);
});

test("the execution at the head is selected at first", async () => {
  const { state } = await loaded([sent(1), sent(2, { head: true }), sent(3)]);
  assert.equal(state.row()?.id, 2);
});

test("without a head the last line is selected at first", async () => {
  const { state } = await loaded([sent(1), sent(2)]);
  assert.equal(state.selected, 2);
});

test("what comes later replaces the rows that changed, and leaves the selection", async () => {
  const { state, link } = await loaded([sent(1), sent(2)]);
  state.select(1);
  link.push(update(12, [sent(2, { status: "failed" }), sent(3)], { since: 10 }));
  assert.deepEqual(state.lines.map((line) => line.row.status), ["completed", "failed", "completed"]);
  assert.equal(state.selected, 1);
});

test("an update that leaves a gap is asked for whole", async () => {
  const { state, link } = await loaded([sent(1)]);
  link.push(update(30, [sent(9)], { since: 20 }));
  assert.deepEqual(link.asked.at(-1), ["rows", { since: 10 }]);
  assert.deepEqual(listed(state), [1]);
});

test("an update that comes while rows are on their way is not lost", async () => {
  const link = new TestLink("live", [update(10, [sent(1)]), update(30, [sent(2)], { since: 10 })]);
  const state = new State(link);
  const loading = state.load();
  link.push(update(30, [sent(2)], { since: 20 }));
  await loading;
  await settled();
  assert.deepEqual(listed(state), [1, 2]);
});

test("another history than the one on the page replaces it", async () => {
  const link = new TestLink("live", [update(10, [sent(1), sent(2)]), update(3, [sent(1, { step: "new" })])]);
  const state = new State(link);
  await state.load();
  link.push(update(3, [sent(1, { step: "new" })], { since: 2 }));
  await settled();
  assert.deepEqual(state.lines.map((line) => line.row.step), ["new"]);
});

test("a kernel that is back is asked for what was missed", async () => {
  const { link } = await loaded([sent(1)]);
  link.become("lost");
  const before = link.asked.length;
  link.become("live");
  assert.equal(link.asked.length, before + 1);
});

test("why there are no rows is said", async () => {
  const state = new State(new TestLink("live", [new Error("the kernel is not connected")]));
  await state.load();
  assert.equal(state.problem, "the kernel is not connected");
});

test("a problem is forgotten once the rows are there", async () => {
  const state = new State(new TestLink("live", [new Error("busy"), update(1, [sent(1)])]));
  await state.load();
  await state.load();
  assert.equal(state.problem, "");
});

test("two loads at once ask once", async () => {
  const link = new TestLink("live", [update(1, [sent(1)])]);
  const state = new State(link);
  await Promise.all([state.load(), state.load()]);
  assert.equal(link.asked.length, 1);
});

test("a search finds steps, statuses, branches and errors, whatever their case", async () => {
  const rows = [sent(1, { step: "Draft" }), sent(2, { status: "failed" }), sent(3, { branch: "concise" }), sent(4, { error: "KeyError: x" })];
  const { state } = await loaded(rows);
  const found = ["draft", "FAILED", "concise", "keyerror", "nothing such"].map((search) => {
    state.set({ search });
    return listed(state);
  });
  assert.deepEqual(found, [[1], [2], [3], [4], []]);
});

test("a search finds children of closed parents, listed without indentation", async () => {
  const many = Array.from({ length: 9 }, (_, i) => sent(i + 2, { parent: 1, step: `item_${i}` }));
  const { state } = await loaded([sent(1), ...many]);
  state.set({ search: "item_4" });
  assert.deepEqual(state.lines.map((line) => [line.row.id, line.depth]), [[6, 0]]);
});

test("'needs you' leaves what failed, waits, is in doubt or stale", async () => {
  const rows = [
    sent(1),
    sent(2, { status: "failed" }),
    sent(3, { status: "waiting" }),
    sent(4, { status: "in doubt" }),
    sent(5, { status: "compensation failed" }),
    sent(6, { stale: ["x"] }),
    sent(7, { doubts: [question()] }),
    sent(8, { status: "running" }),
  ].map((each) => ({ ...each, step: `step_${each.id}` }));
  const { state } = await loaded(rows);
  state.set({ show: "attention" });
  assert.deepEqual(listed(state), [2, 3, 4, 5, 6, 7]);
  assert.deepEqual(
    rows.map((each) => needsAttention(row(each.id, each), false)),
    [false, true, true, true, true, true, true, false],
  );
});

test("'needs you' leaves out a failure that a later execution of its step took over", async () => {
  const { state } = await loaded([
    sent(1, { step: "pay", status: "failed" }),
    sent(2, { step: "fetch", parent: 1, status: "failed" }),
    sent(3, { step: "pay", status: "completed" }),
    sent(4, { step: "read", status: "failed" }),
    sent(5, { step: "read", branch: "other" }),
  ]);
  state.set({ show: "attention" });
  assert.deepEqual(listed(state), [4]);
});

test("'on this line' leaves what led to the head, and what goes on", async () => {
  const rows = [sent(1, { line: true }), sent(2), sent(3, { status: "running" }), sent(4, { status: "waiting" })];
  const { state } = await loaded(rows);
  state.set({ show: "line" });
  assert.deepEqual(listed(state), [1, 3, 4]);
});

test("selecting a row opens the parents that hide it", async () => {
  const many = Array.from({ length: 9 }, (_, i) => sent(i + 2, { parent: 1 }));
  const { state } = await loaded([sent(1), ...many]);
  state.select(5);
  assert.ok(listed(state).includes(5));
});

test("selecting a row that a filter hides takes the filter away", async () => {
  const { state } = await loaded([sent(1), sent(2, { status: "failed" })]);
  state.set({ show: "attention", search: "step" });
  state.select(1);
  assert.deepEqual([state.show, state.search, listed(state)], ["all", "", [1, 2]]);
});

test("every change is announced until one unsubscribes", async () => {
  const { state } = await loaded([sent(1)]);
  let heard = 0;
  const off = state.subscribe(() => heard++);
  state.set({ follow: false });
  state.toggle(1);
  off();
  state.set({ follow: true });
  assert.equal(heard, 2);
});

test("the time is the kernel's, however this machine's clock is set", async () => {
  const { state } = await loaded([sent(1)], { now: 5_000_000 * SECOND });
  assert.ok(Math.abs(state.now() - 5_000_000 * SECOND) < 5 * SECOND);
});

test("the time stands still while there is no kernel, and goes on with the next", async () => {
  const { state, link } = await loaded([sent(1)]);
  link.become("lost");
  const then = state.now();
  await settled();
  assert.equal(state.now(), then);
  assert.equal(state.live, false);
  link.become("live");
  await settled();
  assert.notEqual(state.now(), then);
});

test("in a file the time is when it was written", async () => {
  const state = new State(new TestLink("file", [update(1, [sent(1)], { now: 77 * SECOND })]));
  await state.load();
  await settled();
  assert.equal(state.now(), 77 * SECOND);
});

test("left behind is what made state that the head does not have", () => {
  const behind = [row(1, { snapshot: 4 }), row(2, { snapshot: 4, line: true }), row(3)].map(leftBehind);
  assert.deepEqual(behind, [true, false, false]);
});
