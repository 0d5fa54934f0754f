/*
 * Columns of state tables as `FieldRef`s: source text that reads and writes the fields of the row
 * whose views and base word are in scope, and slower access for values of variable size.
 *
 * Names in the text: `table`, `row`, `i32 f64 u8 i64` (views of the row's page), `w` (its first
 * word).
 */
import { offsetOf, slabOf } from "../state/arena.ts";
import { innerType } from "../state/layout.ts";
import type { ColumnLayout, RowLayout } from "../state/layout.ts";
import type { Page } from "../state/pages.ts";
import type { Table } from "../state/table.ts";
import { ByteReader } from "../types/byte-reader.ts";
import { ByteWriter } from "../types/byte-writer.ts";
import { codecOf } from "../types/codec.ts";
import type { Codec } from "../types/codec.ts";
import type { EnumType } from "../types/type.ts";
import type { FieldRef } from "./aggregate.ts";
import { DecodedValues } from "./decoded-values.ts";

/**
 * Which identifiers hold the row that a text is about: `table`, `row`, `i32`, … plus this suffix.
 */
export type RowNames = "" | "_";

/**
 * Declarations that bring the row `row<suffix>` of `table<suffix>` into scope; with `touch` it may
 * be written afterwards. `hoisted`: `LOOP_TOUCH` stands before the loop, and the touch needs no
 * call.
 */
export function rowSource(layout: RowLayout, names: RowNames, touch: boolean | "hoisted"): string {
  const n = names;
  const mask = (1 << layout.pageShift) - 1;
  return `const page${n} = table${n}.pages[row${n} >>> ${layout.pageShift}];
    const w${n} = (row${n} & ${mask}) * ${layout.strideBytes >>> 2};
    const i32${n} = page${n}.i32, f64${n} = page${n}.f64;
    const u8${n} = page${n}.u8, i64${n} = page${n}.i64;
    ${touchSource(n, touch)}`;
}

/**
 * Declarations before a loop whose rows are touched with `hoisted`; rows must not be added in it.
 */
export const LOOP_TOUCH = "const floor = table.changes.floor, dirty = table.dirtyWords();";

/** What `Table.touch` does. A million first touches per checkpoint are worth the missing calls. */
function touchSource(n: RowNames, touch: boolean | "hoisted"): string {
  if (touch === false) return "";
  if (touch === true) {
    return `if (i32${n}[w${n} + 1] < table${n}.changes.floor) table${n}.touchSlow(row${n});`;
  }
  return `if (i32${n}[w${n} + 1] < floor) {
      if (table${n}.copySets.length > 0) table${n}.copyIfHeld(row${n});
      dirty[row${n} >>> 5] |= 1 << (row${n} & 31);
      i32${n}[w${n} + 1] = floor;
    }`;
}

/** A column of the row in scope. `accessor` is an expression for its `FieldAccessor`. */
export function fieldRef(column: ColumnLayout, names: RowNames, accessor: string): FieldRef {
  const { offset } = column;
  const n = names;
  if (!isDirect(column)) {
    return {
      read: `${accessor}.get(table${n}, row${n})`,
      write: (expression) => `${accessor}.set(table${n}, row${n}, ${expression});`,
    };
  }
  const at = direct(column.kind, offset, n);
  return { read: at, write: (expression) => `${at} = ${expression};` };
}

/**
 * The same in a loop over rows of one table that nothing else changes: the value of the last row
 * stays at hand, since records of a key come in runs. `name` begins the names of two variables,
 * which `keptSource` declares before the loop.
 */
export function keptRef(ref: FieldRef, name: string): FieldRef {
  const [row, value] = [`${name}Row`, `${name}Value`];
  return {
    read: `(${row} === row ? ${value} : (${value} = ${ref.read}, ${row} = row, ${value}))`,
    write: (expression) => `{ ${value} = ${expression}; ${row} = row; ${ref.write(value)} }`,
  };
}

/** See `keptRef`. Row 0 is none. */
export function keptSource(name: string): string {
  return `let ${name}Row = 0, ${name}Value;`;
}

/** Whether generated code reads and writes the column itself, without a `FieldAccessor`. */
export function isDirect(column: ColumnLayout): boolean {
  return column.presenceBit < 0 && DIRECT_KINDS.has(innerType(column.type).kind);
}

/** Types whose values are what lies in the column. */
const DIRECT_KINDS = new Set(["int32", "int64", "float64", "timestamp", "bigint64"]);

function direct(kind: ColumnLayout["kind"], offset: number, n: RowNames): string {
  switch (kind) {
    case "i32":
      return `i32${n}[w${n} + ${offset >>> 2}]`;
    case "f64":
      return `f64${n}[(w${n} >>> 1) + ${offset >>> 3}]`;
    case "i64":
      return `i64${n}[(w${n} >>> 1) + ${offset >>> 3}]`;
    case "u8":
      return `u8${n}[w${n} * 4 + ${offset}]`;
    case "var":
      throw new RangeError("values of variable size have no direct form");
  }
}

/**
 * Access to one column by function call, for values that are encoded or may be absent. Values are
 * decoded once and kept for a while (`decoded-values.ts`); they must not be changed.
 */
export class FieldAccessor {
  readonly #column: ColumnLayout;
  readonly #presenceWord: number;
  readonly #codec: Codec<unknown>;
  readonly #writer = new ByteWriter(256);
  readonly #reader = new ByteReader();
  /** Of a column of variable size. */
  readonly #decoded: DecodedValues | undefined;

  constructor(layout: RowLayout, column: ColumnLayout) {
    this.#column = column;
    this.#presenceWord = (layout.presenceOffset >>> 2) + (column.presenceBit >>> 5);
    this.#codec = codecOf(innerType(column.type));
    this.#decoded = column.kind === "var" ? new DecodedValues() : undefined;
  }

  /** The value of a row; undefined where it is absent. */
  get(table: Table, row: number): unknown {
    const page = table.pageOf(row);
    const base = table.baseOf(row);
    const { presenceBit, offset } = this.#column;
    if (
      presenceBit >= 0 &&
      (page.i32[base + this.#presenceWord] & (1 << (presenceBit & 31))) === 0
    ) {
      return undefined;
    }
    const decoded = this.#decoded;
    if (decoded === undefined) return this.#readFixed(page, base);
    const known = decoded.get(table, row);
    if (known !== undefined) return known;
    const word = base + (offset >>> 2);
    const value = this.#decode(table, page.i32[word], page.i32[word + 1] >>> 1);
    decoded.set(table, row, value);
    return value;
  }

  /** Stores a value; undefined makes an optional column absent. The row was touched. */
  set(table: Table, row: number, value: unknown): void {
    const page = table.pageOf(row);
    const base = table.baseOf(row);
    const { presenceBit, offset, kind } = this.#column;
    if (presenceBit >= 0) {
      const bit = 1 << (presenceBit & 31);
      if (value === undefined) page.i32[base + this.#presenceWord] &= ~bit;
      else page.i32[base + this.#presenceWord] |= bit;
    }
    if (kind !== "var") {
      if (value !== undefined) this.#writeFixed(page, base, value);
      return;
    }
    this.#writer.reset();
    if (value !== undefined) this.#codec.encode(value, this.#writer);
    const bytes = this.#writer.written();
    const ref = table.setVar(row, offset >>> 2, bytes.length * 2);
    if (bytes.length > 0) table.arena.slabs[slabOf(ref)].set(bytes, offsetOf(ref));
    this.#decoded?.set(table, row, value);
  }

  #readFixed(page: Page, base: number): unknown {
    const { kind, offset, type } = this.#column;
    switch (kind) {
      case "u8":
        return page.u8[base * 4 + offset] !== 0;
      case "i32": {
        const inner = innerType(type);
        const number = page.i32[base + (offset >>> 2)];
        return inner.kind === "enum" ? (inner as EnumType<string>).values[number] : number;
      }
      case "f64":
        return page.f64[(base >>> 1) + (offset >>> 3)];
      case "i64":
        return page.i64[(base >>> 1) + (offset >>> 3)];
      case "var":
        throw new RangeError("values of variable size have no direct form");
    }
  }

  #writeFixed(page: Page, base: number, value: unknown): void {
    const { kind, offset, type } = this.#column;
    // The codec refuses what is not of the type.
    this.#writer.reset();
    this.#codec.encode(value, this.#writer);
    switch (kind) {
      case "u8":
        page.u8[base * 4 + offset] = value === true ? 1 : 0;
        return;
      case "i32": {
        const inner = innerType(type);
        const isEnum = inner.kind === "enum";
        page.i32[base + (offset >>> 2)] = isEnum
          ? (inner as EnumType<string>).values.indexOf(value as string)
          : (value as number);
        return;
      }
      case "f64":
        page.f64[(base >>> 1) + (offset >>> 3)] = value as number;
        return;
      case "i64":
        page.i64[(base >>> 1) + (offset >>> 3)] = value as bigint;
        return;
      case "var":
    }
  }

  #decode(table: Table, ref: number, size: number): unknown {
    const start = offsetOf(ref);
    // An empty value needs no cell; no codec but that of an empty struct reads one.
    const bytes = size === 0 ? new Uint8Array(0) : table.arena.slabs[slabOf(ref)];
    this.#reader.reset(bytes, size === 0 ? 0 : start, size === 0 ? 0 : start + size);
    return this.#codec.decode(this.#reader);
  }
}
