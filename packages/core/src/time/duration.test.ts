import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { OxbowError } from "../errors.ts";
import { formatDuration, parseDuration } from "./duration.ts";

test("durations are read as whole milliseconds", () => {
  const cases: readonly (readonly [string | number, number])[] = [
    ["10s", 10_000],
    ["1m 30s", 90_000],
    ["1m30s", 90_000],
    ["500ms", 500],
    ["1h", 3_600_000],
    ["2d", 172_800_000],
    ["1w", 604_800_000],
    ["5 min", 300_000],
    ["1.1h", 3_960_000],
    ["0.5s", 500],
    [" 3s ", 3_000],
    [0, 0],
    [1234, 1234],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text, "x"), ms, String(text));
});

test("text that is no duration is refused with the name of the setting", () => {
  const bad: unknown[] = ["", "s", "10", "10 parsecs", "1s 1m", "1s 1s", "0.0001ms", "1e3ms"];
  bad.push(1.5, Number.NaN, Infinity, undefined, null, {}, "constructor", "1constructor");
  for (const value of bad) {
    assert.throws(
      () => parseDuration(value as string, "sink.interval"),
      (error: OxbowError) =>
        error.code === "DURATION_INVALID" && error.message.startsWith("sink.interval: "),
      String(value),
    );
  }
});

test("a duration outside its bounds is refused", () => {
  assert.throws(() => parseDuration("0s", "x", { minMs: 1 }), /less than 1ms/);
  assert.throws(() => parseDuration("2d", "x", { maxMs: 86_400_000 }), /more than 1d/);
  assert.throws(() => parseDuration(-1, "x"), /less than 0ms/);
  assert.equal(parseDuration("-8h", "offset", { minMs: -86_400_000 }), -28_800_000);
});

test("every duration is read back from its text", () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e12, max: 1e12 }), (ms) => {
      assert.equal(parseDuration(formatDuration(ms), "x", { minMs: -1e12 }), ms);
    }),
  );
});
