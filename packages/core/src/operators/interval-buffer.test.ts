// The state of one side of an interval join, on a real backend.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Batch } from "../columns/batch.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import { KeyExtractor } from "../columns/key-extractor.ts";
import { chunkReader } from "../state/chunk-reader.ts";
import { HashMapBackend } from "../state/hashmap-backend.ts";
import type { RowChunk } from "../state/row-chunk.ts";
import { t } from "../types/t.ts";
import { IntervalBuffer } from "./interval-buffer.ts";

const KEYS_COUNT = 8;
const GROUPS = 16;

function newBackend(): HashMapBackend<Record<never, never>> {
  return new HashMapBackend({
    uid: "join",
    keyType: t.string,
    maxParallelism: GROUPS,
    keyGroupStart: 0,
    keyGroupEnd: GROUPS,
    states: {},
    clockNow: () => 0,
    verify: true,
  });
}

function newBuffer(backend: HashMapBackend<Record<never, never>>, lengthMs: number) {
  const buffer = new IntervalBuffer(backend, { name: "left", type: t.int32, lengthMs });
  return buffer;
}

/** The keys `k0`, `k1`, …, each at its own index. */
function keys(): KeyColumn {
  const records = Array.from({ length: KEYS_COUNT }, (_, index) => ({ key: `k${index}` }));
  const extractor = new KeyExtractor({ by: "key", type: t.string }, "join");
  return extractor.extract(Batch.ofRecords(records, KEYS_COUNT, undefined));
}

function found(buffer: IntervalBuffer, key: number, from: number, to: number): unknown[] {
  buffer.find(keys(), key, { from, to });
  return Array.from({ length: buffer.count }, (_, at) => buffer.recordAt(at));
}

/** All that a backend has, loaded into another. */
function moveState(
  from: HashMapBackend<Record<never, never>>,
  to: HashMapBackend<Record<never, never>>,
): void {
  const snapshot = from.freeze({ id: 1, kind: "checkpoint", timestamp: 0, base: undefined });
  const chunks: RowChunk[] = [];
  const sink = { emit: (chunk: RowChunk) => void chunks.push(chunk), hasRoom: () => true };
  while (!snapshot.copySlice(1_000, sink));
  to.beginLoad({ schemas: from.schemas });
  for (const chunk of chunks) {
    to.load(chunkReader(snapshot.layouts[chunk.layoutIndex], GROUPS)(chunk));
  }
  to.finishLoad(1);
}

test("what the watermark has passed is gone from state, with the rows of its keys", () => {
  const backend = newBackend();
  const buffer = newBuffer(backend, 8_000);
  for (let n = 0; n < 100; n++) {
    buffer.add(keys(), n % KEYS_COUNT, { timestamp: n * 100 - 3_000, record: n });
  }
  buffer.dropBefore(2_000);
  assert.deepEqual(found(buffer, 4, -9_000, 9_000), [52, 60, 68, 76, 84, 92], "from 2 000 on");
  assert.equal(backend.memory().rowsCount, 50 + KEYS_COUNT * 5, "per second, key and record");
  buffer.dropBefore(Infinity);
  assert.equal(backend.memory().rowsCount, 0);
  buffer.add(keys(), 0, { timestamp: 2_500, record: 1 });
  assert.deepEqual(found(buffer, 0, 2_500, 2_500), [1], "a pane comes again");
});

test("records of panes of another length are found with the others, and let go of", () => {
  for (const [before, after] of [
    [80_000, 8_000],
    [8_000, 80_000],
    [24_000, 16_000],
  ]) {
    const old = newBackend();
    const first = newBuffer(old, before);
    for (let n = 0; n < 20; n++) first.add(keys(), 0, { timestamp: n * 1_000 + 1, record: n });
    const backend = newBackend();
    const buffer = newBuffer(backend, after);
    moveState(old, backend);
    buffer.restored();
    for (let n = 0; n < 20; n++) {
      buffer.add(keys(), 0, { timestamp: n * 1_000 + 2, record: n + 100 });
    }
    assert.deepEqual(found(buffer, 0, 7_001, 9_001), [7, 107, 8, 108, 9], `${before} → ${after}`);
    assert.deepEqual(found(buffer, 0, 19_002, 50_000), [119]);
    assert.deepEqual(found(buffer, 1, 0, 50_000), []);
    buffer.dropBefore(30_000);
    assert.equal(backend.memory().rowsCount, 0);
  }
});
