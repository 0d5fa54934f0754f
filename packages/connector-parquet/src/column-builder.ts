/*
 * From what hyparquet decodes (typed arrays, or arrays of bigints, strings, nulls) to the engine's
 * columns, for a whole row group.
 */
import type { DecodedArray } from "hyparquet";
import {
  assert,
  bigintColumn,
  boolColumn,
  type Column,
  float64Column,
  int32Column,
  IS_UNDEFINED,
  oxbowError,
  type Presence,
  StringColumn,
  ValueColumn,
} from "oxbow/internal";
import type { PlannedColumn } from "./column-plan.ts";

/** Distinct strings of a row group up to which a dictionary is worth it. */
const DICTIONARY_LIMIT = 65_536;

/** Where a column lies, for messages. */
export interface ColumnPlace {
  readonly path: string;
  /** First row of the row group in the file. */
  readonly rowStart: number;
}

/** The column of all rows of a group. RECORD_MALFORMED: a value does not fit. */
export function buildColumn(
  column: PlannedColumn,
  chunks: readonly DecodedArray[],
  place: ColumnPlace & { readonly rowsCount: number },
): Column {
  const count = place.rowsCount;
  const builder = new ColumnBuilder(column, place, count);
  let row = 0;
  for (const chunk of chunks) {
    builder.add(chunk, row);
    row += chunk.length;
  }
  assert(row === count, () => `column ${column.name} has ${row} rows instead of ${count}`);
  return builder.build();
}

class ColumnBuilder {
  readonly #column: PlannedColumn;
  readonly #place: ColumnPlace;
  readonly #count: number;
  #presence: Uint8Array | undefined;
  #numbers = new Float64Array(0);
  #ints = new Int32Array(0);
  #bits = new Uint8Array(0);
  #bigints = new BigInt64Array(0);
  #values: unknown[] = [];
  readonly #codes = new Map<string, number>();
  readonly #dictionary: string[] = [];

  constructor(column: PlannedColumn, place: ColumnPlace, count: number) {
    this.#column = column;
    this.#place = place;
    this.#count = count;
    const { target } = column;
    if (target === "integer" || target === "float64") this.#numbers = new Float64Array(count);
    if (target === "int32" || target === "string") this.#ints = new Int32Array(count);
    if (target === "bool") this.#bits = new Uint8Array(count);
    if (target === "bigint64") this.#bigints = new BigInt64Array(count);
  }

  add(chunk: DecodedArray, first: number): void {
    const values = chunk as ArrayLike<unknown>;
    switch (this.#column.target) {
      case "integer":
        return this.#addIntegers(values, first);
      case "float64":
        return this.#addNumbers(values, first);
      case "int32":
        return this.#addInts(values, first);
      case "bool":
        return this.#addEach(values, first, (value, row) => {
          this.#bits[row] = value === true ? 1 : 0;
        });
      case "bigint64":
        return this.#addEach(values, first, (value, row) => {
          this.#bigints[row] = BigInt(value as number | bigint);
        });
      case "string":
        return this.#addStrings(values, first);
      case "value":
        return this.#addEach(values, first, (value, row) => {
          this.#values[row] = value;
        });
    }
  }

  build(): Column {
    const count = this.#count;
    const presence: Presence = this.#presence;
    switch (this.#column.target) {
      case "integer":
      case "float64":
        return float64Column(this.#numbers, count, presence);
      case "int32":
        return int32Column(this.#ints, count, presence);
      case "bool":
        return boolColumn(this.#bits, count, presence);
      case "bigint64":
        return bigintColumn(this.#bigints, count, presence);
      case "string":
        return this.#buildStrings(presence);
      case "value":
        this.#values.length = count;
        return ValueColumn.ofValues(this.#values, count, presence);
    }
  }

  #addIntegers(values: ArrayLike<unknown>, first: number): void {
    const numbers = this.#numbers;
    for (let index = 0; index < values.length; index++) {
      const value = values[index];
      if (value === null || value === undefined) this.#setMissing(first + index);
      else {
        const number = Number(value);
        // A bigint outside of the safe range gives a number outside of it, however it is rounded.
        if (!Number.isSafeInteger(number)) this.#refuse(first + index, value, "safe integer");
        numbers[first + index] = number;
      }
    }
  }

  #addNumbers(values: ArrayLike<unknown>, first: number): void {
    if (values instanceof Float64Array || values instanceof Float32Array) {
      this.#numbers.set(values, first);
      return;
    }
    this.#addEach(values, first, (value, row) => {
      this.#numbers[row] = Number(value);
    });
  }

  #addInts(values: ArrayLike<unknown>, first: number): void {
    if (values instanceof Int32Array) {
      this.#ints.set(values, first);
      return;
    }
    this.#addEach(values, first, (value, row) => {
      const number = Number(value);
      if (number !== (number | 0)) this.#refuse(row, value, "int32");
      this.#ints[row] = number;
    });
  }

  #addStrings(values: ArrayLike<unknown>, first: number): void {
    const codes = this.#ints;
    for (let index = 0; index < values.length; index++) {
      const value = values[index] as string | null | undefined;
      if (value === null || value === undefined) {
        this.#setMissing(first + index);
        continue;
      }
      let code = this.#codes.get(value);
      if (code === undefined) {
        code = this.#dictionary.length;
        this.#codes.set(value, code);
        this.#dictionary.push(value);
      }
      codes[first + index] = code;
    }
  }

  #buildStrings(presence: Presence): Column {
    const dictionary = this.#dictionary;
    // A row group of nothing but missing strings still needs a valid code.
    if (dictionary.length === 0) dictionary.push("");
    if (dictionary.length <= DICTIONARY_LIMIT) {
      return StringColumn.ofCodes(this.#ints, dictionary, this.#count, presence);
    }
    const texts = Array.from(this.#ints, (code) => dictionary[code]);
    return StringColumn.ofStrings(texts, this.#count, presence);
  }

  #addEach(
    values: ArrayLike<unknown>,
    first: number,
    put: (value: unknown, row: number) => void,
  ): void {
    for (let index = 0; index < values.length; index++) {
      const value = values[index];
      if (value === null || value === undefined) this.#setMissing(first + index);
      else put(value, first + index);
    }
  }

  #setMissing(row: number): void {
    if (!this.#column.isOptional) this.#refuse(row, null, "value, for it is not optional");
    this.#presence ??= new Uint8Array(this.#count);
    this.#presence[row] = IS_UNDEFINED;
  }

  #refuse(row: number, value: unknown, wanted: string): never {
    const { path, rowStart } = this.#place;
    const { name } = this.#column;
    throw oxbowError(
      "RECORD_MALFORMED",
      `${path}, row ${rowStart + row}, column ${name}: ${String(value)} is no ${wanted}. ` +
        `Declare the column otherwise (t.bigint64, t.optional), or leave it out.`,
      { file: path, row: rowStart + row, column: name },
    );
  }
}

/** Rows `[from, to)` of a column, without copying. */
export function sliceColumn(column: Column, from: number, to: number): Column {
  const count = to - from;
  const presence = column.presence?.subarray(from, to);
  switch (column.kind) {
    case "int32":
      return int32Column(column.values.subarray(from, to), count, presence);
    case "float64":
      return float64Column(column.values.subarray(from, to), count, presence);
    case "bool":
      return boolColumn(column.values.subarray(from, to), count, presence);
    case "bigint64":
      return bigintColumn(column.values.subarray(from, to), count, presence);
    case "string":
      return column.codes === undefined
        ? StringColumn.ofStrings(column.values.slice(from, to), count, presence)
        : StringColumn.ofCodes(column.codes.subarray(from, to), column.dictionary, count, presence);
    case "value":
      return ValueColumn.ofValues(column.values.slice(from, to), count, presence);
    case "bytes":
      assert(false, "Parquet columns are never built as bytes");
  }
}
