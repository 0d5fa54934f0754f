/*
 * ScratchAccumulators: a table of accumulators outside of state, into which panes are merged when a
 * window fires. It has the layout of the panes, so the same generated code works on it; no snapshot
 * knows of it.
 *
 * I1. Its rows are found by the keys of rows of panes: same hash, same bytes.
 */
import { assert } from "../assert.ts";
import { offsetOf, slabOf } from "../state/arena.ts";
import { Changes } from "../state/changes.ts";
import type { Pane } from "../state/keyed-backend.ts";
import { HASH_INDEX, isVarKey } from "../state/layout.ts";
import { RowTemplate } from "../state/row-template.ts";
import { Table } from "../state/table.ts";
import type { TableParts } from "../state/table.ts";
import type { AccumulatorTable } from "./aggregate-table.ts";
import type { AccumulatorChild } from "./aggregate.ts";
import type { ChildStore } from "./child-store.ts";
import { childStore } from "./child-store.ts";

/** Room for rows up to which it is kept whatever was in it. */
const KEPT_ROWS = 64;

/** See the file header. */
export class ScratchAccumulators implements AccumulatorTable {
  readonly #parts: TableParts;
  readonly #childParts: readonly TableParts[];
  readonly #children: readonly AccumulatorChild[];
  table: Table;
  stores: readonly ChildStore[] = [];

  /** `like`: any pane of the family. */
  constructor(like: Pane, children: readonly AccumulatorChild[]) {
    const changes = new Changes();
    this.#parts = partsOf(like.table, changes);
    this.#childParts = like.children.map((table) => partsOf(table, changes));
    this.#children = children;
    this.table = this.#newTable();
  }

  /** Forgets all rows. Their room is kept if a good part of it was needed: windows are alike. */
  clear(): void {
    const { rowsCount, capacity, childTables } = this.table;
    if (rowsCount === 0) return;
    const isRoomNeeded = capacity <= KEPT_ROWS || rowsCount * 4 >= capacity;
    if (isRoomNeeded && childTables.length === 0) this.table.forgetRows();
    else this.table = this.#newTable();
  }

  #newTable(): Table {
    const table = new Table(this.#parts, undefined, undefined);
    this.stores = this.#children.map((child, n) =>
      childStore(child, new Table(this.#childParts[n], table, undefined)),
    );
    return table;
  }

  /** The row with the key of a row of a pane, made if there is none. */
  rowLike(from: Table, row: number): number {
    const hash = from.pageOf(row).i32[from.baseOf(row) + HASH_INDEX];
    return this.#find(hash, from, row) || this.#insert(hash, from, row);
  }

  #find(hash: number, from: Table, fromRow: number): number {
    const { directory, shift } = this.table.index;
    const segment = directory[hash >>> shift];
    const mask = segment.length - 4;
    let slot = (hash << 1) & mask;
    for (;;) {
      const row = segment[slot + 1];
      if (row === 0) return 0;
      if (segment[slot] === hash && this.#hasKey(row, from, fromRow)) return row;
      slot = (slot + 2) & mask;
    }
  }

  #hasKey(row: number, from: Table, fromRow: number): boolean {
    const { keyKind, keyOffset } = from.layout;
    const a = this.table.pageOf(row).i32;
    const b = from.pageOf(fromRow).i32;
    const atA = this.table.baseOf(row) + (keyOffset >>> 2);
    const atB = from.baseOf(fromRow) + (keyOffset >>> 2);
    if (keyKind === "int32") return a[atA] === b[atB];
    if (!isVarKey(keyKind)) return a[atA] === b[atB] && a[atA + 1] === b[atB + 1];
    if (a[atA + 1] !== b[atB + 1]) return false;
    const size = a[atA + 1] >>> 1;
    if (size === 0) return true;
    const slabA = this.table.arena.slabs[slabOf(a[atA])];
    const slabB = from.arena.slabs[slabOf(b[atB])];
    const startA = offsetOf(a[atA]);
    const startB = offsetOf(b[atB]);
    for (let i = 0; i < size; i++) if (slabA[startA + i] !== slabB[startB + i]) return false;
    return true;
  }

  #insert(hash: number, from: Table, fromRow: number): number {
    const { keyKind, keyOffset } = from.layout;
    assert(keyKind !== "f64x3", "panes have keys of records");
    const { table } = this;
    const row = table.newRow(hash);
    const word = keyOffset >>> 2;
    const b = from.pageOf(fromRow).i32;
    const atB = from.baseOf(fromRow) + word;
    if (isVarKey(keyKind)) {
      const size = b[atB + 1] >>> 1;
      const ref = table.setVar(row, word, b[atB + 1]);
      if (size > 0) {
        const start = offsetOf(b[atB]);
        const bytes = from.arena.slabs[slabOf(b[atB])].subarray(start, start + size);
        table.arena.slabs[slabOf(ref)].set(bytes, offsetOf(ref));
      }
    } else {
      const a = table.pageOf(row).i32;
      const atA = table.baseOf(row) + word;
      a[atA] = b[atB];
      if (keyKind !== "int32") a[atA + 1] = b[atB + 1];
    }
    table.index.insert(hash, row);
    return row;
  }
}

function partsOf(table: Table, changes: Changes): TableParts {
  const { layout, layoutIndex, code } = table;
  return { layout, layoutIndex, code, template: new RowTemplate(layout), changes };
}
