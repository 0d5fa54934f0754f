/*
 * DecodedValues: values of one column that were looked at last, decoded. One per column of variable
 * size; the rows of all its tables (panes) share the room.
 *
 * I1. A row's value is known only while its table loses no row: rows are used again afterwards.
 */
import type { Table } from "../state/table.ts";

/** Values that are kept at most. A power of two. */
export const DECODED_COUNT = 4_096;

/** What is kept of a table bears its mark; it gets another one when it has lost rows. */
interface TableMark {
  mark: number;
  removalsCount: number;
}

/** See the file header. */
export class DecodedValues {
  /** Each row has one place, by its last bits, which it shares with others. */
  readonly #values: unknown[] = [];
  readonly #rows: Int32Array = new Int32Array(DECODED_COUNT);
  readonly #marks: Float64Array = new Float64Array(DECODED_COUNT);
  readonly #markOf = new WeakMap<Table, TableMark>();
  #marksCount = 0;
  #table: Table | undefined;
  #selected: TableMark = { mark: 0, removalsCount: 0 };

  /** The value of a row; undefined: not known. */
  get(table: Table, row: number): unknown {
    const mark = this.#markNow(table);
    const place = row & (DECODED_COUNT - 1);
    const isKnown = this.#rows[place] === row && this.#marks[place] === mark;
    return isKnown ? this.#values[place] : undefined;
  }

  set(table: Table, row: number, value: unknown): void {
    const place = row & (DECODED_COUNT - 1);
    this.#marks[place] = this.#markNow(table);
    this.#rows[place] = row;
    this.#values[place] = value;
  }

  #markNow(table: Table): number {
    if (this.#table !== table) this.#select(table);
    const selected = this.#selected;
    if (selected.removalsCount !== table.removalsCount) {
      selected.mark = ++this.#marksCount;
      selected.removalsCount = table.removalsCount;
    }
    return selected.mark;
  }

  #select(table: Table): void {
    let known = this.#markOf.get(table);
    if (known === undefined) {
      known = { mark: ++this.#marksCount, removalsCount: table.removalsCount };
      this.#markOf.set(table, known);
    }
    this.#table = table;
    this.#selected = known;
  }
}
