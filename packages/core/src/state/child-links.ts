/*
 * ChildLinks: how the rows of a child table hang together: per parent row a linked list, oldest
 * first, and a *token*, a number that identifies the parent's current list or map. Clearing a long
 * one gives the parent a new token and leaves the rows to `reclaim`, a bounded number per call:
 * they cannot be found any more, since their token is nobody's.
 *
 * L1. A row waits for reclamation exactly while its token is in `#detached`; the parent's slot is
 *     held (T4).
 * L2. A snapshot holds a waiting row exactly if it was frozen before the clear.
 */
import { assert } from "../assert.ts";
import {
  NEXT_INDEX,
  PARENT_INDEX,
  PREV_INDEX,
  RELATION_CLEARED,
  RELATION_COUNT,
  RELATION_FIRST,
  RELATION_LAST,
  RELATION_TOKEN,
  STAMP_INDEX,
  TOKEN_INDEX,
} from "./layout.ts";
import type { Table } from "./table.ts";

/** Lists and maps up to this long are cleared at once. */
export const CLEAR_AT_ONCE_MAX = 256;

interface Chain {
  row: number;
  readonly token: number;
  readonly parentRow: number;
}

/** See the file header. */
export class ChildLinks {
  readonly #table: Table;
  #nextToken = 1;
  /** Token → epoch of the clear. */
  readonly #detached = new Map<number, number>();
  readonly #chains: Chain[] = [];
  #relationWord = -1;

  constructor(table: Table) {
    this.#table = table;
  }

  #parent(): Table {
    const { parent } = this.#table;
    assert(parent !== undefined, "links of a table without parent");
    return parent;
  }

  /** Where the relation's fields begin in a parent's row, in words; for loops over many parents. */
  get relationWord(): number {
    if (this.#relationWord < 0) {
      const parent = this.#parent();
      const { offset } = parent.layout.relations[parent.childTables.indexOf(this.#table)];
      this.#relationWord = offset >>> 2;
    }
    return this.#relationWord;
  }

  /** Index of the parent's relation words in its page. */
  #wordOf(parent: Table, parentRow: number): number {
    return parent.baseOf(parentRow) + this.relationWord;
  }

  /** Token of the parent's list or map; made if there is none. */
  tokenOf(parentRow: number): number {
    const parent = this.#parent();
    const page = parent.pageOf(parentRow).i32;
    const word = this.#wordOf(parent, parentRow);
    if (page[word + RELATION_TOKEN] === 0) page[word + RELATION_TOKEN] = this.#newToken();
    return page[word + RELATION_TOKEN];
  }

  /** Token of the parent's list or map; 0: it has none, so no rows. */
  tokenIfAny(parentRow: number): number {
    const parent = this.#parent();
    return parent.pageOf(parentRow).i32[this.#wordOf(parent, parentRow) + RELATION_TOKEN];
  }

  #newToken(): number {
    const token = this.#nextToken;
    // Wraps after 2^31 lists: a token that is still in use then belongs to a list as old as all of
    // those.
    this.#nextToken = token === 0x7fffffff ? 1 : token + 1;
    return token;
  }

  /** The parent's oldest row; 0: none. */
  firstOf(parentRow: number): number {
    const parent = this.#parent();
    return parent.pageOf(parentRow).i32[this.#wordOf(parent, parentRow) + RELATION_FIRST];
  }

  lastOf(parentRow: number): number {
    const parent = this.#parent();
    return parent.pageOf(parentRow).i32[this.#wordOf(parent, parentRow) + RELATION_LAST];
  }

  countOf(parentRow: number): number {
    const parent = this.#parent();
    return parent.pageOf(parentRow).i32[this.#wordOf(parent, parentRow) + RELATION_COUNT];
  }

  /** The next younger row of the same parent; 0: none. */
  nextOf(row: number): number {
    const table = this.#table;
    return table.pageOf(row).i32[table.baseOf(row) + NEXT_INDEX];
  }

  #prevOf(row: number): number {
    const table = this.#table;
    return table.pageOf(row).i32[table.baseOf(row) + PREV_INDEX];
  }

  #setLink(row: number, index: number, to: number): void {
    const table = this.#table;
    table.pageOf(row).i32[table.baseOf(row) + index] = to;
  }

  /** Hangs a row at the end. */
  linkLast(row: number, parentRow: number): void {
    const parent = this.#parent();
    const page = parent.pageOf(parentRow).i32;
    const word = this.#wordOf(parent, parentRow);
    const last = page[word + RELATION_LAST];
    this.#setLink(row, PREV_INDEX, last);
    this.#setLink(row, NEXT_INDEX, 0);
    if (last === 0) page[word + RELATION_FIRST] = row;
    else this.#setLink(last, NEXT_INDEX, row);
    page[word + RELATION_LAST] = row;
    page[word + RELATION_COUNT] += 1;
  }

  /**
   * Moves a row that was hung at the end to right after `after` (0: to the beginning); for loading.
   */
  moveAfter(row: number, after: number): void {
    const parentRow = this.#table.parentRowOf(row);
    if (this.#prevOf(row) === after) return;
    this.unlink(row);
    const parent = this.#parent();
    const page = parent.pageOf(parentRow).i32;
    const word = this.#wordOf(parent, parentRow);
    const next = after === 0 ? page[word + RELATION_FIRST] : this.nextOf(after);
    this.#setLink(row, PREV_INDEX, after);
    this.#setLink(row, NEXT_INDEX, next);
    if (after === 0) page[word + RELATION_FIRST] = row;
    else this.#setLink(after, NEXT_INDEX, row);
    if (next === 0) page[word + RELATION_LAST] = row;
    else this.#setLink(next, PREV_INDEX, row);
    page[word + RELATION_COUNT] += 1;
  }

  /** Takes a row out. */
  unlink(row: number): void {
    const parentRow = this.#table.parentRowOf(row);
    const parent = this.#parent();
    const page = parent.pageOf(parentRow).i32;
    const word = this.#wordOf(parent, parentRow);
    const next = this.nextOf(row);
    const prev = this.#prevOf(row);
    if (prev === 0) page[word + RELATION_FIRST] = next;
    else this.#setLink(prev, NEXT_INDEX, next);
    if (next === 0) page[word + RELATION_LAST] = prev;
    else this.#setLink(next, PREV_INDEX, prev);
    page[word + RELATION_COUNT] -= 1;
    assert(page[word + RELATION_COUNT] >= 0, "a child row is unlinked twice");
  }

  /** Appends a row at the next position; tables whose sub keys are positions. */
  append(parentRow: number): number {
    const last = this.lastOf(parentRow);
    return this.appendAt(parentRow, last === 0 ? 0 : this.positionOf(last) + 1);
  }

  /** Hangs a new row with a given position at the end; a time as sub key is written over it. */
  appendAt(parentRow: number, position: number): number {
    const table = this.#table;
    const token = this.tokenOf(parentRow);
    const row = table.newRow(0);
    const page = table.pageOf(row).i32;
    const base = table.baseOf(row);
    page[base + TOKEN_INDEX] = token;
    page[base + PARENT_INDEX] = parentRow;
    page[base + (table.layout.keyOffset >>> 2)] = position;
    this.linkLast(row, parentRow);
    return row;
  }

  /** The youngest row of a parent that `isIt`; 0: none. */
  findLast(parentRow: number, isIt: (row: number) => boolean): number {
    let row = this.lastOf(parentRow);
    while (row !== 0 && !isIt(row)) row = this.#prevOf(row);
    return row;
  }

  /** Sub key of a row of a table whose sub keys are positions. */
  positionOf(row: number): number {
    const table = this.#table;
    return table.pageOf(row).i32[table.baseOf(row) + (table.layout.keyOffset >>> 2)];
  }

  /** Removes all rows of a parent. */
  clear(parentRow: number): void {
    const table = this.#table;
    const parent = this.#parent();
    const page = parent.pageOf(parentRow).i32;
    const word = this.#wordOf(parent, parentRow);
    const count = page[word + RELATION_COUNT];
    if (count === 0) return;
    this.#record(parent, parentRow);
    const first = page[word + RELATION_FIRST];
    const token = page[word + RELATION_TOKEN];
    page[word + RELATION_TOKEN] = 0;
    page[word + RELATION_FIRST] = 0;
    page[word + RELATION_LAST] = 0;
    page[word + RELATION_COUNT] = 0;
    table.rowsCount -= count;
    if (count <= CLEAR_AT_ONCE_MAX) {
      this.#discardChain(first, count);
      return;
    }
    this.#detached.set(token, table.changes.epoch);
    this.#chains.push({ row: first, token, parentRow });
    table.changes.waitingChainsCount += 1;
    parent.hold(parentRow);
    table.removalsCount += 1;
  }

  /**
   * One record per key and interval is enough: what is added after it and cleared again is in no
   * snapshot. A parent born in this epoch has no rows in any earlier snapshot, or its removal
   * recorded the clear.
   */
  #record(parent: Table, parentRow: number): void {
    const { changes } = this.#table;
    if (!changes.tracksRemovals) return;
    const page = parent.pageOf(parentRow).i32;
    if (page[parent.baseOf(parentRow) + STAMP_INDEX] === changes.floor + 1) return;
    const word = this.#wordOf(parent, parentRow);
    if (page[word + RELATION_CLEARED] === changes.interval) return;
    page[word + RELATION_CLEARED] = changes.interval;
    this.#table.log.recordClear(parentRow);
  }

  /** Discards up to `countMax` rows from `row` on; returns the next one. */
  #discardChain(row: number, countMax: number): number {
    const table = this.#table;
    for (let left = countMax; left > 0 && row !== 0; left--) {
      const next = this.nextOf(row);
      const children = table.childTables;
      for (let at = 0; at < children.length; at++) children[at].links.clear(row);
      if (table.copySets.length > 0) table.copyIfHeld(row);
      table.discard(row);
      row = next;
    }
    return row;
  }

  /** Whether any rows wait for reclamation. */
  get hasDetached(): boolean {
    return this.#detached.size > 0;
  }

  /** Whether a row was cleared and waits; it is in `live` still. */
  isDetached(row: number): boolean {
    return this.#detached.size > 0 && this.#detached.has(this.#table.tokenOf(row));
  }

  /** Whether a row was cleared in the epoch or before (L2). */
  wasClearedBy(row: number, epoch: number): boolean {
    if (this.#detached.size === 0) return false;
    const cleared = this.#detached.get(this.#table.tokenOf(row));
    return cleared !== undefined && cleared <= epoch;
  }

  /** The table is dropped as a whole: nothing waits any more. */
  forgetChains(): void {
    this.#table.changes.waitingChainsCount -= this.#chains.length;
    this.#chains.length = 0;
  }

  /** Reclaims up to `rowsMax` cleared rows. False: none is left. */
  reclaim(rowsMax: number): boolean {
    const chain = this.#chains[0];
    if (chain === undefined) return false;
    chain.row = this.#discardChain(chain.row, rowsMax);
    if (chain.row !== 0) return true;
    this.#chains.shift();
    this.#table.changes.waitingChainsCount -= 1;
    this.#detached.delete(chain.token);
    this.#parent().unhold(chain.parentRow);
    return this.#chains.length > 0;
  }
}
