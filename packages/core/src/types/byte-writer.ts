/*
 * ByteWriter: a growing buffer with the primitive encodings of `docs/formats/value.md`.
 * Little-endian.
 *
 * I1. What was written is `bytes[0 .. position)`; `bytes` is replaced when it grows, so callers
 *     must not keep it across a write.
 */
import { assert } from "../assert.ts";

/** Longest string that is written by a loop; longer ones go through the native functions. */
const SHORT_STRING_COUNT = 32;
/** Largest buffer: positions are int32. */
export const MAX_BUFFER_SIZE_BYTES = 0x7fffffff;

/** Upper half of the canonical NaN. */
const NAN_HIGH = 0x7ff80000;
const TWO_32 = 4294967296;

/** See the file header. */
export class ByteWriter {
  /** The buffer; see I1. */
  bytes: Buffer;
  /** Bytes written. */
  position = 0;
  /** Of `bytes`. */
  #view: DataView;

  constructor(capacityBytes = 1024) {
    this.bytes = allocate(capacityBytes);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Forgets what was written, keeps the buffer. */
  reset(): void {
    this.position = 0;
  }

  /** What was written; valid until the next write. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.position);
  }

  /** A copy of what was written, in a buffer of its own. */
  copy(): Uint8Array {
    return new Uint8Array(this.written());
  }

  /** Makes room for `sizeBytes` more. */
  ensure(sizeBytes: number): void {
    if (this.position + sizeBytes > this.bytes.length) this.#grow(sizeBytes);
  }

  #grow(sizeBytes: number): void {
    const wanted = this.position + sizeBytes;
    assert(wanted <= MAX_BUFFER_SIZE_BYTES, "an encoded value is larger than 2 GiB");
    const grown = allocate(
      Math.min(Math.max(wanted, this.bytes.length * 2), MAX_BUFFER_SIZE_BYTES),
    );
    grown.set(this.bytes.subarray(0, this.position));
    this.bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  /** One byte. */
  uint8(value: number): void {
    this.ensure(1);
    this.bytes[this.position++] = value;
  }

  /** Two bytes. */
  uint16(value: number): void {
    this.ensure(2);
    const at = this.position;
    this.bytes[at] = value;
    this.bytes[at + 1] = value >>> 8;
    this.position = at + 2;
  }

  /** Four bytes, of an int32 or a uint32. */
  int32(value: number): void {
    this.ensure(4);
    this.#view.setInt32(this.position, value, true);
    this.position += 4;
  }

  /** Eight bytes, two's complement, of an integer in the safe range. */
  int64(value: number): void {
    this.ensure(8);
    const at = this.position;
    this.#view.setInt32(at, value | 0, true);
    this.#view.setInt32(at + 4, Math.floor(value / TWO_32) | 0, true);
    this.position = at + 8;
  }

  /** Eight bytes, two's complement. */
  bigint64(value: bigint): void {
    this.ensure(8);
    this.#view.setBigInt64(this.position, value, true);
    this.position += 8;
  }

  /** Eight bytes; every NaN becomes the canonical one. */
  float64(value: number): void {
    this.ensure(8);
    const at = this.position;
    if (value === value) this.#view.setFloat64(at, value, true);
    else {
      // V8 may keep the payload of a NaN; equal keys must have equal bytes.
      this.#view.setInt32(at, 0, true);
      this.#view.setInt32(at + 4, NAN_HIGH, true);
    }
    this.position = at + 8;
  }

  /** Eight bytes, big-endian; every NaN becomes the canonical one. */
  bigEndianFloat64(value: number): void {
    this.float64(value);
    const { bytes } = this;
    for (let low = this.position - 8, high = this.position - 1; low < high; low++, high--) {
      const byte = bytes[low];
      bytes[low] = bytes[high];
      bytes[high] = byte;
    }
  }

  /** 1 to 5 bytes, 7 bits each, low ones first. `value` in [0, 2^32). */
  varint(value: number): void {
    this.ensure(5);
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.bytes[this.position++] = rest | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.position++] = rest;
  }

  /** Length and bytes. */
  blob(value: Uint8Array): void {
    this.varint(value.length);
    this.raw(value);
  }

  /** Bytes alone. */
  raw(value: Uint8Array): void {
    this.ensure(value.length);
    this.bytes.set(value, this.position);
    this.position += value.length;
  }

  /** Header (length in code units · 2 + wide) and Latin-1 or UTF-16 code units. */
  string(value: string): void {
    const { length } = value;
    if (length > SHORT_STRING_COUNT) {
      this.#longString(value);
      return;
    }
    this.ensure(length * 2 + 1);
    const start = this.position;
    let at = start + 1;
    let union = 0;
    for (let index = 0; index < length; index++) {
      const unit = value.charCodeAt(index);
      union |= unit;
      this.bytes[at++] = unit;
    }
    if (union <= 0xff) {
      this.bytes[start] = length << 1;
      this.position = at;
      return;
    }
    this.bytes[start] = (length << 1) | 1;
    at = start + 1;
    for (let index = 0; index < length; index++) {
      const unit = value.charCodeAt(index);
      this.bytes[at++] = unit;
      this.bytes[at++] = unit >>> 8;
    }
    this.position = at;
  }

  #longString(value: string): void {
    const { length } = value;
    assert(length < 0x40000000, "a string is longer than 2^30 code units");
    const wide = !isLatin1(value);
    this.varint(length * 2 + (wide ? 1 : 0));
    this.text(value, wide);
  }

  /** Code units alone. */
  text(value: string, wide: boolean): void {
    const sizeBytes = wide ? value.length * 2 : value.length;
    this.ensure(sizeBytes);
    const { bytes, position } = this;
    bytes.write(value, position, sizeBytes, wide ? "utf16le" : "latin1");
    this.position = position + sizeBytes;
  }
}

function allocate(sizeBytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(sizeBytes));
}

/** Whether every code unit is below 256. */
export function isLatin1(value: string): boolean {
  // As many UTF-8 bytes as code units: all ASCII, the usual case, found by a native function.
  if (value.length > 64) return Buffer.byteLength(value) === value.length || LATIN1.test(value);
  for (let index = 0; index < value.length; index++) {
    if (value.charCodeAt(index) > 0xff) return false;
  }
  return true;
}

// oxlint-disable-next-line no-control-regex
const LATIN1 = /^[\u0000-\u00ff]*$/;
