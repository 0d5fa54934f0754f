/*
 * Codec: the binary encoding of a type's values, compiled once per schema. Normative:
 * `docs/formats/value.md`.
 *
 * I1. Encoding checks: what is not of the type is VALUE_TYPE_MISMATCH with path and value, and the
 *     writer is where it was.
 * I2. `decode(encode(v))` equals `v`, where optional fields that were left out come back as
 *     `undefined`, and integers -0 as 0.
 * I3. Equal values have equal bytes, except for `any`, `map` and `bytes` subclasses.
 */
import { oxbowError } from "../errors.ts";
import { readAny } from "./any-reader.ts";
import { writeAny } from "./any-writer.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { decoderSource, encoderSource, valueTypesOf } from "./codec-source.ts";
import { renderType, schemaKey } from "./schema.ts";
import type { Type } from "./type.ts";

/** See the file header. */
export interface Codec<T> {
  readonly type: Type<T>;
  /** Appends `value`; VALUE_TYPE_MISMATCH or RECORD_NOT_TRANSFERABLE (inside `any`). */
  encode(value: T, writer: ByteWriter): void;
  /** Reads one value; VALUE_CORRUPTED. */
  decode(reader: ByteReader): T;
}

type Encode = (value: unknown, writer: ByteWriter) => void;
type Decode = (reader: ByteReader) => unknown;

/** Codecs that are kept; beyond that all are dropped and made again. */
export const MAX_CODECS = 4096;

const BY_TYPE = new WeakMap<Type<unknown>, Codec<unknown>>();
const BY_SCHEMA = new Map<string, { encode: Encode; decode: Decode }>();

/** The codec of a type; the same type gives the same codec. */
export function codecOf<T>(type: Type<T>): Codec<T> {
  const known = BY_TYPE.get(type);
  if (known !== undefined) return known as Codec<T>;
  const key = schemaKey(type);
  let compiled = BY_SCHEMA.get(key);
  if (compiled === undefined) {
    if (BY_SCHEMA.size >= MAX_CODECS) BY_SCHEMA.clear();
    compiled = compile(type);
    BY_SCHEMA.set(key, compiled);
  }
  const codec: Codec<unknown> = Object.freeze({ type, ...compiled });
  BY_TYPE.set(type, codec);
  return codec as Codec<T>;
}

function compile(type: Type<unknown>): { encode: Encode; decode: Decode } {
  const types = valueTypesOf(type);
  const makeEncode = new Function("runtime", encoderSource(type)) as (r: unknown) => Encode;
  const makeDecode = new Function("runtime", decoderSource(type)) as (r: unknown) => Decode;
  const runtime = {
    refuse: (index: number, path: string, value: unknown): never =>
      refuse(types[index], path, value),
    writeAny: (writer: ByteWriter, value: unknown, path: string) => nestedAny(writer, value, path),
    readAny,
  };
  const checked = makeEncode(runtime);
  const encode: Encode = (value, writer) => {
    const start = writer.position;
    try {
      checked(value, writer);
    } catch (error) {
      writer.position = start;
      throw error;
    }
  };
  return { encode, decode: makeDecode(runtime) };
}

function nestedAny(writer: ByteWriter, value: unknown, path: string): void {
  try {
    writeAny(writer, value);
  } catch (error) {
    const { details, message } = error as { details: { path: string }; message: string };
    if (path === "") throw error;
    const inner = details.path.startsWith("[") || details.path === "" ? "" : ".";
    const full = `${path}${inner}${details.path}`;
    const text = message.replace(/^A value('s field \S+)?/, `A value's field ${full}`);
    throw oxbowError("RECORD_NOT_TRANSFERABLE", text, { ...details, path: full });
  }
}

function refuse(type: Type<unknown>, path: string, value: unknown): never {
  const where = path === "" ? "A value" : `A value's field ${path}`;
  const shown = show(value);
  throw oxbowError(
    "VALUE_TYPE_MISMATCH",
    `${where} is declared as ${renderType(type)}, but is ${shown}${hintFor(type, value)}.`,
    { path, expected: renderType(type), value: shown },
  );
}

function hintFor(type: Type<unknown>, value: unknown): string {
  if (value === undefined) return "; declare it with t.optional, or give it a value";
  if (value === null) return "; null is not undefined: leave it out (t.optional), or use t.any";
  if (type.kind === "int64" && typeof value === "number" && Number.isInteger(value)) {
    return "; it is outside ±(2^53 - 1), use t.bigint64";
  }
  if (type.kind === "int32" && Number.isSafeInteger(value)) return "; use t.int64";
  return "";
}

/** A value in a message: short, and telling types apart. */
export function show(value: unknown): string {
  switch (typeof value) {
    case "string":
      return `the string ${JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)}`;
    case "bigint":
      return `the bigint ${value}n`;
    case "number":
      return `the number ${Object.is(value, -0) ? "-0" : value}`;
    case "boolean":
    case "undefined":
      return String(value);
    case "object":
      if (value === null) return "null";
      return `an object of class ${classOf(value)}`;
    case "function":
    case "symbol":
      return `a ${typeof value}`;
  }
}

function classOf(value: object): string {
  const made: unknown = value.constructor;
  return typeof made === "function" && made.name !== "" ? made.name : "(none)";
}

const SHARED_WRITER = new ByteWriter(4096);

/** One value as bytes of its own. */
export function encodeValue<T>(codec: Codec<T>, value: T): Uint8Array {
  SHARED_WRITER.reset();
  codec.encode(value, SHARED_WRITER);
  return SHARED_WRITER.copy();
}

/** One value from bytes that hold exactly it. */
export function decodeValue<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new ByteReader(bytes);
  const value = codec.decode(reader);
  if (reader.remaining() !== 0) reader.fail("bytes follow the value");
  return value;
}
