import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyColumn } from "../columns/key-column.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import { HashMapBackend } from "./hashmap-backend.ts";
import type { Pane, PaneFamily } from "./keyed-backend.ts";

function familyOf(keyType: Type<unknown>): PaneFamily {
  const backend = new HashMapBackend({
    uid: "windows",
    keyType,
    maxParallelism: 8,
    keyGroupStart: 0,
    keyGroupEnd: 8,
    states: {},
    clockNow: () => 0,
  });
  return backend.family({ name: "panes", columns: [], children: [] });
}

/** Makes rows for the keys 0 to `count` − 1. */
function addKeys({ table }: Pane, count: number): Int32Array {
  const keys = new KeyColumn("number", "integer");
  keys.reset(count);
  for (let key = 0; key < count; key++) keys.numbers[key] = key;
  const rows = new Int32Array(count);
  table.lookup(keys, count, rows, "upsert");
  return rows;
}

test("a pane has room for as many rows as the one opened before it has, if that is there", () => {
  const family = familyOf(t.int32);
  const first = family.open({ start: 0, end: 10 });
  const rows = addKeys(first, 1_000);
  assert.equal(new Set(rows).size, 1_000);
  const second = family.open({ start: 10, end: 20 });
  assert.ok(second.table.capacity > 1_000);
  assert.equal(second.table.rowsCount, 0);
  assert.deepEqual(addKeys(second, 1_000), rows);
  // Few rows so far: little room, however large earlier panes are.
  addKeys(family.open({ start: 20, end: 30 }), 20);
  const fourth = family.open({ start: 30, end: 40 });
  assert.ok(fourth.table.capacity < 100, `${fourth.table.capacity} rows`);
  addKeys(fourth, 1_000);
  family.drop({ start: 30, end: 40 });
  assert.equal(family.open({ start: 40, end: 50 }).table.capacity, 0);
});
