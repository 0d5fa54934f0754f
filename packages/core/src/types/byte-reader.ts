/*
 * ByteReader: the other side of `ByteWriter`. Every read is checked against the end; what does not
 * fit is the error VALUE_CORRUPTED with the offset, never a wrong value.
 */
import { oxbowError } from "../errors.ts";
import { cachedName, isAscii, shortLatin1, SHORT_TEXT_COUNT } from "./short-text.ts";

const FLOAT_SCRATCH = new Float64Array(1);
const FLOAT_BYTES = new Uint8Array(FLOAT_SCRATCH.buffer);
const BIGINT_SCRATCH = new BigInt64Array(1);
const BIGINT_BYTES = new Uint8Array(BIGINT_SCRATCH.buffer);
const TWO_32 = 4294967296;
/** Most elements of a list or map. */
export const MAX_ELEMENTS_COUNT = 0x7ffffff;

/** See the file header. */
export class ByteReader {
  #bytes: Buffer;
  /** What `#bytes` is a view of, as it was given. */
  #given: Uint8Array;
  /** Offset of the next read. */
  position: number;
  /** End of what may be read. */
  end: number;

  constructor(bytes: Uint8Array = new Uint8Array(0), start = 0, end: number = bytes.length) {
    this.#given = bytes;
    this.#bytes = asBuffer(bytes);
    this.position = start;
    this.end = end;
  }

  /** Reads from other bytes from now on. */
  reset(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    if (bytes !== this.#given) {
      this.#given = bytes;
      this.#bytes = asBuffer(bytes);
    }
    this.position = start;
    this.end = end;
  }

  /** Moves within the same bytes. */
  seek(start: number, end: number): void {
    this.position = start;
    this.end = end;
  }

  /** Bytes not read yet. */
  remaining(): number {
    return this.end - this.position;
  }

  #take(sizeBytes: number): number {
    const at = this.position;
    if (at + sizeBytes > this.end) this.fail(`${sizeBytes} bytes are needed`);
    this.position = at + sizeBytes;
    return at;
  }

  /** Throws VALUE_CORRUPTED. */
  fail(reason: string): never {
    const { position, end } = this;
    throw oxbowError(
      "VALUE_CORRUPTED",
      `An encoded value cannot be read at offset ${position} of ${end}: ${reason}. ` +
        "The bytes are damaged, or were written with another type.",
      { offset: position, sizeBytes: end, reason },
    );
  }

  /** The next byte, which stays. */
  peek(): number {
    if (this.position >= this.end) this.fail("1 byte is needed");
    return this.#bytes[this.position];
  }

  uint8(): number {
    return this.#bytes[this.#take(1)];
  }

  uint16(): number {
    const at = this.#take(2);
    return this.#bytes[at] | (this.#bytes[at + 1] << 8);
  }

  int32(): number {
    const at = this.#take(4);
    const bytes = this.#bytes;
    return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
  }

  /** An integer in the safe range; anything else is corrupt. */
  int64(): number {
    const low = this.int32() >>> 0;
    const value = this.int32() * TWO_32 + low;
    if (!Number.isSafeInteger(value)) this.fail("an int64 is outside the safe range");
    return value;
  }

  bigint64(): bigint {
    this.#eight(BIGINT_BYTES);
    return BIGINT_SCRATCH[0];
  }

  float64(): number {
    this.#eight(FLOAT_BYTES);
    return FLOAT_SCRATCH[0];
  }

  #eight(into: Uint8Array): void {
    const at = this.#take(8);
    const bytes = this.#bytes;
    into[0] = bytes[at];
    into[1] = bytes[at + 1];
    into[2] = bytes[at + 2];
    into[3] = bytes[at + 3];
    into[4] = bytes[at + 4];
    into[5] = bytes[at + 5];
    into[6] = bytes[at + 6];
    into[7] = bytes[at + 7];
  }

  /** 0 or 1; anything else is corrupt. */
  flag(): boolean {
    const value = this.uint8();
    return value <= 1 ? value === 1 : this.fail("a boolean is neither 0 nor 1");
  }

  /** A number of elements, bounded so that damage cannot exhaust memory. */
  count(): number {
    const count = this.varint();
    return count <= MAX_ELEMENTS_COUNT ? count : this.fail(`${count} elements are too many`);
  }

  /** One of the given values, by index. */
  choice<T>(values: readonly T[]): T {
    const index = this.varint();
    return index < values.length ? values[index] : this.fail("an enum has an unknown value");
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.uint8();
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    return this.fail("a length is longer than 32 bits");
  }

  /** A copy, in a buffer of its own. */
  blob(): Uint8Array {
    return this.raw(this.varint());
  }

  /** A copy of the next bytes. */
  raw(sizeBytes: number): Uint8Array<ArrayBuffer> {
    const at = this.#take(sizeBytes);
    const copy = new Uint8Array(sizeBytes);
    copy.set(this.#bytes.subarray(at, at + sizeBytes));
    return copy;
  }

  string(): string {
    const header = this.varint();
    return this.text(header >>> 1, (header & 1) === 1);
  }

  /** `count` code units. */
  text(count: number, wide: boolean): string {
    const sizeBytes = wide ? count * 2 : count;
    const at = this.#take(sizeBytes);
    if (wide) return this.#bytes.toString("utf16le", at, at + sizeBytes);
    return count <= SHORT_TEXT_COUNT
      ? shortLatin1(this.#bytes, at, count)
      : this.#bytes.toString("latin1", at, at + count);
  }

  /** A property name: `sizeBytes` of well-formed UTF-8. */
  name(sizeBytes: number): string {
    const at = this.position;
    if (
      sizeBytes <= SHORT_TEXT_COUNT &&
      at + sizeBytes <= this.end &&
      isAscii(this.#bytes, at, sizeBytes)
    ) {
      this.position = at + sizeBytes;
      return cachedName(this.#bytes, at, sizeBytes);
    }
    return this.utf8(sizeBytes);
  }

  /** Eight bytes, big-endian. */
  bigEndianFloat64(): number {
    const at = this.#take(8);
    const bytes = this.#bytes;
    for (let index = 0; index < 8; index++) FLOAT_BYTES[index] = bytes[at + 7 - index];
    return FLOAT_SCRATCH[0];
  }

  /** `sizeBytes` of well-formed UTF-8. */
  utf8(sizeBytes: number): string {
    const at = this.#take(sizeBytes);
    if (sizeBytes <= SHORT_TEXT_COUNT && isAscii(this.#bytes, at, sizeBytes)) {
      return shortLatin1(this.#bytes, at, sizeBytes);
    }
    return this.#bytes.toString("utf8", at, at + sizeBytes);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  if (bytes instanceof Buffer) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
