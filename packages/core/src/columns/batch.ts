/*
 * Batch: up to about `BATCH_COUNT` records on their way, with an optional event timestamp each. It
 * holds either the records themselves or a set of columns, and makes the other form when somebody
 * asks for it: a user's function needs records, a field given by name reads a column.
 *
 * I1. A batch, its records and its columns never change after they were emitted.
 * I2. Records made from columns are made once per batch, by code generated for the set of fields.
 * I3. Records whose form has no named fields (numbers, strings, arrays, …) are one unnamed column.
 */
import { assert } from "../assert.ts";
import type { Column } from "./column.ts";
import { gatherColumn } from "./gather.ts";
import { materialise } from "./materialise.ts";
import { newTimestamps } from "./new-timestamps.ts";
import { presized } from "./presized.ts";

/** Records of a full batch. A batch may hold more: an operator's amplification goes on top. */
export const BATCH_COUNT = 1024;

/** Columns with the names of their fields, in the order of the record's properties. */
export interface ColumnSet {
  /** Undefined: `columns` has one column, whose values are the records themselves. */
  readonly names: readonly string[] | undefined;
  readonly columns: readonly Column[];
}

/** See the file header. */
export class Batch {
  /** Records in the batch. */
  readonly count: number;
  /**
   * Event time per record, ms; undefined where records have none yet. May be longer than `count`.
   */
  readonly timestamps: Float64Array | undefined;
  /** The columns of a columnar batch. */
  readonly columns: ColumnSet | undefined;
  #records: readonly unknown[] | undefined;

  private constructor(
    count: number,
    timestamps: Float64Array | undefined,
    records: readonly unknown[] | undefined,
    columns: ColumnSet | undefined,
  ) {
    assert(
      timestamps === undefined || timestamps.length >= count,
      "a batch has fewer timestamps than records",
    );
    this.count = count;
    this.timestamps = timestamps;
    this.columns = columns;
    this.#records = records;
  }

  /** A batch of the first `count` records; the array belongs to the batch from now on. */
  static ofRecords(
    records: readonly unknown[],
    count: number = records.length,
    timestamps?: Float64Array,
  ): Batch {
    assert(records.length >= count, "a batch has fewer records than its count");
    return new Batch(count, timestamps, records, undefined);
  }

  /** A batch of `count` rows of columns; the columns belong to the batch from now on. */
  static ofColumns(columns: ColumnSet, count: number, timestamps?: Float64Array): Batch {
    const width = columns.names === undefined ? 1 : columns.names.length;
    assert(columns.columns.length === width, "a column set has not one name per column");
    for (const column of columns.columns) {
      assert(column.count >= count, "a column has fewer rows than its batch");
    }
    return new Batch(count, timestamps, undefined, columns);
  }

  /** The same records with other timestamps, which belong to the batch from now on. */
  withTimestamps(timestamps: Float64Array): Batch {
    return new Batch(this.count, timestamps, this.#records, this.columns);
  }

  /** Whether fields can be read as columns. */
  get isColumnar(): boolean {
    return this.columns !== undefined;
  }

  /** The records; may be longer than `count`. Made from the columns on first use. */
  records(): readonly unknown[] {
    if (this.#records !== undefined) return this.#records;
    assert(this.columns !== undefined, "a batch has neither records nor columns");
    return (this.#records = materialise(this.columns, this.count));
  }

  /** The column of a field; undefined for a batch of records, or where no record has the field. */
  column(name: string): Column | undefined {
    const { columns } = this;
    if (columns?.names === undefined) return undefined;
    const index = columns.names.indexOf(name);
    return index < 0 ? undefined : columns.columns[index];
  }

  /** A batch of the rows `indexes[0 .. count)`, in that order; copies values, not records. */
  select(indexes: Int32Array, count: number): Batch {
    assert(indexes.length >= count, "a selection has fewer indexes than its count");
    const times = this.timestamps;
    let timestamps: Float64Array | undefined;
    if (times !== undefined) {
      timestamps = newTimestamps(count);
      for (let row = 0; row < count; row++) timestamps[row] = times[indexes[row]];
    }
    if (this.columns === undefined) {
      const from = this.records();
      const records = presized<unknown>(count);
      for (let row = 0; row < count; row++) records[row] = from[indexes[row]];
      return new Batch(count, timestamps, records, undefined);
    }
    const columns = this.columns.columns.map((column) => gatherColumn(column, indexes, count));
    return new Batch(count, timestamps, undefined, { names: this.columns.names, columns });
  }
}
