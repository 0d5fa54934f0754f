import assert from "node:assert/strict";
import { test } from "node:test";
import { t } from "../types/t.ts";
import { chunkReader } from "./chunk-reader.ts";
import { listState, mapState, type StateDescriptors, type Ttl, valueState } from "./descriptors.ts";
import { HashMapBackend } from "./hashmap-backend.ts";
import type { RowChunk } from "./row-chunk.ts";

class Clock {
  now = 1000;
}

function backendOf<S extends StateDescriptors>(clock: Clock, states: S): HashMapBackend<S> {
  return new HashMapBackend({
    uid: "op",
    keyType: t.int32,
    maxParallelism: 8,
    keyGroupStart: 0,
    keyGroupEnd: 8,
    states,
    clockNow: () => clock.now,
  });
}

function statesOf(ttl: Ttl | undefined) {
  const options = ttl === undefined ? {} : { ttl };
  return {
    value: valueState(t.struct({ n: t.int32 }), { default: { n: -1 }, ...options }),
    text: valueState(t.string, options),
    list: listState(t.int32, options),
    map: mapState(t.string, t.int32, options),
  };
}

const TTL: Ttl = { ttlMs: 100 };

test("expired values, elements and entries are not returned, and leave nothing behind", () => {
  const clock = new Clock();
  const backend = backendOf(clock, statesOf(TTL));
  const { value, text, list, map } = backend.states;
  backend.setCurrentKey(1);
  value.set({ n: 1 });
  text.set("x");
  list.add(1);
  map.set("a", 1);
  clock.now += 60;
  list.add(2);
  map.set("b", 2);
  value.fields.n = 5;
  clock.now += 60;
  assert.equal(value.get().n, 5, "a write through a field counts as use");
  assert.equal(text.get(), undefined);
  assert.deepEqual([...list.get()], [2]);
  assert.deepEqual([...map.entries()], [["b", 2]]);
  assert.equal(map.has("a"), false);
  clock.now += 60;
  assert.equal(value.fields.n, -1);
  assert.equal(value.has(), false);
  assert.equal(map.get("b"), undefined);
  assert.deepEqual([...list.get()], []);
  assert.equal(backend.main.rowsCount, 0);
});

test("a field written after expiry starts from the default again", () => {
  const clock = new Clock();
  const backend = backendOf(clock, {
    v: valueState(t.struct({ a: t.int32, b: t.int32 }), { default: { a: 7, b: 8 }, ttl: TTL }),
  });
  backend.setCurrentKey(1);
  backend.states.v.set({ a: 1, b: 2 });
  clock.now += 100;
  backend.states.v.fields.a = 3;
  assert.deepEqual(backend.states.v.get(), { a: 3, b: 8 });
});

test("reading counts as use where it is declared to", () => {
  const clock = new Clock();
  const backend = backendOf(clock, statesOf({ ...TTL, update: "onReadAndWrite" }));
  const { text, list, map } = backend.states;
  backend.setCurrentKey(1);
  text.set("x");
  list.add(1);
  map.set("a", 1);
  for (let n = 0; n < 5; n++) {
    clock.now += 99;
    assert.equal(text.get(), "x");
    assert.deepEqual([...list.get()], [1]);
    assert.equal(map.get("a"), 1);
  }
});

test("an expired value is returned once where that is declared", () => {
  const clock = new Clock();
  const backend = backendOf(clock, statesOf({ ...TTL, visibility: "returnExpiredIfNotCleanedUp" }));
  const { value, text, list, map } = backend.states;
  backend.setCurrentKey(1);
  value.set({ n: 1 });
  text.set("x");
  list.add(1);
  map.set("a", 1);
  clock.now += 100;
  assert.deepEqual([value.get().n, text.get(), map.get("a")], [1, "x", 1]);
  assert.deepEqual([...list.get()], [1]);
  assert.deepEqual([value.get().n, text.get(), map.get("a")], [-1, undefined, undefined]);
  assert.deepEqual([...list.get()], []);
});

test("upkeep removes what has expired although nobody reads it, a bounded number per call", () => {
  const clock = new Clock();
  const backend = backendOf(clock, statesOf(TTL));
  for (let key = 0; key < 500; key++) {
    backend.setCurrentKey(key);
    backend.states.text.set("x");
    backend.states.list.add(key);
    backend.states.map.set("m", key);
  }
  clock.now += 100;
  backend.upkeep(100);
  assert.ok(backend.memory().rowsCount >= 1400, "one call is bounded");
  for (let n = 0; n < 40; n++) backend.upkeep(100);
  assert.equal(backend.memory().rowsCount, 0);
});

test("TTL may be switched on and off between snapshot and restore", () => {
  const clock = new Clock();
  const restore = (from: Ttl | undefined, to: Ttl | undefined, laterMs: number) => {
    const before = backendOf(clock, statesOf(from));
    before.setCurrentKey(1);
    before.states.text.set("x");
    before.states.list.add(1);
    before.states.map.set("a", 1);
    const chunks: RowChunk[] = [];
    const snapshot = before.freeze({ id: 1, kind: "savepoint", timestamp: 0, base: undefined });
    const sink = { emit: (chunk: RowChunk) => void chunks.push(chunk), hasRoom: () => true };
    assert.ok(snapshot.copySlice(1000, sink));
    clock.now += laterMs;
    const after = backendOf(clock, statesOf(to));
    for (const chunk of chunks) {
      after.load(chunkReader(snapshot.layouts[chunk.layoutIndex], 8)(chunk));
    }
    after.finishLoad(undefined);
    after.setCurrentKey(1);
    return after;
  };
  const fresh = restore(undefined, TTL, 1_000_000);
  assert.equal(fresh.states.text.get(), "x", "values without TTL count as fresh");
  clock.now += 100;
  assert.equal(fresh.states.text.get(), undefined);
  assert.deepEqual([...fresh.states.list.get()], []);
  const permanent = restore(TTL, undefined, 1_000_000);
  assert.equal(permanent.states.text.get(), "x");
  assert.deepEqual([...permanent.states.list.get()], [1]);
  const kept = restore(TTL, TTL, 60);
  assert.equal(kept.states.map.get("a"), 1);
  clock.now += 60;
  assert.equal(kept.states.map.get("a"), undefined, "the time of last use is part of the snapshot");
});
