import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { TimeWindow } from "./assigner.ts";
import { insertSession } from "./session-merge.ts";

const window = fc
  .tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 1, max: 12 }))
  .map(([start, length]) => ({ start, end: start + length }));

function sessionsOf(windows: readonly TimeWindow[]): readonly TimeWindow[] {
  return windows.reduce<readonly TimeWindow[]>(insertSession, []);
}

/** Flink's `TimeWindow.mergeWindows`: sort by start, then sweep. */
function swept(windows: readonly TimeWindow[]): readonly TimeWindow[] {
  const merged: TimeWindow[] = [];
  for (const next of [...windows].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last === undefined || last.end < next.start) merged.push(next);
    else merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, next.end) };
  }
  return merged;
}

test("sessions do not hang on the order of their records, and are those of a sweep", () => {
  fc.assert(
    fc.property(fc.array(window, { maxLength: 30 }), fc.array(fc.nat()), (windows, order) => {
      const shuffled = windows
        .map((w, i) => ({ w, rank: order[i] ?? 0 }))
        .sort((a, b) => a.rank - b.rank)
        .map(({ w }) => w);
      assert.deepEqual(sessionsOf(windows), swept(windows));
      assert.deepEqual(sessionsOf(shuffled), swept(windows));
    }),
  );
});

test("merging two sets of sessions is associative, and adding one again changes nothing", () => {
  const set = fc.array(window, { maxLength: 10 });
  fc.assert(
    fc.property(set, set, set, (a, b, c) => {
      const join = (x: readonly TimeWindow[], y: readonly TimeWindow[]): readonly TimeWindow[] =>
        y.reduce(insertSession, x);
      const [x, y, z] = [sessionsOf(a), sessionsOf(b), sessionsOf(c)];
      assert.deepEqual(join(join(x, y), z), join(x, join(y, z)));
      assert.deepEqual(join(x, x), x);
      for (const w of a) assert.deepEqual(insertSession(x, w), x);
    }),
  );
});

test("sessions that touch are one, and a record between two joins them", () => {
  assert.deepEqual(
    sessionsOf([
      { start: 0, end: 10 },
      { start: 10, end: 20 },
    ]),
    [{ start: 0, end: 20 }],
  );
  assert.deepEqual(
    sessionsOf([
      { start: 0, end: 10 },
      { start: 11, end: 20 },
    ]),
    [
      { start: 0, end: 10 },
      { start: 11, end: 20 },
    ],
  );
  const two = [
    { start: 0, end: 10 },
    { start: 15, end: 20 },
    { start: 30, end: 40 },
  ];
  assert.deepEqual(insertSession(two, { start: 8, end: 16 }), [
    { start: 0, end: 20 },
    { start: 30, end: 40 },
  ]);
});
