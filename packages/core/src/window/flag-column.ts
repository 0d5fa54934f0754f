/*
 * FlagColumn: one bool column of a table, read and written in place.
 */
import { assert } from "../assert.ts";
import type { ColumnSpec, RowLayout } from "../state/layout.ts";
import type { Table } from "../state/table.ts";
import { t } from "../types/t.ts";

/** See the file header. */
export class FlagColumn {
  readonly #offset: number;

  constructor(layout: RowLayout, name: string) {
    const column = layout.columns.find((candidate) => candidate.name === name);
    assert(column?.kind === "u8" && column.presenceBit < 0, () => `${name} is a flag`);
    this.#offset = column.offset;
  }

  /** The column that a table needs for a flag; false in new rows. */
  static spec(name: string): ColumnSpec {
    return { name, type: t.bool, default: false };
  }

  /** The flag of a row. */
  get(table: Table, row: number): boolean {
    return table.pageOf(row).u8[table.baseOf(row) * 4 + this.#offset] !== 0;
  }

  /** Sets it; a row that has it already is not touched. */
  set(table: Table, row: number, value: boolean): void {
    if (this.get(table, row) === value) return;
    table.touch(row);
    table.pageOf(row).u8[table.baseOf(row) * 4 + this.#offset] = value ? 1 : 0;
  }
}
