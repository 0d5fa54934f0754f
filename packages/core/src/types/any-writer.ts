/*
 * The encoding of `any`: MessagePack with application extensions for what MessagePack lacks, so
 * that every value listed in `docs/semantics/records.md` comes back exactly. Normative:
 * `docs/formats/value.md`.
 *
 * Own code instead of a library: the libraries at hand lose -0, lone surrogates, the difference
 * between 1 and 1n or between a Map and an object, and drop functions in silence.
 *
 * I1. `readAny(writeAny(v))` is equal to `v`, or `writeAny` throws RECORD_NOT_TRANSFERABLE with the
 *     path.
 * I2. After a throw, the writer's position is where it was.
 */
import { oxbowError } from "../errors.ts";
import { binaryKindOf, EXT, MAX_VALUE_DEPTH } from "./any-format.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { findRefused } from "./transferable.ts";

/** Thrown inside, turned into an error with a path outside: the happy path tracks no paths. */
const REFUSED = new Error("refused");

/** Appends `value`. Throws RECORD_NOT_TRANSFERABLE; `details.path` is relative to the value. */
export function writeAny(writer: ByteWriter, value: unknown): void {
  const start = writer.position;
  try {
    write(writer, value, 0);
  } catch (error) {
    writer.position = start;
    if (error !== REFUSED) throw error;
    throw refusal(value);
  }
}

function refusal(value: unknown): Error {
  const { path, reason } = findRefused(value) ?? { path: "", reason: "it cannot be encoded" };
  const where = path === "" ? "A value" : `A value's field ${path}`;
  return oxbowError(
    "RECORD_NOT_TRANSFERABLE",
    `${where} cannot travel or be stored: ${reason}. Send plain data instead.`,
    { path, reason },
  );
}

function write(writer: ByteWriter, value: unknown, depth: number): void {
  switch (typeof value) {
    case "string":
      writeString(writer, value);
      return;
    case "number":
      writeNumber(writer, value);
      return;
    case "boolean":
      writer.uint8(value ? 0xc3 : 0xc2);
      return;
    case "undefined":
      writer.uint8(0xd4);
      writer.uint8(EXT.UNDEFINED);
      writer.uint8(0);
      return;
    case "bigint":
      writeBigint(writer, value);
      return;
    case "object":
      if (value === null) writer.uint8(0xc0);
      else writeObject(writer, value, depth);
      return;
    case "function":
    case "symbol":
      throw REFUSED;
  }
}

function writeNumber(writer: ByteWriter, value: number): void {
  if (value === (value | 0) && (value !== 0 || 1 / value > 0)) {
    if (value >= 0 ? value < 0x80 : value >= -0x20) writer.uint8(value & 0xff);
    else if (value >= -0x80 && value < 0x80) {
      writer.uint8(0xd0);
      writer.uint8(value & 0xff);
    } else if (value >= -0x8000 && value < 0x8000) {
      writer.uint8(0xd1);
      bigEndian16(writer, value);
    } else {
      writer.uint8(0xd2);
      bigEndian32(writer, value);
    }
    return;
  }
  writer.uint8(0xcb);
  writer.bigEndianFloat64(value);
}

const SHORT_ASCII_COUNT = 24;

function writeString(writer: ByteWriter, value: string): void {
  const { length } = value;
  if (length <= SHORT_ASCII_COUNT) {
    writer.ensure(length + 1);
    const start = writer.position;
    const { bytes } = writer;
    let union = 0;
    for (let index = 0; index < length; index++) {
      const unit = value.charCodeAt(index);
      union |= unit;
      bytes[start + 1 + index] = unit;
    }
    if (union < 0x80) {
      bytes[start] = 0xa0 | length;
      writer.position = start + 1 + length;
      return;
    }
  }
  if (!value.isWellFormed()) {
    extHeader(writer, EXT.UTF16, length * 2);
    writer.text(value, true);
    return;
  }
  const sizeBytes = Buffer.byteLength(value, "utf8");
  lengthHeader(writer, sizeBytes, STRING_HEADERS);
  writer.ensure(sizeBytes);
  writer.bytes.write(value, writer.position, sizeBytes, "utf8");
  writer.position += sizeBytes;
}

function writeBigint(writer: ByteWriter, value: bigint): void {
  let sizeBytes = 1;
  while (BigInt.asIntN(sizeBytes * 8, value) !== value) sizeBytes *= 2;
  extHeader(writer, EXT.BIGINT, sizeBytes);
  let rest = value;
  for (let index = 0; index < sizeBytes; index++) {
    writer.uint8(Number(rest & 0xffn));
    rest >>= 8n;
  }
}

function writeObject(writer: ByteWriter, value: object, depth: number): void {
  if (depth >= MAX_VALUE_DEPTH) throw REFUSED;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype) writeFields(writer, value, depth);
  else if (Array.isArray(value) && prototype === Array.prototype) writeArray(writer, value, depth);
  else if (prototype === null) {
    nested(writer, EXT.NULL_PROTOTYPE, () => writeFields(writer, value, depth));
  } else if (prototype === Map.prototype) writeMap(writer, value as Map<unknown, unknown>, depth);
  else if (prototype === Set.prototype) {
    nested(writer, EXT.SET, () => writeArray(writer, [...(value as Set<unknown>)], depth));
  } else if (prototype === Date.prototype) {
    extHeader(writer, EXT.DATE, 8);
    writer.bigEndianFloat64((value as Date).getTime());
  } else if (prototype === Uint8Array.prototype) {
    const bytes = value as Uint8Array;
    lengthHeader(writer, bytes.length, BINARY_HEADERS);
    writer.raw(bytes);
  } else writeBinary(writer, value);
}

function writeFields(writer: ByteWriter, value: object, depth: number): void {
  const names = Object.keys(value);
  lengthHeader(writer, names.length, MAP_HEADERS);
  for (const name of names) {
    writeString(writer, name);
    write(writer, (value as Record<string, unknown>)[name], depth + 1);
  }
}

function writeArray(writer: ByteWriter, value: readonly unknown[], depth: number): void {
  lengthHeader(writer, value.length, ARRAY_HEADERS);
  for (let index = 0; index < value.length; index++) {
    const element = value[index];
    // A hole would come back as undefined.
    if (element === undefined && !Object.hasOwn(value, index)) throw REFUSED;
    write(writer, element, depth + 1);
  }
}

function writeMap(writer: ByteWriter, value: Map<unknown, unknown>, depth: number): void {
  nested(writer, EXT.MAP, () => {
    lengthHeader(writer, value.size * 2, ARRAY_HEADERS);
    for (const [key, item] of value) {
      write(writer, key, depth + 1);
      write(writer, item, depth + 1);
    }
  });
}

function writeBinary(writer: ByteWriter, value: object): void {
  const kind = binaryKindOf(value);
  if (kind < 0) throw REFUSED;
  const bytes =
    value instanceof ArrayBuffer
      ? new Uint8Array(value)
      : new Uint8Array(
          (value as DataView).buffer,
          (value as DataView).byteOffset,
          (value as DataView).byteLength,
        );
  extHeader(writer, EXT.BINARY, bytes.length + 1);
  writer.uint8(kind);
  writer.raw(bytes);
}

/** An extension whose length is known only afterwards. */
function nested(writer: ByteWriter, type: number, content: () => void): void {
  writer.uint8(0xc9);
  const lengthAt = writer.position;
  bigEndian32(writer, 0);
  writer.uint8(type);
  const start = writer.position;
  content();
  const end = writer.position;
  writer.position = lengthAt;
  bigEndian32(writer, end - start);
  writer.position = end;
}

interface Headers {
  readonly short: number;
  readonly shortCount: number;
  /** First byte with an 8-bit length; 0: there is none. */
  readonly byte: number;
  readonly two: number;
  readonly four: number;
}
const STRING_HEADERS: Headers = { short: 0xa0, shortCount: 32, byte: 0xd9, two: 0xda, four: 0xdb };
const BINARY_HEADERS: Headers = { short: 0, shortCount: 0, byte: 0xc4, two: 0xc5, four: 0xc6 };
const ARRAY_HEADERS: Headers = { short: 0x90, shortCount: 16, byte: 0, two: 0xdc, four: 0xdd };
const MAP_HEADERS: Headers = { short: 0x80, shortCount: 16, byte: 0, two: 0xde, four: 0xdf };

function lengthHeader(writer: ByteWriter, count: number, headers: Headers): void {
  if (count < headers.shortCount) writer.uint8(headers.short | count);
  else if (count < 0x100 && headers.byte !== 0) {
    writer.uint8(headers.byte);
    writer.uint8(count);
  } else if (count < 0x10000) {
    writer.uint8(headers.two);
    bigEndian16(writer, count);
  } else {
    writer.uint8(headers.four);
    bigEndian32(writer, count);
  }
}

function extHeader(writer: ByteWriter, type: number, sizeBytes: number): void {
  const fixed = [1, 2, 4, 8, 16].indexOf(sizeBytes);
  if (fixed >= 0) writer.uint8(0xd4 + fixed);
  else if (sizeBytes < 0x100) {
    writer.uint8(0xc7);
    writer.uint8(sizeBytes);
  } else {
    writer.uint8(0xc9);
    bigEndian32(writer, sizeBytes);
  }
  writer.uint8(type);
}

function bigEndian16(writer: ByteWriter, value: number): void {
  writer.uint8((value >>> 8) & 0xff);
  writer.uint8(value & 0xff);
}

function bigEndian32(writer: ByteWriter, value: number): void {
  bigEndian16(writer, value >>> 16);
  bigEndian16(writer, value & 0xffff);
}
