/* Of Top-N and deduplication, each order of the records is right, every wrong result is seen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeTable } from "./judge-tables.ts";
import type { RankResult } from "./judge-tables.ts";
import type { OperatorSpec, SimRecord } from "./scenario.ts";

type Table = Extract<OperatorSpec, { readonly kind: "topN" | "deduplicate" }>;

const TOP_2: Table = {
  kind: "topN",
  n: 2,
  form: "field",
  order: "descending",
  keyKind: "string",
};
const FIRST_SEEN: Table = { kind: "deduplicate", keep: "first", time: "processing" };
const FIRST: Table = { kind: "deduplicate", keep: "first", time: "event" };
const LAST: Table = { kind: "deduplicate", keep: "last", time: "event" };

/** Their values are 10, 30, 20, 30, their times 3, 1, 2, 3. */
const [A, B, C, D] = [
  [10, 3],
  [30, 1],
  [20, 2],
  [30, 3],
].map(([value, at], index): SimRecord => {
  return { id: `r${index}`, key: "k", value, n: 1, at };
});

function rank(rank: number, record: SimRecord, change = "update"): RankResult {
  return { key: "k", rank, record, change };
}

function problems(operator: Table, given: readonly unknown[], input = [A, B, C, D]): string[] {
  return judgeTable(
    operator,
    input,
    given.map((one, index) => ({ key: "k", nth: index + 1, given: one })),
  );
}

test("results that some order of the records gives are right", () => {
  for (const [operator, given] of [
    [TOP_2, [rank(1, B, "insert"), rank(2, D, "insert")]],
    [TOP_2, [rank(1, D, "insert"), rank(2, B, "insert")]],
    [TOP_2, [rank(1, A, "insert"), rank(1, B), rank(2, A, "insert"), rank(2, C), rank(2, D)]],
    [FIRST_SEEN, [C]],
    [FIRST, [B]],
    [FIRST, [A, C, B]],
    [LAST, [A, D]],
    [LAST, [B, C, D, A]],
  ] as const) {
    assert.deepEqual(problems(operator, given), []);
  }
  assert.deepEqual(problems(TOP_2, [], []), []);
  assert.deepEqual(problems(FIRST_SEEN, [], []), []);
});

test("results that no order of the records gives are seen", () => {
  for (const [operator, given] of [
    [TOP_2, []],
    // One that has a place is missing, is not of the input, or is not what it was.
    [TOP_2, [rank(1, B, "insert")]],
    [TOP_2, [rank(1, B, "insert"), rank(2, { ...D, id: "x" }, "insert")]],
    [TOP_2, [rank(1, B, "insert"), rank(2, { ...D, at: 9 }, "insert")]],
    // The list was forgotten in between.
    [TOP_2, [rank(1, B, "insert"), rank(1, D, "insert"), rank(2, B, "insert")]],
    // A wrong rank, a wrong change, twice the same, an order that cannot be.
    [TOP_2, [rank(1, B, "insert"), rank(3, D, "insert")]],
    [TOP_2, [rank(1, B, "insert"), rank(2, D)]],
    [TOP_2, [rank(1, B, "insert"), rank(2, D, "insert"), rank(2, D)]],
    [TOP_2, [rank(1, B, "insert"), rank(2, C, "insert"), rank(1, D), rank(2, B)]],
    [FIRST_SEEN, []],
    [FIRST_SEEN, [A, B]],
    [FIRST_SEEN, [{ ...A, value: 7 }]],
    [FIRST, [A, C]],
    [FIRST, [C, A, B]],
    [FIRST, [A, D, B]],
    [FIRST, [B, B]],
    [LAST, [A]],
    [LAST, [A, B, D]],
    [LAST, [A, D, D]],
  ] as const) {
    assert.ok(problems(operator, given).length > 0, JSON.stringify([operator, given]));
  }
});

test("results of other keys, and gaps between them, are seen", () => {
  const judged = (nth: number, key: string): string[] =>
    judgeTable(FIRST_SEEN, [A], [{ key, nth, given: A }]);
  assert.deepEqual(judged(1, "k"), []);
  assert.ok(judged(2, "k").length > 0);
  assert.ok(judged(1, "other").length > 0);
});
