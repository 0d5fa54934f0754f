import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { anyColumn } from "./arbitraries.fixture.ts";
import { Batch } from "./batch.ts";
import type { Column } from "./column.ts";
import { IS_ABSENT, valueAt } from "./column.ts";
import { concatBatches, isConcatenable } from "./concat.ts";

/** Distinct names and one column each, of the same number of rows. */
const anyColumnar: fc.Arbitrary<Batch> = fc
  .tuple(
    fc.integer({ min: 0, max: 20 }),
    fc.uniqueArray(fc.constantFrom("a", "b", "__proto__", "odd name", "3"), { maxLength: 4 }),
    fc.boolean(),
  )
  .chain(([count, names, timed]) =>
    fc.tuple(...names.map(() => anyColumn(count))).map((columns) => {
      const times = Float64Array.from({ length: count }, (_, row) => row * 10);
      return Batch.ofColumns({ names, columns }, count, timed ? times : undefined);
    }),
  );

/** The records, built naively. */
function expectedRecords(batch: Batch): object[] {
  const names = batch.columns?.names ?? [];
  return Array.from({ length: batch.count }, (_, row) => {
    const record: object = {};
    names.forEach((name, index) => {
      const column = batch.columns?.columns[index] as Column;
      if (column.presence?.[row] === IS_ABSENT) return;
      const value = valueAt(column, row);
      const rest = { enumerable: true, configurable: true, writable: true };
      Object.defineProperty(record, name, { value, ...rest });
    });
    return record;
  });
}

function recordsOf(batch: Batch): unknown[] {
  return batch.records().slice(0, batch.count);
}

test("generated code makes the records that a naive loop makes", () => {
  fc.assert(
    fc.property(anyColumnar, (batch) => {
      const records = recordsOf(batch);
      assert.deepStrictEqual(records, expectedRecords(batch));
      for (const record of records) assert.equal(Object.getPrototypeOf(record), Object.prototype);
      assert.equal(batch.records(), batch.records());
    }),
    { numRuns: 500 },
  );
});

test("selecting rows of columns and of records gives the same", () => {
  fc.assert(
    fc.property(anyColumnar, fc.array(fc.nat(), { maxLength: 10 }), (batch, picks) => {
      fc.pre(batch.count > 0);
      const indexes = Int32Array.from(picks, (pick) => pick % batch.count);
      const records = Batch.ofRecords(recordsOf(batch), batch.count, batch.timestamps);
      const fromColumns = batch.select(indexes, indexes.length);
      const fromRecords = records.select(indexes, indexes.length);
      assert.deepStrictEqual(recordsOf(fromColumns), recordsOf(fromRecords));
      assert.deepStrictEqual(fromColumns.timestamps, fromRecords.timestamps);
    }),
    { numRuns: 300 },
  );
});

test("parts of a batch that are joined again are the batch", () => {
  fc.assert(
    fc.property(anyColumnar, fc.nat(20), (batch, at) => {
      const cut = Math.min(at, batch.count);
      const range = (start: number, end: number): Batch => {
        const rows = Int32Array.from({ length: end - start }, (_, index) => start + index);
        return batch.select(rows, rows.length);
      };
      const parts = [range(0, cut), range(cut, batch.count)];
      assert.ok(isConcatenable(parts[0], parts[1]));
      const joined = concatBatches(parts);
      assert.ok(joined.isColumnar);
      assert.deepStrictEqual(recordsOf(joined), recordsOf(batch));
      assert.deepStrictEqual(joined.timestamps, batch.timestamps);
    }),
    { numRuns: 300 },
  );
});

test("batches that can be joined give the records of both", () => {
  fc.assert(
    fc.property(anyColumnar, anyColumnar, (a, b) => {
      if (isConcatenable(a, b)) {
        const joined = concatBatches([a, b]);
        assert.deepStrictEqual(recordsOf(joined), [...recordsOf(a), ...recordsOf(b)]);
      }
    }),
    { numRuns: 500 },
  );
});

test("records that are not objects are one unnamed column", () => {
  const column: Column = {
    kind: "int32",
    count: 3,
    presence: undefined,
    values: Int32Array.of(1, 2, 3),
  };
  const batch = Batch.ofColumns({ names: undefined, columns: [column] }, 3);
  assert.deepEqual(recordsOf(batch), [1, 2, 3]);
  assert.equal(batch.column("a"), undefined);
});
