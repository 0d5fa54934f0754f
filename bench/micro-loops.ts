/*
 * The same work by hand, without a framework, checkpoints or time: the limit. Records come as
 * objects in arrays of 1 024 from the same module; state is a `Map`; output objects go to the same
 * function.
 */
import { batches, makeInteger, makeString, prepareNames, sink } from "./records.ts";
import type { MicroSettings } from "./micro-jobs.ts";

/** Runs the loop of a benchmark; undefined where there is none to compare with. */
export function microLoop(settings: MicroSettings): (() => void) | undefined {
  const { records, keys } = settings;
  switch (settings.name) {
    case "chain":
      return () => {
        for (const batch of batches(records, (i) => makeInteger(i, keys))) {
          for (const r of batch) {
            const mapped = { count: r.value * 2, key: r.key };
            if ((mapped.key & 1) === 0) sink.take(mapped);
          }
        }
      };
    case "keyed-count":
      return () => countByKey(batches(records, (i) => makeInteger(i, keys)));
    case "keyed-count-string":
      prepareNames(keys);
      return () => countByKey(batches(records, (i) => makeString(i, keys)));
    case "tumbling-count":
      return () => tumblingCount(records, keys);
    case "operators-process":
    case "operators-aggregate":
    case "exchange":
      return undefined;
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

function tumblingCount(records: number, keys: number): void {
  const sizeMs = 60_000;
  let counts = new Map<number, number>();
  let end = sizeMs;
  const fire = (): void => {
    for (const [key, count] of counts) sink.take({ key, count, end } as { count: number });
    counts = new Map();
  };
  for (const batch of batches(records, (i) => makeInteger(i, keys))) {
    for (const { key, timestamp } of batch) {
      if (timestamp >= end) {
        fire();
        end += sizeMs;
      }
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  fire();
}
