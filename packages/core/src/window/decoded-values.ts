/*
 * DecodedValues: values of one column that were looked at last, decoded. One per column of variable
 * size; the rows of all its tables (panes) share the room.
 *
 * I1. A row's value is known only while its table loses no row: rows are used again afterwards.
 * I2. What was kept of tables that are gone does not stay for long: it may be large.
 */
import type { Table } from "../state/table.ts";

/** Values that are kept at most. A power of two. */
export const DECODED_COUNT = 4_096;
/** So many tables after the one before, all is forgotten (I2). */
const TABLES_MAX = 8;
/** Rows with one number in different tables have places far from one another. */
const MARK_SHIFT = 1_021;

/** What is kept of a table bears its mark; it gets another one when it has lost rows. */
interface TableMark {
  mark: number;
  /** By which the places of the table's rows are moved. */
  shift: number;
  removalsCount: number;
}

/** See the file header. */
export class DecodedValues {
  /** Each row has one place, which it shares with others. */
  readonly #values: unknown[] = Array.from({ length: DECODED_COUNT });
  readonly #rows: Int32Array = new Int32Array(DECODED_COUNT);
  readonly #marks: Float64Array = new Float64Array(DECODED_COUNT);
  readonly #markOf = new WeakMap<Table, TableMark>();
  #marksCount = 0;
  #tablesCount = 0;
  #table: Table | undefined;
  #selected: TableMark = { mark: 0, shift: 0, removalsCount: 0 };

  /** The value of a row; undefined: not known. */
  get(table: Table, row: number): unknown {
    const { mark, shift } = this.#markNow(table);
    const place = (row + shift) & (DECODED_COUNT - 1);
    const isKnown = this.#rows[place] === row && this.#marks[place] === mark;
    return isKnown ? this.#values[place] : undefined;
  }

  set(table: Table, row: number, value: unknown): void {
    const { mark, shift } = this.#markNow(table);
    const place = (row + shift) & (DECODED_COUNT - 1);
    this.#marks[place] = mark;
    this.#rows[place] = row;
    this.#values[place] = value;
  }

  #markNow(table: Table): TableMark {
    if (this.#table !== table) this.#select(table);
    const selected = this.#selected;
    if (selected.removalsCount !== table.removalsCount) this.#newMark(selected, table);
    return selected;
  }

  #select(table: Table): void {
    let known = this.#markOf.get(table);
    if (known === undefined) {
      known = { mark: 0, shift: 0, removalsCount: 0 };
      this.#newMark(known, table);
      this.#markOf.set(table, known);
      this.#tablesCount += 1;
      if (this.#tablesCount % TABLES_MAX === 0) this.#values.fill(undefined);
    }
    this.#table = table;
    this.#selected = known;
  }

  #newMark(of: TableMark, table: Table): void {
    of.mark = ++this.#marksCount;
    of.shift = (of.mark * MARK_SHIFT) & (DECODED_COUNT - 1);
    of.removalsCount = table.removalsCount;
  }
}
