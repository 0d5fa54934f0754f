// Deduplication in every mode, against models, and what it refuses.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataStream } from "../api/data-stream.ts";
import { collection } from "../connectors/collection.ts";
import { discard } from "../connectors/for-each.ts";
import { errorCode } from "../errors.ts";
import { graphOf } from "../runtime/snapshots.fixture.ts";
import { step, verifyOperator } from "../testing.ts";
import type { DeduplicateOptions } from "./deduplicate.ts";

interface Reading {
  readonly sensor: string;
  readonly n: number;
  readonly at: number;
}

/** Of seven sensors, out of order, with equal times. */
const READINGS: readonly Reading[] = Array.from({ length: 70 }, (_, n) => ({
  sensor: `s${(n * 5) % 7}`,
  n,
  at: ((n * 37) % 50) * 10,
}));
const INPUT = READINGS.map((reading) => step.record(reading, reading.at));

const deduplicated =
  (options: DeduplicateOptions) =>
  (readings: DataStream<Reading>): DataStream<Reading> =>
    readings.keyBy("sensor").deduplicate("once", options);

/** Readings for which `isGiven` says so of those before of the same sensor. */
function chosen(isGiven: (before: readonly Reading[], reading: Reading) => boolean): Reading[] {
  return READINGS.filter((reading, index) =>
    isGiven(
      READINGS.slice(0, index).filter(({ sensor }) => sensor === reading.sensor),
      reading,
    ),
  );
}

const orderedBy = ({ sensor }: Reading): string => sensor;

test("the first record of a key is given, with its time, and no other", async () => {
  const { records, timestamps } = await verifyOperator({
    build: deduplicated({ keep: "first" }),
    input: INPUT,
    expect: chosen((before) => before.length === 0),
    orderedBy,
  });
  assert.deepEqual(
    timestamps,
    records.map(({ at }) => at),
  );
});

test("of the first by event time each earlier record is given, but not an equal one", async () => {
  const expect = chosen((before, { at }) => before.every((other) => at < other.at));
  assert.ok(expect.length > 7, "some sensor has a correction");
  const build = deduplicated({ keep: "first", time: "event" });
  await verifyOperator({ build, input: INPUT, expect, orderedBy });
});

test("of the last each record is given that is at least as new as all before", async () => {
  const expect = chosen((before, { at }) => before.every((other) => at >= other.at));
  const ties = expect.filter(({ sensor, at, n }) =>
    expect.some((other) => other.sensor === sensor && other.at === at && other.n !== n),
  );
  assert.ok(ties.length > 0 || expect.length > 7);
  await verifyOperator({ build: deduplicated({ keep: "last" }), input: INPUT, expect, orderedBy });
});

test("equal times: the last by event time gives both, the first only one", async () => {
  const [a, b] = [1, 2].map((n) => ({ sensor: "s", n, at: 5 }));
  const input = [step.record(a, 5), step.record(b, 5)];
  await verifyOperator({ build: deduplicated({ keep: "last" }), input, expect: [a, b] });
  const first = deduplicated({ keep: "first", time: "event" });
  await verifyOperator({ build: first, input, expect: [a] });
});

test("after `within` a key counts as new: from its last given record on", async () => {
  const at = (now: number, n: number) => [
    step.processingTime(now),
    step.record({ sensor: "s", n, at: n }, n),
  ];
  // 1 000 is the end of what the first record holds back; what it holds back prolongs nothing.
  const input = [...at(0, 5), ...at(500, 4), ...at(999, 6), ...at(1_000, 3), ...at(1_999, 9)];
  const numbers = (all: readonly number[]) => all.map((n) => ({ sensor: "s", n, at: n }));
  await verifyOperator({
    build: deduplicated({ keep: "first", within: "1s" }),
    input,
    expect: numbers([5, 3]),
  });
  await verifyOperator({
    build: deduplicated({ keep: "last", within: "1s" }),
    input: [...input, ...at(2_999, 1)],
    expect: numbers([5, 6, 9, 1]),
  });
});

test("a record without a timestamp has no place in event time", async () => {
  const failing = verifyOperator({
    build: deduplicated({ keep: "last" }),
    input: [step.record({ sensor: "s", n: 1, at: 1 })],
  });
  await assert.rejects(failing, ({ cause }: Error) => {
    assert.equal(errorCode(cause), "TIMESTAMP_INVALID");
    assert.match((cause as Error).message, /deduplicate\("once"\) orders records by event time/);
    return true;
  });
});

function refusal(options: unknown, hasTimes = false): { code: string; message: string } {
  try {
    graphOf((env) => {
      const source = env.source("readings", collection<Reading>([]));
      const readings = hasTimes ? source.watermarks({ timestamp: "at" }) : source;
      deduplicated(options as DeduplicateOptions)(readings).sink("out", discard());
    });
  } catch (error) {
    return { code: errorCode(error) ?? "", message: (error as Error).message };
  }
  return { code: "", message: "" };
}

test("options that make no sense are refused with what there is", () => {
  const cases: [unknown, RegExp, string?][] = [
    [undefined, /^deduplicate\("once"\) keeps undefined; say keep: "first" or keep: "last"/],
    [{ keep: "newest" }, /keeps the string "newest"; say/],
    [{ keep: "last", time: "processing" }, /the last record by arrival, which is every record/],
    [{ keep: "first", time: "arrival" }, /has the time the string "arrival"; there are "event"/],
    [{ keep: "first", whitin: "1h" }, /has no option "whitin".* Did you mean "within"\?/],
    [{ keep: "first", within: "soon" }, /deduplicate\("once"\): within/, "DURATION_INVALID"],
    [{ keep: "first", within: 0 }, /within: 0 is less than 1ms/, "DURATION_INVALID"],
  ];
  for (const [options, message, code = "GRAPH_INVALID"] of cases) {
    const found = refusal(options, true);
    assert.match(found.message, message);
    assert.equal(found.code, code);
  }
  assert.match(refusal({ keep: "last" }).message, /"once" \(last by event time\) works in event/);
  assert.deepEqual(refusal({ keep: "first" }), { code: "", message: "" });
});
