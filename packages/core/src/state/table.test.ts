import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyColumn } from "../columns/key-column.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import { HashMapBackend } from "./hashmap-backend.ts";
import { rowLayout } from "./layout.ts";
import { rowSource } from "./row-source.ts";
import type { Table } from "./table.ts";
import { compileTable } from "./table-source.ts";

function backendOf(uid: string, keyType: Type<unknown> = t.int32) {
  return new HashMapBackend({
    uid,
    keyType,
    maxParallelism: 8,
    keyGroupStart: 0,
    keyGroupEnd: 8,
    states: {},
    clockNow: () => 0,
  });
}

type Loop = (table: Table, rows: Int32Array, values: Float64Array, count: number) => void;

/** The fused loop of an aggregate, as operators generate it. */
function sumLoop(table: Table, uid: string): Loop {
  const source = rowSource(table.layout);
  return new Function(
    "table",
    "rows",
    "values",
    "count",
    `// ${uid}
    for (let i = 0; i < count; i++) {
      const row = rows[i];
      ${source.locate("table", "row")}
      ${source.touch("table", "row")}
      ${source.store("count", `${source.load("count")} + 1`)}
      ${source.store("sum", `${source.load("sum")} + values[i]`)}
    }`,
  ) as Loop;
}

test("twelve operators of one kind have code of their own and do not mix their state", () => {
  const operators = Array.from({ length: 12 }, (_, n) => {
    const backend = backendOf(`op-${n}`);
    backend.columns([
      { name: "count", type: t.int64 },
      { name: "sum", type: t.float64 },
    ]);
    return { table: backend.main, add: sumLoop(backend.main, `op-${n}`), n };
  });
  assert.equal(new Set(operators.map(({ table }) => table.code.upsertAll)).size, 12);
  assert.equal(new Set(operators.map(({ add }) => add.toString())).size, 12);
  const keys = new KeyColumn("number", "integer");
  const rows = new Int32Array(100);
  for (let round = 0; round < 50; round++) {
    for (const { table, add, n } of operators) {
      keys.reset(100);
      for (let i = 0; i < 100; i++) keys.numbers[i] = (i * (n + 1)) % 40;
      table.lookup(keys, 100, rows, "upsert");
      add(table, rows, new Float64Array(100).fill(n), 100);
    }
  }
  for (const { table, n } of operators) {
    let count = 0;
    let sum = 0;
    for (let row = table.nextRow(0); row !== 0; row = table.nextRow(row)) {
      const page = table.pageOf(row).f64;
      const [first, second] = table.layout.columns.map((column) => column.offset / 8);
      count += page[table.baseOf(row) / 2 + first];
      sum += page[table.baseOf(row) / 2 + second];
    }
    assert.equal(count, 5000);
    assert.equal(sum, 5000 * n);
  }
});

test("a batch look-up finds what single ones find, with duplicates and dictionaries", () => {
  const backend = new HashMapBackend({
    uid: "op",
    keyType: t.string,
    maxParallelism: 8,
    keyGroupStart: 0,
    keyGroupEnd: 8,
    states: {},
    clockNow: () => 0,
  });
  const { main } = backend;
  const dictionary = ["a", "ÿ", "☃", "never used", "long enough to need a second cell"];
  const codes = Int32Array.from({ length: 300 }, (_, n) => [0, 1, 2, 4][n % 4]);
  const keys = new KeyColumn("string");
  keys.reset(300);
  keys.strings = Array.from(codes, (code) => dictionary[code]);
  const rows = new Int32Array(300);
  main.lookup(keys, 300, rows, "find");
  assert.ok(rows.every((row) => row === 0));
  keys.codes = codes;
  keys.dictionary = dictionary;
  main.lookup(keys, 300, rows, "upsert");
  assert.equal(main.rowsCount, 4, "a text of the dictionary that no record has makes no row");
  const byDictionary = rows.slice();
  keys.codes = undefined;
  main.lookup(keys, 300, rows, "upsert");
  assert.deepEqual(rows, byDictionary);
  for (let index = 0; index < 300; index++) assert.equal(main.find(keys, index), rows[index]);
});

test("a prepared batch gives the right row although rows came and went since", () => {
  const backend = backendOf("op");
  backend.columns([{ name: "count", type: t.int64 }]);
  const { main } = backend;
  const keys = new KeyColumn("number", "integer");
  keys.reset(4);
  keys.numbers.set([1, 2, 1, 3]);
  main.lookup(keys, 2, new Int32Array(4), "upsert");
  backend.prepare(keys);
  backend.setCurrent(keys, 0);
  const first = backend.currentRow;
  main.remove(first);
  backend.setCurrent(keys, 3);
  assert.equal(backend.ensureRow(), first, "the slot is used again, by another key");
  backend.setCurrent(keys, 2);
  assert.equal(backend.currentRow, 0);
});

test("a key that a batch had no row for has the one that was made since", () => {
  const backend = backendOf("op");
  backend.columns([{ name: "count", type: t.int64 }]);
  const keys = new KeyColumn("number", "integer");
  keys.reset(3);
  keys.numbers.set([1, 2, 1]);
  backend.prepare(keys);
  backend.setCurrent(keys, 0);
  const made = backend.ensureRow();
  backend.setCurrent(keys, 1);
  assert.equal(backend.currentRow, 0);
  backend.setCurrent(keys, 2);
  assert.equal(backend.currentRow, made);
});

test("rows that were prepared do not count for other keys in the same column", () => {
  const backend = backendOf("op");
  backend.columns([{ name: "count", type: t.int64 }]);
  const keys = new KeyColumn("number", "integer");
  keys.reset(2);
  keys.numbers.set([1, 2]);
  backend.main.lookup(keys, 2, new Int32Array(2), "upsert");
  backend.prepare(keys);
  backend.setCurrent(keys, 1);
  const second = backend.currentRow;
  keys.reset(2);
  keys.numbers.set([2, 3]);
  backend.setCurrent(keys, 0);
  assert.equal(backend.currentRow, second);
  backend.setCurrent(keys, 1);
  assert.equal(backend.currentRow, 0);
});

test("fields lie at their natural alignment without overlap, whatever the columns", () => {
  const types = [t.bool, t.int32, t.float64, t.bigint64, t.string, t.optional(t.int32)];
  for (const keyKind of ["int32", "f64", "f64x3", "string"] as const) {
    for (let n = 0; n < 6 ** 3; n++) {
      const picks = [n % 6, Math.floor(n / 6) % 6, Math.floor(n / 36)];
      const layout = rowLayout({
        name: "t",
        keyType: t.int32,
        keyKind,
        hasNamespace: false,
        columns: picks.map((pick, at) => ({ name: `c${at}`, type: types[pick] })),
        relations: n % 2 === 0 ? ["r"] : [],
      });
      const used = new Uint8Array(layout.strideBytes);
      const take = (offset: number, size: number, alignment: number): void => {
        assert.equal(offset % alignment, 0);
        for (let at = offset; at < offset + size; at++) {
          assert.equal(used[at], 0);
          used[at] = 1;
        }
      };
      const keyBytes = { int32: 4, f64: 8, f64x3: 24, string: 8 }[keyKind];
      take(0, 8, 8);
      take(layout.keyOffset, keyBytes, keyKind === "int32" || keyKind === "string" ? 4 : 8);
      take(layout.presenceOffset, layout.presenceWordsCount * 4, 4);
      for (const { offset } of layout.relations) take(offset, 20, 4);
      for (const { kind, offset } of layout.columns) {
        const size = { u8: 1, i32: 4, f64: 8, i64: 8, var: 8 }[kind];
        take(offset, size, kind === "var" ? 4 : size);
      }
    }
  }
});

test("the uid in generated code cannot break out of its comment", () => {
  const layout = rowLayout({
    name: "t",
    keyType: t.int32,
    keyKind: "int32",
    hasNamespace: false,
    columns: [],
  });
  for (const uid of ["a\nthrow 1", "a\u2028throw 1", "*/ throw 1", '"']) {
    assert.equal(typeof compileTable(layout, uid).find, "function");
  }
});

for (const [keyType, form, rowsCount] of [
  [t.float64, "double", 5],
  // Integers have no −0, and NaN is none.
  [t.int32, "integer", 3],
] as const) {
  test(`batches of one key, or of keys that look alike, get their rows: ${form}`, () => {
    const all = [[0, -0, 0], [-0, -0], [0, 0], [NaN, NaN], [7, 7, 7], [7, 7, 8], [7], [-0, 0]];
    const batches = form === "double" ? all : all.filter((batch) => !batch.includes(NaN));
    const backend = backendOf("alike", keyType);
    const keys = new KeyColumn("number", form);
    const rowOf = new Map<string, number>();
    for (const batch of batches) {
      keys.reset(batch.length);
      keys.numbers.set(batch);
      const rows = new Int32Array(batch.length);
      backend.main.lookup(keys, batch.length, rows, "upsert");
      const found = new Int32Array(batch.length);
      backend.main.lookup(keys, batch.length, found, "find");
      assert.deepEqual(found, rows);
      batch.forEach((number, at) => {
        const name = form === "double" && Object.is(number, -0) ? "-0" : String(number);
        if (!rowOf.has(name)) rowOf.set(name, rows[at]);
        assert.equal(rows[at], rowOf.get(name), `the row of ${name} in ${String(batch)}`);
      });
    }
    assert.equal(new Set(rowOf.values()).size, rowsCount);
    assert.equal(backend.main.rowsCount, rowsCount);
  });
}
