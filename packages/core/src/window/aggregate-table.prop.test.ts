import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Batch } from "../columns/batch.ts";
import type { FailedRecord } from "../columns/failed-record.ts";
import {
  bigintColumn,
  boolColumn,
  float64Column,
  int32Column,
  IS_ABSENT,
  IS_NULL,
  PRESENT,
  StringColumn,
} from "../columns/column.ts";
import type { Column, Presence } from "../columns/column.ts";
import { KeyExtractor } from "../columns/key-extractor.ts";
import { HashMapBackend } from "../state/hashmap-backend.ts";
import { t } from "../types/t.ts";
import { accumulatorColumns, TableAggregates } from "./aggregate-table.ts";
import type { AccumulatorTable } from "./aggregate-table.ts";
import { objectAggregates } from "./aggregate-object.ts";
import { aggregatePlan } from "./aggregate-plan.ts";
import type { AggregatePlan } from "./aggregate-plan.ts";
import { avg, count, max, min, sum, sumBigint } from "./aggregates.ts";
import { childStore, childTableSpec } from "./child-store.ts";
import { collect, countDistinct, maxBy, reducing, topN } from "./record-aggregates.ts";

interface Row {
  readonly key: number;
  readonly whole: number | null | undefined;
  readonly part: number | null | undefined;
  readonly big: bigint | null | undefined;
  readonly yes: boolean | null | undefined;
  readonly name: string | null | undefined;
}

const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null | undefined> =>
  fc.oneof(
    { weight: 6, arbitrary: value },
    { weight: 1, arbitrary: fc.constantFrom(null, undefined) },
  );
const row: fc.Arbitrary<Row> = fc.record({
  key: fc.integer({ min: 0, max: 5 }),
  whole: maybe(fc.integer({ min: -9, max: 9 })),
  part: maybe(fc.integer({ min: -64, max: 64 }).map((n) => n / 8)),
  big: maybe(fc.bigInt({ min: -9n, max: 9n })),
  yes: maybe(fc.boolean()),
  name: maybe(fc.constantFrom("a", "b", "ü", "")),
});

const SPEC = {
  n: count(),
  m: count("part"),
  whole: sum("whole"),
  part: sum("part"),
  big: sumBigint("big"),
  lo: min("whole"),
  hi: max("part"),
  mean: avg("whole"),
  names: countDistinct("name"),
  yes: countDistinct("yes"),
  bigs: countDistinct("big"),
  doubled: sum((r: Row) => (r.whole ?? 0) * 2),
  best: maxBy((r: Row) => r.part),
  top: topN(2, (r: Row) => r.whole),
  all: collect((r: Row) => r.name ?? "-"),
  last: reducing((_a: Row, b: Row) => b),
};
/** Every input of these is a field: no record is built. */
const FIELDS_ONLY = { n: count(), whole: sum("whole"), part: avg("part"), names: count("name") };

function presenceOf(values: readonly unknown[]): Presence {
  if (values.every((value) => value !== undefined && value !== null)) return undefined;
  return Uint8Array.from(values, (value) =>
    value === undefined ? IS_ABSENT : value === null ? IS_NULL : PRESENT,
  );
}

function columnsOf(rows: readonly Row[]): Batch {
  const of = <K extends keyof Row>(
    name: K,
    make: (values: readonly NonNullable<Row[K]>[], presence: Presence) => Column,
    empty: NonNullable<Row[K]>,
  ): Column => {
    const values = rows.map((r) => r[name]);
    return make(
      values.map((value) => value ?? empty),
      presenceOf(values),
    );
  };
  const count = rows.length;
  const columns = [
    int32Column(
      Int32Array.from(rows, (r) => r.key),
      count,
    ),
    of("whole", (v, p) => int32Column(Int32Array.from(v), count, p), 0),
    of("part", (v, p) => float64Column(Float64Array.from(v), count, p), 0),
    of("big", (v, p) => bigintColumn(BigInt64Array.from(v), count, p), 0n),
    of("yes", (v, p) => boolColumn(Uint8Array.from(v, Number), count, p), false),
    of("name", (v, p) => StringColumn.ofStrings([...v], count, p), ""),
  ];
  const names = ["key", "whole", "part", "big", "yes", "name"];
  return Batch.ofColumns({ names, columns }, count);
}

/** The results per key after folding in the batches, through a state table. */
function folded(plan: AggregatePlan, batches: readonly Batch[]): Map<unknown, unknown> {
  const backend = new HashMapBackend({
    uid: "op",
    keyType: t.int32,
    maxParallelism: 8,
    keyGroupStart: 0,
    keyGroupEnd: 8,
    states: {},
    clockNow: () => 0,
  });
  const family = backend.family({
    name: "panes",
    columns: accumulatorColumns(plan),
    children: plan.children.map(childTableSpec),
  });
  const pane = family.open({ start: 0, end: 1 });
  const stores = plan.children.map((child, n) => childStore(child, pane.children[n]));
  const accumulators: AccumulatorTable = { table: pane.table, stores };
  const aggregates = new TableAggregates(plan, family.layout);
  const extractor = new KeyExtractor({ by: "key", type: t.int32 }, "op");
  const results = new Map<unknown, unknown>();
  for (const batch of batches) {
    const keys = extractor.extract(batch);
    const rows = new Int32Array(batch.count);
    pane.table.lookup(keys, batch.count, rows, "upsert");
    const indexes = Int32Array.from(rows, (_, index) => index);
    const prepared = aggregates.prepare(batch);
    const middle = batch.count >> 1;
    prepared.add(accumulators, rows, indexes, { from: 0, to: middle });
    prepared.add(accumulators, rows, indexes, { from: middle, to: batch.count });
    for (let i = 0; i < batch.count; i++) {
      results.set(keys.valueAt(i), aggregates.result(accumulators, rows[i]));
    }
  }
  return results;
}

test("tables give the results of plain objects, from records and from columns alike", () => {
  const plan = aggregatePlan(SPEC, { uid: "op", recordType: undefined });
  const objects = objectAggregates(plan);
  fc.assert(
    fc.property(fc.array(fc.array(row, { maxLength: 12 }), { maxLength: 4 }), (parts) => {
      const expected = new Map<unknown, ReturnType<typeof objects.create>>();
      for (const record of parts.flat()) {
        const accumulator = expected.get(record.key) ?? objects.create();
        expected.set(record.key, accumulator);
        objects.add(accumulator, record);
      }
      const results = [...expected].map(([key, a]) => [key, objects.result(a)] as const);
      const records = folded(
        plan,
        parts.map((part) => Batch.ofRecords(part)),
      );
      const columns = folded(plan, parts.map(columnsOf));
      for (const [key, result] of results) {
        assert.deepEqual(plain(records.get(key)), plain(result));
        assert.deepEqual(plain(columns.get(key)), plain(result));
      }
      assert.equal(records.size, results.length);
    }),
    { numRuns: 200 },
  );
});

/** Records that were made from columns lack absent properties where others have undefined. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, inner: unknown) =>
      typeof inner === "bigint" ? `${inner}n` : inner,
    ),
  );
}

test("aggregates of fields build no record from columns", () => {
  const plan = aggregatePlan(FIELDS_ONLY, { uid: "op", recordType: undefined });
  const batch = columnsOf([
    { key: 1, whole: 2, part: 0.5, big: 1n, yes: true, name: "a" },
    { key: 1, whole: null, part: 1.5, big: 1n, yes: true, name: undefined },
  ]);
  batch.records = () => assert.fail("a record is built");
  assert.deepEqual(folded(plan, [batch]).get(1), { n: 2, whole: 2, part: 1, names: 1 });
});

test("sums of declared integers fail in tables as they do in objects", () => {
  const recordType = t.struct({ key: t.int32, whole: t.int64 });
  const plan = aggregatePlan({ total: sum("whole") }, { uid: "op", recordType });
  const rows = [
    { key: 1, whole: Number.MAX_SAFE_INTEGER },
    { key: 1, whole: 1 },
  ];
  assert.throws(
    () => folded(plan, [Batch.ofRecords(rows)]),
    ({ index, cause }: FailedRecord) => {
      assert.equal(index, 1);
      assert.match((cause as Error).message, /leaves the range of int64/);
      return true;
    },
  );
});
