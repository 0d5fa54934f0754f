import assert from "node:assert/strict";
import { test } from "node:test";
import type { OxbowError } from "../errors.ts";
import { timestampExtractor } from "./timestamp-extractor.ts";
import type { TimestampInput } from "./timestamp-extractor.ts";
import { watermarkStrategy } from "./watermark-strategy.ts";
import type { WatermarkSettings } from "./watermark-strategy.ts";

function records(...values: unknown[]): TimestampInput {
  return {
    count: values.length,
    column: () => undefined,
    records: () => values.map((at) => ({ at })),
  };
}

function columns(...values: number[]): TimestampInput {
  return {
    count: values.length,
    column: (field) =>
      field === "at" ? { kind: "float64", presence: undefined, values } : undefined,
    records: () => assert.fail("a column is read, no record is built"),
  };
}

test("a field by name and a function give the same timestamps, from records and columns", () => {
  const byName = timestampExtractor("at", "in");
  const byFunction = timestampExtractor((r) => (r as { at: number }).at, "in");
  for (const extract of [
    (target: Float64Array) => byName(records(1, -2, 3), target),
    (target: Float64Array) => byName(columns(1, -2, 3), target),
    (target: Float64Array) => byFunction(records(1, -2, 3), target),
  ]) {
    const target = new Float64Array(4);
    extract(target);
    assert.deepEqual([...target], [1, -2, 3, 0]);
  }
});

test("a timestamp that is no whole number of ms fails with the source and the value", () => {
  const bad: unknown[] = [undefined, null, Number.NaN, Infinity, 1.5, "2020-01-01", 10n, 1e300];
  bad.push(new Date(0));
  for (const value of bad) {
    for (const timestamp of ["at", (r: unknown) => (r as { at: number }).at] as const) {
      assert.throws(
        () => timestampExtractor(timestamp, "in")(records(1, value), new Float64Array(2)),
        (error: OxbowError) =>
          error.code === "TIMESTAMP_INVALID" &&
          error.message.includes('Source "in"') &&
          error.message.includes(String(value)),
        String(value),
      );
    }
  }
  assert.throws(() => timestampExtractor("at", "in")(columns(Number.NaN), new Float64Array(1)));
});

test("a record without the timestamp field fails with the fields that it has", () => {
  assert.throws(() => timestampExtractor("time", "in")(records(1), new Float64Array(1)), {
    code: "TIMESTAMP_INVALID",
    message:
      'Source "in": a record has no field "time", which watermarks.timestamp names. It has at.',
  });
});

test("watermark settings that contradict each other are refused by name", () => {
  const bad: readonly (readonly [object, RegExp])[] = [
    [{ timestamp: 5 }, /watermarks\.timestamp/],
    [{ timestamp: "at", monotonous: true, outOfOrderness: "1s" }, /watermarks\.monotonous/],
    [{ timestamp: "at", generator: () => ({}), outOfOrderness: 0 }, /watermarks\.generator/],
    [{ timestamp: "at", idleAfter: 0 }, /"in", watermarks\.idleAfter/],
    [{ timestamp: "at", outOfOrderness: "10 parsecs" }, /watermarks\.outOfOrderness/],
    [{ timestamp: "at", alignment: { group: "", maxDrift: 1 } }, /alignment\.group/],
    [{ timestamp: "at", alignment: { group: "g", maxDrift: -1 } }, /alignment\.maxDrift/],
  ];
  for (const [settings, message] of bad) {
    const given = settings as WatermarkSettings<{ at: number }>;
    assert.throws(() => watermarkStrategy(given, "in"), message);
  }
});

test("the name of a timestamp field is type-checked", () => {
  interface Flight {
    readonly at: number;
    readonly origin: string;
  }
  watermarkStrategy<Flight>({ timestamp: "at" }, "in");
  // @ts-expect-error a string field is no timestamp
  watermarkStrategy<Flight>({ timestamp: "origin" }, "in");
  // @ts-expect-error no such field
  watermarkStrategy<Flight>({ timestamp: "when" }, "in");
});
