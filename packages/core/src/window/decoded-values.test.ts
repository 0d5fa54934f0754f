import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyColumn } from "../columns/key-column.ts";
import { t } from "../types/t.ts";
import { HashMapBackend } from "../state/hashmap-backend.ts";
import type { Table } from "../state/table.ts";
import { DECODED_COUNT, DecodedValues } from "./decoded-values.ts";

/** Rows 1 to 10. */
function tableOfTen(): Table {
  const { main } = new HashMapBackend({
    uid: "ten",
    keyType: t.int32,
    maxParallelism: 8,
    keyGroupStart: 0,
    keyGroupEnd: 8,
    states: {},
    clockNow: () => 0,
  });
  const keys = new KeyColumn("number", "integer");
  keys.reset(10);
  for (let key = 0; key < 10; key++) keys.numbers[key] = key;
  main.lookup(keys, 10, new Int32Array(10), "upsert");
  return main;
}

test("a decoded value is that of its table and row, and gone when the table loses any row", () => {
  const [a, b] = [tableOfTen(), tableOfTen()];
  const decoded = new DecodedValues();
  decoded.set(a, 1, "a1");
  assert.equal(decoded.get(b, 1), undefined);
  assert.equal(decoded.get(a, 2), undefined);
  decoded.set(b, 2, "b2");
  assert.equal(decoded.get(a, 1), "a1");
  // A row with the same place drives the other one out.
  decoded.set(a, 1 + DECODED_COUNT, "a4097");
  assert.equal(decoded.get(a, 1), undefined);
  assert.equal(decoded.get(a, 1 + DECODED_COUNT), "a4097");
  b.remove(5);
  assert.equal(decoded.get(b, 2), undefined);
  assert.equal(decoded.get(a, 1 + DECODED_COUNT), "a4097");
  decoded.set(b, 2, "b2 again");
  assert.equal(decoded.get(b, 2), "b2 again");
});

test("what was kept of a table is gone when many others have come", () => {
  const first = tableOfTen();
  const decoded = new DecodedValues();
  decoded.set(first, 1, "of the first");
  const others = Array.from({ length: 8 }, () => tableOfTen());
  for (const other of others) decoded.set(other, 2, "of another");
  assert.equal(decoded.get(first, 1), undefined);
  assert.equal(decoded.get(others[7], 2), "of another");
});
