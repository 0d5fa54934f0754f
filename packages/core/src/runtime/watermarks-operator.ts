/**
 * WatermarksOperator: timestamps and watermarks in the middle of a stream, for streams whose source
 * could not make them. It is the head of its chain; what it makes replaces the watermarks that come
 * in, but for the end of time.
 *
 * The subtask's whole input is one split for the generator; its state is not part of snapshots
 * (after a restore it starts from the restored watermark, which never goes back).
 */
import type { Batch } from "../columns/batch.ts";
import { newTimestamps } from "../columns/new-timestamps.ts";
import { StatelessOperator } from "../operators/operator.ts";
import type { OperatorContext } from "../operators/operator.ts";
import { callUser } from "../operators/user-function.ts";
import { SourceWatermarks } from "../time/source-watermarks.ts";
import { timestampExtractor } from "../time/timestamp-extractor.ts";
import type { TimestampExtractor } from "../time/timestamp-extractor.ts";
import { MAX_WATERMARK, NO_WATERMARK } from "../time/timestamp.ts";
import type { WatermarkStrategy } from "../time/watermark-strategy.ts";

const INPUT_SPLIT = "input";

/** Batches between two watermarks while records come. */
const WATERMARK_BATCHES = 4;

/** See the file header. */
export class WatermarksOperator extends StatelessOperator {
  readonly #context: OperatorContext;
  readonly #strategy: WatermarkStrategy;
  readonly #watermarks: SourceWatermarks;
  readonly #extract: TimestampExtractor;
  #batchesSinceWatermark = 0;
  #emittedWatermark = NO_WATERMARK;
  #isIdle = false;

  constructor(context: OperatorContext, strategy: WatermarkStrategy) {
    super();
    this.#context = context;
    this.#strategy = strategy;
    const now = context.env.clock.monotonicMs();
    this.#watermarks = new SourceWatermarks(strategy, now);
    this.#watermarks.addSplits([{ splitId: INPUT_SPLIT, restored: undefined }], now);
    this.#extract = timestampExtractor(strategy.timestamp, context.uid);
  }

  /**
   * A watermark that the chain should reach now, or undefined. `isPressing`: there is no further
   * record for now. `inputWatermark` counts only at the end of time.
   */
  takeWatermark(inputWatermark: number, isPressing: boolean): number | undefined {
    this.#batchesSinceWatermark += 1;
    const hasEnded = inputWatermark === MAX_WATERMARK;
    if (!hasEnded && !isPressing && this.#batchesSinceWatermark < WATERMARK_BATCHES) {
      return undefined;
    }
    this.#batchesSinceWatermark = 0;
    const watermark = hasEnded ? MAX_WATERMARK : this.#watermarks.watermark;
    if (!(watermark > this.#emittedWatermark)) return undefined;
    this.#emittedWatermark = watermark;
    return watermark;
  }

  /** A change of status to announce, or undefined. */
  takeStatus(): boolean | undefined {
    const isIdle = this.#watermarks.isIdle && this.#emittedWatermark < MAX_WATERMARK;
    if (isIdle === this.#isIdle) return undefined;
    this.#isIdle = isIdle;
    return isIdle;
  }

  /** Looks at what changes by time alone. Ms until the next look; Infinity for none. */
  tick(): number {
    this.#watermarks.onPeriodic(this.#context.env.clock.monotonicMs());
    const { idleAfterMs, policy, intervalMs } = this.#strategy;
    return idleAfterMs !== undefined || policy.kind === "custom" ? intervalMs : Infinity;
  }

  /** Outputs are full, or have room again. Blocked time is not idle time. */
  setBlocked(isBlocked: boolean): void {
    this.#watermarks.setBlocked(isBlocked, this.#context.env.clock.monotonicMs());
  }

  processBatch(batch: Batch): void {
    this.#context.metrics.countRecordsIn(batch.count);
    const timestamps = newTimestamps(batch.count);
    const { uid, subtaskIndex } = this.#context;
    callUser({ uid, subtaskIndex, what: "timestamp" }, () => this.#extract(batch, timestamps));
    const stamped = batch.withTimestamps(timestamps);
    this.#context.output.emit(stamped);
    callUser({ uid, subtaskIndex, what: "watermark" }, () =>
      this.#watermarks.onBatch(
        INPUT_SPLIT,
        { count: batch.count, timestamps, records: () => stamped.records() },
        this.#context.env.clock.monotonicMs(),
      ),
    );
  }
}
