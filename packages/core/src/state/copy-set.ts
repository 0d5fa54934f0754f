/*
 * CopySet: the rows of one table that one snapshot in flight still has to copy, as bits taken at
 * the freeze.
 *
 * S1. A row leaves the set when it is copied, and is copied once: by a slice, or before it is
 *     touched, removed or discarded (T2), so what is copied is what the row was at the freeze.
 * S2. A slot that was freed and used again is not in the set: it left with its former row.
 * S3. Rows that were cleared before the freeze and wait for reclamation are skipped.
 */
import type { RowBits } from "./pages.ts";
import type { Table } from "./table.ts";

/** Where copied rows go. */
export interface RowTaker {
  takeRow(table: Table, row: number): void;
  /** The same for the first `count` of many rows, in ascending order. */
  takeRows(table: Table, rows: Int32Array, count: number): void;
}

/** Rows that are handed over together. */
const TAKEN_ROWS_MAX = 1024;
/** One for all: it is empty between calls. */
const TAKEN = new Int32Array(TAKEN_ROWS_MAX);

/** See the file header. */
export class CopySet {
  readonly table: Table;
  readonly #bits: RowBits;
  readonly #taker: RowTaker;
  readonly #frozenEpoch: number;
  #nextWord = 0;
  /** Rows that were copied because they were about to change. */
  touchedCount = 0;

  constructor(table: Table, bits: RowBits, taker: RowTaker, frozenEpoch: number) {
    this.table = table;
    this.#bits = bits;
    this.#taker = taker;
    this.#frozenEpoch = frozenEpoch;
    table.copySets.push(this);
  }

  /** A row is about to change or go. */
  copyTouched(row: number): void {
    const { words } = this.#bits;
    const word = row >>> 5;
    const bit = 1 << (row & 31);
    if (word >= words.length || (words[word] & bit) === 0) return;
    words[word] &= ~bit;
    if (this.table.links.wasClearedBy(row, this.#frozenEpoch)) return;
    this.touchedCount += 1;
    this.#taker.takeRow(this.table, row);
  }

  /** Copies about `rowsMax` rows; returns how many it looked at, 0 at the end. */
  copySlice(rowsMax: number): number {
    const { words } = this.#bits;
    const limit = Math.min(rowsMax, TAKEN_ROWS_MAX - 31);
    let count = 0;
    let word = this.#nextWord;
    for (; word < words.length && count < limit; word++) {
      let bits = words[word];
      if (bits === 0) continue;
      words[word] = 0;
      while (bits !== 0) {
        TAKEN[count] = (word << 5) + (31 - Math.clz32(bits & -bits));
        count += 1;
        bits &= bits - 1;
      }
    }
    this.#nextWord = word;
    this.#taker.takeRows(this.table, TAKEN, this.#keepUncleared(count));
    return count;
  }

  /** Leaves out rows that wait for reclamation (S3); returns how many stay. */
  #keepUncleared(count: number): number {
    const { links } = this.table;
    if (!links.hasDetached) return count;
    let kept = 0;
    for (let at = 0; at < count; at++) {
      if (links.wasClearedBy(TAKEN[at], this.#frozenEpoch)) continue;
      TAKEN[kept] = TAKEN[at];
      kept += 1;
    }
    return kept;
  }

  /** Whether slices have seen all words. */
  get isDone(): boolean {
    return this.#nextWord >= this.#bits.words.length;
  }

  /** The table no longer asks it. */
  close(): void {
    const { copySets } = this.table;
    const at = copySets.indexOf(this);
    if (at >= 0) copySets.splice(at, 1);
  }
}
