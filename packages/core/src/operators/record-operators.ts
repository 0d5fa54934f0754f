/**
 * map, filter, flatMap: one record in, one, none or many out, without state.
 *
 * Each has a loop of its own, compiled with the operator's uid (see `user-function.ts`). Timestamps
 * stay with their records.
 */
import { BATCH_COUNT, Batch } from "../columns/batch.ts";
import { StatelessOperator } from "./operator.ts";
import type { OperatorContext } from "./operator.ts";
import { RecordCollector } from "./output.ts";
import { compileLoop, timestampAt, userFunctionFailed } from "./user-function.ts";
import type { LoopPosition } from "./user-function.ts";

type Records = readonly unknown[];

/**
 * What the three have in common: running a loop over a batch and naming the record at which it
 * threw.
 */
abstract class LoopOperator extends StatelessOperator {
  protected readonly context: OperatorContext;
  protected readonly position: LoopPosition = new Int32Array(1);
  readonly #what: string;
  #recordsSeenCount = 0;

  constructor(context: OperatorContext, what: string) {
    super();
    this.context = context;
    this.#what = what;
  }

  processBatch(batch: Batch): void {
    this.context.metrics.countRecordsIn(batch.count);
    try {
      this.run(batch, batch.records());
    } catch (error) {
      const index = this.position[0];
      throw userFunctionFailed(
        {
          uid: this.context.uid,
          subtaskIndex: this.context.subtaskIndex,
          what: this.#what,
          recordIndex: this.#recordsSeenCount + index,
          timestamp: timestampAt(batch, index),
          record: batch.records()[index],
        },
        error,
      );
    }
    this.#recordsSeenCount += batch.count;
  }

  protected abstract run(batch: Batch, records: Records): void;
}

type MapLoop = (records: Records, count: number) => unknown[];

/** `map`. */
export class MapOperator extends LoopOperator {
  readonly #loop: MapLoop;

  constructor(context: OperatorContext, fn: (record: unknown) => unknown) {
    super(context, "map");
    this.#loop = compileLoop(
      context.uid,
      { fn, position: this.position },
      `(records, count) => {
        const out = [];
        for (let i = 0; i < count; i++) { position[0] = i; out.push(fn(records[i])); }
        return out;
      }`,
    ) as MapLoop;
  }

  protected run(batch: Batch, records: Records): void {
    const out = this.#loop(records, batch.count);
    this.context.output.emit(Batch.ofRecords(out, batch.count, batch.timestamps));
  }
}

type FilterLoop = (records: Records, count: number, kept: Int32Array) => number;

/** `filter`. */
export class FilterOperator extends LoopOperator {
  readonly #loop: FilterLoop;
  #kept = new Int32Array(BATCH_COUNT);

  constructor(context: OperatorContext, fn: (record: unknown) => boolean) {
    super(context, "filter");
    this.#loop = compileLoop(
      context.uid,
      { fn, position: this.position },
      `(records, count, kept) => {
        let n = 0;
        for (let i = 0; i < count; i++) { position[0] = i; if (fn(records[i])) kept[n++] = i; }
        return n;
      }`,
    ) as FilterLoop;
  }

  protected run(batch: Batch, records: Records): void {
    if (this.#kept.length < batch.count) this.#kept = new Int32Array(batch.count);
    const count = this.#loop(records, batch.count, this.#kept);
    if (count === 0) return;
    this.context.output.emit(count === batch.count ? batch : batch.select(this.#kept, count));
  }
}

type FlatMapLoop = (records: Records, batch: Batch) => void;

/** `flatMap`. Bursts leave in batches of `BATCH_COUNT`. */
export class FlatMapOperator extends LoopOperator {
  readonly #loop: FlatMapLoop;
  readonly #collector: RecordCollector;

  constructor(context: OperatorContext, fn: (record: unknown) => Iterable<unknown>) {
    super(context, "flatMap");
    const collector = new RecordCollector(context.output);
    this.#collector = collector;
    this.#loop = compileLoop(
      context.uid,
      { fn, position: this.position, collector },
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

  protected run(batch: Batch, records: Records): void {
    this.#loop(records, batch);
    this.#collector.flush();
  }
}
