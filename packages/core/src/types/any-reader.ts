/*
 * Reads what `any-writer.ts` wrote. Anything else is VALUE_CORRUPTED, never a wrong value.
 */
import { BINARY_KINDS, EXT, MAX_VALUE_DEPTH } from "./any-format.ts";
import { ByteReader } from "./byte-reader.ts";

/** Reads one value. */
export function readAny(reader: ByteReader): unknown {
  return read(reader, 0);
}

/** Reads one value that must fill the bytes. */
export function decodeAny(bytes: Uint8Array): unknown {
  const reader = new ByteReader(bytes);
  const value = read(reader, 0);
  if (reader.remaining() !== 0) reader.fail("bytes follow the value");
  return value;
}

function read(reader: ByteReader, depth: number): unknown {
  if (depth > MAX_VALUE_DEPTH) reader.fail("values are nested too deeply");
  const head = reader.uint8();
  if (head < 0x80) return head;
  if (head >= 0xe0) return head - 0x100;
  if (head < 0x90) return readFields(reader, head & 0x0f, depth);
  if (head < 0xa0) return readArray(reader, head & 0x0f, depth);
  if (head < 0xc0) return reader.utf8(head & 0x1f);
  switch (head) {
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xc4:
      return reader.raw(reader.uint8());
    case 0xc5:
      return reader.raw(bigEndian16(reader));
    case 0xc6:
      return reader.raw(bigEndian32(reader));
    case 0xc7:
      return readExt(reader, reader.uint8(), depth);
    case 0xc9:
      return readExt(reader, bigEndian32(reader), depth);
    case 0xcb:
      return reader.bigEndianFloat64();
    case 0xd0:
      return (reader.uint8() << 24) >> 24;
    case 0xd1:
      return (bigEndian16(reader) << 16) >> 16;
    case 0xd2:
      return bigEndian32(reader) | 0;
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return readExt(reader, 1 << (head - 0xd4), depth);
    case 0xd9:
      return reader.utf8(reader.uint8());
    case 0xda:
      return reader.utf8(bigEndian16(reader));
    case 0xdb:
      return reader.utf8(bigEndian32(reader));
    case 0xdc:
      return readArray(reader, bigEndian16(reader), depth);
    case 0xdd:
      return readArray(reader, bigEndian32(reader), depth);
    case 0xde:
      return readFields(reader, bigEndian16(reader), depth);
    case 0xdf:
      return readFields(reader, bigEndian32(reader), depth);
    default:
      return reader.fail(`0x${head.toString(16)} begins no value`);
  }
}

function readFields(reader: ByteReader, count: number, depth: number): object {
  return fill(reader, {}, count, depth);
}

function fill(reader: ByteReader, into: object, count: number, depth: number): object {
  const record = into as Record<string, unknown>;
  for (let index = 0; index < count; index++) {
    const name = readName(reader, depth);
    const value = read(reader, depth + 1);
    if (name === "__proto__") {
      const property = { value, enumerable: true, configurable: true, writable: true };
      Object.defineProperty(record, name, property);
    } else record[name] = value;
  }
  return record;
}

function readName(reader: ByteReader, depth: number): string {
  const head = reader.peek();
  if (head >= 0xa0 && head < 0xc0) {
    reader.uint8();
    return reader.name(head & 0x1f);
  }
  const name = read(reader, depth + 1);
  return typeof name === "string" ? name : reader.fail("a field has no name");
}

function readArray(reader: ByteReader, count: number, depth: number): unknown[] {
  if (count > reader.remaining()) reader.fail(`${count} elements cannot follow`);
  const values: unknown[] = [];
  for (let index = 0; index < count; index++) values.push(read(reader, depth + 1));
  return values;
}

function readExt(reader: ByteReader, sizeBytes: number, depth: number): unknown {
  const type = reader.uint8();
  if (sizeBytes > reader.remaining()) reader.fail(`${sizeBytes} bytes cannot follow`);
  const end = reader.position + sizeBytes;
  const value = readExtBody(reader, { type, sizeBytes, depth });
  if (reader.position !== end) reader.fail("an extension has another length than it says");
  return value;
}

function readExtBody(
  reader: ByteReader,
  ext: { type: number; sizeBytes: number; depth: number },
): unknown {
  const { type, sizeBytes, depth } = ext;
  switch (type) {
    case EXT.UNDEFINED:
      reader.uint8();
      return undefined;
    case EXT.BIGINT:
      return readBigint(reader, sizeBytes);
    case EXT.UTF16:
      return reader.text(sizeBytes >>> 1, true);
    case EXT.MAP:
      return readMap(reader, depth);
    case EXT.SET: {
      const values = read(reader, depth);
      return Array.isArray(values) ? new Set<unknown>(values) : reader.fail("a set has no list");
    }
    case EXT.DATE:
      return new Date(reader.bigEndianFloat64());
    case EXT.BINARY:
      return readBinary(reader, sizeBytes);
    case EXT.NULL_PROTOTYPE:
      return readNullPrototype(reader, depth);
    default:
      return reader.fail(`extension ${type} is not known`);
  }
}

function readNullPrototype(reader: ByteReader, depth: number): object {
  const head = reader.uint8();
  const into = Object.create(null) as object;
  if (head >= 0x80 && head < 0x90) return fill(reader, into, head & 0x0f, depth);
  if (head === 0xde) return fill(reader, into, bigEndian16(reader), depth);
  if (head === 0xdf) return fill(reader, into, bigEndian32(reader), depth);
  return reader.fail("an object has no fields");
}

function readBigint(reader: ByteReader, sizeBytes: number): bigint {
  const bytes = reader.raw(sizeBytes);
  let value = 0n;
  for (let index = sizeBytes - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[index]);
  return BigInt.asIntN(sizeBytes * 8, value);
}

function readMap(reader: ByteReader, depth: number): Map<unknown, unknown> {
  const entries = read(reader, depth);
  if (!Array.isArray(entries) || entries.length % 2 !== 0)
    return reader.fail("a map has no entries");
  const map = new Map<unknown, unknown>();
  for (let index = 0; index < entries.length; index += 2) {
    map.set(entries[index], entries[index + 1]);
  }
  return map;
}

function readBinary(reader: ByteReader, sizeBytes: number): unknown {
  if (sizeBytes === 0) return reader.fail("a binary value has no kind");
  const kind = BINARY_KINDS[reader.uint8()];
  if (kind === undefined) return reader.fail("a binary value has an unknown kind");
  const { buffer } = reader.raw(sizeBytes - 1);
  switch (kind) {
    case "Buffer":
      return Buffer.from(buffer);
    case "ArrayBuffer":
      return buffer;
    case "DataView":
      return new DataView(buffer);
    case "Int8Array":
    case "Uint8ClampedArray":
    case "Int16Array":
    case "Uint16Array":
    case "Int32Array":
    case "Uint32Array":
    case "Float16Array":
    case "Float32Array":
    case "Float64Array":
    case "BigInt64Array":
    case "BigUint64Array": {
      const made = globalThis[kind];
      if (buffer.byteLength % made.BYTES_PER_ELEMENT !== 0) {
        return reader.fail(`a ${kind} has a broken length`);
      }
      return new made(buffer);
    }
  }
}

function bigEndian16(reader: ByteReader): number {
  return (reader.uint8() << 8) | reader.uint8();
}

function bigEndian32(reader: ByteReader): number {
  return bigEndian16(reader) * 0x10000 + bigEndian16(reader);
}
