import assert from "node:assert/strict";
import { test } from "node:test";
import { aggregateFunction, collect, collection, job, runJob, t, tumbling } from "../index.ts";
import type { DataStream, Type } from "../index.ts";
import { step, verifyOperator } from "../testing.ts";

const ACCUMULATORS: readonly [Type<unknown>, first: unknown, next: unknown][] = [
  [t.int32, 1, 2],
  [t.int64, 1, 2 ** 40],
  [t.float64, 0.5, Number.NaN],
  [t.bigint64, 1n, -2n],
  [t.bool, false, true],
  [t.timestamp, 0, 1],
  [t.enum("low", "high"), "low", "high"],
  [t.string, "", "lone \ud800"],
  [t.struct({ n: t.int32 }), { n: 1 }, { n: 2 }],
  [t.any, [1], { deep: [2] }],
];

for (const [type, first, next] of ACCUMULATORS) {
  test(`the accumulator of a user's aggregate may be of type ${type.kind}`, async () => {
    const last = aggregateFunction({
      create: () => first,
      add: (accumulator: unknown, record: { n: number }) => (record.n === 0 ? accumulator : next),
      result: (accumulator) => accumulator,
      merge: (_a, b) => b,
      type,
    });
    const running = collect<{ last: unknown }>();
    const windows = collect<{ last: unknown }>();
    const program = job("accumulators", (env) => {
      const keyed = env
        .source("records", collection([0, 1, 2].map((n) => ({ key: "k", n }))))
        .watermarks({ timestamp: "n" })
        .keyBy("key");
      keyed.aggregate("running", { last }).sink("running-out", running);
      keyed.window(tumbling("1s")).aggregate("window", { last }).sink("window-out", windows);
    });
    await runJob(program);
    assert.deepEqual(
      running.records().map((record) => record.last),
      [first, next, next],
    );
    assert.deepEqual(
      windows.records().map((record) => record.last),
      [next],
    );
  });
}

for (const [kind, create, add] of [
  ["a Map", () => new Map<string, number>(), (map: never) => count(map)],
  ["bytes", () => new Uint8Array(1), (bytes: never) => countBytes(bytes)],
] as const) {
  test(`an accumulator with ${kind} may change in place, since it is not frozen`, async () => {
    const counting = aggregateFunction({
      create: (): unknown => create(),
      add: (accumulator: unknown, _record: { key: string }) => add(accumulator as never),
      result: (accumulator) => [...(accumulator as Iterable<unknown>)].join(),
    });
    const expected = kind === "bytes" ? ["1", "2", "3"] : ["n,1", "n,2", "n,3"];
    await verifyOperator({
      build: (records: DataStream<{ key: string }>) =>
        records.keyBy("key").aggregate("counts", { counts: counting }),
      input: expected.map(() => step.record({ key: "k" })),
      expect: expected.map((counts) => ({ key: "k", counts })),
    });
  });
}

function count(map: Map<string, number>): Map<string, number> {
  return map.set("n", (map.get("n") ?? 0) + 1);
}

function countBytes(bytes: Uint8Array): Uint8Array {
  bytes[0] += 1;
  return bytes;
}

test("an accumulator that is changed in place is refused, not forgotten", async () => {
  const counting = aggregateFunction({
    create: () => ({ n: 0 }),
    add: (accumulator: { n: number }, _record: { key: string }) => {
      accumulator.n += 1;
      return accumulator;
    },
    result: ({ n }) => n,
  });
  const program = job("changed", (env) => {
    env
      .source("records", collection([{ key: "k" }, { key: "k" }]))
      .keyBy("key")
      .aggregate("counts", { n: counting })
      .sink("out", collect());
    env.restart({ kind: "none" });
  });
  await assert.rejects(runJob(program), (error: Error) => {
    assert.match(String((error.cause as Error).message), /"counts".*read only/);
    return true;
  });
});
