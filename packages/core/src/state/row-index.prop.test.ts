import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FLAT_SLOTS, RowIndex } from "./row-index.ts";

const SEED = process.env["OXBOW_SEED"];
const PARAMETERS = SEED === undefined ? {} : { seed: Number(SEED) };

/** Rows under a hash, as generated code finds them. */
function find(index: RowIndex, hash: number): Set<number> {
  const segment = index.directory[hash >>> index.shift];
  const mask = segment.length - 4;
  const rows = new Set<number>();
  for (let slot = (hash << 1) & mask; segment[slot + 1] !== 0; slot = (slot + 2) & mask) {
    if (segment[slot] === hash) rows.add(segment[slot + 1]);
  }
  return rows;
}

function mix(n: number): number {
  let hash = Math.imul(n ^ (n >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

test("whatever is inserted and removed, every row is found under its hash and no other is", () => {
  const hash = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer());
  const commands = fc.array(fc.record({ isInsert: fc.boolean(), hash }), { maxLength: 300 });
  fc.assert(
    fc.property(commands, (steps) => {
      const index = new RowIndex();
      const model = new Map<number, Set<number>>();
      let nextRow = 1;
      for (const step of steps) {
        const rows = model.get(step.hash) ?? new Set<number>();
        model.set(step.hash, rows);
        if (step.isInsert) {
          index.insert(step.hash, nextRow);
          rows.add(nextRow++);
        } else {
          const [row] = rows;
          if (row !== undefined) {
            index.remove(step.hash, row);
            rows.delete(row);
          }
        }
      }
      for (const [key, rows] of model) assert.deepEqual(find(index, key), rows);
    }),
    PARAMETERS,
  );
});

test("beyond the flat segment, and back, all rows stay where their hashes say", () => {
  const index = new RowIndex();
  const count = FLAT_SLOTS * 3;
  for (let row = 1; row <= count; row++) index.insert(mix(row), row);
  assert.ok(index.directory.length > 16, "the index has become extendible");
  for (let row = 1; row <= count; row++) assert.ok(find(index, mix(row)).has(row));
  for (let row = 1; row <= count; row += 2) index.remove(mix(row), row);
  for (let row = 1; row <= count; row++) {
    assert.equal(find(index, mix(row)).has(row), row % 2 === 0);
  }
});

test("thousands of rows with one hash, among others, are all kept", () => {
  const index = new RowIndex();
  const count = FLAT_SLOTS;
  for (let row = 1; row <= count; row++) index.insert(row % 8 === 0 ? 12345 : mix(row), row);
  assert.equal(find(index, 12345).size, count / 8);
  for (let row = 1; row <= count; row++) {
    if (row % 8 !== 0) assert.ok(find(index, mix(row)).has(row));
  }
});

test("hashes that share all their high bits do not blow the directory up", () => {
  const index = new RowIndex();
  for (let row = 1; row <= FLAT_SLOTS; row++) index.insert(row, row);
  for (let row = 1; row <= FLAT_SLOTS; row++) assert.deepEqual(find(index, row), new Set([row]));
  assert.ok(index.sizeBytes < 64 * 1024 * 1024, `${index.sizeBytes} bytes`);
});

for (const count of [1, 100, FLAT_SLOTS, FLAT_SLOTS * 3]) {
  test(`an index of ${count} rows is cleared, keeps its room and takes others`, () => {
    const index = new RowIndex();
    for (let row = 1; row <= count; row++) index.insert(mix(row), row);
    const { sizeBytes } = index;
    index.clear();
    assert.equal(index.sizeBytes, sizeBytes);
    for (let row = 1; row <= count; row++) assert.equal(find(index, mix(row)).size, 0);
    for (let row = 1; row <= count; row++) index.insert(mix(-row), row);
    for (let row = 1; row <= count; row++) assert.ok(find(index, mix(-row)).has(row));
  });

  test(`an index with room for ${count} rows is one that has grown to it`, () => {
    const index = new RowIndex();
    index.reserve(count);
    for (let row = 1; row <= count; row++) index.insert(mix(row), row);
    const grown = new RowIndex();
    for (let row = 1; row <= count; row++) grown.insert(mix(row), row);
    for (let row = 1; row <= count; row++) assert.ok(find(index, mix(row)).has(row));
    assert.ok(index.sizeBytes <= grown.sizeBytes * 2);
  });
}
