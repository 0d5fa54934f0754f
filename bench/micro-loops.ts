/*
 * The same work by hand, without a framework, checkpoints or time: the limit. Records come as
 * objects in arrays of 1 024 from the same module; state is a `Map`, and at ten million keys, which
 * a `Map` is slow with, a hash table over typed arrays; output objects go to the same function.
 */
import { SteadyMark } from "./nexmark/steady-mark.ts";
import { batches, makeInteger, makeString, prepareNames, sink } from "./records.ts";
import type { MicroSettings } from "./micro-jobs.ts";

/** Keys from which on state is in typed arrays. */
const MANY_KEYS = 10_000_000;

/** Runs the loop of a benchmark; undefined where there is none to compare with. */
export function microLoop(settings: MicroSettings): (() => void) | undefined {
  const { keys } = settings;
  const integers = (): Iterable<ReturnType<typeof makeInteger>[]> =>
    batchesOf(settings, (index) => makeInteger(index, keys));
  switch (settings.name) {
    case "chain":
      return () => chain(integers());
    case "keyed-count":
      return () => (keys < MANY_KEYS ? countByKey(integers()) : countInArrays(integers(), keys));
    case "keyed-count-string":
      prepareNames(keys);
      return () => countByKey(batchesOf(settings, (index) => makeString(index, keys)));
    case "tumbling-count":
      return () => windowCount(integers(), 1);
    case "sliding-count":
      return () => windowCount(integers(), 5);
    case "operators-process":
    case "operators-stateless":
    case "operators-aggregate":
    case "exchange":
    case "exchange-making":
    case "heavy":
      return undefined;
  }
}

function batchesOf<T>(settings: MicroSettings, make: (index: number) => T): Iterable<T[]> {
  const { records, warmup = 0, steadyFile } = settings;
  const mark = steadyFile === undefined ? undefined : new SteadyMark(steadyFile);
  return batches(warmup + records, (index) => {
    if (index === warmup) mark?.note();
    return make(index);
  });
}

function chain(input: Iterable<readonly { readonly key: number; readonly value: number }[]>): void {
  for (const batch of input) {
    for (const r of batch) {
      const mapped = { count: r.value * 2, key: r.key };
      if ((mapped.key & 1) === 0) sink.take(mapped);
    }
  }
}

function countByKey<K>(input: Iterable<readonly { readonly key: K }[]>): void {
  const counts = new Map<K, number>();
  for (const batch of input) {
    for (const { key } of batch) {
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      sink.take({ key, count } as { count: number });
    }
  }
}

/** Open addressing; a slot holds the key + 1 and its count. */
function countInArrays(input: Iterable<readonly { readonly key: number }[]>, keys: number): void {
  const slots = 2 ** Math.ceil(Math.log2(keys * 2));
  const table = new Int32Array(slots * 2);
  const mask = slots - 1;
  for (const batch of input) {
    for (const { key } of batch) {
      let slot = (Math.imul(key, 0x9e3779b1) >>> 7) & mask;
      while (table[slot * 2] !== 0 && table[slot * 2] !== key + 1) slot = (slot + 1) & mask;
      table[slot * 2] = key + 1;
      const count = ++table[slot * 2 + 1];
      sink.take({ key, count } as { count: number });
    }
  }
}

const PANE_MS = 60_000;

/** Windows of some panes of a minute; one that slides by a pane fires each minute. */
function windowCount(
  input: Iterable<readonly { readonly key: number; readonly timestamp: number }[]>,
  panesCount: number,
): void {
  let panes: Map<number, number>[] = [new Map<number, number>()];
  let end = PANE_MS;
  const fire = (): void => {
    const counts = panes.length === 1 ? panes[0] : merged(panes);
    for (const [key, count] of counts) sink.take({ key, count, end } as { count: number });
    panes = [...panes, new Map<number, number>()].slice(-panesCount);
    end += PANE_MS;
  };
  for (const batch of input) {
    for (const { key, timestamp } of batch) {
      while (timestamp >= end) fire();
      const pane = panes[panes.length - 1];
      pane.set(key, (pane.get(key) ?? 0) + 1);
    }
  }
  for (let left = panes.length; left > 0; left--) fire();
}

function merged(panes: readonly Map<number, number>[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const pane of panes) {
    for (const [key, count] of pane) counts.set(key, (counts.get(key) ?? 0) + count);
  }
  return counts;
}
