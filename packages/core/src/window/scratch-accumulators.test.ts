import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyColumn } from "../columns/key-column.ts";
import { HashMapBackend } from "../state/hashmap-backend.ts";
import type { Pane } from "../state/keyed-backend.ts";
import { t } from "../types/t.ts";
import { RowKeyReader } from "./row-key.ts";
import { ScratchAccumulators } from "./scratch-accumulators.ts";

/** A pane with the keys `key-0` to `key-<count − 1>`. */
function paneOf(count: number): Pane {
  const backend = new HashMapBackend({
    uid: "windows",
    keyType: t.string,
    maxParallelism: 8,
    keyGroupStart: 0,
    keyGroupEnd: 8,
    states: {},
    clockNow: () => 0,
  });
  const family = backend.family({
    name: "panes",
    columns: [{ name: "n", type: t.int64 }],
    children: [],
  });
  const pane = family.open({ start: 0, end: 10 });
  const keys = new KeyColumn("string");
  keys.reset(count);
  keys.strings = Array.from({ length: count }, (_, n) => `key-${n}`);
  pane.table.lookup(keys, count, new Int32Array(count), "upsert");
  return pane;
}

/** Merges the first `count` rows of a pane. */
function fill(scratch: ScratchAccumulators, { table }: Pane, count: number): number[] {
  const rows: number[] = [];
  let from = 0;
  for (let n = 0; n < count; n++) {
    from = table.nextRow(from);
    rows.push(scratch.rowLike(table, from));
  }
  return rows;
}

test("room is kept for windows of one size, and given back after a much larger one", () => {
  const pane = paneOf(10_000);
  const scratch = new ScratchAccumulators(pane, []);
  const keys = new RowKeyReader(pane.table.layout);
  for (let window = 0; window < 3; window++) {
    const rows = fill(scratch, pane, 10_000);
    assert.equal(scratch.table.rowsCount, 10_000);
    assert.equal(keys.read(scratch.table, rows[9_999]), keys.read(pane.table, 10_000));
    scratch.clear();
    assert.equal(scratch.table.rowsCount, 0);
    assert.equal(scratch.table.nextRow(0), 0);
    assert.ok(scratch.table.capacity >= 10_000, "the room is kept");
    assert.equal(scratch.table.arena.sizeBytes, 0, "the bytes of keys are not");
  }
  fill(scratch, pane, 10);
  scratch.clear();
  assert.ok(scratch.table.sizeBytes < 1_000, `${scratch.table.sizeBytes} bytes`);
});
