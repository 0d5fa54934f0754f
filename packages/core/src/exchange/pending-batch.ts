/*
 * PendingBatch: what was emitted for one channel and has not left yet. Selections of records are
 * kept as arrays, selections of columns as small batches; they are joined when they leave, so that
 * nothing grows record by record.
 *
 * I1. It holds either records or columns, never both, and timestamps for all rows or for none.
 * I2. What leaves has fewer than twice as many records as the channel has asked for
 *     (`OutputChannel.batchCountMax`) since the last left.
 */
import { BATCH_COUNT, Batch } from "../columns/batch.ts";
import { concatBatches, isConcatenable } from "../columns/concat.ts";
import { presized } from "../columns/presized.ts";
import { newTimestamps } from "../columns/new-timestamps.ts";
import type { OutputChannel } from "./channel.ts";
import { dataElement } from "./element.ts";

/** See the file header. */
export class PendingBatch {
  readonly #channel: OutputChannel;
  /** Of records: the selections, how many records they are, and their timestamps. */
  #selections: (readonly unknown[])[] = [];
  #recordsCount = 0;
  #timestamps: Float64Array | undefined;
  #parts: Batch[] = [];
  #partsCount = 0;
  /** What the channel asked for when something was added last. */
  #countMax = BATCH_COUNT;

  constructor(channel: OutputChannel) {
    this.#channel = channel;
  }

  /** A whole batch. One of about the right size goes as it is. */
  addAll(batch: Batch): void {
    const countMax = this.#channel.batchCountMax();
    if (batch.count * 2 >= countMax && batch.count < countMax * 2) {
      this.flush();
      this.#channel.push(dataElement(batch));
    } else this.addRange(batch, 0, batch.count);
  }

  /** Rows [start, end). */
  addRange(batch: Batch, start: number, end: number): void {
    const countMax = this.#channel.batchCountMax();
    this.#countMax = countMax;
    for (let from = start; from < end; from += countMax) {
      this.#addRange(batch, from, Math.min(from + countMax, end));
    }
  }

  /** The given rows, ascending. */
  addRows(batch: Batch, rows: Int32Array): void {
    const countMax = this.#channel.batchCountMax();
    this.#countMax = countMax;
    if (rows.length <= countMax) this.#addRows(batch, rows);
    else {
      for (let from = 0; from < rows.length; from += countMax) {
        this.#addRows(batch, rows.subarray(from, from + countMax));
      }
    }
  }

  #addRange(batch: Batch, start: number, end: number): void {
    if (batch.columns !== undefined) {
      if (start === 0 && end === batch.count) this.#addPart(batch);
      else {
        const rows = new Int32Array(end - start);
        for (let row = start; row < end; row++) rows[row - start] = row;
        this.#addPart(batch.select(rows, rows.length));
      }
      return;
    }
    const times = batch.timestamps;
    const at = this.#openRecords(times !== undefined);
    if (times !== undefined) this.#reserve(at + end - start).set(times.subarray(start, end), at);
    this.#addSelection(batch.records().slice(start, end));
  }

  #addRows(batch: Batch, rows: Int32Array): void {
    if (batch.columns !== undefined) {
      this.#addPart(batch.select(rows, rows.length));
      return;
    }
    const from = batch.records();
    const times = batch.timestamps;
    const at = this.#openRecords(times !== undefined);
    if (times !== undefined) {
      const stamps = this.#reserve(at + rows.length);
      for (let index = 0; index < rows.length; index++) stamps[at + index] = times[rows[index]];
    }
    const selection = presized<unknown>(rows.length);
    for (let index = 0; index < rows.length; index++) selection[index] = from[rows[index]];
    this.#addSelection(selection);
  }

  /** Sends what there is. */
  flush(): void {
    if (this.#recordsCount > 0) {
      const [first, ...rest] = this.#selections;
      const records = rest.length === 0 ? first : first.concat(...rest);
      const batch = Batch.ofRecords(records, this.#recordsCount, this.#timestamps);
      this.#selections = [];
      this.#recordsCount = 0;
      this.#timestamps = undefined;
      this.#channel.push(dataElement(batch));
    } else if (this.#partsCount > 0) {
      const batch = concatBatches(this.#parts);
      this.#parts = [];
      this.#partsCount = 0;
      this.#channel.push(dataElement(batch));
    }
  }

  #addPart(batch: Batch): void {
    const [first] = this.#parts;
    if (this.#recordsCount > 0 || (first !== undefined && !isConcatenable(first, batch))) {
      this.flush();
    }
    this.#parts.push(batch);
    this.#partsCount += batch.count;
    if (this.#partsCount >= this.#countMax) this.flush();
  }

  #addSelection(records: readonly unknown[]): void {
    this.#selections.push(records);
    this.#recordsCount += records.length;
    if (this.#recordsCount >= this.#countMax) this.flush();
  }

  /** Sends what does not go with records of this kind; how many records there are then. */
  #openRecords(timed: boolean): number {
    const isOther = this.#recordsCount > 0 && timed !== (this.#timestamps !== undefined);
    if (this.#partsCount > 0 || isOther) this.flush();
    return this.#recordsCount;
  }

  /** Timestamps with room for `count` records. */
  #reserve(count: number): Float64Array {
    const known = this.#timestamps;
    if (known !== undefined && known.length >= count) return known;
    const grown = newTimestamps(known === undefined ? count : roomFor(count));
    if (known !== undefined) grown.set(known);
    return (this.#timestamps = grown);
  }
}

/** What comes after a first selection is about as much again, and mostly fills a batch. */
function roomFor(count: number): number {
  return Math.max(count, BATCH_COUNT + (BATCH_COUNT >> 1));
}
