/*
 * RowLoader: fills tables from rows as columns. Base first, then deltas; within one snapshot
 * tombstones of all tables before puts.
 *
 * A put replaces the whole row. A column that the rows do not have gets its default; the time of
 * last use of a state that had no TTL before becomes now, so its values count as fresh. Columns
 * that the table does not have any more are left out.
 */
import { assert } from "../assert.ts";
import { oxbowError } from "../errors.ts";
import { KeyColumn } from "../columns/key-column.ts";
import type { KeyProbe } from "./key-probe.ts";
import type { ColumnLayout, RowLayout } from "./layout.ts";
import type { ByteSlices, ColumnValues, RowColumns } from "./row-chunk.ts";
import { readOrdered, readPosition } from "./sub-key.ts";
import type { Table } from "./table.ts";
import { TTL_SUFFIX } from "./value-source.ts";
import { writeVarBytes } from "./var-value.ts";
import { RowTemplate } from "./row-template.ts";

/** Where rows go. */
export interface LoadTarget {
  readonly uid: string;
  readonly layout: RowLayout;
  /** The table for row `index`; undefined for tombstones of a pane that is not there. */
  tableOf(index: number): Table | undefined;
  /** Holds keys of the operator. */
  readonly probe: KeyProbe;
  /** Holds sub keys of child tables whose sub keys have a type. */
  readonly subProbe: KeyProbe | undefined;
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  readonly now: number;
}

/** Puts or removes rows. */
export function loadRows(target: LoadTarget, rows: RowColumns): void {
  const loader = new RowLoader(target, rows);
  const { keyGroupStart, keyGroupEnd } = target;
  for (let index = 0; index < rows.count; index++) {
    const keyGroup = rows.keyGroups[index];
    if (keyGroup < keyGroupStart || keyGroup >= keyGroupEnd) continue;
    loader.load(index);
  }
  loader.loadRun();
}

/** Most rows that are looked up together. */
const RUN_ROWS_MAX = 1024;

/** A column of the table with its source; undefined: default. */
interface LoadColumn {
  readonly column: ColumnLayout;
  readonly source: ColumnValues | undefined;
}

const RUN_ROWS = new Int32Array(RUN_ROWS_MAX);

class RowLoader {
  readonly #target: LoadTarget;
  readonly #rows: RowColumns;
  readonly #columns: readonly LoadColumn[];
  readonly #template: RowTemplate;
  readonly #numbers = new KeyColumn("number");
  /** Rows to put into a table without parent; looked up together, so that cache misses overlap. */
  readonly #run = new Int32Array(RUN_ROWS_MAX);
  #runCount = 0;
  #runTable: Table | undefined;
  /** The list row that was loaded last: the next one mostly follows it. */
  #lastTable: Table | undefined;
  #lastRow = 0;
  #lastParent = 0;

  constructor(target: LoadTarget, rows: RowColumns) {
    this.#target = target;
    this.#rows = rows;
    this.#template = new RowTemplate(target.layout);
    this.#numbers.reset(3);
    const sources = new Map(rows.columns.map((column) => [column.name, column]));
    this.#columns = target.layout.columns.map((column) => {
      const source = sources.get(column.name);
      if (source !== undefined) checkKind(target, column, source);
      return { column, source };
    });
  }

  load(index: number): void {
    const table = this.#target.tableOf(index);
    if (table === undefined) return;
    const { keys, kind } = this.#rows;
    if (kind === "puts" && table.parent === undefined) {
      if (table !== this.#runTable || this.#runCount === RUN_ROWS_MAX) this.loadRun();
      this.#runTable = table;
      this.#run[this.#runCount++] = index;
      return;
    }
    const { probe } = this.#target;
    probe.setEncoded(keys.bytes, keys.starts[index], keys.ends[index]);
    const root = table.parent ?? table;
    const isPut = kind === "puts";
    const rootRow = isPut ? root.upsert(probe.keys, 0) : root.find(probe.keys, 0);
    if (rootRow === 0) return;
    if (kind === "cleared") {
      table.links.clear(rootRow);
      return;
    }
    const row = table.parent === undefined ? rootRow : this.#childRow(table, rootRow, index);
    if (row === 0) return;
    if (isPut) this.#write(table, row, index);
    else table.remove(row);
  }

  /** Puts the rows that wait for others of their table. */
  loadRun(): void {
    const table = this.#runTable;
    const count = this.#runCount;
    if (table === undefined) return;
    this.#runTable = undefined;
    this.#runCount = 0;
    const { keys } = this.#rows;
    const { probe } = this.#target;
    probe.reset(count);
    for (let at = 0; at < count; at++) {
      const index = this.#run[at];
      probe.setEncodedAt(at, keys.bytes, keys.starts[index], keys.ends[index]);
    }
    table.lookup(probe.keys, count, RUN_ROWS, "upsert");
    probe.reset(1);
    for (let at = 0; at < count; at++) this.#write(table, RUN_ROWS[at], this.#run[at]);
  }

  #childRow(table: Table, parentRow: number, index: number): number {
    const { mapKeys, kind } = this.#rows;
    assert(mapKeys !== undefined, "rows of a child table have no sub keys");
    const isPut = kind === "puts";
    if (table.layout.keyType === undefined && !table.layout.isIndexed) {
      const position = readPosition(mapKeys.bytes, mapKeys.starts[index]);
      return this.#listRow(table, parentRow, position, isPut);
    }
    const { links } = table;
    const keys = this.#subKeys(mapKeys, index);
    if (!table.layout.isIndexed) return linkedRow({ table, parentRow, keys, isPut });
    if (isPut) return table.code.upsert(table, keys, 0, links.tokenOf(parentRow), parentRow);
    const token = links.tokenIfAny(parentRow);
    return token === 0 ? 0 : table.code.find(table, keys, 0, token);
  }

  #subKeys(mapKeys: ByteSlices, index: number): KeyColumn {
    const { subProbe } = this.#target;
    const { bytes, starts, ends } = mapKeys;
    if (subProbe !== undefined) {
      subProbe.setEncoded(bytes, starts[index], ends[index]);
      return subProbe.keys;
    }
    for (let n = 0; n < 3; n++) {
      this.#numbers.numbers[n] = readOrdered(bytes, starts[index] + n * 8);
    }
    return this.#numbers;
  }

  /** The row at a position: found from the last one loaded, or made in order. */
  #listRow(table: Table, parentRow: number, position: number, isPut: boolean): number {
    const { links } = table;
    const isKnown = this.#lastTable === table && this.#lastParent === parentRow;
    let at =
      isKnown && this.#lastRow !== 0 && links.positionOf(this.#lastRow) <= position
        ? this.#lastRow
        : 0;
    const last = links.lastOf(parentRow);
    if (last !== 0 && links.positionOf(last) <= position) at = last;
    let next = at === 0 ? links.firstOf(parentRow) : links.nextOf(at);
    while (next !== 0 && links.positionOf(next) <= position) {
      at = next;
      next = links.nextOf(next);
    }
    if (at !== 0 && links.positionOf(at) === position) {
      this.#remember(table, parentRow, isPut ? at : 0);
      return at;
    }
    if (!isPut) return 0;
    const row = links.appendAt(parentRow, position);
    links.moveAfter(row, at);
    this.#remember(table, parentRow, row);
    return row;
  }

  #remember(table: Table, parentRow: number, row: number): void {
    this.#lastTable = table;
    this.#lastParent = parentRow;
    this.#lastRow = row;
  }

  #write(table: Table, row: number, index: number): void {
    table.touch(row);
    for (const { column, source } of this.#columns) {
      const isPresent = source?.present === undefined || source.present[index] !== 0;
      if (source === undefined) this.#writeDefault(table, row, column);
      else if (isPresent) writeValue(table, row, column, { values: source.values, index });
      else clearValue(table, row, column);
      if (source !== undefined) setPresence(table, row, column, isPresent);
    }
  }

  #writeDefault(table: Table, row: number, column: ColumnLayout): void {
    if (column.name.endsWith(TTL_SUFFIX)) {
      const values = new Float64Array(1).fill(this.#target.now);
      writeValue(table, row, column, { values, index: 0 });
      return;
    }
    clearValue(table, row, column);
    const page = table.pageOf(row);
    const base = table.baseOf(row) * 4;
    const words = new Uint8Array(this.#template.words.buffer);
    if (column.kind === "var") {
      const found = this.#template.varDefaults.find((d) => d.word === column.offset / 4);
      const bytes = found?.bytes;
      if (bytes !== undefined) writeVarBytes(table, row, column.offset / 4, bytes, 0, bytes.length);
    } else {
      const end = column.offset + FIXED_BYTES[column.kind];
      for (let at = column.offset; at < end; at++) page.u8[base + at] = words[at];
    }
    setPresence(table, row, column, column.default !== undefined);
  }
}

interface LinkedPlace {
  readonly table: Table;
  readonly parentRow: number;
  /** The sub key is the first of these. */
  readonly keys: KeyColumn;
  readonly isPut: boolean;
}

/** The row of a table whose rows have times as sub keys, but no index. */
function linkedRow({ table, parentRow, keys, isPut }: LinkedPlace): number {
  const { links, layout } = table;
  assert(layout.keyKind === "f64", "sub keys without index are times");
  const found = links.findLast(parentRow, (row) => table.code.matches(table, row, keys, 0));
  if (found !== 0 || !isPut) return found;
  const row = links.appendAt(parentRow, 0);
  table.pageOf(row).f64[(table.baseOf(row) + (layout.keyOffset >>> 2)) >>> 1] = keys.numbers[0];
  return row;
}

const FIXED_BYTES = { u8: 1, i32: 4, f64: 8, i64: 8 } as const;

/** One entry of a column. */
interface ValueAt {
  readonly values: ColumnValues["values"];
  readonly index: number;
}

function writeValue(table: Table, row: number, column: ColumnLayout, from: ValueAt): void {
  const { values, index } = from;
  const { offset } = column;
  if ("starts" in values) {
    writeVarBytes(table, row, offset / 4, values.bytes, values.starts[index], values.ends[index]);
    return;
  }
  const page = table.pageOf(row);
  const base = table.baseOf(row);
  const value = values[index];
  switch (column.kind) {
    case "u8":
      page.u8[base * 4 + offset] = value as number;
      return;
    case "i32":
      page.i32[base + offset / 4] = value as number;
      return;
    case "f64":
      page.f64[base / 2 + offset / 8] = value as number;
      return;
    case "i64":
      page.i64[base / 2 + offset / 8] = value as bigint;
      return;
    case "var":
      return;
  }
}

function clearValue(table: Table, row: number, column: ColumnLayout): void {
  if (column.kind === "var") {
    table.setVar(row, column.offset / 4, 0);
    return;
  }
  const page = table.pageOf(row);
  const start = table.baseOf(row) * 4 + column.offset;
  page.u8.fill(0, start, start + FIXED_BYTES[column.kind]);
}

function setPresence(table: Table, row: number, column: ColumnLayout, isPresent: boolean): void {
  if (column.presenceBit < 0) return;
  const page = table.pageOf(row).i32;
  const word = table.baseOf(row) + table.layout.presenceOffset / 4 + (column.presenceBit >>> 5);
  const bit = 1 << (column.presenceBit & 31);
  if (isPresent) page[word] |= bit;
  else page[word] &= ~bit;
}

/** Numbers may be widened; everything else must lie as it did. */
function checkKind(target: LoadTarget, column: ColumnLayout, source: ColumnValues): void {
  const { values } = source;
  const isSlices = "starts" in values;
  const isBigint = values instanceof BigInt64Array;
  if (isSlices === (column.kind === "var") && isBigint === (column.kind === "i64")) return;
  throw oxbowError(
    "STATE_MISMATCH",
    `Operator "${target.uid}": column ${column.name} of table "${target.layout.table}" is ` +
      `${column.type.kind} now, but the snapshot holds another kind of values. ` +
      "Declare it as it was, or give the state a new name.",
    { uid: target.uid, table: target.layout.table, column: column.name },
  );
}
