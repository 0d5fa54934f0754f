/*
 * Column: the values of one field of many records, in typed memory where the kind allows.
 *
 * Four things can be in a row of a column, and they are kept apart: a value, `null`, `undefined`,
 * and "the record has no such property". The last three are in `presence`; the slot of `values` is
 * then unspecified.
 *
 * I1. A column is immutable once it is in a batch; arrays may be longer than `count`.
 * I2. `presence` is undefined where every row has a value.
 */
import { assert } from "../assert.ts";
import { presized } from "./presized.ts";

/** Row has a value. */
export const PRESENT = 0;
/** Row is `null`. */
export const IS_NULL = 1;
/** Row is `undefined`, as the value of a property that is there. */
export const IS_UNDEFINED = 2;
/** The record has no such property. */
export const IS_ABSENT = 3;

/** See `PRESENT`, `IS_NULL`, `IS_UNDEFINED`, `IS_ABSENT`; one byte per row. */
export type Presence = Uint8Array | undefined;

/** Numbers that are all int32 (and not -0). */
export interface Int32Column {
  readonly kind: "int32";
  readonly count: number;
  readonly presence: Presence;
  readonly values: Int32Array;
}
/** Numbers. */
export interface Float64Column {
  readonly kind: "float64";
  readonly count: number;
  readonly presence: Presence;
  readonly values: Float64Array;
}
/** Booleans: 0 or 1 per row. */
export interface BoolColumn {
  readonly kind: "bool";
  readonly count: number;
  readonly presence: Presence;
  readonly values: Uint8Array;
}
/** Bigints in [-2^63, 2^63). */
export interface BigintColumn {
  readonly kind: "bigint64";
  readonly count: number;
  readonly presence: Presence;
  readonly values: BigInt64Array;
}
/**
 * Byte strings: row i is `bytes[offsets[i] .. offsets[i + 1])`; `offsets` has count + 1 entries.
 */
export interface BytesColumn {
  readonly kind: "bytes";
  readonly count: number;
  readonly presence: Presence;
  readonly bytes: Uint8Array;
  readonly offsets: Int32Array;
}

/** What a string column holds; see `StringColumn`. */
interface StringSource {
  readonly values?: readonly string[];
  readonly codes?: Int32Array;
  readonly dictionary?: readonly string[];
  readonly text?: string;
  readonly ends?: Int32Array;
}

/**
 * Strings in one of three forms: by dictionary (`codes` into `dictionary`), as parts of one long
 * text (which are cut out only where somebody wants them), or plain.
 */
export class StringColumn {
  readonly kind = "string";
  readonly count: number;
  readonly presence: Presence;
  /** Undefined where there is no dictionary. */
  readonly codes: Int32Array | undefined;
  /** Distinct strings, where there are codes. */
  readonly dictionary: readonly string[];
  /** All strings, one after another: row i is `text[ends[i] .. ends[i + 1])`. */
  readonly text: string | undefined;
  readonly ends: Int32Array | undefined;
  #values: readonly string[] | undefined;

  private constructor(count: number, presence: Presence, source: StringSource) {
    this.count = count;
    this.presence = presence;
    this.codes = source.codes;
    this.dictionary = source.dictionary ?? [];
    this.text = source.text;
    this.ends = source.ends;
    this.#values = source.values;
  }

  /** A column of plain strings; slots of rows without a value may hold anything. */
  static ofStrings(values: readonly string[], count: number, presence?: Presence): StringColumn {
    assert(values.length >= count, "a string column has fewer strings than rows");
    return new StringColumn(count, presence, { values });
  }

  /** A column by dictionary; codes of rows without a value must be 0 or any valid code. */
  static ofCodes(
    codes: Int32Array,
    dictionary: readonly string[],
    count: number,
    presence?: Presence,
  ): StringColumn {
    assert(codes.length >= count, "a string column has fewer codes than rows");
    return new StringColumn(count, presence, { codes, dictionary });
  }

  /** A column of parts of a text; rows without a value are empty. See `text` and `ends`. */
  static ofText(
    source: { readonly text: string; readonly ends: Int32Array },
    count: number,
    presence?: Presence,
  ): StringColumn {
    assert(source.ends.length > count, "a string column has fewer ends than rows + 1");
    return new StringColumn(count, presence, source);
  }

  /** One string per row; made on first use and kept. */
  get values(): readonly string[] {
    return (this.#values ??= this.#spread());
  }

  #spread(): readonly string[] {
    const { codes, dictionary, text, ends, count } = this;
    const values = presized<string>(count);
    if (text !== undefined && ends !== undefined) {
      for (let row = 0; row < count; row++) values[row] = text.substring(ends[row], ends[row + 1]);
      return values;
    }
    assert(codes !== undefined, "a string column has neither strings nor codes");
    for (let row = 0; row < count; row++) values[row] = dictionary[codes[row]];
    return values;
  }
}

/** Values of any kind that may travel, possibly still encoded. */
export class ValueColumn {
  readonly kind = "value";
  readonly count: number;
  readonly presence: Presence;
  /**
   * The encoded values, where the column came encoded; slices are MessagePack
   * (`types/any-writer.ts`).
   */
  readonly encoded: BytesColumn | undefined;
  #values: readonly unknown[] | undefined;
  readonly #decode: ((encoded: BytesColumn) => readonly unknown[]) | undefined;

  private constructor(
    count: number,
    presence: Presence,
    source: {
      values?: readonly unknown[];
      encoded?: BytesColumn;
      decode?: (encoded: BytesColumn) => readonly unknown[];
    },
  ) {
    this.count = count;
    this.presence = presence;
    this.encoded = source.encoded;
    this.#values = source.values;
    this.#decode = source.decode;
  }

  /** A column of values as they are. */
  static ofValues(values: readonly unknown[], count: number, presence?: Presence): ValueColumn {
    assert(values.length >= count, "a value column has fewer values than rows");
    return new ValueColumn(count, presence, { values });
  }

  /** A column that is decoded as a whole when the first value is asked for. */
  static ofEncoded(
    encoded: BytesColumn,
    decode: (encoded: BytesColumn) => readonly unknown[],
  ): ValueColumn {
    return new ValueColumn(encoded.count, encoded.presence, { encoded, decode });
  }

  /** Another column of values encoded in the same way; only of an encoded column. */
  withEncoded(encoded: BytesColumn): ValueColumn {
    assert(this.#decode !== undefined, "a value column is not encoded");
    return ValueColumn.ofEncoded(encoded, this.#decode);
  }

  /** One value per row; made on first use and kept. */
  get values(): readonly unknown[] {
    if (this.#values === undefined) {
      assert(this.encoded !== undefined && this.#decode !== undefined, "a value column is empty");
      this.#values = this.#decode(this.encoded);
    }
    return this.#values;
  }
}

/** A column; tell them apart by `kind`. */
export type Column =
  | Int32Column
  | Float64Column
  | BoolColumn
  | BigintColumn
  | StringColumn
  | BytesColumn
  | ValueColumn;

/** All kinds of columns. */
export type ColumnKind = Column["kind"];

/** A column of int32 numbers. */
export function int32Column(values: Int32Array, count: number, presence?: Presence): Int32Column {
  assert(values.length >= count, "an int32 column has fewer values than rows");
  return { kind: "int32", count, presence, values };
}

/** A column of numbers. */
export function float64Column(
  values: Float64Array,
  count: number,
  presence?: Presence,
): Float64Column {
  assert(values.length >= count, "a float64 column has fewer values than rows");
  return { kind: "float64", count, presence, values };
}

/** A column of booleans, 0 or 1. */
export function boolColumn(values: Uint8Array, count: number, presence?: Presence): BoolColumn {
  assert(values.length >= count, "a bool column has fewer values than rows");
  return { kind: "bool", count, presence, values };
}

/** A column of bigints. */
export function bigintColumn(
  values: BigInt64Array,
  count: number,
  presence?: Presence,
): BigintColumn {
  assert(values.length >= count, "a bigint64 column has fewer values than rows");
  return { kind: "bigint64", count, presence, values };
}

/** A column of byte strings. */
export function bytesColumn(
  source: { readonly bytes: Uint8Array; readonly offsets: Int32Array },
  count: number,
  presence?: Presence,
): BytesColumn {
  assert(source.offsets.length > count, "a bytes column has fewer offsets than rows + 1");
  return {
    kind: "bytes",
    count,
    presence,
    bytes: plainBytes(source.bytes),
    offsets: source.offsets,
  };
}

/** The same memory without Buffer's methods: a Buffer's `slice` does not copy. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = bytes;
  return bytes instanceof Buffer ? new Uint8Array(buffer, byteOffset, byteLength) : bytes;
}

/**
 * The value of a row: undefined both for `undefined` and for an absent property (see `presence`).
 */
export function valueAt(column: Column, row: number): unknown {
  assert(row >= 0 && row < column.count, "row is out of range");
  const presence = column.presence === undefined ? PRESENT : column.presence[row];
  if (presence !== PRESENT) return presence === IS_NULL ? null : undefined;
  switch (column.kind) {
    case "int32":
    case "float64":
    case "bigint64":
    case "value":
      return column.values[row];
    case "string":
      return column.codes === undefined ? column.values[row] : column.dictionary[column.codes[row]];
    case "bool":
      return column.values[row] !== 0;
    case "bytes":
      return column.bytes.slice(column.offsets[row], column.offsets[row + 1]);
  }
}
