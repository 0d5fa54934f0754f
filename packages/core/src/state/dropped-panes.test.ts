import assert from "node:assert/strict";
import { test } from "node:test";
import { t } from "../types/t.ts";
import { freshInstance, MAX_PARALLELISM } from "./backend-dump.fixture.ts";
import type { Instance } from "./backend-dump.fixture.ts";
import { chunkReader } from "./chunk-reader.ts";
import { ChunkPool } from "./row-chunk.ts";
import type { Namespace, RowChunk, RowColumns } from "./row-chunk.ts";

const KEYS = { type: t.int32, keys: Array.from({ length: 40 }, (_, key) => key) };
const PANE: Namespace = { start: 0, end: 10 };

function addTo({ family, probe, paneValues }: Instance, key: number): void {
  probe.set(key);
  const { table } = family.open(PANE);
  paneValues.write(table, table.upsert(probe.keys, 0), { count: 1, label: "" }, 0);
}

/** Keys in the pane, or undefined where it is not there. */
function keysIn({ family, probe }: Instance): unknown[] | undefined {
  const table = family.get(PANE)?.table;
  if (table === undefined) return undefined;
  const keys: unknown[] = [];
  for (let row = table.nextRow(0); row !== 0; row = table.nextRow(row)) {
    probe.setFromRow(table, row);
    keys.push(probe.value());
  }
  return keys;
}

function dropped(range: { start: number; end: number } | undefined): RowColumns {
  const nothing = { bytes: new Uint8Array(), starts: new Int32Array(), ends: new Int32Array() };
  return {
    table: "panes",
    kind: "dropped",
    count: 1,
    keyGroups: new Uint16Array(1),
    keys: nothing,
    namespaces: { starts: Float64Array.of(PANE.start), ends: Float64Array.of(PANE.end) },
    mapKeys: undefined,
    columns: [],
    droppedRange: range,
  };
}

function filled(): Instance {
  const instance = freshInstance(KEYS, new ChunkPool());
  for (const key of KEYS.keys) addTo(instance, key);
  return instance;
}

function keyGroupOf({ probe }: Instance, key: number): number {
  probe.set(key);
  return probe.keyGroup(MAX_PARALLELISM);
}

test("a dropped row of some key groups leaves the pane's rows of the others", () => {
  const instance = filled();
  const expected = KEYS.keys.filter((key) => keyGroupOf(instance, key) >= 8);
  assert.ok(expected.length > 0 && expected.length < KEYS.keys.length);
  instance.backend.load(dropped({ start: 0, end: 8 }));
  assert.deepEqual(keysIn(instance), expected);
});

test("a pane is gone when dropped rows for all its key groups have come one by one", () => {
  const instance = filled();
  instance.backend.load(dropped({ start: 0, end: 5 }));
  instance.backend.load(dropped({ start: 5, end: MAX_PARALLELISM }));
  assert.equal(keysIn(instance), undefined);
});

test("a dropped row of all key groups, or without any, drops the pane at once", () => {
  for (const range of [undefined, { start: 0, end: MAX_PARALLELISM }]) {
    const instance = filled();
    instance.backend.load(dropped(range));
    assert.equal(keysIn(instance), undefined);
  }
});

test("a dropped row of a pane that is not there changes nothing", () => {
  const instance = freshInstance(KEYS, new ChunkPool());
  instance.backend.load(dropped({ start: 0, end: 5 }));
  assert.equal(keysIn(instance), undefined);
});

test("what a delta of one subtask dropped stays dropped, and another's rows stay", () => {
  // The second subtask adds to the pane again after both had dropped it.
  const pool = new ChunkPool();
  const halves = [
    { start: 0, end: 8 },
    { start: 8, end: MAX_PARALLELISM },
  ];
  const whole = freshInstance(KEYS, pool);
  const owned = (range: { start: number; end: number }): number[] =>
    KEYS.keys.filter((key) => {
      const group = keyGroupOf(whole, key);
      return group >= range.start && group < range.end;
    });
  for (const range of halves.toReversed()) {
    const instance = freshInstance(KEYS, pool, range);
    for (const key of owned(range)) addTo(instance, key);
    const base = rowsOf(instance, { id: 1, base: undefined });
    instance.family.drop(PANE);
    if (range.start > 0) addTo(instance, owned(range)[0]);
    const delta = rowsOf(instance, { id: 2, base: 1 });
    for (const rows of [...base, ...delta]) {
      whole.backend.load(rows.kind === "dropped" ? { ...rows, droppedRange: range } : rows);
    }
  }
  assert.deepEqual(keysIn(whole), [owned(halves[1])[0]]);
});

/** A snapshot's rows, tombstones first. */
function rowsOf(
  { backend }: Instance,
  barrier: { readonly id: number; readonly base: number | undefined },
): RowColumns[] {
  const snapshot = backend.freeze({ ...barrier, kind: "checkpoint", timestamp: 0 });
  const chunks: RowChunk[] = [];
  const sink = { emit: (chunk: RowChunk) => void chunks.push(chunk), hasRoom: () => true };
  while (!snapshot.copySlice(1_000, sink));
  return chunks
    .map((chunk) => chunkReader(snapshot.layouts[chunk.layoutIndex], MAX_PARALLELISM)(chunk))
    .toSorted((a, b) => Number(a.kind === "puts") - Number(b.kind === "puts"));
}
