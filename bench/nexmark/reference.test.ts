// The reference's queries see the same events, so what they say must agree.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventOf } from "./events.ts";
import type { QueryName } from "./reference.ts";
import { finalRows, referenceRows } from "./reference.ts";

const COUNT = 200_000;
const BIDS_COUNT = (COUNT / 50) * 46;

function rowsOf(query: QueryName): string[][] {
  return referenceRows(query, COUNT).map((row) => row.split(","));
}

function sum(rows: readonly string[][], field: number): number {
  return rows.reduce((total, row) => total + Number(row[field]), 0);
}

test("every bid is counted once by the queries that count all bids", () => {
  for (const query of ["q0", "q1", "q13"] as const) assert.equal(rowsOf(query).length, BIDS_COUNT);
  for (const [query, field] of [["q11", 1] as const, ["q12e", 1] as const, ["q17", 2] as const]) {
    assert.equal(sum(rowsOf(query), field), BIDS_COUNT, query);
  }
});

test("a bid is in five sliding windows, and the first hot auction leads the first window", () => {
  const first = rowsOf("q5")[0];
  const [start, end, auction, count] = first.map(Number);
  assert.equal(end - start, 10_000);
  let bids = 0;
  for (let n = 0; n < COUNT; n++) {
    const event = eventOf(n);
    if (event.kind === "bid" && event.auction === auction && event.at < end) bids++;
  }
  assert.equal(count, bids);
});

test("an auction's greatest price is its first rank, a window's is the greatest of all", () => {
  const greatest = new Map(rowsOf("q17").map((row) => [row[0], row[7]]));
  const first = new Map(
    rowsOf("q19").flatMap(([id, rank, price]) => (rank === "1" ? [[id, price] as const] : [])),
  );
  assert.deepEqual(first, greatest);
  const windows = rowsOf("q7").map((row) => Number(row[1]));
  const all = [...greatest.values()].map(Number);
  assert.equal(
    Math.max(...windows),
    all.reduce((a, b) => Math.max(a, b)),
  );
});

test("queries that join find what their sides have", () => {
  const bids = new Set(referenceRows("q0", COUNT));
  for (const row of rowsOf("q20")) assert.ok(bids.has(row.slice(0, 4).join(",")), row.join(","));
  for (const row of referenceRows("q18", COUNT)) assert.ok(bids.has(row), row);
  const states = new Set(rowsOf("q3").map((row) => row[2]));
  assert.deepEqual([...states].toSorted(), ["CA", "ID", "OR"]);
  assert.equal(rowsOf("q4").length, 5);
  assert.ok(rowsOf("q8").length > 0);
  assert.ok(rowsOf("q2").every((row) => Number(row[0]) % 123 === 0));
});

test("of updates the last row of each key counts, of everything else all rows", () => {
  assert.deepEqual(finalRows("q19", ["7,2,50,1", "7,1,60,2", "7,2,55,3"]), [
    "7,1,60,2",
    "7,2,55,3",
  ]);
  assert.deepEqual(finalRows("q2", ["7,50", "7,50", "6,1"]), ["6,1", "7,50", "7,50"]);
});

test("what only the order of events of the same ms decides is left out without order", () => {
  const rows = { q18: ["7,1,50,9", "7,1,60,9"], q19: ["7,1,60,2", "7,1,60,3"] } as const;
  assert.deepEqual(finalRows("q18", rows.q18), ["7,1,60,9"]);
  assert.deepEqual(finalRows("q18", rows.q18, { isOrdered: false }), ["7,1,9"]);
  assert.deepEqual(finalRows("q19", rows.q19, { isOrdered: false }), ["7,1,60"]);
  assert.deepEqual(finalRows("q0", ["7,1,60,9"], { isOrdered: false }), ["7,1,60,9"]);
});
