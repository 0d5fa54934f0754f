/*
 * Keys: which types may be keys, how a key hashes (as its Java box does), and its canonical bytes.
 *
 * I1. Equality is Java's of boxes: NaN = NaN, -0 ≠ 0 for float64; strings by UTF-16 code units.
 * I2. Equal keys, and only those, have equal bytes. Encoded keys are part of the snapshot format.
 * I3. A key's type never changes during the life of a state.
 *
 * The rules, composite keys included: `docs/semantics/types.md`.
 */
import { oxbowError } from "../errors.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { codecOf, show } from "./codec.ts";
import {
  combineHashes,
  hashOfBigint,
  hashOfBoolean,
  hashOfBytes,
  hashOfDouble,
  hashOfLong,
  hashOfString,
} from "./java-hash.ts";
import { noField } from "./record-field.ts";
import { renderType } from "./schema.ts";
import { childrenOf, t } from "./t.ts";
import type { ListType, OptionalType, StructType, Type } from "./type.ts";

export {
  defaultMaxParallelism,
  keyGroupOf,
  keyGroupRange,
  type KeyGroupRange,
  MAX_PARALLELISM_BOUND,
  subtaskOf,
  subtaskTable,
} from "./key-group.ts";

/**
 * How keys are held in a `KeyColumn`: `number` (bool as 0 and 1, int32, int64, timestamp, float64),
 * `string` (string, enum), `bigint` (bigint64), or `encoded` (bytes, struct, list).
 */
export type KeyForm = "number" | "string" | "bigint" | "encoded";

/** Which Java box a key of form `number` hashes as. */
export type NumberHash = "boolean" | "integer" | "long" | "double";

/** Hashing and encoding of the keys of one type. */
export interface KeyCodec {
  readonly type: Type<unknown>;
  readonly form: KeyForm;
  /** Form `number` only. */
  readonly numberHash: NumberHash;
  /** Java's hash code, an int32. The key must be of the type. */
  hashCode(key: unknown): number;
  /** Appends the canonical bytes; VALUE_TYPE_MISMATCH for what is not of the type. */
  encode(key: unknown, writer: ByteWriter): void;
  decode(reader: ByteReader): unknown;
}

const CODECS = new WeakMap<Type<unknown>, KeyCodec>();

/** The key codec of a type; `operator` is the uid for the error KEY_TYPE_UNSUPPORTED. */
export function keyCodecOf(type: Type<unknown>, operator: string): KeyCodec {
  const known = CODECS.get(type);
  if (known !== undefined) return known;
  checkKeyType(type, operator);
  const codec = codecOf(type);
  const made: KeyCodec = Object.freeze({
    type,
    form: formOf(type),
    numberHash: numberHashOf(type),
    hashCode: hasherOf(type),
    encode: (key: unknown, writer: ByteWriter) => codec.encode(key, writer),
    decode: (reader: ByteReader) => codec.decode(reader),
  });
  CODECS.set(type, made);
  return made;
}

/** KEY_TYPE_UNSUPPORTED unless values of the type may be keys. `operator` is the uid. */
export function checkKeyType(type: Type<unknown>, operator: string): void {
  const bad = type.kind === "optional" ? type : unsupportedIn(type);
  if (bad === undefined) return;
  const inside = bad === type ? "" : ` inside ${renderType(type)}`;
  throw oxbowError(
    "KEY_TYPE_UNSUPPORTED",
    `Operator "${operator}" cannot have keys of type ${renderType(bad)}${inside}. ` +
      "Use bool, int32, int64, bigint64, float64, timestamp, string, bytes, enum, " +
      "or a struct or list of those.",
    { operator, type: renderType(type) },
  );
}

function unsupportedIn(type: Type<unknown>): Type<unknown> | undefined {
  switch (type.kind) {
    case "any":
    case "map":
    case "union":
      return type;
    case "struct":
    case "list":
    case "optional":
      for (const child of childrenOf(type)) {
        const bad = unsupportedIn(child);
        if (bad !== undefined) return bad;
      }
      return undefined;
    case "bool":
    case "int32":
    case "int64":
    case "bigint64":
    case "float64":
    case "timestamp":
    case "string":
    case "bytes":
    case "enum":
      return undefined;
  }
}

/** Whose keys they are and where they come from, for messages. */
export interface KeyPlace {
  /** The uid. */
  readonly operator: string;
  /** Name of the field that gives the key; undefined: a function does. */
  readonly field?: string | undefined;
  /** The record with the key; undefined where there is none. */
  readonly record?: unknown;
}

/**
 * The type of keys whose type was not declared, from a key: string, boolean, bigint (as bigint64),
 * and number as float64 whatever its value, so that a key's hash never hangs on which values came
 * first.
 */
export function inferKeyType(key: unknown, place: KeyPlace): Type<unknown> {
  switch (typeof key) {
    case "string":
      return t.string;
    case "number":
      return t.float64;
    case "boolean":
      return t.bool;
    case "bigint":
      return t.bigint64;
    case "undefined":
    case "object":
    case "function":
    case "symbol":
      refuseWhereMissing(place);
      throw oxbowError(
        "KEY_TYPE_UNSUPPORTED",
        `Operator "${place.operator}" got a key that is ${show(key)}${source(place)}. ` +
          "Without a declared type a key is a string, number, boolean or bigint; for others " +
          "declare it: keyBy((r) => …, t.struct({…})).",
        { operator: place.operator, key: show(key), field: place.field },
      );
  }
}

/** KEY_TYPE_UNSUPPORTED for a key that is not of its operator's key type. */
export function refuseKey(type: Type<unknown>, key: unknown, place: KeyPlace): never {
  refuseWhereMissing(place);
  const rest =
    key === undefined || key === null
      ? "Filter records without a key, or give them one."
      : "Convert the key, or declare its type: keyBy(…, t.…).";
  throw oxbowError(
    "KEY_TYPE_UNSUPPORTED",
    `Operator "${place.operator}" has keys of type ${renderType(type)}, ` +
      `but got ${show(key)}${source(place)}. ${rest}`,
    { operator: place.operator, type: renderType(type), key: show(key), field: place.field },
  );
}

/** KEY_TYPE_UNSUPPORTED where the record does not have the field at all: its name is the news. */
function refuseWhereMissing({ operator, field, record }: KeyPlace): void {
  if (field === undefined || typeof record !== "object" || record === null) return;
  const isInherited = field in record && !(field in Object.prototype);
  if (isInherited || Object.hasOwn(record, field)) return;
  throw oxbowError(
    "KEY_TYPE_UNSUPPORTED",
    `Operator "${operator}" is keyed by a field that a record does not have: ` +
      noField(field, Object.keys(record)),
    { operator, field },
  );
}

function source({ field }: KeyPlace): string {
  return field === undefined ? "" : ` from the field "${field}"`;
}

function formOf(type: Type<unknown>): KeyForm {
  switch (type.kind) {
    case "bool":
    case "int32":
    case "int64":
    case "timestamp":
    case "float64":
      return "number";
    case "string":
    case "enum":
      return "string";
    case "bigint64":
      return "bigint";
    case "bytes":
    case "struct":
    case "list":
    case "any":
    case "map":
    case "optional":
    case "union":
      return "encoded";
  }
}

function numberHashOf(type: Type<unknown>): NumberHash {
  if (type.kind === "bool") return "boolean";
  if (type.kind === "int32") return "integer";
  return type.kind === "float64" ? "double" : "long";
}

type Hasher = (key: unknown) => number;

function hasherOf(type: Type<unknown>): Hasher {
  switch (type.kind) {
    case "bool":
      return hashOfBoolean as Hasher;
    case "int32":
      return (key) => (key as number) | 0;
    case "int64":
    case "timestamp":
      return hashOfLong as Hasher;
    case "bigint64":
      return hashOfBigint as Hasher;
    case "float64":
      return hashOfDouble as Hasher;
    case "string":
    case "enum":
      return hashOfString as Hasher;
    case "bytes":
      return hashOfBytes as Hasher;
    case "optional": {
      const inner = hasherOf((type as OptionalType<unknown>).inner);
      return (key) => (key === undefined ? 0 : inner(key));
    }
    case "list": {
      const element = hasherOf((type as ListType<unknown>).element);
      return (key) => {
        let hash = 1;
        for (const item of key as readonly unknown[]) hash = combineHashes(hash, element(item));
        return hash;
      };
    }
    case "struct":
      return structHasher(type as StructType<unknown>);
    case "any":
    case "map":
    case "union":
      throw oxbowError("INTERNAL_INVARIANT", "a type that cannot be a key is hashed");
  }
}

function structHasher(type: StructType<unknown>): Hasher {
  const fields = Object.entries(type.fields).map(([name, field]) => ({
    name,
    hash: hasherOf(field),
  }));
  return (key) => {
    let hash = 1;
    for (const field of fields) {
      hash = combineHashes(hash, field.hash((key as Record<string, unknown>)[field.name]));
    }
    return hash;
  };
}
