import assert from "node:assert/strict";
import { test } from "node:test";
import { makeAxis } from "../src/axis.js";
import { SECOND } from "./made.js";

type Span = [number, number];
const span = (from: number, to: number): Span => [from * SECOND, to * SECOND];
const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-6, `${a} is not ${b}`);

test("with nothing to show, every time lies at the left edge", () => {
  const axis = makeAxis([], 5);
  assert.equal(axis.place(123), 0);
  assert.deepEqual([axis.ticks, axis.folds], [[], []]);
});

test("one span fills the axis from edge to edge", () => {
  const axis = makeAxis([span(10, 20)], 5);
  assert.deepEqual([10, 15, 20].map((s) => axis.place(s * SECOND)), [0, 0.5, 1]);
});

test("times before the first span and after the last lie at the edges", () => {
  const axis = makeAxis([span(10, 20)], 5);
  assert.deepEqual([0, 99].map((s) => axis.place(s * SECOND)), [0, 1]);
});

test("spans that overlap are counted once", () => {
  const axis = makeAxis([span(0, 6), span(2, 10), span(3, 4)], 5);
  assert.equal(axis.active, 10 * SECOND);
});

test("spans may come in any order, and are left as they were", () => {
  const spans = [span(50, 60), span(80, 90), span(0, 10), span(20, 40)];
  const given = structuredClone(spans);
  const axis = makeAxis(spans, 5);
  assert.deepEqual(spans, given);
  assert.equal(axis.active, 50 * SECOND);
  assert.equal(axis.folds.length, 3);
});

test("a long idle time is folded to a thin mark that knows how long it was", () => {
  const axis = makeAxis([span(0, 10), span(3600, 3610)], 5);
  assert.equal(axis.folds.length, 1);
  assert.equal(axis.folds[0]!.us, 3590 * SECOND);
  near(axis.folds[0]!.width, 0.025);
  near(axis.place(10 * SECOND), axis.folds[0]!.x);
});

test("what is folded away takes no room from what ran", () => {
  const axis = makeAxis([span(0, 10), span(3600, 3610)], 5);
  assert.equal(axis.active, 20 * SECOND);
  near(axis.place(10 * SECOND) - axis.place(0), (1 - 0.025) / 2);
});

test("a short pause is shown as it is", () => {
  const axis = makeAxis([span(0, 10), span(10.5, 20)], 5);
  assert.deepEqual(axis.folds, []);
  near(axis.place(10 * SECOND), 0.5);
});

test("a hundred idle times together take no more than three tenths of the axis", () => {
  const axis = makeAxis(Array.from({ length: 101 }, (_, i) => span(i * 1000, i * 1000 + 1)), 5);
  assert.equal(axis.folds.length, 100);
  near(axis.folds.reduce((sum, fold) => sum + fold.width, 0), 0.3);
});

test("time only ever goes to the right", () => {
  const axis = makeAxis([span(0, 3), span(100, 101), span(500, 540)], 8);
  const places = Array.from({ length: 560 }, (_, s) => axis.place(s * SECOND));
  assert.deepEqual(places, [...places].sort((a, b) => a - b));
});

test("ticks are at round times, and no more than there is room for", () => {
  const axis = makeAxis([span(3, 63)], 6);
  assert.deepEqual(axis.ticks.map(({ at }) => at / SECOND), [10, 20, 30, 40, 50, 60]);
  assert.equal(axis.step, 10 * SECOND);
});

test("no tick stands where its label would leave the axis", () => {
  for (const room of [1, 3, 7, 20])
    for (const tick of makeAxis([span(0, 61)], room).ticks) assert.ok(tick.x < 0.97);
});

test("ticks of several pieces keep their distance", () => {
  const axis = makeAxis([span(0, 5), span(1000, 1005), span(2000, 2005)], 6);
  const xs = axis.ticks.map((tick) => tick.x);
  xs.slice(1).forEach((x, i) => assert.ok(x - xs[i]! >= 0.8 / 6));
});

test("a span without length has a place, and breaks nothing", () => {
  const axis = makeAxis([span(5, 5)], 5);
  assert.ok(Number.isFinite(axis.place(5 * SECOND)));
});

test("over many days the ticks are whole days apart", () => {
  const axis = makeAxis([span(0, 30 * 86_400)], 5);
  assert.equal(axis.step, 6 * 86_400 * SECOND);
  assert.ok(axis.ticks.length > 0);
});
