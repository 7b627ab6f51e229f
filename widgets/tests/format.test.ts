import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, clock, compact, count, moment, money, tickLabel, took } from "../src/format.js";

const NOON = Date.UTC(2026, 2, 5, 12, 34, 56) * 1000; // test.mjs sets the time zone to UTC

test("counts below a thousand are given in full", () => {
  assert.deepEqual([0, 1, 999].map(compact), ["0", "1", "999"]);
});

test("larger counts are shortened, without a decimal that says nothing", () => {
  assert.deepEqual([1000, 12_400, 123_456, 1_200_000].map(compact), ["1k", "12.4k", "123k", "1.2M"]);
});

test("a count that would round to 1000k is given in millions", () => {
  assert.deepEqual([999_499, 999_500].map(compact), ["999k", "1M"]);
});

test("money has cents where there are any, else as many digits as it takes to see something", () => {
  assert.deepEqual([12.345, 1, 0.0301, 0.00721].map(money), ["$12.35", "$1.00", "$0.030", "$0.0072"]);
});

test("nothing is $0, and next to nothing is not", () => {
  assert.deepEqual([0, 0.000_01].map(money), ["$0", "<$0.0001"]);
});

test("a duration has the unit that a person would choose", () => {
  const given = [500, 42_000, 1_400_000, 12_000_000, 90e6, 3600e6, 5400e6, 2 * 86_400e6];
  assert.deepEqual(given.map(took), ["0.5 ms", "42 ms", "1.4 s", "12 s", "1 min 30 s", "1 h 0 min", "1 h 30 min", "2.0 days"]);
});

test("a duration never shows 60 seconds, 60 minutes or 24 hours", () => {
  const quarters = Array.from({ length: 4 * 86_500 }, (_, quarter) => took(quarter * 0.25e6));
  assert.deepEqual(quarters.filter((text) => /\b(60 (s|min)|24 h)/.test(text)), []);
});

test("a clock that ran backwards gives no negative duration", () => {
  assert.equal(took(-5e6), "0.0 ms");
});

test("times are of the day, with two digits each", () => {
  assert.equal(clock(Date.UTC(2026, 2, 5, 1, 2, 3) * 1000), "01:02:03");
  assert.equal(moment(NOON), "2026-03-05 12:34:56");
});

test("a tick's label is as exact as its neighbours are near", () => {
  const at = NOON + 250_000;
  const labels = [86_400e6, 60e6, 1e6, 1e5, 1e4].map((apart) => tickLabel(at, apart));
  assert.deepEqual(labels, ["03-05", "12:34", "12:34:56", "34:56.3", "34:56.25"]);
});

test("sizes are in binary units", () => {
  assert.deepEqual([12, 2048, 5 * 1024 ** 2, 3 * 1024 ** 3].map(bytes), ["12 B", "2.0 KiB", "5.0 MiB", "3.0 GiB"]);
});

test("one is singular, everything else is not", () => {
  assert.deepEqual([0, 1, 2, 1200].map((n) => count(n, "call")), ["0 calls", "1 call", "2 calls", "1,200 calls"]);
});
