/*
 * ByteHeap: byte strings collected one after another, with the knowledge whether all are equally
 * long: keys of fixed width then take the short ways through sorting and encoding.
 */
import type { ByteSlices } from "../state/row-chunk.ts";

/** Copying a region of slices at once pays while no more than this part of it is foreign. */
const REGION_WASTE_MAX = 1.25;

/** See the file header. String i is `bytes[starts[i] .. ends[i])`. */
export class ByteHeap implements ByteSlices {
  bytes: Uint8Array = new Uint8Array(4096);
  starts = new Int32Array(1024);
  ends = new Int32Array(1024);
  count = 0;
  sizeBytes = 0;
  /** Length of all strings; -1: they differ; undefined: there are none. */
  uniformLength: number | undefined;
  /** String i lies at i × uniformLength. */
  #isDense = true;

  /** Length of all strings if they lie one after another; else -1. */
  get denseLength(): number {
    return this.#isDense && this.uniformLength !== undefined ? this.uniformLength : -1;
  }

  /** Appends the first `count` of the slices, copying. */
  append(slices: ByteSlices, count: number): void {
    if (count === 0) return;
    const { starts, ends } = slices;
    let low = starts[0];
    let high = ends[0];
    let total = 0;
    let length = this.uniformLength ?? ends[0] - starts[0];
    let isPacked = true;
    let previousEnd = low;
    for (let i = 0; i < count; i++) {
      const start = starts[i];
      const end = ends[i];
      if (start < low) low = start;
      if (end > high) high = end;
      if (start !== previousEnd) isPacked = false;
      previousEnd = end;
      total += end - start;
      if (end - start !== length) length = -1;
    }
    this.uniformLength = length;
    if (isPacked) this.#appendRegion(slices, { count, low, high });
    else {
      this.#isDense = false;
      if (high - low <= total * REGION_WASTE_MAX) this.#appendRegion(slices, { count, low, high });
      else this.#appendEach(slices, count, total);
    }
    this.count += count;
  }

  #appendRegion(
    slices: ByteSlices,
    region: { readonly count: number; readonly low: number; readonly high: number },
  ): void {
    const { count, low, high } = region;
    this.#reserve(count, high - low);
    this.bytes.set(slices.bytes.subarray(low, high), this.sizeBytes);
    const shift = this.sizeBytes - low;
    const { starts, ends } = this;
    for (let i = 0, at = this.count; i < count; i++, at++) {
      starts[at] = slices.starts[i] + shift;
      ends[at] = slices.ends[i] + shift;
    }
    this.sizeBytes += high - low;
  }

  #appendEach(slices: ByteSlices, count: number, total: number): void {
    this.#reserve(count, total);
    const { bytes, starts, ends } = this;
    const from = slices.bytes;
    let to = this.sizeBytes;
    for (let i = 0, at = this.count; i < count; i++, at++) {
      const end = slices.ends[i];
      starts[at] = to;
      for (let source = slices.starts[i]; source < end; source++) bytes[to++] = from[source]!;
      ends[at] = to;
    }
    this.sizeBytes = to;
  }

  #reserve(count: number, sizeBytes: number): void {
    if (this.count + count > this.starts.length) {
      const capacity = Math.max(this.count + count, 2 * this.starts.length);
      this.starts = grown(this.starts, new Int32Array(capacity));
      this.ends = grown(this.ends, new Int32Array(capacity));
    }
    if (this.sizeBytes + sizeBytes > this.bytes.length) {
      const capacity = Math.max(this.sizeBytes + sizeBytes, 2 * this.bytes.length);
      // A multiple of 4, so that words can be laid over it.
      this.bytes = grown(this.bytes, new Uint8Array((capacity + 3) & ~3));
    }
  }
}

/** `to`, filled with what was in `from`. */
export function grown<T extends { set(values: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}
