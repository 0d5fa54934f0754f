// Maps and filters that follow each other run as one loop; nobody can tell from what they do.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { errorCode } from "../errors.ts";
import type { DataStream } from "../api/data-stream.ts";
import { job } from "../api/job.ts";
import { collect } from "../connectors/collect.ts";
import { collection } from "../connectors/collection.ts";
import { runJob, startJob } from "./run-job.ts";

interface Item {
  readonly id: number;
  readonly value: number;
}

interface Step {
  readonly kind: "map" | "filter";
  readonly number: number;
}

const ITEMS: readonly Item[] = Array.from({ length: 2500 }, (_, id) => ({ id, value: id % 17 }));

function add(items: DataStream<Item>, { kind, number }: Step, uid: string): DataStream<Item> {
  if (kind === "filter") return items.filter(({ value }) => value % number !== 0, { uid });
  return items.map(({ id, value }) => ({ id, value: value + number }), { uid });
}

/** What a step does to its input, and how many records it gets. */
function expected(steps: readonly Step[]): { items: Item[]; counts: number[] } {
  let items = [...ITEMS];
  const counts: number[] = [];
  for (const { kind, number } of steps) {
    counts.push(items.length);
    items =
      kind === "filter"
        ? items.filter(({ value }) => value % number !== 0)
        : items.map(({ id, value }) => ({ id, value: value + number }));
  }
  return { items, counts: [...counts, items.length] };
}

const STEPS = fc.array(
  fc.record({
    kind: fc.constantFrom("map" as const, "filter" as const),
    number: fc.integer({ min: 2, max: 5 }),
  }),
  { minLength: 1, maxLength: 6 },
);

test("results and counters of any maps and filters are those of one after the other", async () => {
  await fc.assert(
    fc.asyncProperty(STEPS, fc.nat(5), async (steps, forkedAt) => {
      const out = collect<Item>();
      const forks = collect<Item>();
      const started = await startJob(
        job("steps", (env) => {
          let items: DataStream<Item> = env.source("items", collection(ITEMS));
          steps.forEach((step, index) => {
            items = add(items, step, `step ${index}`);
            // A stream that two read is no part of one loop.
            if (index === forkedAt) items.sink("forked", forks);
          });
          items.sink("out", out);
        }),
      );
      assert.ok(started.kind === "started");
      assert.equal((await started.job.ended).status, "FINISHED");
      const { items, counts } = expected(steps);
      assert.deepEqual(out.records(), items);
      const metrics = new Map(
        started.job
          .metrics()
          .flatMap(({ scope, values }) =>
            scope.kind === "operator" ? [[scope.uid, values] as const] : [],
          ),
      );
      steps.forEach((_, index) => {
        assert.equal(metrics.get(`step ${index}`)?.["numRecordsIn"], counts[index]);
        assert.equal(metrics.get(`step ${index}`)?.["numRecordsOut"], counts[index + 1]);
      });
    }),
    { numRuns: 40 },
  );
});

for (const [at, kind] of (["map", "filter", "map"] as const).entries()) {
  test(`step ${at}, a ${kind}, that throws in one loop with others is named`, async () => {
    // Of the 16 of each 17 that step 1 leaves, the 1,500th in all has this id.
    const failAt = at === 2 ? 1593 : 1499;
    const check = (item: Item, step: number): void => {
      if (step === at && item.id === failAt) throw new RangeError("no more");
    };
    const steps = job("steps", (env) => {
      env
        .source("items", collection(ITEMS))
        .map((item) => (check(item, 0), { ...item, second: true }), { uid: "step 0" })
        .filter((item) => (check(item, 1), item.value !== 0), { uid: "step 1" })
        .map((item) => (check(item, 2), { ...item, third: true }), { uid: "step 2" })
        .sink("out", collect());
      env.restart({ kind: "none" });
    });
    await assert.rejects(runJob(steps), (error: Error) => {
      const { cause } = error;
      assert.ok(cause instanceof Error);
      assert.equal(errorCode(cause), "USER_FUNCTION_FAILED");
      const where = `(subtask 0) threw on record 1500 of its`;
      const message = `The ${kind} function of "step ${at}" ${where}`;
      assert.ok(cause.message.startsWith(message), cause.message);
      const record = { ...ITEMS[failAt], ...(at > 0 ? { second: true } : {}) };
      assert.ok(cause.message.endsWith(JSON.stringify(record)), cause.message);
      return true;
    });
  });
}
