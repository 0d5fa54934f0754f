/*
 * PendingBatch: what was emitted for one channel and has not left yet. Records are gathered one by
 * one in an array; selections of columns are kept as small batches and joined when they leave.
 *
 * I1. It holds either records or columns, never both, and timestamps for all rows or for none.
 */
import { BATCH_COUNT, Batch } from "../columns/batch.ts";
import { concatBatches, isConcatenable } from "../columns/concat.ts";
import type { OutputChannel } from "./channel.ts";
import { dataElement } from "./element.ts";

/** See the file header. */
export class PendingBatch {
  readonly #channel: OutputChannel;
  #records: unknown[] = [];
  #timestamps: Float64Array | undefined;
  #parts: Batch[] = [];
  #partsCount = 0;

  constructor(channel: OutputChannel) {
    this.#channel = channel;
  }

  /** A whole batch. A big one goes as it is. */
  addAll(batch: Batch): void {
    if (batch.count * 2 >= BATCH_COUNT) {
      this.flush();
      this.#channel.push(dataElement(batch));
    } else this.addRange(batch, 0, batch.count);
  }

  /** Rows [start, end). */
  addRange(batch: Batch, start: number, end: number): void {
    if (batch.columns !== undefined) {
      if (start === 0 && end === batch.count) this.#addPart(batch);
      else {
        const rows = new Int32Array(end - start);
        for (let row = start; row < end; row++) rows[row - start] = row;
        this.#addPart(batch.select(rows, rows.length));
      }
      return;
    }
    const from = batch.records();
    const times = batch.timestamps;
    const records = this.#openRecords(times !== undefined);
    if (times !== undefined) {
      const stamps = this.#reserve(records.length + end - start);
      stamps.set(times.subarray(start, end), records.length);
    }
    for (let row = start; row < end; row++) records.push(from[row]);
    if (records.length >= BATCH_COUNT) this.flush();
  }

  /** The given rows, ascending. */
  addRows(batch: Batch, rows: Int32Array): void {
    if (batch.columns !== undefined) {
      this.#addPart(batch.select(rows, rows.length));
      return;
    }
    const from = batch.records();
    const times = batch.timestamps;
    const records = this.#openRecords(times !== undefined);
    if (times !== undefined) {
      const at = records.length;
      const stamps = this.#reserve(at + rows.length);
      for (let index = 0; index < rows.length; index++) stamps[at + index] = times[rows[index]];
    }
    for (let index = 0; index < rows.length; index++) records.push(from[rows[index]]);
    if (records.length >= BATCH_COUNT) this.flush();
  }

  /** Sends what there is. */
  flush(): void {
    if (this.#records.length > 0) {
      const batch = Batch.ofRecords(this.#records, this.#records.length, this.#timestamps);
      this.#records = [];
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
    if (this.#records.length > 0 || (first !== undefined && !isConcatenable(first, batch))) {
      this.flush();
    }
    this.#parts.push(batch);
    this.#partsCount += batch.count;
    if (this.#partsCount >= BATCH_COUNT) this.flush();
  }

  /** Sends what does not go with records of this kind; the array to append to. */
  #openRecords(timed: boolean): unknown[] {
    const isOpen = this.#records.length > 0;
    const isOther = isOpen && timed !== (this.#timestamps !== undefined);
    if (this.#partsCount > 0 || isOther) this.flush();
    return this.#records;
  }

  /** Timestamps with room for `count` records. */
  #reserve(count: number): Float64Array {
    const known = this.#timestamps;
    if (known !== undefined && known.length >= count) return known;
    const grown = new Float64Array(Math.max(count, BATCH_COUNT + (BATCH_COUNT >> 1)));
    if (known !== undefined) grown.set(known);
    return (this.#timestamps = grown);
  }
}
