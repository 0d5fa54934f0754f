/**
 * SourceHead: the head of a source chain. It polls the reader, stamps records with event time, and
 * makes the watermark of the subtask.
 *
 * Owns: the reader, how much it is asked for at once, the timestamps, the watermarks of the splits,
 * the splits' part of snapshots, watermark alignment of the reader. Does not own: assignment of
 * splits (`source-coordinator.ts`), barriers.
 *
 * I1. A split's watermark generator state is stored with the split, so it moves where the split
 *     moves.
 * I2. A watermark leaves only when it has grown, after at most `WATERMARK_BATCHES` batches or when
 *     the reader has nothing.
 */
import { assert } from "../assert.ts";
import { Batch } from "../columns/batch.ts";
import { newTimestamps } from "../columns/new-timestamps.ts";
import type {
  MalformedRecord,
  ReaderOutput,
  Source,
  SourceReader,
  Split,
} from "../connectors/source.ts";
import type { Clock } from "../env/env.ts";
import type { OperatorContext } from "../operators/operator.ts";
import { SourceWatermarks } from "../time/source-watermarks.ts";
import { timestampExtractor } from "../time/timestamp-extractor.ts";
import type { TimestampExtractor } from "../time/timestamp-extractor.ts";
import { MAX_WATERMARK, NO_WATERMARK } from "../time/timestamp.ts";
import type { WatermarkStrategy } from "../time/watermark-strategy.ts";
import { callUser } from "../operators/user-function.ts";
import { batchCountWithin } from "../exchange/channel.ts";
import type { ChainOutput } from "./chain.ts";
import { Debloater } from "./debloater.ts";

/**
 * Batches between two watermarks of a busy source: few enough for windows to fire early, many
 * enough to cost nothing.
 */
const WATERMARK_BATCHES = 4;

/** Name of the operator state that holds a source's splits. */
export const SPLITS_STATE = "splits";

/** A split and the state of its watermark generator: what a source snapshots per split. */
export interface SplitSnapshot {
  readonly split: Split;
  readonly watermark: unknown;
}

/** What a head asks of the job master. */
export interface SourceRequests {
  requestSplit(): void;
  reportWatermark(watermark: number): void;
}

export interface SourceHeadOptions {
  readonly context: OperatorContext;
  readonly source: Source<unknown>;
  readonly strategy: WatermarkStrategy | undefined;
  readonly output: ChainOutput;
  readonly malformedOutput: ChainOutput | undefined;
  readonly requests: SourceRequests;
  /** See `DEBLOAT_TARGET_MS`. */
  readonly debloatTargetMs: number;
}

/** See the file header. */
export class SourceHead implements ReaderOutput {
  readonly #options: SourceHeadOptions;
  readonly #clock: Clock;
  readonly #reader: SourceReader;
  readonly #watermarks: SourceWatermarks | undefined;
  readonly #extract: TimestampExtractor | undefined;
  readonly #debloater: Debloater;
  /** Records that the reader is asked for at most: few where the chain or its outputs are slow. */
  #wantedMax = 1;
  readonly #restoredGenerators = new Map<string, unknown>();
  #batchesSinceWatermark = 0;
  #emittedCount = 0;
  #lastPeriodicMs = 0;
  #lastReportMs = -Infinity;
  #isIdle = false;
  #hasEnded = false;
  #emittedWatermark = NO_WATERMARK;

  constructor(options: SourceHeadOptions) {
    const { context, source, strategy, requests } = options;
    this.#options = options;
    this.#clock = context.env.clock;
    const limit = (count: number): void => void (this.#wantedMax = batchCountWithin(count));
    this.#debloater = new Debloater([{ limit }], options.debloatTargetMs);
    const now = this.#clock.monotonicMs();
    this.#watermarks = strategy === undefined ? undefined : new SourceWatermarks(strategy, now);
    this.#extract =
      strategy === undefined ? undefined : timestampExtractor(strategy.timestamp, context.uid);
    this.#reader = source.createReader({
      env: context.env,
      uid: context.uid,
      subtaskIndex: context.subtaskIndex,
      parallelism: context.parallelism,
      requestSplit: () => requests.requestSplit(),
      wake: () => context.wake(),
      fail: (error) => context.fail(error),
      countMalformed: () => context.metrics.countMalformedRecords(1),
    });
  }

  /** Whether the reader has ended; nothing more will be emitted. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The watermark that the chain should reach now; `NO_WATERMARK` for none. */
  get watermark(): number {
    if (this.#hasEnded) return MAX_WATERMARK;
    return this.#watermarks?.watermark ?? NO_WATERMARK;
  }

  get isIdle(): boolean {
    return this.#watermarks?.isIdle ?? false;
  }

  open(restored: readonly SplitSnapshot[]): void {
    this.#reader.open();
    for (const { split, watermark } of restored) this.#restoredGenerators.set(split.id, watermark);
    if (restored.length > 0) this.addSplits(restored.map(({ split }) => split));
  }

  addSplits(splits: readonly Split[]): void {
    const now = this.#clock.monotonicMs();
    const assigned = splits.map(({ id }) => ({
      splitId: id,
      restored: this.#restoredGenerators.get(id),
    }));
    for (const { splitId } of assigned) this.#restoredGenerators.delete(splitId);
    this.#watermarks?.addSplits(assigned, now);
    this.#reader.addSplits(splits);
  }

  noMoreSplits(): void {
    this.#reader.noMoreSplits();
  }

  /** The job master's limit for this reader; see `time/watermark-alignment.ts`. */
  align(watermarkMax: number): void {
    if (this.#watermarks === undefined) return;
    const { pause, resume } = this.#watermarks.align(watermarkMax, this.#clock.monotonicMs());
    if (pause.length + resume.length > 0) this.#reader.pauseOrResumeSplits?.(pause, resume);
  }

  /** Outputs are full, or have room again. Blocked time is not idle time. */
  setBlocked(isBlocked: boolean): void {
    this.#watermarks?.setBlocked(isBlocked, this.#clock.monotonicMs());
  }

  /** Emits at most about one batch, and no more than is used up in a part of the target time. */
  poll(): "more" | "idle" | "ended" {
    assert(!this.#hasEnded, "a reader that has ended is not polled");
    this.#debloater.beforeLook(this.#clock.monotonicMs());
    const isHeldBack =
      this.#watermarks?.isAboveLimit === true && this.#reader.pauseOrResumeSplits === undefined;
    const result = isHeldBack ? "idle" : this.#reader.poll(this, this.#wantedMax);
    if (result === "idle") this.#debloater.foundNothing(this.#clock.monotonicMs());
    if (result === "ended") this.end();
    return result;
  }

  /** Records that were emitted since the last call. */
  takeEmittedCount(): number {
    const count = this.#emittedCount;
    this.#emittedCount = 0;
    return count;
  }

  /** Nothing is read any more. Idempotent. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#watermarks?.end();
    // It no longer holds its alignment group back.
    if (this.#options.strategy?.alignment !== undefined) {
      this.#options.requests.reportWatermark(MAX_WATERMARK);
    }
  }

  /**
   * A watermark to emit now, or undefined; `isPressing` when the reader has nothing more for now.
   */
  takeWatermark(isPressing: boolean): number | undefined {
    this.#batchesSinceWatermark += 1;
    if (!isPressing && this.#batchesSinceWatermark < WATERMARK_BATCHES) return undefined;
    this.#batchesSinceWatermark = 0;
    const { watermark } = this;
    if (!(watermark > this.#emittedWatermark)) return undefined;
    this.#emittedWatermark = watermark;
    return watermark;
  }

  /** A change of status to announce, or undefined. */
  takeStatus(): boolean | undefined {
    if (this.isIdle === this.#isIdle) return undefined;
    this.#isIdle = this.isIdle;
    return this.#isIdle;
  }

  /**
   * To be called often: looks at idleness and reports for alignment when it is time. Ms until the
   * next look; Infinity for none.
   */
  tick(): number {
    const { strategy } = this.#options;
    if (strategy === undefined || this.#watermarks === undefined || this.#hasEnded) return Infinity;
    const now = this.#clock.monotonicMs();
    if (now - this.#lastPeriodicMs >= strategy.intervalMs) {
      this.#lastPeriodicMs = now;
      this.#watermarks.onPeriodic(now);
    }
    const { alignment } = strategy;
    if (alignment !== undefined && now - this.#lastReportMs >= alignment.updateIntervalMs) {
      this.#lastReportMs = now;
      this.#options.requests.reportWatermark(this.isIdle ? MAX_WATERMARK : this.watermark);
    }
    const needsTicks =
      strategy.idleAfterMs !== undefined ||
      strategy.policy.kind === "custom" ||
      alignment !== undefined;
    return needsTicks ? strategy.intervalMs : Infinity;
  }

  snapshot(checkpointId: number): SplitSnapshot[] {
    return this.#reader.snapshot(checkpointId).map((split) => ({
      split,
      watermark: this.#watermarks?.snapshotSplit(split.id),
    }));
  }

  completed(checkpointId: number): void {
    this.#reader.completed?.(checkpointId);
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  emit(splitId: string, batch: Batch): void {
    if (batch.count === 0) return;
    this.#emittedCount += batch.count;
    this.#debloater.countRecords(batch.count);
    if (this.#extract === undefined || this.#watermarks === undefined) {
      this.#options.output.emit(batch);
      return;
    }
    const timestamps = newTimestamps(batch.count);
    const extract = this.#extract;
    const watermarks = this.#watermarks;
    const { uid, subtaskIndex } = this.#options.context;
    callUser({ uid, subtaskIndex, what: "timestamp" }, () => extract(batch, timestamps));
    const stamped = batch.withTimestamps(timestamps);
    this.#options.output.emit(stamped);
    callUser({ uid, subtaskIndex, what: "watermark" }, () =>
      watermarks.onBatch(
        splitId,
        { count: batch.count, timestamps, records: () => stamped.records() },
        this.#clock.monotonicMs(),
      ),
    );
  }

  finishSplit(splitId: string): void {
    this.#watermarks?.finishSplit(splitId, this.#clock.monotonicMs());
  }

  emitMalformed(record: MalformedRecord): void {
    this.#options.malformedOutput?.emit(Batch.ofRecords([record]));
  }
}
