/*
 * The records of the micro benchmarks, the same for every contestant: 32-bit arithmetic on the
 * index, no randomness.
 */

/** What keyed benchmarks run on. */
export interface KeyedRecord {
  readonly key: number;
  readonly name: string;
  readonly value: number;
  readonly timestamp: number;
}

/** Spreads indexes evenly over [0, keysCount). */
export function keyOf(index: number, keysCount: number): number {
  let hash = Math.imul(index ^ (index >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return ((hash ^ (hash >>> 16)) >>> 0) % keysCount;
}

const NAMES: string[] = [];

/** Strings of 7 characters, made once, so that making them is no part of a measurement. */
export function nameOf(key: number): string {
  return NAMES[key] ?? (NAMES[key] = `k${String(key).padStart(6, "0")}`);
}

/** Prepares the names of all keys. */
export function prepareNames(keysCount: number): void {
  for (let key = 0; key < keysCount; key++) nameOf(key);
}

/** Integer-keyed record `index`. One record per ms of event time. */
export function makeInteger(
  index: number,
  keysCount: number,
): { key: number; value: number; timestamp: number } {
  return { key: keyOf(index, keysCount), value: index & 1023, timestamp: index };
}

/** Record `index` of those that have each key once. */
export function makeFilling(index: number): ReturnType<typeof makeInteger> {
  return { key: index, value: index & 1023, timestamp: index };
}

/** Seven fields, two of them strings: what is sent from one worker to another. */
export function makeWide(
  index: number,
  keysCount: number,
): {
  readonly id: number;
  readonly name: string;
  readonly city: string;
  readonly amount: number;
  readonly value: number;
  readonly isNew: boolean;
  readonly timestamp: number;
} {
  const key = keyOf(index, keysCount);
  return {
    id: index,
    name: nameOf(key),
    city: nameOf(key % 300),
    amount: (key & 0xffff) / 100,
    value: index & 1023,
    isNew: (key & 7) === 0,
    timestamp: 1_700_000_000_000 + index,
  };
}

/** String-keyed record `index`. */
export function makeString(index: number, keysCount: number): { key: string; value: number } {
  return { key: nameOf(keyOf(index, keysCount)), value: index & 1023 };
}

/** Batches of 1 024 records, as the hand-written loops get them. */
export function* batches<T>(count: number, make: (index: number) => T): Generator<T[]> {
  for (let start = 0; start < count; start += 1024) {
    const batch: T[] = [];
    const end = Math.min(count, start + 1024);
    for (let index = start; index < end; index++) batch.push(make(index));
    yield batch;
  }
}

/** Where every contestant hands its output: counts and keeps the optimizer honest. */
export const sink = {
  count: 0,
  checksum: 0,
  take(record: { readonly count: number }): void {
    sink.count += 1;
    sink.checksum = (sink.checksum + record.count) | 0;
  },
};

/** Gaps between consecutive batches, ms. */
export class Pauses {
  #gaps: number[] = [];
  #lastMs = performance.now();

  /** Forgets what was noted so far. */
  begin(): void {
    this.#gaps = [];
    this.#lastMs = performance.now();
  }

  /** To be called with every record's index; looks at the clock once per 1 024. */
  mark(index: number): void {
    if ((index & 1023) !== 0) return;
    const now = performance.now();
    this.#gaps.push(now - this.#lastMs);
    this.#lastMs = now;
  }

  figures(): { p50: number; p99: number; p999: number; max: number } {
    const sorted = this.#gaps.toSorted((a, b) => a - b);
    const at = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)] ?? 0;
    return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
  }
}
