/*
 * The kinds of CSV columns, one class per form of values; each takes a field as bytes (the usual
 * case) or as text (quoted fields, and whatever is not plain).
 */
import { isUtf8 } from "node:buffer";
import type { Column } from "../../columns/column.ts";
import {
  boolColumn,
  bigintColumn,
  float64Column,
  int32Column,
  StringColumn,
  ValueColumn,
} from "../../columns/column.ts";
import type { OptionalType, Type } from "../../types/type.ts";
import { parseDecimal, parseInteger } from "./ascii-number.ts";
import { CoercionError, compileCoercion, type Coerce } from "./coerce.ts";
import { CsvColumn, type FieldRange } from "./csv-column.ts";
import { parseIsoTime } from "./iso-time.ts";
import { TextCache } from "./text-cache.ts";

/** Makes the column of a declared type. */
export function csvColumnOf(type: Type<unknown>): CsvColumn {
  if (type.kind === "optional") return columnOf((type as OptionalType<unknown>).inner, true);
  return columnOf(type, false);
}

function columnOf(type: Type<unknown>, isOptional: boolean): CsvColumn {
  switch (type.kind) {
    case "string":
      return new TextColumn(isOptional);
    case "int32":
      return new Int32Builder(isOptional);
    case "int64":
    case "float64":
    case "timestamp":
      return new NumberBuilder(isOptional, type.kind);
    case "bool":
      return new BoolBuilder(isOptional);
    case "bigint64":
      return new BigintBuilder(isOptional);
    case "enum":
    case "bytes":
      return new ValueBuilder(isOptional, compileCoercion(type), (text) => text);
    case "any":
    case "list":
    case "map":
    case "struct":
    case "union":
    case "optional":
      return new ValueBuilder(isOptional, compileCoercion(type), (text) => JSON.parse(text));
  }
}

class TextColumn extends CsvColumn {
  readonly #cache = new TextCache();
  #values: string[] = [];

  protected override allocate(): void {
    this.#values = [];
  }

  protected override putBytes(field: FieldRange, row: number): string | undefined {
    const text = this.#cache.text(field);
    if (text.includes("\ufffd") && !isUtf8(field.bytes.subarray(field.from, field.to))) {
      return "the text is not valid UTF-8";
    }
    this.#values[row] = text;
    return undefined;
  }

  protected override putText(text: string, row: number): undefined {
    this.#values[row] = text;
  }

  protected override putMissing(row: number): undefined {
    this.#values[row] = "";
  }

  protected override build(count: number, presence: Uint8Array | undefined): Column {
    return StringColumn.ofStrings(this.#values, count, presence);
  }
}

class Int32Builder extends CsvColumn {
  #values = new Int32Array(0);

  protected override allocate(limit: number): void {
    this.#values = new Int32Array(limit);
  }

  protected override putBytes(field: FieldRange, row: number): string | undefined {
    const value = parseInteger(field.bytes, field.from, field.to);
    if (value !== (value | 0)) return super.putBytes(field, row);
    this.#values[row] = value;
    return undefined;
  }

  protected override putText(text: string, row: number): string | undefined {
    const value = numberOf(text);
    if (value !== (value | 0)) return expected("an int32", text);
    this.#values[row] = value;
    return undefined;
  }

  protected override build(count: number, presence: Uint8Array | undefined): Column {
    return int32Column(this.#values, count, presence);
  }
}

/** int64, float64 and timestamp. */
class NumberBuilder extends CsvColumn {
  readonly #kind: "int64" | "float64" | "timestamp";
  #values = new Float64Array(0);

  constructor(isOptional: boolean, kind: "int64" | "float64" | "timestamp") {
    super(isOptional);
    this.#kind = kind;
  }

  protected override allocate(limit: number): void {
    this.#values = new Float64Array(limit);
  }

  protected override putBytes(field: FieldRange, row: number): string | undefined {
    const { bytes, from, to } = field;
    const value =
      this.#kind === "float64" ? parseDecimal(bytes, from, to) : parseInteger(bytes, from, to);
    // NaN: not the simple form; the text decides.
    if (value !== value) return super.putBytes(field, row);
    this.#values[row] = value;
    return undefined;
  }

  protected override putText(text: string, row: number): string | undefined {
    let value = numberOf(text);
    if (this.#kind === "float64") {
      if (value !== value && text.trim() !== "NaN") return expected("a number", text);
    } else {
      if (this.#kind === "timestamp" && value !== value) value = parseIsoTime(text.trim()) ?? NaN;
      if (!Number.isSafeInteger(value)) {
        return expected(
          this.#kind === "timestamp" ? "a time" : "an integer in the safe range",
          text,
        );
      }
    }
    this.#values[row] = value;
    return undefined;
  }

  protected override build(count: number, presence: Uint8Array | undefined): Column {
    return float64Column(this.#values, count, presence);
  }
}

class BoolBuilder extends CsvColumn {
  #values = new Uint8Array(0);

  protected override allocate(limit: number): void {
    this.#values = new Uint8Array(limit);
  }

  protected override putText(text: string, row: number): string | undefined {
    const word = text.trim().toLowerCase();
    if (word !== "true" && word !== "false") return expected("true or false", text);
    this.#values[row] = word === "true" ? 1 : 0;
    return undefined;
  }

  protected override build(count: number, presence: Uint8Array | undefined): Column {
    return boolColumn(this.#values, count, presence);
  }
}

class BigintBuilder extends CsvColumn {
  #values = new BigInt64Array(0);

  protected override allocate(limit: number): void {
    this.#values = new BigInt64Array(limit);
  }

  protected override putText(text: string, row: number): string | undefined {
    const value = /^-?\d{1,20}$/.test(text.trim()) ? BigInt(text.trim()) : undefined;
    if (value === undefined || BigInt.asIntN(64, value) !== value) {
      return expected("an integer of 64 bits", text);
    }
    this.#values[row] = value;
    return undefined;
  }

  protected override build(count: number, presence: Uint8Array | undefined): Column {
    return bigintColumn(this.#values, count, presence);
  }
}

/** Everything else: bytes as base64, enums, and nested values as JSON text. */
class ValueBuilder extends CsvColumn {
  readonly #coerce: Coerce;
  readonly #read: (text: string) => unknown;
  #values: unknown[] = [];

  constructor(isOptional: boolean, coerce: Coerce, read: (text: string) => unknown) {
    super(isOptional);
    this.#coerce = coerce;
    this.#read = read;
  }

  protected override allocate(): void {
    this.#values = [];
  }

  protected override putText(text: string, row: number): string | undefined {
    try {
      this.#values[row] = this.#coerce(this.#read(text));
    } catch (error) {
      if (error instanceof CoercionError) return error.message;
      if (error instanceof SyntaxError) return `not JSON: ${error.message}`;
      throw error;
    }
    return undefined;
  }

  protected override putMissing(row: number): undefined {
    this.#values[row] = undefined;
  }

  protected override build(count: number, presence: Uint8Array | undefined): Column {
    return ValueColumn.ofValues(this.#values, count, presence);
  }
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** NaN where the text is no number. */
function numberOf(text: string): number {
  const trimmed = text.trim();
  if (NUMBER.test(trimmed) || /^[+-]?Infinity$/.test(trimmed)) return Number(trimmed);
  return NaN;
}

function expected(wanted: string, text: string): string {
  const shown = text.length <= 60 ? text : `${text.slice(0, 60)}…`;
  return `expected ${wanted}, found ${JSON.stringify(shown)}`;
}
