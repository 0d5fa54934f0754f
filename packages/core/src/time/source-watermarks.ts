/*
 * SourceWatermarks: the watermark and status of one source reader out of its splits.
 *
 * Owns: one `SplitWatermark` per split, their combination, and which splits alignment holds back.
 * It reads no clock: every call brings the monotonic time. Semantics: docs/semantics/watermarks.md.
 *
 * I1. A split holds the reader back from `addSplits` until it is idle, finished, or ahead.
 * I2. A reader without splits keeps its watermark; with `idleAfter` it falls idle like a split.
 * I3. Time in which the reader is blocked, or a split is paused by alignment, is not idle time.
 * I4. A split is paused only while its own watermark is above the limit: the slowest always runs.
 */
import { assert } from "../assert.ts";
import { IdlenessTimer } from "./idleness.ts";
import { STATUS_CHANGED, WatermarkCombiner } from "./watermark-combiner.ts";
import { MAX_WATERMARK } from "./timestamp.ts";
import { SplitWatermark } from "./watermark-generator.ts";
import type { TimestampedRecords } from "./watermark-generator.ts";
import type { WatermarkStrategy } from "./watermark-strategy.ts";

interface TrackedSplit {
  readonly index: number;
  readonly watermark: SplitWatermark;
  /** Paused by alignment. */
  isPaused: boolean;
}

/** A split as it comes to a reader. */
export interface AssignedSplit {
  readonly splitId: string;
  /** What `snapshotSplit` returned for it earlier; undefined for a new one. */
  readonly restored: unknown;
}

/** Splits that alignment stops and lets go on. */
export interface SplitPauses {
  readonly pause: readonly string[];
  readonly resume: readonly string[];
}

/** See the file header. Methods that may change the outcome return bits as `WatermarkCombiner`. */
export class SourceWatermarks {
  readonly #strategy: WatermarkStrategy;
  readonly #combiner = new WatermarkCombiner();
  readonly #splits = new Map<string, TrackedSplit>();
  /** Runs while there is no split. */
  readonly #emptiness: IdlenessTimer | undefined;
  #isEmptyIdle = false;
  #isBlocked = false;
  #hasEnded = false;
  #limit = MAX_WATERMARK;

  constructor(strategy: WatermarkStrategy, nowMs: number) {
    this.#strategy = strategy;
    const { idleAfterMs } = strategy;
    this.#emptiness = idleAfterMs === undefined ? undefined : new IdlenessTimer(idleAfterMs, nowMs);
  }

  get watermark(): number {
    return this.#hasEnded ? MAX_WATERMARK : this.#combiner.watermark;
  }

  get isIdle(): boolean {
    if (this.#hasEnded) return false;
    return this.#splits.size === 0 ? this.#isEmptyIdle : this.#combiner.isIdle;
  }

  /**
   * Splits were assigned. Those that come together count together: one that is behind holds the
   * reader back also where it comes last.
   */
  addSplits(splits: readonly AssignedSplit[], nowMs: number): number {
    const wasIdle = this.isIdle;
    for (const { splitId, restored } of splits) {
      assert(!this.#splits.has(splitId), "a split is assigned once");
      const watermark = new SplitWatermark(this.#strategy, { splitId, restored, nowMs });
      if (this.#isBlocked) watermark.pause(nowMs);
      const index = this.#combiner.addInput(watermark.watermark);
      this.#splits.set(splitId, { index, watermark, isPaused: false });
    }
    this.#isEmptyIdle &&= splits.length === 0;
    return this.#changes(this.#combiner.refresh(), wasIdle);
  }

  /** The split was read to its end. */
  finishSplit(splitId: string, nowMs: number): number {
    const wasIdle = this.isIdle;
    const split = this.#split(splitId);
    this.#splits.delete(splitId);
    this.#emptiness?.onActivity(nowMs);
    return this.#changes(this.#combiner.removeInput(split.index), wasIdle);
  }

  /** The reader got its last split and has read it: the watermark is `MAX_WATERMARK`. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Records of a split were read. */
  onBatch(splitId: string, batch: TimestampedRecords, nowMs: number): number {
    const wasIdle = this.isIdle;
    const split = this.#split(splitId);
    split.watermark.onBatch(batch, nowMs);
    return this.#changes(this.#take(split, nowMs), wasIdle);
  }

  /**
   * To be called every `strategy.intervalMs`: idleness, and what custom generators tell by time.
   */
  onPeriodic(nowMs: number): number {
    const wasIdle = this.isIdle;
    let changes = 0;
    if (this.#splits.size === 0) this.#isEmptyIdle = this.#emptiness?.isIdle(nowMs) ?? false;
    for (const split of this.#splits.values()) {
      split.watermark.onPeriodic();
      changes |= this.#take(split, nowMs);
    }
    return this.#changes(changes, wasIdle);
  }

  /** The reader is blocked (outputs full, or all of it held by alignment) or runs again. */
  setBlocked(isBlocked: boolean, nowMs: number): void {
    if (isBlocked === this.#isBlocked) return;
    this.#isBlocked = isBlocked;
    const timers = [...this.#splits.values()].map((split) => split.watermark);
    for (const timer of this.#emptiness === undefined ? timers : [...timers, this.#emptiness]) {
      if (isBlocked) timer.pause(nowMs);
      else timer.resume(nowMs);
    }
  }

  /** The state of a split's generator, to be stored with the split. */
  snapshotSplit(splitId: string): unknown {
    return this.#split(splitId).watermark.snapshot();
  }

  /** Alignment: no split may run above `limit`. Returns what changes. */
  align(limit: number, nowMs: number): SplitPauses {
    this.#limit = limit;
    const pause: string[] = [];
    const resume: string[] = [];
    for (const [splitId, split] of this.#splits) {
      const isPaused = split.watermark.watermark > limit;
      if (isPaused === split.isPaused) continue;
      split.isPaused = isPaused;
      (isPaused ? pause : resume).push(splitId);
      if (isPaused) split.watermark.pause(nowMs);
      else split.watermark.resume(nowMs);
    }
    return { pause, resume };
  }

  /** Whether alignment holds the reader as a whole: its own watermark is above the limit. */
  get isAboveLimit(): boolean {
    return this.watermark > this.#limit && !this.#hasEnded;
  }

  #take(split: TrackedSplit, nowMs: number): number {
    // A watermark counts only from an active split: wake it up before, let it fall idle after.
    const isIdle = split.watermark.isIdle(nowMs);
    let changes = isIdle ? 0 : this.#combiner.setIdle(split.index, false);
    changes |= this.#combiner.update(split.index, split.watermark.watermark);
    return isIdle ? changes | this.#combiner.setIdle(split.index, true) : changes;
  }

  #split(splitId: string): TrackedSplit {
    const split = this.#splits.get(splitId);
    assert(split !== undefined, () => `split "${splitId}" belongs to this reader`);
    return split;
  }

  /** The combiner knows nothing of a reader without splits, so the status is compared here. */
  #changes(changes: number, wasIdle: boolean): number {
    return this.isIdle === wasIdle ? changes & ~STATUS_CHANGED : changes | STATUS_CHANGED;
  }
}
