/**
 * WatermarksOperator: timestamps and watermarks in the middle of a stream, for streams whose source
 * could not make them. It is the head of its chain; what it makes replaces the watermarks that come
 * in, but for the end of time.
 *
 * The subtask's whole input is one split for the generator; its state is not part of snapshots
 * (after a restore it starts from the restored watermark, which never goes back).
 */
import type { Batch } from "../columns/batch.ts";
import { StatelessOperator } from "../operators/operator.ts";
import type { OperatorContext } from "../operators/operator.ts";
import { SourceWatermarks } from "../time/source-watermarks.ts";
import { timestampExtractor } from "../time/timestamp-extractor.ts";
import type { TimestampExtractor } from "../time/timestamp-extractor.ts";
import { MAX_WATERMARK } from "../time/timestamp.ts";
import type { WatermarkStrategy } from "../time/watermark-strategy.ts";

const INPUT_SPLIT = "input";

/** See the file header. */
export class WatermarksOperator extends StatelessOperator {
  readonly #context: OperatorContext;
  readonly #watermarks: SourceWatermarks;
  readonly #extract: TimestampExtractor;

  constructor(context: OperatorContext, strategy: WatermarkStrategy) {
    super();
    this.#context = context;
    const now = context.env.clock.monotonicMs();
    this.#watermarks = new SourceWatermarks(strategy, now);
    this.#watermarks.addSplit(INPUT_SPLIT, undefined, now);
    this.#extract = timestampExtractor(strategy.timestamp, context.uid);
  }

  /** The watermark that the chain behind should reach, given that of the input. */
  watermarkFor(inputWatermark: number): number {
    return inputWatermark === MAX_WATERMARK ? MAX_WATERMARK : this.#watermarks.watermark;
  }

  processBatch(batch: Batch): void {
    this.#context.metrics.countRecordsIn(batch.count);
    const timestamps = new Float64Array(batch.count);
    this.#extract(batch, timestamps);
    const stamped = batch.withTimestamps(timestamps);
    this.#context.output.emit(stamped);
    this.#watermarks.onBatch(
      INPUT_SPLIT,
      { count: batch.count, timestamps, records: () => stamped.records() },
      this.#context.env.clock.monotonicMs(),
    );
  }
}
