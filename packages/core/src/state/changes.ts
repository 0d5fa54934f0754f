/*
 * Changes: which rows of an operator changed since when. One per backend, shared by its tables.
 *
 * Time is cut into *epochs* by freezes of any kind and into *intervals* by freezes of checkpoints.
 * A row's stamp says in which epoch it was last touched; a stamp below `floor` makes the next touch
 * slow, once per epoch: it sets the dirty bit and looks at the copy sets. Every other touch is one
 * comparison.
 *
 * C1. `floor` = 2 × epoch; a stamp is floor (touched) or floor + 1 (born in this epoch).
 * C2. A delta on base B covers every interval after B's. Covering more is right too (rows are
 *     whole, a tombstone of a key that is there again is overruled by its put); covering less never
 *     is.
 * C3. Intervals are dropped only when a barrier names a base (they lie before it), never by
 *     completion or abortion of checkpoints, so an aborted or overtaken one loses nothing.
 * C4. A savepoint ends an epoch but no interval.
 * C5. At most `INTERVALS_MAX` intervals are kept: the two oldest are merged, and a base between
 *     them then counts as one before them (C2).
 * C6. Deletions are recorded only while some base could be named. If their record outgrows its
 *     bound, all is forgotten, and deltas on bases up to now become full (`isCovered`).
 */
import { assert } from "../assert.ts";
import type { CheckpointId } from "./barrier.ts";

/** Intervals that are kept apart. */
export const INTERVALS_MAX = 16;
/** Checkpoints that are remembered as possible bases. */
export const BASES_MAX = 1024;
/** Largest epoch: stamps are int32. At one freeze a second, 30 years. */
const EPOCH_MAX = 2 ** 30 - 1;

/** End of an interval: the checkpoint whose freeze ended it. */
interface IntervalEnd {
  readonly checkpointId: CheckpointId;
  /** Intervals with a larger number come after it. */
  readonly interval: number;
}

/** See the file header. */
export class Changes {
  epoch = 1;
  /** Stamps below it are of earlier epochs. */
  floor = 2;
  /** Number of the current interval. */
  interval = 1;
  /** Whether removals must be recorded (C6). */
  tracksRemovals = false;
  /** Cleared lists and maps of all tables that wait for reclamation. */
  waitingChainsCount = 0;
  #ends: IntervalEnd[] = [];

  /** Ends the epoch. */
  nextEpoch(): void {
    assert(this.epoch < EPOCH_MAX, "the backend has been frozen 2^30 times; restart the job");
    this.epoch += 1;
    this.floor = 2 * this.epoch;
  }

  /** Ends the interval with a checkpoint's freeze; returns its number. */
  endInterval(checkpointId: CheckpointId): number {
    const ended = this.interval;
    this.#ends.push({ checkpointId, interval: ended });
    this.interval = ended + 1;
    this.tracksRemovals = true;
    // Where none of them ever becomes a base. The oldest stays: it may be the only complete one.
    if (this.#ends.length > BASES_MAX) this.#ends.splice(1, 1);
    return ended;
  }

  /** Whether changes since the freeze of that checkpoint are known. */
  isCovered(base: CheckpointId): boolean {
    return this.#ends.some((end) => end.checkpointId === base);
  }

  /** A delta on `base` covers all intervals with a number above this. */
  intervalOf(base: CheckpointId): number {
    const end = this.#ends.find((candidate) => candidate.checkpointId === base);
    assert(end !== undefined, "changes since an unknown base are asked for");
    return end.interval;
  }

  /** Forgets ends before `base`; the tables drop the intervals (C3). */
  advanceBase(base: CheckpointId): void {
    const at = this.#ends.findIndex((end) => end.checkpointId === base);
    if (at > 0) this.#ends.splice(0, at);
  }

  /**
   * Where there are too many intervals: which two numbers to merge (into the second). Ends inside
   * of the merged interval count as before it.
   */
  mergeOldest(): { readonly from: number; readonly into: number } | undefined {
    const numbers = [...new Set(this.#ends.map((end) => end.interval))];
    if (numbers.length <= INTERVALS_MAX) return undefined;
    // numbers[0] ends where the oldest base lies; intervals numbers[1] and numbers[2] become one.
    const [before, from, into] = numbers;
    this.#ends = this.#ends.map((end) =>
      end.interval === from ? { ...end, interval: before } : end,
    );
    return { from, into };
  }

  /** After a restore: `restoredFrom` counts as the end of the interval that is empty until now. */
  restart(restoredFrom: CheckpointId | undefined): void {
    this.#ends = [];
    this.tracksRemovals = false;
    this.nextEpoch();
    if (restoredFrom !== undefined) this.endInterval(restoredFrom);
    else this.interval += 1;
  }

  /** C6: no base so far can be built upon any more. */
  forget(): void {
    this.#ends = [];
    this.tracksRemovals = false;
  }
}
