/**
 * Output: where an operator puts its records. `RecordCollector` turns single records into batches.
 */
import { BATCH_COUNT, Batch } from "../columns/batch.ts";
import { newTimestamps } from "../columns/new-timestamps.ts";
import { presized } from "../columns/presized.ts";

/**
 * One output of an operator. What it leads to (chained operators, edges to other tasks, nothing) is
 * the chain's business.
 */
export interface Output {
  /** Hands a batch over. Never blocks, never refuses. The batch must not change afterwards. */
  emit(batch: Batch): void;
}

/** Counters of one operator's subtask; see `docs/metrics.md`. Plain stores into shared memory. */
export interface OperatorMetrics {
  countRecordsIn(count: number): void;
  countRecordsOut(count: number): void;
  countLateRecordsDropped(count: number): void;
  countMalformedRecords(count: number): void;
}

/** An output that leads nowhere. */
export const NOWHERE: Output = Object.freeze({ emit(_batch: Batch): void {} });

/**
 * Collects single records and hands them over as batches of at most `BATCH_COUNT`.
 * Timestamps are kept if the first record of a batch has one (NaN: none).
 */
export class RecordCollector {
  readonly #output: Output;
  #records: unknown[] = [];
  #count = 0;
  #timestamps = new Float64Array(BATCH_COUNT);
  #hasTimestamps = false;
  /** Timestamp of what `collectNow` adds. */
  time = NaN;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Adds a record; `timestamp` in ms, NaN for none. */
  collect(record: unknown, timestamp: number): void {
    const index = this.#count++;
    if (index === 0) this.#hasTimestamps = timestamp === timestamp;
    this.#records[index] = record;
    this.#timestamps[index] = timestamp;
    if (index + 1 === BATCH_COUNT) this.flush();
  }

  /** Adds a record with the timestamp `time`. */
  collectNow(record: unknown): void {
    this.collect(record, this.time);
  }

  /** Hands over what was collected. */
  flush(): void {
    const count = this.#count;
    if (count === 0) return;
    const records = this.#records;
    records.length = count;
    let timestamps: Float64Array | undefined;
    if (this.#hasTimestamps) {
      timestamps = newTimestamps(count);
      timestamps.set(this.#timestamps.subarray(0, count));
    }
    // The next one will be about as large.
    this.#records = presized(count);
    this.#count = 0;
    this.#output.emit(Batch.ofRecords(records, count, timestamps));
  }
}
