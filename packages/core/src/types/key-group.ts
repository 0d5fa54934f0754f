/*
 * Key groups: which part of the key space a key belongs to, and which subtask owns a part.
 *
 * These are Flink's formulas (MathUtils.murmurHash, KeyGroupRangeAssignment), so that a job has the
 * same placement in both runtimes. They are part of the snapshot format and can never change.
 *
 * I1. The ranges of all subtasks are disjoint and together are [0, maxParallelism).
 * I2. `subtaskOf(group)` is the subtask whose range holds the group.
 */
import { assert } from "../assert.ts";

/** Upper bound of max parallelism (Flink: UPPER_BOUND_MAX_PARALLELISM). */
export const MAX_PARALLELISM_BOUND = 32768;
/** Lower bound of the default max parallelism. */
export const DEFAULT_MAX_PARALLELISM_FLOOR = 128;

/** Key groups [start, end). */
export interface KeyGroupRange {
  readonly start: number;
  readonly end: number;
}

/** Flink's MathUtils.murmurHash: a non-negative int32 from an int32. */
export function murmurOfHash(hash: number): number {
  let code = Math.imul(hash, 0xcc9e2d51);
  code = (code << 15) | (code >>> 17);
  code = Math.imul(code, 0x1b873593);
  code = (code << 13) | (code >>> 19);
  code = (Math.imul(code, 5) + 0xe6546b64) | 0;
  code ^= 4;
  code ^= code >>> 16;
  code = Math.imul(code, 0x85ebca6b);
  code ^= code >>> 13;
  code = Math.imul(code, 0xc2b2ae35);
  code ^= code >>> 16;
  // The absolute value, and 0 for the one that has none; a branch would be taken at random.
  const sign = code >> 31;
  const size = ((code ^ sign) - sign) | 0;
  return size & ~(size >> 31);
}

/** Key group of a key with this Java hash code. `maxParallelism` in [1, 32768]. */
export function keyGroupOf(hash: number, maxParallelism: number): number {
  return murmurOfHash(hash) % maxParallelism;
}

/** Subtask that owns a key group: floor(group · parallelism / maxParallelism). */
export function subtaskOf(keyGroup: number, parallelism: number, maxParallelism: number): number {
  return Math.floor((keyGroup * parallelism) / maxParallelism);
}

/**
 * Key groups of a subtask; empty only where parallelism exceeds maxParallelism, which is refused.
 */
export function keyGroupRange(
  subtaskIndex: number,
  parallelism: number,
  maxParallelism: number,
): KeyGroupRange {
  checkParallelism(parallelism, maxParallelism);
  assert(subtaskIndex >= 0 && subtaskIndex < parallelism, "subtask index is out of range");
  const start = Math.ceil((subtaskIndex * maxParallelism) / parallelism);
  const last = Math.floor(((subtaskIndex + 1) * maxParallelism - 1) / parallelism);
  return { start, end: last + 1 };
}

/** min(max(nextPowerOfTwo(p + floor(p / 2)), 128), 32768). */
export function defaultMaxParallelism(parallelism: number): number {
  const wanted = parallelism + Math.floor(parallelism / 2);
  let rounded = 1;
  while (rounded < wanted && rounded < MAX_PARALLELISM_BOUND) rounded *= 2;
  return Math.min(Math.max(rounded, DEFAULT_MAX_PARALLELISM_FLOOR), MAX_PARALLELISM_BOUND);
}

/** A table key group → subtask, for per-record use. */
export function subtaskTable(parallelism: number, maxParallelism: number): Uint16Array {
  checkParallelism(parallelism, maxParallelism);
  const table = new Uint16Array(maxParallelism);
  for (let group = 0; group < maxParallelism; group++) {
    table[group] = subtaskOf(group, parallelism, maxParallelism);
  }
  return table;
}

function checkParallelism(parallelism: number, maxParallelism: number): void {
  assert(
    Number.isInteger(maxParallelism) &&
      maxParallelism >= 1 &&
      maxParallelism <= MAX_PARALLELISM_BOUND,
    () => `max parallelism ${maxParallelism} is not in [1, ${MAX_PARALLELISM_BOUND}]`,
  );
  assert(
    Number.isInteger(parallelism) && parallelism >= 1 && parallelism <= maxParallelism,
    () => `parallelism ${parallelism} is not in [1, ${maxParallelism}]`,
  );
}
