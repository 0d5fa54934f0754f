/*
 * The model of `backend-model.fixture.ts` as data, and a backend's contents in the same form, to
 * compare them.
 */
import assert from "node:assert/strict";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import { childValues, type ChildValues } from "./child-source.ts";
import { listState, mapState, valueState } from "./descriptors.ts";
import { HashMapBackend } from "./hashmap-backend.ts";
import { KeyProbe } from "./key-probe.ts";
import type { Pane, PaneFamily } from "./keyed-backend.ts";
import type { ChunkPool, Namespace } from "./row-chunk.ts";
import type { Table } from "./table.ts";
import { valueColumns } from "./value-source.ts";

/** Keys to use. */
export interface KeySet {
  readonly type: Type<unknown>;
  readonly keys: readonly unknown[];
}

const STATS = t.struct({ count: t.int32, label: t.string, rate: t.optional(t.float64) });
const ACCUMULATOR = t.struct({ count: t.int64, label: t.string });
export const STATES = {
  value: valueState(t.int32),
  stats: valueState(STATS, { default: { count: 0, label: "none" } }),
  list: listState(t.string),
  map: mapState(t.string, t.int64),
};
export const MAX_PARALLELISM = 16;
export const NAMESPACES: readonly Namespace[] = [
  { start: 0, end: 10 },
  { start: 10, end: 20 },
  { start: -10, end: 0 },
  { start: 0, end: 20 },
];

export interface ModelKey {
  value: number | undefined;
  stats: { count: number; label: string; rate: number | undefined } | undefined;
  list: string[];
  map: Map<string, number>;
}
export interface ModelPaneKey {
  count: number;
  label: string;
  items: string[];
}
export interface Model {
  readonly keys: Map<number, ModelKey>;
  /** `timestamp/pane/key`. */
  readonly timers: Set<string>;
  readonly panes: Map<number, Map<number, ModelPaneKey>>;
}

export interface Instance {
  readonly backend: HashMapBackend<typeof STATES>;
  readonly family: PaneFamily;
  readonly paneValues: ChildValues;
  readonly itemValues: ChildValues;
  readonly probe: KeyProbe;
}

/** An empty backend for some key groups; default: all. */
export function freshInstance(
  keySet: KeySet,
  pool: ChunkPool,
  range = { start: 0, end: MAX_PARALLELISM },
): Instance {
  const backend = new HashMapBackend({
    uid: "model",
    keyType: keySet.type,
    maxParallelism: MAX_PARALLELISM,
    keyGroupStart: range.start,
    keyGroupEnd: range.end,
    states: STATES,
    clockNow: () => 0,
    pool,
    verify: true,
  });
  const family = backend.family({
    name: "panes",
    columns: valueColumns("value", ACCUMULATOR, { marked: false, hasTtl: false }),
    children: [
      {
        name: "items",
        keyType: undefined,
        columns: valueColumns("value", t.string, { marked: false, hasTtl: false }),
      },
    ],
  });
  const pane = family.open({ start: 1, end: 1 });
  const itemLayout = pane.children[0].layout;
  family.drop({ start: 1, end: 1 });
  const shared = { uid: "model", ttl: undefined, verify: true };
  return {
    backend,
    family,
    paneValues: childValues({ ...shared, layout: family.layout, type: ACCUMULATOR }),
    itemValues: childValues({ ...shared, layout: itemLayout, type: t.string }),
    probe: new KeyProbe(keySet.type, "model"),
  };
}

export function emptyModel(): Model {
  return { keys: new Map(), timers: new Set(), panes: new Map() };
}

export function cloneModel(model: Model): Model {
  return structuredClone(model);
}

export function isEmpty(key: ModelKey): boolean {
  return (
    key.value === undefined &&
    key.stats === undefined &&
    key.list.length === 0 &&
    key.map.size === 0
  );
}

export function readKey(backend: HashMapBackend<typeof STATES>): ModelKey {
  const { value, stats, list, map } = backend.states;
  return {
    value: value.get(),
    stats: stats.has() ? { ...stats.get(), rate: stats.get().rate } : undefined,
    list: [...list.get()],
    map: new Map(map.entries()),
  };
}

function keyIndex(keySet: KeySet, key: unknown): number {
  const text = keyText(key);
  return keySet.keys.findIndex((candidate) => keyText(candidate) === text);
}

function keyText(key: unknown): string {
  if (typeof key === "object") return JSON.stringify(key);
  return Object.is(key, -0) ? "-0" : `${key as number}`;
}

export function timerName(
  keySet: KeySet,
  backend: HashMapBackend<typeof STATES>,
  timestamp: number,
  namespace: Namespace,
): string {
  const pane = NAMESPACES.findIndex(
    ({ start, end }) => start === namespace.start && end === namespace.end,
  );
  return `${timestamp}/${pane}/${keyIndex(keySet, backend.currentKey())}`;
}

export function tablesOf({ backend, family }: Instance): Table[] {
  return [backend.main, ...backend.main.childTables, ...family.panes().map((pane) => pane.table)];
}

/** Everything in a backend as a model; empties its timers. */
export function dump(instance: Instance, keySet: KeySet): Model {
  const { backend, family } = instance;
  const model = emptyModel();
  backend.forEachKey((key) => {
    model.keys.set(keyIndex(keySet, key), readKey(backend));
  });
  backend.eventTimers.popDue(Infinity, Infinity, (timestamp, namespace) => {
    model.timers.add(timerName(keySet, backend, timestamp, namespace));
  });
  for (const pane of family.panes()) {
    const at = NAMESPACES.findIndex(
      ({ start, end }) => start === pane.namespace.start && end === pane.namespace.end,
    );
    const rows = dumpPane(instance, pane, keySet);
    if (rows.size > 0) model.panes.set(at, rows);
  }
  return model;
}

function dumpPane(instance: Instance, pane: Pane, keySet: KeySet): Map<number, ModelPaneKey> {
  const { probe, paneValues, itemValues } = instance;
  const { table } = pane;
  const [items] = pane.children;
  const rows = new Map<number, ModelPaneKey>();
  for (let row = table.nextRow(0); row !== 0; row = table.nextRow(row)) {
    probe.setFromRow(table, row);
    const { count, label } = paneValues.read(table, row) as { count: number; label: string };
    const texts: string[] = [];
    for (let at = items.links.firstOf(row); at !== 0; at = items.links.nextOf(at)) {
      texts.push(itemValues.read(items, at) as string);
    }
    rows.set(keyIndex(keySet, probe.value()), { count, label, items: texts });
  }
  return rows;
}

/** Compares without regard to the order of keys. */
export function assertEqual(actual: Model | ModelKey, expected: Model | ModelKey): void {
  assert.deepEqual(canonical(actual), canonical(expected));
}

function canonical(value: unknown): unknown {
  if (value instanceof Map) {
    const entries = [...value].map(([k, v]) => [k, canonical(v)] as const);
    return entries.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  }
  if (value instanceof Set) return [...value].map(String).toSorted();
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [
        name,
        name === "panes"
          ? canonical(withoutEmpty(item as Map<unknown, Map<unknown, unknown>>))
          : canonical(item),
      ]),
    );
  }
  return value;
}

/** A pane without rows is not restored, and need not be. */
function withoutEmpty(panes: Map<unknown, Map<unknown, unknown>>): Map<unknown, unknown> {
  return new Map([...panes].filter(([, rows]) => rows.size > 0));
}
