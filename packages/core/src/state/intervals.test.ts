import assert from "node:assert/strict";
import { test } from "node:test";
import { t } from "../types/t.ts";
import { INTERVALS_MAX } from "./changes.ts";
import { chunkReader } from "./chunk-reader.ts";
import { listState, mapState, valueState } from "./descriptors.ts";
import { HashMapBackend } from "./hashmap-backend.ts";
import type { BackendSnapshot } from "./keyed-backend.ts";
import { CHUNK_BYTES_MIN, ChunkPool, type RowChunk, type RowColumns } from "./row-chunk.ts";

const STATES = {
  n: valueState(t.int32),
  list: listState(t.int32),
  map: mapState(t.int32, t.string),
};

function backendOf(pool = new ChunkPool(), keyGroups = { start: 0, end: 8 }) {
  return new HashMapBackend({
    uid: "op",
    keyType: t.int32,
    maxParallelism: 8,
    keyGroupStart: keyGroups.start,
    keyGroupEnd: keyGroups.end,
    states: STATES,
    clockNow: () => 0,
    pool,
  });
}
type Backend = ReturnType<typeof backendOf>;

function set(backend: Backend, key: number, value: number | undefined): void {
  backend.setCurrentKey(key);
  if (value === undefined) backend.states.n.clear();
  else backend.states.n.set(value);
}

function freeze(backend: Backend, id: number, base?: number): BackendSnapshot {
  return backend.freeze({ id, kind: "checkpoint", timestamp: 0, base });
}

function rowsOf(snapshot: BackendSnapshot): RowColumns[] {
  const chunks: RowChunk[] = [];
  const sink = { emit: (chunk: RowChunk) => void chunks.push(chunk), hasRoom: () => true };
  assert.ok(snapshot.copySlice(Infinity, sink));
  return chunks.map((chunk) => chunkReader(snapshot.layouts[chunk.layoutIndex], 8)(chunk));
}

function load(backend: Backend, ...snapshots: RowColumns[][]): Backend {
  for (const rows of snapshots) {
    for (const part of rows) if (part.kind !== "puts") backend.load(part);
    for (const part of rows) if (part.kind === "puts") backend.load(part);
  }
  return backend;
}

function values(backend: Backend): Map<unknown, unknown> {
  const all = new Map<unknown, unknown>();
  backend.forEachKey((key) => all.set(key, backend.states.n.get()));
  return new Map([...all].toSorted(([a], [b]) => (a as number) - (b as number)));
}

function count(rows: RowColumns[], kind: string): number {
  return rows.filter((part) => part.kind === kind).reduce((sum, part) => sum + part.count, 0);
}

test("a delta after many aborted checkpoints covers all changes since its base", () => {
  const backend = backendOf();
  for (let key = 0; key < 10; key++) set(backend, key, 0);
  const base = rowsOf(freeze(backend, 1));
  for (let id = 2; id < 2 + INTERVALS_MAX * 3; id++) {
    set(backend, id % 7, id);
    set(backend, 9, undefined);
    freeze(backend, id, 1).abort();
  }
  const id = 2 + INTERVALS_MAX * 3;
  const snapshot = freeze(backend, id, 1);
  assert.equal(snapshot.isDelta, true);
  const delta = rowsOf(snapshot);
  assert.equal(count(delta, "puts"), 7);
  assert.equal(count(delta, "tombstones"), 1);
  assert.deepEqual(values(load(backendOf(), base, delta)), values(backend));
  assert.deepEqual(rowsOf(freeze(backend, id + 1, id)), [], "nothing changed since");
});

test("a base between merged intervals is still a base; never too little is written", () => {
  const backend = backendOf();
  const bases: RowColumns[][] = [];
  for (let id = 1; id <= INTERVALS_MAX * 2; id++) {
    set(backend, id, id);
    bases.push(rowsOf(freeze(backend, id)));
  }
  for (const base of [3, 10, INTERVALS_MAX * 2]) {
    set(backend, 1000 + base, base);
    const snapshot = freeze(backend, 100 + base, base);
    assert.equal(snapshot.isDelta, true);
    const restored = load(backendOf(), bases[base - 1], rowsOf(snapshot));
    assert.deepEqual(values(restored), values(backend));
  }
});

test("savepoints in between neither use up nor end what the next delta covers", () => {
  const backend = backendOf();
  set(backend, 1, 1);
  const base = rowsOf(freeze(backend, 1));
  set(backend, 2, 2);
  const savepoint = backend.freeze({ id: 2, kind: "savepoint", timestamp: 0, base: undefined });
  assert.equal(count(rowsOf(savepoint), "puts"), 2);
  set(backend, 3, 3);
  const delta = rowsOf(freeze(backend, 3, 1));
  assert.equal(count(delta, "puts"), 2);
  assert.deepEqual(
    values(load(backendOf(), base, delta)),
    new Map([
      [1, 1],
      [2, 2],
      [3, 3],
    ]),
  );
});

test("after a restore nothing is dirty, and the restored checkpoint is a base", () => {
  const original = backendOf();
  for (let key = 0; key < 5; key++) set(original, key, key);
  const base = rowsOf(freeze(original, 7));
  const backend = load(backendOf(), base);
  backend.finishLoad(7);
  set(backend, 2, 22);
  set(backend, 3, undefined);
  const snapshot = freeze(backend, 8, 7);
  assert.equal(snapshot.isDelta, true);
  const delta = rowsOf(snapshot);
  assert.deepEqual([count(delta, "puts"), count(delta, "tombstones")], [1, 1]);
  const without = load(backendOf(), base);
  without.finishLoad(undefined);
  assert.equal(freeze(without, 8, 7).isDelta, false, "an unknown base gives a full one");
});

test("a row born and removed between two checkpoints leaves no tombstone", () => {
  const backend = backendOf();
  rowsOf(freeze(backend, 1));
  for (let key = 0; key < 100; key++) {
    set(backend, key, 1);
    set(backend, key, undefined);
  }
  assert.deepEqual(rowsOf(freeze(backend, 2, 1)), []);
});

test("clearing a list again and again in one interval is recorded once", () => {
  const backend = backendOf();
  set(backend, 1, 1);
  backend.states.list.add(1);
  rowsOf(freeze(backend, 1));
  for (let n = 0; n < 1000; n++) {
    backend.states.list.update([n, n]);
    backend.states.list.clear();
  }
  assert.equal(count(rowsOf(freeze(backend, 2, 1)), "cleared"), 1);
});

test("clearing a large map takes a bounded time, and its rows go in slices", () => {
  const backend = backendOf();
  set(backend, 1, 1);
  for (let n = 0; n < 50_000; n++) backend.states.map.set(n, `value ${n}`);
  rowsOf(freeze(backend, 1));
  const before = freeze(backend, 2, undefined);
  backend.states.map.clear();
  backend.states.map.set(5, "new");
  assert.deepEqual([...backend.states.map.entries()], [[5, "new"]]);
  const delta = rowsOf(freeze(backend, 3, 1));
  assert.deepEqual([count(delta, "cleared"), count(delta, "puts")], [1, 1]);
  let calls = 0;
  while (backend.upkeep(1000)) calls += 1;
  assert.ok(calls >= 49, "rows are reclaimed a bounded number per call");
  assert.equal(count(rowsOf(before), "puts"), 50_001, "the snapshot frozen before has them all");
  assert.ok(backend.memory().rowsCount < 5);
});

test("a full sink stops slices, and touched rows are copied all the same", () => {
  const pool = new ChunkPool(CHUNK_BYTES_MIN);
  const backend = backendOf(pool);
  for (let key = 0; key < 5000; key++) set(backend, key, 1);
  const snapshot = freeze(backend, 1);
  const chunks: RowChunk[] = [];
  let hasRoom = false;
  const sink = { emit: (chunk: RowChunk) => void chunks.push(chunk), hasRoom: () => hasRoom };
  for (let n = 0; n < 10; n++) assert.equal(snapshot.copySlice(10_000, sink), false);
  assert.equal(chunks.length, 0);
  for (let key = 0; key < 5000; key++) set(backend, key, 2);
  assert.equal(snapshot.touchedCount, 5000);
  assert.ok(pool.takenBytes > pool.bytesMax, "touched rows go over the bound");
  hasRoom = true;
  while (!snapshot.copySlice(10_000, sink)) {
    for (const chunk of chunks) pool.give(chunk.buffer.slice(0));
  }
  const restored = backendOf();
  for (const chunk of chunks) {
    restored.load(chunkReader(snapshot.layouts[chunk.layoutIndex], 8)(chunk));
  }
  assert.deepEqual(new Set(values(restored).values()), new Set([1]));
  assert.equal(values(restored).size, 5000);
});

test("an aborted snapshot gives its buffers back and is over", () => {
  const pool = new ChunkPool();
  const backend = backendOf(pool);
  for (let key = 0; key < 5000; key++) set(backend, key, 1);
  const snapshot = freeze(backend, 1);
  for (let key = 0; key < 5000; key++) set(backend, key, 2);
  assert.ok(pool.takenBytes > 0);
  snapshot.abort();
  snapshot.abort();
  assert.equal(pool.takenBytes, 0);
  assert.equal(snapshot.copySlice(1, { emit: () => assert.fail(), hasRoom: () => true }), true);
});

test("every row is loaded by exactly one of the key-group ranges", () => {
  const backend = backendOf();
  for (let key = 0; key < 200; key++) {
    set(backend, key, key);
    backend.states.list.add(key);
    backend.states.map.set(key, "m");
    backend.eventTimers.register(key);
  }
  const rows = rowsOf(freeze(backend, 1));
  const parts = [
    load(backendOf(undefined, { start: 0, end: 3 }), rows),
    load(backendOf(undefined, { start: 3, end: 8 }), rows),
  ];
  const all = new Map(parts.flatMap((part) => [...values(part)]));
  assert.equal(values(parts[0]).size + values(parts[1]).size, 200);
  assert.equal(all.size, 200);
  assert.equal(parts[0].eventTimers.size + parts[1].eventTimers.size, 200);
  for (const part of parts) {
    part.forEachKey((key) => assert.deepEqual([...part.states.list.get()], [key]));
  }
});
