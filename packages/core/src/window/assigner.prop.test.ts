import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MAX_TIMESTAMP } from "../time/timestamp.ts";
import {
  assignWindows,
  GLOBAL_WINDOW,
  MAX_WINDOW_MS,
  session,
  sessionGapMs,
  sliding,
  tumbling,
  windowStart,
} from "./assigner.ts";
import { firstWindowEnd, lastWindowEnd, paneAssignment, paneStart } from "./pane-assignment.ts";

const time = fc.oneof(
  fc.integer({ min: -100, max: 100 }),
  fc.maxSafeInteger().map((n) => n % MAX_TIMESTAMP),
);
const period = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 1, max: MAX_WINDOW_MS }),
);
const shape = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 30 }), fc.double())
  .map(([size, slide, part]) => ({
    size,
    slide,
    offset: Math.trunc((Number.isFinite(part) ? part % 1 : 0) * (slide - 1)),
  }));

test("tumbling windows contain their timestamps exactly, cover time and are disjoint", () => {
  fc.assert(
    fc.property(time, period, fc.integer({ min: -39, max: 39 }), (at, size, anyOffset) => {
      const offset = anyOffset % size;
      const [window, ...more] = assignWindows(tumbling(size, { offset }), at, undefined);
      assert.equal(more.length, 0);
      assert.ok(Number.isSafeInteger(window.start) && Number.isSafeInteger(window.end));
      assert.ok(window.start <= at && at < window.end);
      assert.equal(window.end - window.start, size);
      assert.equal((BigInt(window.start) - BigInt(offset)) % BigInt(size), 0n);
    }),
  );
});

test("a sliding assigner gives exactly the windows that contain a timestamp, latest first", () => {
  fc.assert(
    fc.property(fc.integer({ min: -200, max: 200 }), shape, (at, { size, slide, offset }) => {
      const windows = assignWindows(sliding(size, slide, { offset }), at, undefined);
      const expected: number[] = [];
      for (let start = at + 1 - size; start <= at; start++) {
        if ((((start - offset) % slide) + slide) % slide === 0) expected.unshift(start);
      }
      assert.deepEqual(
        windows.map(({ start, end }) => [start, end]),
        expected.map((start) => [start, start + size]),
      );
    }),
  );
});

test("panes lie wholly in or outside of each window, and each window is a union of panes", () => {
  fc.assert(
    fc.property(fc.integer({ min: -200, max: 200 }), shape, (at, { size, slide, offset }) => {
      const panes = paneAssignment(sliding(size, slide, { offset }));
      const start = paneStart(panes, at);
      const pane = { start, end: start + panes.paneMs };
      assert.ok(pane.start <= at && at < pane.end);
      const windows = assignWindows(sliding(size, slide, { offset }), at, undefined);
      for (const window of windows) {
        assert.ok(window.start <= pane.start && pane.end <= window.end);
        assert.equal(window.start + panes.panesPerWindow * panes.paneMs, window.end);
        assert.equal((pane.start - window.start) % panes.paneMs, 0);
      }
      assert.equal(lastWindowEnd(panes, pane), windows.at(0)?.end);
      assert.equal(firstWindowEnd(panes, pane), windows.at(-1)?.end);
    }),
  );
});

test("windows of days begin where the offset says, before 1970 too", () => {
  const day = 86_400_000;
  const assigner = tumbling("1d", { offset: "-8h" });
  const at = Date.UTC(1969, 11, 31, 20);
  const [window] = assignWindows(assigner, at, undefined);
  assert.equal(window.start, Date.UTC(1969, 11, 31, 16));
  assert.equal(window.end - window.start, day);
  assert.equal(windowStart(-1, 10, 0), -10);
  assert.equal(windowStart(-10, 10, 0), -10);
  assert.equal(windowStart(0, 10, 3), -7);
});

test("the gap of a session may come from the record", () => {
  const assigner = session((record: { gap: number | string }) => record.gap);
  assert.equal(sessionGapMs(assigner, { gap: "2s" }), 2_000);
  assert.deepEqual(assignWindows(assigner, 5, { gap: 10 }), [{ start: 5, end: 15 }]);
  assert.throws(() => sessionGapMs(assigner, { gap: 0 }), /gap function returned: 0 is less/);
});

test("the global window contains every timestamp", () => {
  assert.ok(GLOBAL_WINDOW.start < -MAX_TIMESTAMP && MAX_TIMESTAMP < GLOBAL_WINDOW.end);
});

test("windows that cannot work are refused", () => {
  assert.throws(() => tumbling(0), /tumbling: size/);
  assert.throws(() => tumbling("10000000d"), /tumbling: size/);
  assert.throws(() => tumbling("1h", { offset: "1h" }), /offset 1h is not less than 1h/);
  assert.throws(() => sliding("1h", "10m", { offset: "-10m" }), /offset -10m/);
  assert.throws(() => sliding("1h", "1ms"), /3600000 windows/);
  assert.throws(() => session("0s"), /session: gap/);
});
