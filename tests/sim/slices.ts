/*
 * Slices of snapshots, put off at random and kept small: as if the segment writer had no room. Only
 * so do records come between a freeze and the copy of a row, since simulated state is small.
 */
import { seededRandom } from "../../packages/core/src/env/random.ts";
import { HeapSnapshot } from "../../packages/core/src/state/heap-snapshot.ts";
import type { Scenario } from "./scenario.ts";

/** Rows that a slice copies at most. */
const ROWS_MAX = 8;
/** Calls after which a snapshot goes on at full speed, so that large state is written, too. */
const SLOW_CALLS_MAX = 60;

/** For all snapshots until the function returned is called. */
export function putOffSlices({ seed, slicesPutOffRate }: Scenario): () => void {
  const random = seededRandom(seed).fork("slices");
  const { copySlice } = HeapSnapshot.prototype;
  const callsCounts = new WeakMap<HeapSnapshot, number>();
  HeapSnapshot.prototype.copySlice = function (rowsMax, sink) {
    const callsCount = callsCounts.get(this) ?? 0;
    callsCounts.set(this, callsCount + 1);
    if (callsCount > SLOW_CALLS_MAX) return copySlice.call(this, rowsMax, sink);
    if (random.next() < slicesPutOffRate) return false;
    return copySlice.call(this, Math.min(rowsMax, 1 + random.int(ROWS_MAX)), sink);
  };
  return () => {
    HeapSnapshot.prototype.copySlice = copySlice;
  };
}
