/*
 * KeyExtractor: the keys of a batch, by a field's name or by a function of the record. By name it
 * reads a column where there is one and builds no record; both ways give the same keys.
 *
 * I1. The type of the keys is fixed: the declared one, or inferred from the first key ever seen; a
 *     key of another type is KEY_TYPE_UNSUPPORTED.
 * I2. The `KeyColumn` that `extract` returns is reused by the next call.
 */
import { ByteWriter } from "../types/byte-writer.ts";
import { inferKeyType, keyCodecOf, refuseKey } from "../types/key.ts";
import type { KeyCodec, KeyPlace } from "../types/key.ts";
import type { KeySpec } from "../types/key-spec.ts";
import type { EnumType, Type, TypeKind } from "../types/type.ts";
import type { Batch } from "./batch.ts";
import { FailedRecord } from "./failed-record.ts";
import { keyReader } from "./key-reader.ts";
import type { KeyReader } from "./key-reader.ts";
import type { Column } from "./column.ts";
import { KeyColumn } from "./key-column.ts";
import { valuesOf } from "./materialise.ts";

export type { KeySpec } from "../types/key-spec.ts";

/** Extracts keys for one operator subtask; see the file header. */
export class KeyExtractor {
  readonly #by: string | ((record: unknown) => unknown);
  readonly #operator: string;
  #codec: KeyCodec | undefined;
  #keys: KeyColumn | undefined;
  #reader: KeyReader | undefined;
  readonly #writer = new ByteWriter(1024);

  /** `operator` is the uid that errors name. */
  constructor(spec: KeySpec, operator: string) {
    this.#by = spec.by as string | ((record: unknown) => unknown);
    this.#operator = operator;
    if (spec.type !== undefined) this.#fixType(spec.type);
  }

  /** Codec of the keys; undefined until the first key where no type is declared. */
  get codec(): KeyCodec | undefined {
    return this.#codec;
  }

  /**
   * The keys of all records of the batch; valid until the next call. A key of bytes, structs or
   * lists that is not of its type is a `FailedRecord`.
   */
  extract(batch: Batch): KeyColumn {
    const { count } = batch;
    const column = typeof this.#by === "string" ? batch.column(this.#by) : undefined;
    if (column !== undefined && this.#fromColumn(column, count)) return this.#filled();
    if (column === undefined && this.#fromRecords(batch)) return this.#filled();
    const values = column === undefined ? this.#valuesOf(batch) : valuesOf(column, count);
    const placeOf = (index: number): KeyPlace => this.#placeOf(batch, index);
    const codec = this.#codecFor(values, count, placeOf);
    const keys = this.#filled();
    keys.reset(count);
    fillFromValues(keys, values, { codec, placeOf, writer: this.#writer });
    return keys;
  }

  #filled(): KeyColumn {
    return (this.#keys ??= new KeyColumn("string"));
  }

  #codecFor(
    values: readonly unknown[],
    count: number,
    placeOf: FillContext["placeOf"],
  ): KeyCodec | undefined {
    if (this.#codec === undefined && count > 0) this.#fixType(inferKeyType(values[0], placeOf(0)));
    return this.#codec;
  }

  #placeOf(batch: Batch, index: number): KeyPlace {
    const operator = this.#operator;
    if (typeof this.#by !== "string") return { operator };
    return { operator, field: this.#by, record: batch.records()[index] };
  }

  #fixType(type: Type<unknown>): void {
    const codec = keyCodecOf(type, this.#operator);
    this.#codec = codec;
    this.#keys = new KeyColumn(codec.form, codec.numberHash);
  }

  /** False where the keys must be looked at one by one: to find their type, or to refuse one. */
  #fromRecords(batch: Batch): boolean {
    const codec = this.#codec;
    if (codec === undefined) return false;
    const { count } = batch;
    const keys = this.#filled();
    this.#reader ??= keyReader(this.#by, codec);
    if (this.#reader === undefined) return false;
    keys.reset(count);
    const strings: string[] = [];
    if (this.#reader(batch.records(), count, keys.numbers, strings) < count) return false;
    if (codec.form === "string") keys.strings = strings;
    return true;
  }

  #valuesOf(batch: Batch): readonly unknown[] {
    const by = this.#by;
    const records = batch.records();
    const values: unknown[] = [];
    if (typeof by === "string") {
      for (let index = 0; index < batch.count; index++) values.push(fieldOf(records[index], by));
    } else {
      for (let index = 0; index < batch.count; index++) values.push(by(records[index]));
    }
    return values;
  }

  /** False where the column's values must be looked at one by one. */
  #fromColumn(column: Column, count: number): boolean {
    if (column.presence !== undefined) return false;
    if (this.#codec === undefined) {
      const inferred = INFERRED_KEYS[column.kind];
      if (inferred === undefined || count === 0) return false;
      this.#fixType(inferKeyType(inferred, { operator: this.#operator }));
    }
    const keys = this.#filled();
    const kind = this.#codec?.type.kind ?? "any";
    if (column.kind === "string" && kind === "string") {
      keys.reset(count);
      keys.takeStrings(column);
      return true;
    }
    const isNumber =
      (column.kind === "int32" && NUMBER_KINDS.has(kind)) ||
      (column.kind === "float64" && NUMBER_KINDS.has(kind)) ||
      (column.kind === "bool" && kind === "bool");
    if (!isNumber) return false;
    const { values } = column;
    if (
      column.kind === "float64" &&
      kind !== "float64" &&
      !areIntegers(column.values, count, kind)
    ) {
      return false;
    }
    keys.reset(count);
    const { numbers } = keys;
    for (let row = 0; row < count; row++) numbers[row] = values[row];
    if (column.kind === "float64") canonicalise(numbers, count, kind === "float64");
    return true;
  }
}

/** A key of the type that a column's kind implies, for `inferKeyType`. */
const INFERRED_KEYS: Readonly<Record<Column["kind"], unknown>> = {
  int32: 0,
  float64: 0,
  bool: false,
  bigint64: 0n,
  string: "",
  bytes: undefined,
  value: undefined,
};

/** Number types that every int32 is a value of. */
const NUMBER_KINDS: ReadonlySet<string> = new Set(["int32", "int64", "timestamp", "float64"]);

/** Own property only: an inherited `constructor` is not a field. */
function fieldOf(record: unknown, name: string): unknown {
  if (typeof record !== "object" || record === null) return undefined;
  const value = (record as Record<string, unknown>)[name];
  return typeof value === "function" && !Object.hasOwn(record, name) ? undefined : value;
}

function areIntegers(values: Float64Array, count: number, kind: TypeKind): boolean {
  const isInt32 = kind === "int32";
  for (let row = 0; row < count; row++) {
    const value = values[row];
    if (isInt32 ? value !== (value | 0) : !Number.isSafeInteger(value)) return false;
  }
  return true;
}

/** One NaN for all; for integers, one zero. */
function canonicalise(numbers: Float64Array, count: number, isFloat: boolean): void {
  for (let index = 0; index < count; index++) {
    if (!isFloat) numbers[index] += 0;
    else if (numbers[index] !== numbers[index]) numbers[index] = NaN;
  }
}

interface FillContext {
  readonly codec: KeyCodec | undefined;
  /** For messages: where the key of a record comes from. */
  readonly placeOf: (index: number) => KeyPlace;
  readonly writer: ByteWriter;
}

function fillFromValues(keys: KeyColumn, values: readonly unknown[], context: FillContext): void {
  const { codec } = context;
  if (codec === undefined) return;
  switch (codec.form) {
    case "number":
      fillNumbers(keys, values, context);
      return;
    case "string":
      fillStrings(keys, values, context);
      return;
    case "bigint":
      for (let index = 0; index < keys.count; index++) {
        const key = values[index];
        if (typeof key !== "bigint" || BigInt.asIntN(64, key) !== key) {
          refuseKey(codec.type, key, context.placeOf(index));
        }
        keys.bigints[index] = key;
      }
      return;
    case "encoded":
      fillEncoded(keys, values, context);
      return;
  }
}

function fillNumbers(keys: KeyColumn, values: readonly unknown[], context: FillContext): void {
  const { type, numberHash } = context.codec as KeyCodec;
  const { numbers, count } = keys;
  for (let index = 0; index < count; index++) {
    const key = values[index];
    let fits: boolean;
    if (numberHash === "boolean") fits = typeof key === "boolean";
    else if (numberHash === "double") fits = typeof key === "number";
    else if (numberHash === "integer") fits = typeof key === "number" && key === (key | 0);
    else fits = Number.isSafeInteger(key);
    if (!fits) refuseKey(type, key, context.placeOf(index));
    numbers[index] = Number(key);
  }
  canonicalise(numbers, count, numberHash === "double");
}

function fillStrings(keys: KeyColumn, values: readonly unknown[], context: FillContext): void {
  const { type } = context.codec as KeyCodec;
  const allowed = type.kind === "enum" ? (type as EnumType<string>).values : undefined;
  for (let index = 0; index < keys.count; index++) {
    const key = values[index];
    if (typeof key !== "string" || (allowed !== undefined && !allowed.includes(key))) {
      refuseKey(type, key, context.placeOf(index));
    }
  }
  keys.strings = values as readonly string[];
}

function fillEncoded(keys: KeyColumn, values: readonly unknown[], context: FillContext): void {
  const { writer } = context;
  const codec = context.codec as KeyCodec;
  const { offsets, count } = keys;
  const { hashes } = keys.encodedHashes;
  writer.reset();
  offsets[0] = 0;
  for (let index = 0; index < count; index++) {
    try {
      codec.encode(values[index], writer);
    } catch (error) {
      throw new FailedRecord(index, error);
    }
    offsets[index + 1] = writer.position;
    hashes[index] = codec.hashCode(values[index]);
  }
  keys.bytes = writer.bytes;
  keys.values = values;
}
