// Running aggregates and reduce in every mode; fields by name and by function give equal results.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DataStream } from "../api/data-stream.ts";
import { emits } from "../api/stream-base.ts";
import { step, verifyOperator } from "../testing.ts";
import type { OperatorStep } from "../testing.ts";
import { t } from "../types/t.ts";
import { avg, count, max, min, sum, sumBigint } from "../window/aggregates.ts";
import {
  aggregateFunction,
  collect,
  countDistinct,
  maxBy,
  minBy,
  topN,
} from "../window/record-aggregates.ts";
import { tumbling } from "../window/assigner.ts";

interface Sale {
  readonly shop: string;
  readonly item: number;
  readonly price: number;
  readonly cents: bigint;
}

const SALES: readonly Sale[] = Array.from({ length: 50 }, (_, index) => ({
  shop: `shop ${(index * 5) % 7}`,
  item: (index * 3) % 4,
  price: ((index * 37) % 23) / 4,
  cents: BigInt(index) << 34n,
}));

const INPUT: readonly OperatorStep[] = SALES.flatMap((sale, index) => [
  step.record(sale, index * 100),
  ...(index % 8 === 7 ? [step.watermark(index * 100 - 150)] : []),
]);

const BY_NAME = {
  n: count(),
  priced: count("price"),
  sum: sum("price"),
  cents: sumBigint("cents"),
  min: min("price"),
  max: max("price"),
  avg: avg("price"),
  cheapest: minBy<Sale, "price">("price"),
  dearest: maxBy<Sale, "price">("price"),
  items: countDistinct("item"),
};

const BY_FUNCTION = {
  n: count(),
  priced: count((sale: Sale) => sale.price),
  sum: sum((sale: Sale) => sale.price),
  cents: sumBigint((sale: Sale) => sale.cents),
  min: min((sale: Sale) => sale.price),
  max: max((sale: Sale) => sale.price),
  avg: avg((sale: Sale) => sale.price),
  cheapest: minBy((sale: Sale) => sale.price),
  dearest: maxBy((sale: Sale) => sale.price),
  items: countDistinct((sale: Sale) => sale.item),
};

function extreme(sales: readonly Sale[], isBetter: (a: number, b: number) => boolean): Sale {
  return sales.reduce((best, sale) => (isBetter(sale.price, best.price) ? sale : best));
}

/** What the aggregates above should give for the sales of one shop. */
function expected(sales: readonly Sale[]) {
  const total = sales.reduce((all, { price }) => all + price, 0);
  return {
    key: sales[0].shop,
    n: sales.length,
    priced: sales.length,
    sum: total,
    cents: sales.reduce((all, { cents }) => all + cents, 0n),
    min: Math.min(...sales.map(({ price }) => price)),
    max: Math.max(...sales.map(({ price }) => price)),
    avg: total / sales.length,
    cheapest: extreme(sales, (a, b) => a < b),
    dearest: extreme(sales, (a, b) => a > b),
    items: new Set(sales.map(({ item }) => item)).size,
  };
}

const RUNNING = SALES.map((sale, index) =>
  expected(SALES.slice(0, index + 1).filter(({ shop }) => shop === sale.shop)),
);

const SaleType = t.struct({
  shop: t.string,
  item: t.int32,
  price: t.float64,
  cents: t.bigint64,
});

test("all built-in aggregates by name, on records with a declared type and without", async () => {
  for (const types of [{}, { first: SaleType }]) {
    await verifyOperator({
      build: (sales: DataStream<Sale>) => sales.keyBy("shop").aggregate("running", BY_NAME),
      input: INPUT,
      types,
      expect: RUNNING,
      orderedBy: ({ key }) => key,
    });
  }
});

test("all built-in aggregates by function, with a key by function", async () => {
  await verifyOperator({
    build: (sales: DataStream<Sale>) =>
      sales.keyBy((sale) => sale.shop, t.string).aggregate("running", BY_FUNCTION),
    input: INPUT,
    expect: RUNNING,
    orderedBy: ({ key }) => key,
  });
});

test("top-n, collect and functions of the user", async () => {
  await verifyOperator({
    build: (sales: DataStream<Sale>) =>
      sales.keyBy("shop").aggregate("more", {
        top: topN(2, (sale: Sale) => sale.price, { ties: (sale) => sale.cents.toString() }),
        items: collect((sale: Sale) => sale.item),
        own: aggregateFunction({
          create: () => ({ text: "" }),
          add: ({ text }: { text: string }, { item }: Sale) => ({ text: text + item }),
          merge: (a, b) => ({ text: a.text + b.text }),
          result: ({ text }) => text,
        }),
      }),
    input: INPUT,
    expect: SALES.map((sale, index) => {
      const own = SALES.slice(0, index + 1).filter(({ shop }) => shop === sale.shop);
      return {
        key: sale.shop,
        top: [...own]
          .sort((a, b) => b.price - a.price || (String(a.cents) < String(b.cents) ? -1 : 1))
          .slice(0, 2),
        items: own.map(({ item }) => item),
        own: own.map(({ item }) => item).join(""),
      };
    }),
    orderedBy: ({ key }) => key,
  });
});

test("reduce combines the records of a key, one after another", async () => {
  const combine = (a: Sale, b: Sale): Sale => ({ ...b, price: a.price + b.price });
  await verifyOperator({
    build: (sales: DataStream<Sale>) => sales.keyBy("shop").reduce("reduced", combine),
    input: INPUT,
    expect: SALES.map((sale, index) =>
      SALES.slice(0, index + 1)
        .filter(({ shop }) => shop === sale.shop)
        .reduce(combine),
    ),
    orderedBy: ({ shop }) => shop,
  });
});

test("a running aggregate keeps the timestamp of the record that changed it", async () => {
  const { timestamps } = await verifyOperator({
    build: (sales: DataStream<Sale>) => sales.keyBy("shop").aggregate("n", { n: count() }),
    input: INPUT,
  });
  assert.deepEqual(
    timestamps,
    SALES.map((_, index) => index * 100),
  );
});

test("booleans as keys come out as booleans", async () => {
  await verifyOperator({
    build: (sales: DataStream<Sale>) =>
      sales.keyBy(({ item }) => item > 1).aggregate("halves", { n: count() }),
    input: INPUT.slice(0, 3),
    expect: [
      { key: false, n: 1 },
      { key: true, n: 1 },
      { key: true, n: 2 },
    ],
  });
});

/** Numbers that have surprised aggregates before, next to small ones that meet. */
const anyNumber = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(0, -0, 1e15, -1e15, 0.1, NaN, Infinity),
);

test("by name or by function, as records or as columns: results are equal", async () => {
  const record = fc.record({
    shop: fc.constantFrom("a", "b", "ü", "\ud800"),
    item: fc.integer({ min: 0, max: 3 }),
    price: anyNumber,
    cents: fc.bigInt({ min: -5n, max: 5n }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 20 }), async (sales) => {
      const input = sales.map((sale, index) => step.record(sale, index * 10));
      const name = await verifyOperator({
        build: (stream: DataStream<Sale>) => stream.keyBy("shop").aggregate("both", BY_NAME),
        input,
      });
      await verifyOperator({
        build: (stream: DataStream<Sale>) =>
          stream.keyBy(({ shop }) => shop).aggregate("both", BY_FUNCTION),
        input,
        expect: name.records,
      });
      const windows = await verifyOperator({
        build: (stream: DataStream<Sale>) =>
          stream
            .keyBy("item")
            .window(tumbling(50))
            .aggregate(
              "both",
              BY_NAME,
              (value, { key, window }, emit) => emit({ ...value, key, start: window.start }),
              emits<object>(),
            ),
        input,
      });
      await verifyOperator({
        build: (stream: DataStream<Sale>) =>
          stream
            .keyBy(({ item }) => item)
            .window(tumbling(50))
            .aggregate(
              "both",
              BY_FUNCTION,
              (value, { key, window }, emit) => emit({ ...value, key, start: window.start }),
              emits<object>(),
            ),
        input,
        expect: windows.records,
      });
    }),
    { numRuns: 8 },
  );
});
