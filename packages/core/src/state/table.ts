/*
 * Table: rows of one layout in typed memory, found by key. The main table of an operator, each pane
 * of a window, every list, map and timer state is one.
 *
 * T1. Row ids are ≥ 1 and stay with a row for its life; afterwards they are used again. 0 is "no
 *     row".
 * T2. Whoever changes a row calls `touch` before (generated code: the same test in line,
 *     `row-source.ts`). Before a row changes or goes, it is copied for every snapshot in flight
 *     that still holds it.
 * T3. A row born after a freeze is in none of the copy sets taken before it.
 * T4. A child row goes before its parent; a parent's slot is not reused while cleared child rows
 *     still wait for reclamation, so a child row's parent always has the key that the child belongs
 *     to.
 * Semantics: docs/semantics/state.md.
 */
import { assert } from "../assert.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import { isLatin1 } from "../types/byte-writer.ts";
import { Arena, offsetOf, slabOf } from "./arena.ts";
import type { Changes } from "./changes.ts";
import { ChildLinks } from "./child-links.ts";
import type { CopySet } from "./copy-set.ts";
import {
  HASH_INDEX,
  isVarKey,
  PARENT_INDEX,
  type RowLayout,
  STAMP_INDEX,
  TOKEN_INDEX,
} from "./layout.ts";
import { Page, RowBits } from "./pages.ts";
import type { Namespace } from "./row-chunk.ts";
import { RowIndex } from "./row-index.ts";
import type { RowTemplate } from "./row-template.ts";
import { TableChanges } from "./table-changes.ts";
import type { TableCode } from "./table-source.ts";

/** Rows of a table's first page, which doubles until it is full size. */
const FIRST_ROWS = 16;
/** Row ids are int32; the sign bit stays free. */
const ROWS_MAX = 2 ** 31 - 1;

/** What a table is made from; shared by all panes of a family. */
export interface TableParts {
  readonly layout: RowLayout;
  /** Position of the layout in the backend. */
  readonly layoutIndex: number;
  readonly code: TableCode;
  readonly template: RowTemplate;
  readonly changes: Changes;
}

/** See the file header. */
export class Table {
  readonly layout: RowLayout;
  readonly layoutIndex: number;
  readonly code: TableCode;
  readonly changes: Changes;
  readonly namespace: Namespace | undefined;
  /** The table of the rows that this one's rows hang at. */
  parent: Table | undefined;
  /**
   * Row r lies in page r >> layout.pageShift. Changes when rows are added: do not keep across that.
   */
  pages: Page[] = [];
  readonly index = new RowIndex();
  arena = new Arena();
  /**
   * Rows that are there; for child tables, cleared ones that are not reclaimed yet are still in it.
   */
  readonly live = new RowBits();
  /** Dirty bits, removals, intervals. */
  readonly log: TableChanges;
  /** Links and reclamation; child tables only use it. */
  readonly links: ChildLinks;
  /** Child tables whose rows hang at rows of this one, by relation. */
  readonly childTables: Table[] = [];
  /** Copy sets of snapshots in flight that still hold rows of this table. */
  copySets: CopySet[] = [];
  /** Rows that are there. */
  rowsCount = 0;
  /** Grows with every removal: caches of decoded values are valid for one value of it. */
  removalsCount = 0;
  readonly #template: RowTemplate;
  #nextRow = 1;
  #freeRow = 0;
  #capacity = 0;
  /** Rows removed whose slot is held (T4): row → cleared lists that wait. */
  readonly #held = new Map<number, number>();
  readonly #heldRemoved = new Set<number>();
  #scratch = new Int32Array(0);

  constructor(parts: TableParts, parent: Table | undefined, namespace: Namespace | undefined) {
    this.layout = parts.layout;
    this.layoutIndex = parts.layoutIndex;
    this.code = parts.code;
    this.changes = parts.changes;
    this.#template = parts.template;
    this.namespace = namespace;
    this.log = new TableChanges(this);
    this.links = new ChildLinks(this);
    if (parent !== undefined) this.attachTo(parent);
  }

  /** Makes it a child table; before its first row. Order is that of the parent's relations. */
  attachTo(parent: Table): void {
    assert(this.parent === undefined && this.#nextRow === 1, "a child table is attached twice");
    this.parent = parent;
    parent.childTables.push(this);
  }

  /** Row of the key at `index` of a column; 0: none. Tables without parent. */
  find(keys: KeyColumn, index: number): number {
    return this.code.find(this, keys, index, 0);
  }

  /** The same; makes the row, with defaults, if there is none. */
  upsert(keys: KeyColumn, index: number): number {
    return this.code.upsert(this, keys, index, 0, 0);
  }

  /**
   * Rows of the first `count` keys of a column into `rows` (0: none, in mode `find`). Tables
   * without parent. Valid until the next removal.
   */
  lookup(keys: KeyColumn, count: number, rows: Int32Array, mode: "find" | "upsert"): void {
    assert(rows.length >= count, "a look-up has no room for its rows");
    if (mode === "find") this.code.findAll(this, keys, count, rows);
    else this.code.upsertAll(this, keys, count, rows);
  }

  /** To be called before any change of a row's columns (T2). */
  touch(row: number): void {
    const { pageShift, strideBytes } = this.layout;
    const page = this.pages[row >>> pageShift].i32;
    const base = (row & ((1 << pageShift) - 1)) * (strideBytes >>> 2);
    if (page[base + STAMP_INDEX] < this.changes.floor) this.touchSlow(row);
  }

  /**
   * Dirty bits of all rows that there are, for generated loops that do what `touchSlow` does by
   * themselves. Valid until rows are added or a snapshot is taken.
   */
  dirtyWords(): Int32Array {
    return this.log.dirtyWords(this.#nextRow);
  }

  /** The first touch of a row in an epoch: copy sets, dirty bit, stamp. */
  touchSlow(row: number): void {
    if (this.copySets.length > 0) this.copyIfHeld(row);
    this.log.markDirty(row);
    const { pageShift, strideBytes } = this.layout;
    const base = (row & ((1 << pageShift) - 1)) * (strideBytes >>> 2);
    this.pages[row >>> pageShift].i32[base + STAMP_INDEX] = this.changes.floor;
  }

  /** Copies a row for every copy set that holds it, which then no longer do. */
  copyIfHeld(row: number): void {
    for (const copySet of this.copySets) copySet.copyTouched(row);
  }

  /** Removes a row and everything that hangs at it. */
  remove(row: number): void {
    assert(this.live.has(row), () => `table ${this.layout.table}: row ${row} is removed twice`);
    const children = this.childTables;
    for (let at = 0; at < children.length; at++) children[at].links.clear(row);
    const page = this.pageOf(row).i32;
    const stamp = page[this.baseOf(row) + STAMP_INDEX];
    if (stamp < this.changes.floor) this.touchSlow(row);
    // Born in this epoch: no snapshot has it, or an earlier removal of its key is on record.
    if (stamp !== this.changes.floor + 1) this.log.recordRemoval(row);
    if (this.parent !== undefined) this.links.unlink(row);
    this.rowsCount -= 1;
    this.discard(row);
  }

  /** Frees a row that is on record as removed, copied if held, and not linked. */
  discard(row: number): void {
    const page = this.pageOf(row).i32;
    const base = this.baseOf(row);
    if (this.layout.isIndexed) this.index.remove(page[base + HASH_INDEX], row);
    this.live.delete(row);
    this.removalsCount += 1;
    for (const column of this.layout.columns) {
      if (column.kind === "var") this.#freeVar(page, base + (column.offset >>> 2));
    }
    if (this.#held.has(row)) this.#heldRemoved.add(row);
    else this.#freeSlot(row);
  }

  /** Keeps a row's slot until `unhold` (T4). */
  hold(row: number): void {
    this.#held.set(row, (this.#held.get(row) ?? 0) + 1);
  }

  unhold(row: number): void {
    const left = (this.#held.get(row) ?? 0) - 1;
    assert(left >= 0, "a row's slot is let go twice");
    if (left > 0) {
      this.#held.set(row, left);
      return;
    }
    this.#held.delete(row);
    if (this.#heldRemoved.delete(row)) this.#freeSlot(row);
  }

  #freeSlot(row: number): void {
    const page = this.pageOf(row).i32;
    const base = this.baseOf(row);
    if (isVarKey(this.layout.keyKind)) this.#freeVar(page, base + (this.layout.keyOffset >>> 2));
    page[base + HASH_INDEX] = this.#freeRow;
    this.#freeRow = row;
  }

  #freeVar(page: Int32Array, word: number): void {
    this.arena.free(page[word], page[word + 1] >>> 1);
    page[word] = 0;
    page[word + 1] = 0;
  }

  /** A new row with defaults; the caller writes its key and enters it into the index. */
  newRow(hash: number): number {
    let row = this.#freeRow;
    if (row === 0) {
      row = this.#nextRow;
      if (row >= this.#capacity) this.#addRows();
      this.#nextRow = row + 1;
    } else {
      this.#freeRow = this.pageOf(row).i32[this.baseOf(row) + HASH_INDEX];
    }
    const page = this.pageOf(row).i32;
    const base = this.baseOf(row);
    const { words } = this.#template;
    for (let word = 2; word < words.length; word++) page[base + word] = words[word];
    page[base + HASH_INDEX] = hash;
    page[base + STAMP_INDEX] = this.changes.floor + 1;
    this.live.add(row);
    this.log.markDirty(row);
    this.rowsCount += 1;
    if (this.#template.varDefaults.length > 0) this.#template.writeVarDefaults(this, row);
    return row;
  }

  #addRows(): void {
    const { pageShift, strideBytes } = this.layout;
    const fullRows = 1 << pageShift;
    assert(this.#nextRow < ROWS_MAX, () => `table ${this.layout.table}: 2^31 rows in one subtask`);
    if (this.#capacity >= fullRows || fullRows <= FIRST_ROWS) {
      this.pages.push(new Page(strideBytes * fullRows));
      this.#capacity = this.pages.length * fullRows;
      return;
    }
    const rows = Math.max(FIRST_ROWS, this.#capacity * 2);
    const grown = new Page(strideBytes * Math.min(rows, fullRows));
    if (this.pages.length > 0) grown.i32.set(this.pages[0].i32);
    this.pages = [grown];
    this.#capacity = Math.min(rows, fullRows);
  }

  /**
   * Makes room for about `rowsCount` rows, as far as one page goes, instead of growing into it;
   * before the first row.
   */
  reserve(rowsCount: number): void {
    assert(this.#nextRow === 1, "room is made before the first row");
    if (rowsCount < FIRST_ROWS) return;
    const { pageShift, strideBytes } = this.layout;
    // Row 0 has a place, too.
    this.#capacity = 1 << Math.min(pageShift, 32 - Math.clz32(rowsCount));
    this.pages = [new Page(strideBytes * this.#capacity)];
    this.index.reserve(rowsCount);
  }

  /** Rows that there is room for. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Forgets all rows and keeps the room. For tables that stand alone and no snapshot knows. */
  forgetRows(): void {
    const { parent, childTables, copySets } = this;
    const isAlone = parent === undefined && childTables.length === 0 && copySets.length === 0;
    assert(isAlone && this.#held.size === 0, "rows are forgotten that belong to others, too");
    this.index.clear();
    this.arena = new Arena();
    this.live.words.fill(0);
    this.log.reset();
    this.rowsCount = 0;
    this.removalsCount += 1;
    this.#nextRow = 1;
    this.#freeRow = 0;
  }

  /** The page of a row. */
  pageOf(row: number): Page {
    return this.pages[row >>> this.layout.pageShift];
  }

  /** Index of a row's first word in its page's `i32`. */
  baseOf(row: number): number {
    const { pageShift, strideBytes } = this.layout;
    return (row & ((1 << pageShift) - 1)) * (strideBytes >>> 2);
  }

  /** Child tables: row of the parent, and the list or map that the row belongs to. */
  parentRowOf(row: number): number {
    return this.pageOf(row).i32[this.baseOf(row) + PARENT_INDEX];
  }

  tokenOf(row: number): number {
    return this.pageOf(row).i32[this.baseOf(row) + TOKEN_INDEX];
  }

  /** Called by generated code: a child row hangs at its parent from now on. */
  link(row: number, parentRow: number): void {
    this.links.linkLast(row, parentRow);
  }

  /**
   * Makes room for a variable-size value at word `word` of a row; returns its reference (0 for size
   * 0). `sizeWord` is size × 2 + flag. The caller has touched the row and writes the bytes.
   */
  setVar(row: number, word: number, sizeWord: number): number {
    const page = this.pageOf(row).i32;
    const at = this.baseOf(row) + word;
    const size = sizeWord >>> 1;
    const oldSize = page[at + 1] >>> 1;
    let ref = page[at];
    if (!this.arena.isSameClass(oldSize, size)) {
      this.arena.free(ref, oldSize);
      ref = this.arena.allocate(size, row);
      page[at] = ref;
    }
    page[at + 1] = sizeWord;
    return ref;
  }

  /** Writes a string key: Latin-1 or UTF-16. */
  writeText(row: number, word: number, text: string): void {
    const { length } = text;
    const isWide = !isLatin1(text);
    const ref = this.setVar(row, word, isWide ? length * 4 + 1 : length * 2);
    const slab = this.arena.slabs[slabOf(ref)];
    let at = offsetOf(ref);
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index);
      slab[at++] = unit;
      if (isWide) slab[at++] = unit >>> 8;
    }
  }

  /** Called by the arena: the cell of one of a row's values moved. */
  moveVar(row: number, from: number, to: number): void {
    const page = this.pageOf(row).i32;
    const base = this.baseOf(row);
    for (const offset of this.layout.varOffsets) {
      if (page[base + (offset >>> 2)] !== from) continue;
      page[base + (offset >>> 2)] = to;
      return;
    }
    assert(false, "arena: the owner of a cell does not refer to it");
  }

  /** Bounded upkeep: reclaims cleared rows, empties sparse slabs. False: nothing to do. */
  upkeep(rowsMax: number): boolean {
    const isReclaiming = this.links.reclaim(rowsMax);
    return this.arena.evacuate(rowsMax, this.#onMove) || isReclaiming;
  }

  readonly #onMove = (row: number, from: number, to: number): void => this.moveVar(row, from, to);

  /** Scan of live rows: the next one after `row` (0: the first); 0 at the end. */
  nextRow(row: number): number {
    return this.live.next(row);
  }

  /** Scratch for generated code. */
  scratchWords(count: number): Int32Array {
    if (this.#scratch.length < count) this.#scratch = new Int32Array(Math.max(1024, count));
    return this.#scratch;
  }

  /** Bytes held. */
  get sizeBytes(): number {
    let bytes = this.arena.sizeBytes + this.live.sizeBytes + this.log.sizeBytes;
    if (this.layout.isIndexed) bytes += this.index.sizeBytes;
    for (const page of this.pages) bytes += page.i32.byteLength;
    return bytes;
  }
}
