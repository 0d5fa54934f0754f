// What no aggregate reads stays behind at an exchange, between workers and within one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { collection } from "../connectors/collection.ts";
import { forEach } from "../connectors/for-each.ts";
import { count, sum } from "../window/aggregates.ts";
import { tumbling } from "../window/assigner.ts";
import { JobBench } from "./job.fixture.ts";

interface Sale {
  readonly city: string;
  readonly price: number;
  readonly at: number;
  /** Such a value cannot travel. */
  readonly seller: () => string;
}

const SALES = Array.from({ length: 100 }, (_, at): Sale => ({
  city: `c${at % 7}`,
  price: at,
  at,
  seller: () => "s",
}));

function byName([left]: [string, number], [right]: [string, number]): number {
  return left < right ? -1 : 1;
}

test("running aggregates and windows are not sent what they do not read", async () => {
  const running = new Map<string, number>();
  const windows: [string, number][] = [];
  const { status, error } = await new JobBench().run(
    (env) => {
      const byCity = env
        .source("sales", collection(SALES))
        .watermarks({ timestamp: "at" })
        .keyBy("city");
      byCity.aggregate("totals", { total: sum("price") }).sink(
        "totals out",
        forEach(({ key, total }) => void running.set(key, total ?? 0)),
      );
      byCity
        .window(tumbling("1h"))
        .aggregate("sales per hour", { sales: count() })
        .sink(
          "hours out",
          forEach(({ key, sales }) => void windows.push([key, sales])),
        );
    },
    { parallelism: 2 },
  );
  assert.deepEqual({ status, error }, { status: "FINISHED", error: undefined });
  const cities = Map.groupBy(SALES, ({ city }) => city);
  const totals = [...cities].map(([city, sales]): [string, number] => [
    city,
    sales.reduce((total, { price }) => total + price, 0),
  ]);
  assert.deepEqual([...running].toSorted(byName), totals.toSorted(byName));
  const counts = [...cities].map(([city, sales]): [string, number] => [city, sales.length]);
  assert.deepEqual(windows.toSorted(byName), counts.toSorted(byName));
});

test("what a process function is given is sent whole, and must be able to travel", async () => {
  const error = await new JobBench().refused(
    (env) =>
      env
        .source("sales", collection(SALES))
        .keyBy("city")
        .process("all", { process: () => undefined })
        .sink(
          "out",
          forEach(() => undefined),
        ),
    { parallelism: 2 },
  );
  assert.match(error.message, /"sales" emitted a record that cannot travel: field seller/);
});
