import assert from "node:assert/strict";
import { test } from "node:test";
import { aggregateFunction, collect, collection, job, runJob, t, tumbling } from "../index.ts";
import type { Type } from "../index.ts";

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
