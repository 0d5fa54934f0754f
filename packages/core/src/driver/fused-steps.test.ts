// Maps, filters, flatMaps and look-ups that follow each other run as one loop; nobody can tell from
// what they do.
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
  readonly kind: "map" | "filter" | "flatMap" | "lookup";
  readonly number: number;
}

const ITEMS: readonly Item[] = Array.from({ length: 2500 }, (_, id) => ({ id, value: id % 17 }));
const ROWS = Array.from({ length: 8 }, (_, key) => ({ key, extra: key * 3 }));

/** What a step makes of a record. */
function resultsOf(item: Item, { kind, number }: Step): readonly Item[] {
  const { id, value } = item;
  switch (kind) {
    case "filter":
      return value % number === 0 ? [] : [item];
    case "map":
      return [{ id, value: value + number }];
    case "flatMap":
      return Array.from({ length: value % (number - 1) }, (_, index) => ({ id, value: index }));
    case "lookup": {
      const row = ROWS.find(({ key }) => key === value % 11);
      return row === undefined ? [] : [{ id, value: row.extra + number }, item];
    }
  }
}

function add(items: DataStream<Item>, step: Step, uid: string): DataStream<Item> {
  const { kind, number } = step;
  switch (kind) {
    case "filter":
      return items.filter(({ value }) => value % number !== 0, { uid });
    case "map":
      return items.map(({ id, value }) => ({ id, value: value + number }), { uid });
    case "flatMap":
      return items.flatMap((item) => resultsOf(item, step), { uid });
    case "lookup":
      return items.lookup<Item, (typeof ROWS)[number], Item>(
        uid,
        { table: () => ROWS, key: "key", on: ({ value }) => value % 11 },
        (item, row, emit) => {
          if (row === undefined) return;
          emit({ id: item.id, value: row.extra + number });
          emit(item);
        },
      );
  }
}

/** What the steps do to their input, and how many records each gets. */
function expected(steps: readonly Step[]): { items: readonly Item[]; counts: number[] } {
  let items = ITEMS;
  const counts: number[] = [];
  for (const step of steps) {
    counts.push(items.length);
    items = items.flatMap((item) => resultsOf(item, step));
  }
  return { items, counts: [...counts, items.length] };
}

const STEPS = fc.array(
  fc.record({
    kind: fc.constantFrom<Step["kind"][]>("map", "filter", "flatMap", "lookup"),
    number: fc.integer({ min: 2, max: 5 }),
  }),
  { minLength: 1, maxLength: 6 },
);

test("results and counters of any steps are those of one after the other", async () => {
  await fc.assert(
    fc.asyncProperty(STEPS, fc.nat(5), async (steps, forkedAt) => {
      const out = collect<Item & { readonly at: number | undefined }>();
      const forks = collect<Item>();
      const started = await startJob(
        job("steps", (env) => {
          let items: DataStream<Item> = env
            .source("items", collection(ITEMS))
            .watermarks({ timestamp: "id" });
          steps.forEach((step, index) => {
            items = add(items, step, `step ${index}`);
            // A stream that two read is no part of one loop.
            if (index === forkedAt) items.sink("forked", forks);
          });
          items
            .process<Item & { readonly at: number | undefined }>("stamp", {
              process: (item, { timestamp, emit }) => emit({ ...item, at: timestamp }),
            })
            .sink("out", out);
        }),
      );
      assert.ok(started.kind === "started");
      assert.equal((await started.job.ended).status, "FINISHED");
      const { items, counts } = expected(steps);
      // Each has the timestamp of the record that it came from.
      assert.deepEqual(
        out.records(),
        items.map((item) => ({ ...item, at: item.id })),
      );
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

for (const [at, kind] of (["map", "filter", "map", "flatMap", "lookup"] as const).entries()) {
  test(`step ${at}, a ${kind}, that throws in one loop with others is named`, async () => {
    // Of the 16 of each 17 that step 1 leaves, the 1,500th in all has this id.
    const failAt = at >= 2 ? 1593 : 1499;
    const check = (item: Item, step: number): void => {
      if (step === at && item.id === failAt) throw new RangeError("no more");
    };
    const steps = job("steps", (env) => {
      env
        .source("items", collection(ITEMS))
        .map((item) => (check(item, 0), { ...item, second: true }), { uid: "step 0" })
        .filter((item) => (check(item, 1), item.value !== 0), { uid: "step 1" })
        .map((item) => (check(item, 2), item), { uid: "step 2" })
        .flatMap((item) => (check(item, 3), [item]), { uid: "step 3" })
        .lookup("step 4", { table: ROWS, key: "key", on: "value" }, (item) => check(item, 4))
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
