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
}

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
    const { table } = this;
    let copied = 0;
    let word = this.#nextWord;
    while (word < words.length && copied < rowsMax) {
      let bits = words[word];
      while (bits !== 0) {
        const row = (word << 5) + (31 - Math.clz32(bits & -bits));
        bits &= bits - 1;
        copied += 1;
        if (!table.links.wasClearedBy(row, this.#frozenEpoch)) this.#taker.takeRow(table, row);
      }
      words[word] = 0;
      word += 1;
    }
    this.#nextWord = word;
    return copied;
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
