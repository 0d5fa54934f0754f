/*
 * ColumnParts: columns of rows that were stored with another schema become columns of now. Most
 * need no look at the values: a number that is wider now, a column that became optional, one with
 * another name. Others go value by value.
 *
 * C1. A cell that was never written (variable size, no bytes) stays so: the state that it belongs
 *     to holds nothing there.
 * C2. An absent cell of a marked column means that there is no value, and stays absent; one of
 *     another column is the value undefined.
 */
import { assert } from "../assert.ts";
import { ByteReader } from "../types/byte-reader.ts";
import { ByteWriter } from "../types/byte-writer.ts";
import { type Codec, codecOf } from "../types/codec.ts";
import { evolveType } from "../types/evolution.ts";
import { schemaKey } from "../types/schema.ts";
import type { EnumType, StructType, Type } from "../types/type.ts";
import { zeroOf } from "../types/zero-value.ts";
import { type ColumnKind, columnKind, innerType } from "./layout.ts";
import type { ColumnValues } from "./row-chunk.ts";

/** A column by name and type; `isMarked`: its presence tells whether there is a value (C2). */
export interface TypedColumn {
  readonly name: string;
  readonly type: Type<unknown>;
  readonly isMarked: boolean;
}

/** Columns by their stored names. */
export type StoredColumns = ReadonlyMap<string, ColumnValues>;

/** Makes columns of now out of stored ones. */
export interface ColumnPart {
  /** Stored columns that it speaks for. */
  readonly takes: readonly { readonly name: string; readonly kind: ColumnKind }[];
  /** Whether it gives what it takes, under the same name. */
  readonly isSame: boolean;
  make(columns: StoredColumns, count: number): readonly ColumnValues[];
}

/** The column as it is, under another name or the same. */
export function keepColumn(from: TypedColumn, name: string): ColumnPart {
  return {
    takes: [takeOf(from)],
    isSame: from.name === name,
    make: (columns) => [{ ...columnNamed(columns, from.name), name }],
  };
}

/** The column is left out. */
export function dropColumn(from: TypedColumn): ColumnPart {
  return { takes: [takeOf(from)], isSame: false, make: () => [] };
}

/** A column that has one value in all rows. */
export function constantColumn(to: TypedColumn, value: unknown): ColumnPart {
  return {
    takes: [],
    isSame: false,
    make(_columns, count) {
      const builder = new ColumnBuilder(to, count);
      for (let index = 0; index < count; index++) builder.put(index, value);
      return [builder.finish()];
    },
  };
}

/** The column with values of another type, which `convert` makes where values are not the same. */
export function convertColumn(
  from: TypedColumn,
  to: TypedColumn,
  convert: (value: unknown) => unknown,
): ColumnPart {
  if (liesAlike(from, to)) return { ...keepColumn(from, to.name), isSame: false };
  const isOptional = from.type.kind === "optional";
  return {
    takes: [takeOf(from)],
    isSame: false,
    make(columns, count) {
      const column = columnNamed(columns, from.name);
      const read = columnReader(from.type, column);
      const builder = new ColumnBuilder(to, count);
      for (let index = 0; index < count; index++) {
        const isPresent = column.present === undefined || column.present[index] !== 0;
        if (!isPresent && (from.isMarked || !isOptional)) continue;
        const value = isPresent ? read(index) : undefined;
        if (value === NEVER_WRITTEN) continue;
        builder.put(index, convert(value));
      }
      return [builder.finish()];
    },
  };
}

/** What a part says that it takes. */
export function takeOf({ name, type }: TypedColumn): ColumnPart["takes"][number] {
  return { name, kind: columnKind(type) };
}

/** A stored column that a plan has checked to be there. */
export function columnNamed(columns: StoredColumns, name: string): ColumnValues {
  const column = columns.get(name);
  assert(column !== undefined, () => `rows without the column ${name} are converted`);
  return column;
}

/** Whether cells of one are cells of the other; the loader widens numbers by itself. */
function liesAlike(from: TypedColumn, to: TypedColumn): boolean {
  const fillsAbsent = from.type.kind === "optional" && to.type.kind !== "optional";
  if (fillsAbsent && !from.isMarked) return false;
  const [stored, declared] = [innerType(from.type), innerType(to.type)];
  if (stored.kind === "enum") {
    const { values } = declared as EnumType<string>;
    return (stored as EnumType<string>).values.every((value, index) => values[index] === value);
  }
  if (columnKind(stored) === "var" || columnKind(declared) === "var") {
    return evolveType(stored, declared).kind === "as-is";
  }
  return (columnKind(stored) === "i64") === (columnKind(declared) === "i64");
}

/** What a reader gives for a cell that nothing was ever written to (C1). */
export const NEVER_WRITTEN = Symbol("never written");

/** Reads cells that are present, as values of the type without its outer optional. */
export function columnReader(
  type: Type<unknown>,
  { values }: ColumnValues,
): (index: number) => unknown {
  const inner = innerType(type);
  if ("starts" in values) {
    const codec = codecOf(inner);
    const reader = new ByteReader();
    const isEmptyValue = hasNoBytes(inner);
    return (index) => {
      const [start, end] = [values.starts[index], values.ends[index]];
      if (start === end && !isEmptyValue) return NEVER_WRITTEN;
      reader.reset(values.bytes, start, end);
      return codec.decode(reader);
    };
  }
  if (inner.kind === "bool") return (index) => values[index] === 1;
  if (inner.kind === "enum") {
    const names = (inner as EnumType<string>).values;
    return (index) => names[values[index] as number];
  }
  return (index) => values[index];
}

/** The same, where a cell that was never written counts as zero. */
export function readOrZero(type: Type<unknown>, value: unknown): unknown {
  return value === NEVER_WRITTEN ? zeroOf(innerType(type)) : value;
}

/** Whether values of the type take no bytes: structs without fields, and of such. */
function hasNoBytes(type: Type<unknown>): boolean {
  if (type.kind !== "struct") return false;
  return Object.values((type as StructType<unknown>).fields).every(hasNoBytes);
}

const ARRAYS = {
  u8: Uint8Array,
  i32: Int32Array,
  f64: Float64Array,
  i64: BigInt64Array,
} as const;

/** Builds a column value by value; rows that nothing is put into are absent. */
export class ColumnBuilder {
  readonly #column: TypedColumn;
  readonly #inner: Type<unknown>;
  readonly #present: Uint8Array;
  readonly #fixed: Uint8Array | Int32Array | Float64Array | BigInt64Array | undefined;
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  readonly #writer = new ByteWriter(1024);
  readonly #codec: Codec<unknown>;
  #presentCount = 0;

  constructor(column: TypedColumn, count: number) {
    const kind = columnKind(column.type);
    this.#column = column;
    this.#inner = innerType(column.type);
    this.#present = new Uint8Array(count);
    this.#fixed = kind === "var" ? undefined : new ARRAYS[kind](count);
    this.#starts = new Int32Array(kind === "var" ? count : 0);
    this.#ends = new Int32Array(kind === "var" ? count : 0);
    this.#codec = codecOf(this.#inner);
  }

  /** Undefined leaves an optional row absent. VALUE_TYPE_MISMATCH for what is not of the type. */
  put(index: number, value: unknown): void {
    if (value === undefined && this.#column.type.kind === "optional") return;
    const writer = this.#writer;
    const fixed = this.#fixed;
    if (fixed === undefined) {
      this.#starts[index] = writer.position;
      this.#codec.encode(value, writer);
      this.#ends[index] = writer.position;
    } else {
      // Refuses what is not of the type.
      this.#codec.encode(value, writer);
      writer.reset();
      fixed[index] = this.#cellOf(value) as never;
    }
    this.#present[index] = 1;
    this.#presentCount += 1;
  }

  #cellOf(value: unknown): number | bigint {
    if (this.#inner.kind === "bool") return value === true ? 1 : 0;
    if (this.#inner.kind !== "enum") return value as number | bigint;
    return (this.#inner as EnumType<string>).values.indexOf(value as string);
  }

  finish(): ColumnValues {
    const { name } = this.#column;
    const present = this.#presentCount === this.#present.length ? undefined : this.#present;
    const slices = { bytes: this.#writer.bytes, starts: this.#starts, ends: this.#ends };
    return { name, values: this.#fixed ?? slices, present };
  }
}

/** Whether two types are one; for columns that must not change at all. */
export function isSameType(a: Type<unknown> | undefined, b: Type<unknown> | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return schemaKey(a) === schemaKey(b);
}
