/*
 * RecordGroups: the records of one batch by the pane they go into. Buffers are reused from batch to
 * batch; a batch usually lies in one to three panes, and neighbours are usually in the same one.
 */
import { assert } from "../assert.ts";
import type { Batch } from "../columns/batch.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import type { Table } from "../state/table.ts";
import type { WindowOutput } from "./window-operator.ts";

/** The records of one pane: `indexes[0 .. count)` into the batch. */
export interface RecordGroup {
  start: number;
  count: number;
  indexes: Int32Array;
}

const FIRST_INDEXES = 1024;

/** See the file header. */
export class RecordGroups {
  /** Valid: the first `count`, in order of first appearance. */
  readonly groups: RecordGroup[] = [];
  count = 0;
  readonly #byStart = new Map<number, RecordGroup>();
  #last: RecordGroup | undefined;

  /** Forgets all groups. */
  reset(): void {
    this.count = 0;
    this.#last = undefined;
    this.#byStart.clear();
  }

  /** Puts the record at `index` into the group that starts at `start`. */
  add(start: number, index: number): void {
    let group = this.#last;
    if (group === undefined || group.start !== start) group = this.#groupAt(start);
    if (group.count === group.indexes.length) grow(group);
    group.indexes[group.count++] = index;
  }

  /** Puts the first `count` records of the batch into a group that has none yet. */
  addAll(start: number, count: number): void {
    const group = this.#groupAt(start);
    assert(group.count === 0, "a group that takes all records has none yet");
    while (group.indexes.length < count) grow(group);
    const { indexes } = group;
    for (let index = 0; index < count; index++) indexes[index] = index;
    group.count = count;
  }

  #groupAt(start: number): RecordGroup {
    let group = this.#byStart.get(start);
    if (group === undefined) {
      group = this.groups[this.count] ?? newGroup();
      this.groups[this.count] = group;
      this.count += 1;
      group.start = start;
      group.count = 0;
      this.#byStart.set(start, group);
    }
    this.#last = group;
    return group;
  }

  /** The group at a position. */
  at(position: number): RecordGroup {
    assert(position < this.count, "a group of this batch is asked for");
    return this.groups[position];
  }
}

function newGroup(): RecordGroup {
  return { start: 0, count: 0, indexes: new Int32Array(FIRST_INDEXES) };
}

function grow(group: { indexes: Int32Array }): void {
  const indexes = new Int32Array(group.indexes.length * 2);
  indexes.set(group.indexes);
  group.indexes = indexes;
}

/** A growing list of positions in a batch; the buffer is reused. */
export class RecordIndexes {
  indexes = new Int32Array(FIRST_INDEXES);
  count = 0;

  add(index: number): void {
    if (this.count === this.indexes.length) grow(this);
    this.indexes[this.count++] = index;
  }
}

/** Some records of a batch: `indexes[0 .. count)`. */
export interface SomeRecords {
  readonly indexes: Int32Array;
  readonly count: number;
}

/** Rows of the records of one group, made where there are none; the buffer is reused. */
export class RowBuffer {
  #rows = new Int32Array(FIRST_INDEXES);

  /** Row k is that of record `indexes[k]`; `of` is the number of records in the batch. */
  find(table: Table, keys: KeyColumn, records: SomeRecords & { readonly of: number }): Int32Array {
    const { indexes, count, of } = records;
    if (this.#rows.length < count) this.#rows = new Int32Array(count * 2);
    // A group with all records of the batch has them in their order.
    if (count === of) table.lookup(keys, count, this.#rows, "upsert");
    else for (let k = 0; k < count; k++) this.#rows[k] = table.upsert(keys, indexes[k]);
    return this.#rows;
  }
}

/** Sends late records to the side output, or counts them as dropped where there is none. */
export function emitLate(
  batch: Batch,
  late: SomeRecords,
  { hasLateOutput }: { readonly hasLateOutput: boolean },
  output: WindowOutput,
): void {
  if (late.count === 0) return;
  if (!hasLateOutput) {
    output.countLate(late.count);
    return;
  }
  const records = batch.records();
  for (let k = 0; k < late.count; k++) {
    const index = late.indexes[k];
    output.emitLate(records[index], batch.timestamps?.[index] ?? Number.NaN);
  }
}
