/*
 * Memory for the timestamps of batches. Every stage that makes a batch needs some, and an array of
 * its own costs as much as what is written into it (allocation outside the heap, clearing, the
 * collector's book-keeping), so they are cut from slabs. A slab lives as long as any batch that has
 * a part of it; batches do not live long.
 *
 * I1. No part of a slab is given out twice.
 */
import { assert } from "../assert.ts";

/** Timestamps in a slab: 128 KiB, some sixteen batches. */
const SLAB_COUNT = 16_384;

let slab = new Float64Array(0);
let usedCount = 0;

/** Memory for `count` timestamps, all 0. */
export function newTimestamps(count: number): Float64Array {
  if (count > SLAB_COUNT / 4) return new Float64Array(count);
  if (usedCount + count > slab.length) {
    slab = new Float64Array(SLAB_COUNT);
    usedCount = 0;
  }
  const start = usedCount;
  usedCount += count;
  assert(usedCount <= slab.length, "a slab of timestamps has been given out");
  return slab.subarray(start, usedCount);
}
