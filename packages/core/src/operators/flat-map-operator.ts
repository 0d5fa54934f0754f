/**
 * flatMap: one record in, none or many out, without state. Timestamps stay with their records.
 */
import type { Batch } from "../columns/batch.ts";
import { StatelessOperator } from "./operator.ts";
import type { OperatorContext } from "./operator.ts";
import { RecordCollector } from "./output.ts";
import { compileLoop, timestampAt, userFunctionFailed } from "./user-function.ts";
import type { LoopPosition } from "./user-function.ts";

type FlatMapLoop = (records: readonly unknown[], batch: Batch) => void;

/** `flatMap`. Bursts leave in batches of `BATCH_COUNT`. */
export class FlatMapOperator extends StatelessOperator {
  readonly #context: OperatorContext;
  readonly #loop: FlatMapLoop;
  readonly #collector: RecordCollector;
  readonly #position: LoopPosition = new Int32Array(1);
  #recordsSeenCount = 0;

  constructor(context: OperatorContext, fn: (record: unknown) => Iterable<unknown>) {
    super();
    const collector = new RecordCollector(context.output);
    this.#context = context;
    this.#collector = collector;
    this.#loop = compileLoop(
      context.uid,
      { fn, position: this.#position, collector },
      `(records, batch) => {
        const { count, timestamps } = batch;
        for (let i = 0; i < count; i++) {
          position[0] = i;
          const timestamp = timestamps === undefined ? NaN : timestamps[i];
          for (const result of fn(records[i])) collector.collect(result, timestamp);
        }
      }`,
    ) as FlatMapLoop;
  }

  processBatch(batch: Batch): void {
    this.#context.metrics.countRecordsIn(batch.count);
    try {
      this.#loop(batch.records(), batch);
    } catch (error) {
      const index = this.#position[0];
      const { uid, subtaskIndex } = this.#context;
      const recordIndex = this.#recordsSeenCount + index;
      const timestamp = timestampAt(batch, index);
      const record = batch.records()[index];
      throw userFunctionFailed(
        { uid, subtaskIndex, what: "flatMap", recordIndex, timestamp, record },
        error,
      );
    }
    this.#collector.flush();
    this.#recordsSeenCount += batch.count;
  }
}
