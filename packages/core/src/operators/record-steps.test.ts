// map, filter, flatMap in every mode, and what happens when their functions throw.
import assert from "node:assert/strict";
import { test } from "node:test";
import { t } from "../types/t.ts";
import { errorCode } from "../errors.ts";
import type { DataStream } from "../api/data-stream.ts";
import { step, verifyOperator } from "../testing.ts";

interface Order {
  readonly id: number;
  readonly item: string;
  readonly tags: readonly string[];
}

const ORDERS: readonly Order[] = Array.from({ length: 40 }, (_, id) => ({
  id,
  item: `item ${id % 7}`,
  tags: Array.from({ length: id % 3 }, (_unused, index) => `t${index}`),
}));

const INPUT = ORDERS.flatMap((order) => [
  step.record(order, order.id * 10),
  ...(order.id % 9 === 0 ? [step.watermark(order.id * 10 - 5)] : []),
]);

test("map turns every record into another and keeps its timestamp", async () => {
  const { timestamps, modesCount } = await verifyOperator({
    build: (orders: DataStream<Order>) => orders.map(({ id }) => ({ twice: id * 2 })),
    input: INPUT,
    expect: ORDERS.map(({ id }) => ({ twice: id * 2 })),
    orderedBy: () => "all",
  });
  assert.deepEqual(
    timestamps,
    ORDERS.map(({ id }) => id * 10),
  );
  assert.ok(modesCount > 15);
});

test("filter keeps records, their order and their timestamps", async () => {
  const { timestamps } = await verifyOperator({
    build: (orders: DataStream<Order>) => orders.filter(({ id }) => id % 3 === 1),
    input: INPUT,
    expect: ORDERS.filter(({ id }) => id % 3 === 1),
    orderedBy: () => "all",
  });
  assert.deepEqual(timestamps.slice(0, 3), [10, 40, 70]);
});

test("flatMap gives any number of records, each with the timestamp of its origin", async () => {
  const { timestamps } = await verifyOperator({
    build: (orders: DataStream<Order>) =>
      orders.flatMap(({ id, tags }) => tags.map((tag) => `${id} ${tag}`)),
    input: INPUT,
    expect: ORDERS.flatMap(({ id, tags }) => tags.map((tag) => `${id} ${tag}`)),
    orderedBy: () => "all",
  });
  assert.deepEqual(timestamps.slice(0, 3), [10, 20, 20]);
});

test("flatMap cuts a burst into batches that leave in order", async () => {
  const expected = Array.from({ length: 5000 }, (_, index) => index);
  await verifyOperator({
    build: (numbers: DataStream<number>) =>
      numbers.flatMap((count) => Array.from({ length: count }, (_, index) => index)),
    input: [step.record(5000)],
    expect: expected,
    orderedBy: () => "all",
  });
});

test("a record without a timestamp stays without one", async () => {
  const { timestamps } = await verifyOperator({
    build: (numbers: DataStream<number>) => numbers.flatMap((n) => [n, -n]),
    input: [step.record(1), step.record(2, 5), step.record(3)],
    expect: [1, -1, 2, -2, 3, -3],
  });
  assert.deepEqual(timestamps, [undefined, undefined, 5, 5, undefined, undefined]);
});

for (const kind of ["map", "filter", "flatMap"] as const) {
  test(`a ${kind} function that throws is named with uid, record, position and time`, async () => {
    const failing = (n: unknown): never => {
      throw new RangeError(`no ${String(n)}`);
    };
    const fn = (n: unknown): unknown[] => (n === 3 ? failing(n) : []);
    const of = verifyOperator({
      build: (numbers: DataStream<unknown>) => {
        if (kind === "map") return numbers.map<unknown>(fn, { uid: "mine" });
        if (kind === "flatMap") return numbers.flatMap<unknown>(fn, { uid: "mine" });
        return numbers.filter((n) => fn(n).length === 0, { uid: "mine" });
      },
      input: [step.record(1, 0), step.record(2, 1000), step.record(3, 2000)],
    });
    await assert.rejects(of, (error: Error) => {
      const { cause } = error;
      assert.ok(cause instanceof Error);
      assert.equal(errorCode(cause), "USER_FUNCTION_FAILED");
      assert.match(
        cause.message,
        new RegExp(
          `The ${kind} function of "mine" \\(subtask 0\\) threw on record 3 of its input ` +
            `\\(counted from 1\\) at 1970-01-01T00:00:02.000Z: RangeError: no 3 The record: 3`,
        ),
      );
      assert.ok(cause.cause instanceof RangeError);
      return true;
    });
  });
}

test("the harness finds an operator that keeps state in a variable", async () => {
  await assert.rejects(
    verifyOperator({
      build: (numbers: DataStream<number>) => {
        let sum = 0;
        return numbers.map((n) => (sum += n));
      },
      input: [step.record(1), step.record(2), step.record(3)],
    }),
    /Mode "crashes" against record by record|Mode "2 subtasks"/,
  );
});

test("the harness finds a function that changes its records", async () => {
  await assert.rejects(
    verifyOperator({
      build: (orders: DataStream<{ id: number }>) =>
        orders.map((order) => Object.assign(order, { id: order.id + 1 })),
      input: [step.record({ id: 1 })],
    }),
    /read only|Cannot assign/,
  );
});

test("the harness finds output that depends on how records are cut into batches", async () => {
  await assert.rejects(
    verifyOperator({
      build: (numbers: DataStream<number>) =>
        numbers
          .keyBy((n) => n % 2, t.int32)
          .process<number>("late", {
            process: (n, context) => {
              if (n > 2 && context.watermark < 0) context.emit(n);
              context.timers.registerProcessingTime(0);
            },
            onTimer: (_timer, context) => context.emit(-1),
          }),
      input: [1, 2, 3, 4].map((n) => step.record(n, n)),
    }),
    /Mode "all in one batch" against record by record: missing/,
  );
});

test("the harness refuses two operators at once", async () => {
  await assert.rejects(
    verifyOperator({
      build: (numbers: DataStream<number>) => numbers.map((n) => n).filter(() => true),
      input: [],
    }),
    /verifyOperator runs one operator, but build adds 2/,
  );
});
