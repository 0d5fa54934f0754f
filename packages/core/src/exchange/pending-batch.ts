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
    this.#openRecords(times !== undefined);
    for (let row = start; row < end; row++) {
      if (times !== undefined) this.#stamp(times[row]);
      this.#records.push(from[row]);
    }
    if (this.#records.length >= BATCH_COUNT) this.flush();
  }

  /** The given rows, ascending. */
  addRows(batch: Batch, rows: Int32Array): void {
    if (batch.columns !== undefined) {
      this.#addPart(batch.select(rows, rows.length));
      return;
    }
    const from = batch.records();
    const times = batch.timestamps;
    this.#openRecords(times !== undefined);
    const records = this.#records;
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index];
      if (times !== undefined) this.#stamp(times[row]);
      records.push(from[row]);
    }
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

  #openRecords(timed: boolean): void {
    const isOpen = this.#records.length > 0;
    if (this.#partsCount > 0 || (isOpen && timed !== (this.#timestamps !== undefined)))
      this.flush();
    if (timed) this.#timestamps ??= new Float64Array(BATCH_COUNT * 2);
  }

  #stamp(timestamp: number): void {
    const at = this.#records.length;
    let times = this.#timestamps;
    if (times === undefined || at >= times.length) {
      const grown = new Float64Array(Math.max(at * 2, BATCH_COUNT * 2));
      if (times !== undefined) grown.set(times);
      this.#timestamps = times = grown;
    }
    times[at] = timestamp;
  }
}
