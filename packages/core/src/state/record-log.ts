/*
 * RecordLog: removals of one interval, in the format of chunks, kept until a newer base is named.
 * Append only; a snapshot reads it while later intervals have logs of their own.
 */
import { bytesFor, RecordBuffer, type RecordShape } from "./record-buffer.ts";
import type { Table } from "./table.ts";

const FIRST_BYTES = 512;
const BUFFER_BYTES_MAX = 64 * 1024;

/** See the file header. */
export class RecordLog {
  readonly shape: RecordShape;
  readonly buffers: RecordBuffer[] = [];
  sizeBytes = 0;

  constructor(shape: RecordShape) {
    this.shape = shape;
  }

  /** Copies the key of a row; `row` as for `bytesFor`. */
  append(table: Table, row: number): void {
    this.#bufferFor(bytesFor(this.shape, table, row)).append(table, row);
  }

  /** Kind `dropped`. */
  appendNamespace(start: number, end: number): void {
    this.#bufferFor(this.shape.recordBytes).appendNamespace(start, end);
  }

  /** Takes over the records of another log. */
  appendLog(other: RecordLog): void {
    // Before the open last buffer, which must stay last.
    this.buffers.unshift(...other.buffers);
    this.sizeBytes += other.sizeBytes;
  }

  #bufferFor(bytes: number): RecordBuffer {
    let last = this.buffers.at(-1);
    if (last === undefined || !last.hasRoom(bytes)) {
      const next = last === undefined ? FIRST_BYTES : last.buffer.byteLength * 4;
      const size = Math.max((bytes + 7) & ~7, Math.min(next, BUFFER_BYTES_MAX));
      last = new RecordBuffer(this.shape, new ArrayBuffer(size));
      this.buffers.push(last);
      this.sizeBytes += size;
    }
    return last;
  }
}
