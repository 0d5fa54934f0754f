/*
 * WindowOperator: the contract between a task and the logic of windows, for all ways in which
 * windows are kept. Not here: keys, output batches, side-output tags, metrics (the operator around
 * it).
 *
 * Call order. `restored` once, after the state was loaded or found empty. Then, any number of
 * times: `processBatch` between firings; `advanceWatermark` or `advanceProcessingTime` followed by
 * `fire` until it returns true. While `isFiring` no batch may come; a barrier may, after
 * `prepareSnapshot`.
 *
 * I1. Within one advance, windows give their results by end, ascending; within a window, keys come
 *     in any order.
 * I2. `currentWatermark` is what everything has fired for: it is the one that goes into snapshots.
 *     An advance that is under way when a snapshot is taken comes again after the restore, and what
 *     has fired of it does not fire again.
 * I3. All that outlives a restore lies in tables of the backend; the rest is derived by `restored`.
 */
import type { Batch } from "../columns/batch.ts";
import type { KeyColumn } from "../columns/key-column.ts";

/** Where results go. Emitting never refuses. */
export interface WindowOutput {
  /** A result; `timestamp` is the last timestamp of its window. */
  emit(record: unknown, timestamp: number): void;
  /** A late record, where the plan has a late output. */
  emitLate(record: unknown, timestamp: number): void;
  /** Late records that were dropped (Flink's numLateRecordsDropped). */
  countLate(count: number): void;
}

/** What a window operator is run with. */
export interface WindowContext {
  readonly output: WindowOutput;
  /** Processing time, ms since the epoch. */
  readonly now: () => number;
}

/** See the file header. */
export interface WindowOperator {
  /** Everything up to it has fired; `NO_WATERMARK` before the first. */
  readonly currentWatermark: number;
  /** An advance is under way: call `fire`. */
  readonly isFiring: boolean;
  /**
   * Derives what is not in tables; `watermark` is the one of the snapshot, `NO_WATERMARK` without.
   */
  restored(watermark: number): void;
  /**
   * Takes records of one of the operator's inputs; for event time every one has a timestamp. What
   * an aggregate throws over a record is a `FailedRecord`.
   */
  processBatch(batch: Batch, keys: KeyColumn, input: number): void;
  /** Event time moves; one that is not higher than the current is ignored. */
  advanceWatermark(watermark: number): void;
  /** The clock was read: processing time is `now`. */
  advanceProcessingTime(now: number): void;
  /** When `advanceProcessingTime` is next needed, ms; Infinity: not at all. */
  nextProcessingTime(): number;
  /** Fires about `rowsMax` rows. True when the advance is done. */
  fire(rowsMax: number): boolean;
  /**
   * Brings the tables into the state that a snapshot between two slices must have. False: not
   * possible here, call `fire` first.
   */
  prepareSnapshot(): boolean;
}
