// Rows without variable-size values are copied many at a time: what is copied is each row as it was
// at the freeze, whatever chunks, slices and removals come in between.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { t } from "../types/t.ts";
import { chunkReader } from "./chunk-reader.ts";
import { valueState } from "./descriptors.ts";
import { HashMapBackend } from "./hashmap-backend.ts";
import type { BackendSnapshot } from "./keyed-backend.ts";
import type { RowChunk, RowColumns } from "./row-chunk.ts";

const SEED = process.env["OXBOW_SEED"];
const PARAMETERS = SEED === undefined ? {} : { seed: Number(SEED) };
/** Several chunks, the largest size among them, and more rows than one slice takes. */
const KEYS = 20_000;
const STATES = { n: valueState(t.int32), x: valueState(t.float64), big: valueState(t.bigint64) };

function backendOptions() {
  return {
    uid: "op",
    keyType: t.int32,
    maxParallelism: 8,
    keyGroupStart: 0,
    keyGroupEnd: 8,
    clockNow: () => 0,
  };
}

function backendOf() {
  return new HashMapBackend({ ...backendOptions(), states: STATES });
}
type Backend = ReturnType<typeof backendOf>;
type Contents = Map<number, string>;

function put(backend: Backend, model: Contents, key: number, n: number): void {
  backend.setCurrentKey(key);
  const x = n % 3 === 0 ? Number.NaN : -n / 7;
  const big = -(2n ** 62n) + BigInt(n);
  backend.states.n.set(n);
  backend.states.x.set(x);
  backend.states.big.set(big);
  model.set(key, `${n} ${x} ${big}`);
}

function remove(backend: Backend, model: Contents, key: number): void {
  backend.setCurrentKey(key);
  for (const state of Object.values(backend.states)) state.clear();
  model.delete(key);
}

function contents(backend: Backend): Contents {
  const all: Contents = new Map();
  backend.forEachKey((key) => {
    const { n, x, big } = backend.states;
    all.set(key as number, `${n.get()} ${x.get()} ${big.get()}`);
  });
  return all;
}

function freeze(backend: Pick<Backend, "freeze">, id: number, base?: number): BackendSnapshot {
  return backend.freeze({ id, kind: "checkpoint", timestamp: 0, base });
}

/** Copies in slices, doing something else between them. */
function copied(snapshot: BackendSnapshot, sliceRows: number, between: () => void): RowColumns[] {
  const chunks: RowChunk[] = [];
  const sink = { emit: (chunk: RowChunk) => void chunks.push(chunk), hasRoom: () => true };
  while (!snapshot.copySlice(sliceRows, sink)) between();
  return chunks.map((chunk) => chunkReader(snapshot.layouts[chunk.layoutIndex], 8)(chunk));
}

function restored(snapshots: readonly RowColumns[][]): Contents {
  const backend = backendOf();
  for (const rows of snapshots) {
    for (const part of rows) if (part.kind !== "puts") backend.load(part);
    for (const part of rows) if (part.kind === "puts") backend.load(part);
  }
  return contents(backend);
}

function sorted(of: Contents): [number, string][] {
  return [...of].toSorted(([a], [b]) => a - b);
}

test("what is copied in slices is every row as it was at the freeze", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 97 }),
      (sliceRows, step, stride) => {
        const backend = backendOf();
        const model: Contents = new Map();
        for (let key = 0; key < KEYS; key++) put(backend, model, key, key * 3 + 1);
        let at = 0;
        const change = (): void => {
          for (let times = 0; times < 5; times++, at += stride) {
            const key = (at * 7919) % (KEYS + 100);
            if (at % 3 === 0) remove(backend, model, key);
            else put(backend, model, key, at);
          }
        };
        const atFreeze = sorted(model);
        const base = copied(freeze(backend, 1), sliceRows, change);
        assert.deepEqual(sorted(restored([base])), atFreeze);
        for (let key = 0; key < KEYS; key += step) put(backend, model, key, key);
        change();
        const later = sorted(model);
        const delta = copied(freeze(backend, 2, 1), sliceRows, change);
        assert.deepEqual(sorted(restored([base, delta])), later);
      },
    ),
    { numRuns: 10, ...PARAMETERS },
  );
});

test("rows that came or changed and went are not in a delta, in whichever interval", () => {
  const backend = backendOf();
  const model: Contents = new Map();
  for (let key = 0; key < 100; key++) put(backend, model, key, key);
  const base = copied(freeze(backend, 1), Infinity, () => undefined);
  for (let key = 40; key < 60; key++) put(backend, model, key, 1);
  for (let key = 200; key < 220; key++) put(backend, model, key, 2);
  freeze(backend, 2, 1).abort();
  for (let key = 50; key < 60; key++) remove(backend, model, key);
  for (let key = 210; key < 220; key++) remove(backend, model, key);
  freeze(backend, 3, 1).abort();
  put(backend, model, 70, 3);
  const first = freeze(backend, 4, 1);
  assert.equal(first.isDelta, true);
  const rows = copied(first, Infinity, () => undefined);
  const puts = rows.filter(({ kind }) => kind === "puts");
  assert.equal(
    puts.reduce((sum, { count }) => sum + count, 0),
    21,
  );
  assert.deepEqual(sorted(restored([base, rows])), sorted(model));
  // What was removed before a row changed does not matter to it.
  put(backend, model, 0, 3);
  const second = copied(freeze(backend, 5, 4), Infinity, () => undefined);
  assert.deepEqual(sorted(restored([base, rows, second])), sorted(model));
});

test("rows are copied whole, however wide they are", () => {
  for (const width of [1, 5, 12, 60, 61, 62, 63, 200]) {
    const names = Array.from({ length: width }, (_, field) => `f${field}`);
    const type = t.struct(Object.fromEntries(names.map((name) => [name, t.float64])));
    const states = { wide: valueState(type) };
    const make = () => new HashMapBackend({ ...backendOptions(), states });
    const backend = make();
    const valueOf = (key: number): Record<string, number> =>
      Object.fromEntries(names.map((name, field) => [name, key + field / 256]));
    for (let key = 1; key <= 300; key++) {
      backend.setCurrentKey(key);
      backend.states.wide.set(valueOf(key));
    }
    const rows = copied(freeze(backend, 1), 100, () => undefined);
    const other = make();
    for (const part of rows) other.load(part);
    let count = 0;
    other.forEachKey((key) => {
      count += 1;
      assert.deepEqual(other.states.wide.get(), valueOf(key as number), `width ${width}`);
    });
    assert.equal(count, 300);
  }
});
