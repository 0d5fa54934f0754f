/*
 * KeyProbe: a key column of one key (or a few, while rows are loaded), for look-ups of single keys,
 * and the way from a row or from encoded bytes back to a key.
 */
import { KeyColumn } from "../columns/key-column.ts";
import { ByteReader } from "../types/byte-reader.ts";
import { ByteWriter } from "../types/byte-writer.ts";
import { keyCodecOf, keyGroupOf, refuseKey, type KeyCodec } from "../types/key.ts";
import type { EnumType, Type } from "../types/type.ts";
import { offsetOf, slabOf } from "./arena.ts";
import type { Table } from "./table.ts";

/** See the file header. */
export class KeyProbe {
  readonly keys: KeyColumn;
  readonly codec: KeyCodec;
  readonly #uid: string;
  readonly #strings: string[] = [""];
  readonly #values: unknown[] = [undefined];
  readonly #writer = new ByteWriter(64);
  readonly #reader = new ByteReader();

  constructor(type: Type<unknown>, uid: string) {
    this.codec = keyCodecOf(type, uid);
    this.#uid = uid;
    this.keys = new KeyColumn(this.codec.form, this.codec.numberHash);
    this.keys.reset(1);
    this.keys.strings = this.#strings;
    this.keys.values = this.#values;
  }

  /** Holds a key given as a value; KEY_TYPE_UNSUPPORTED if it is not of the type. */
  set(key: unknown): void {
    this.#setAt(0, key);
  }

  #setAt(index: number, key: unknown): void {
    const { type, numberHash } = this.codec;
    switch (this.codec.form) {
      case "number":
        this.#setNumber(index, key, numberHash);
        return;
      case "string":
        if (typeof key !== "string") refuseKey(type, key, { operator: this.#uid });
        if (type.kind === "enum" && !(type as EnumType<string>).values.includes(key)) {
          refuseKey(type, key, { operator: this.#uid });
        }
        this.#strings[index] = key;
        return;
      case "bigint":
        if (typeof key !== "bigint" || BigInt.asIntN(64, key) !== key) {
          refuseKey(type, key, { operator: this.#uid });
        }
        this.keys.bigints[index] = key;
        return;
      case "encoded":
        this.#writer.reset();
        this.codec.encode(key, this.#writer);
        this.#setBytes(index, this.#writer.bytes, 0, this.#writer.position);
        this.#values[index] = key;
        return;
    }
  }

  /** Makes room for `count` keys, which `setEncodedAt` puts in, in order. */
  reset(count: number): void {
    this.keys.reset(count);
  }

  /** Holds the key whose canonical bytes these are. */
  setEncoded(bytes: Uint8Array, start: number, end: number): void {
    this.setEncodedAt(0, bytes, start, end);
  }

  /** The same at `index`. */
  setEncodedAt(index: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.codec.form === "encoded") {
      this.#setBytes(index, bytes, start, end);
      this.#values[index] = undefined;
      return;
    }
    this.#reader.reset(bytes, start, end);
    this.#setAt(index, this.codec.decode(this.#reader));
  }

  /** Holds the key of a row. */
  setFromRow(table: Table, row: number): void {
    const { keyKind, keyOffset } = table.layout;
    const page = table.pageOf(row);
    const at = table.baseOf(row) + keyOffset / 4;
    switch (keyKind) {
      case "int32":
        this.keys.numbers[0] = page.i32[at];
        return;
      case "f64":
        this.keys.numbers[0] = page.f64[at >> 1];
        return;
      case "i64":
        this.keys.bigints[0] = page.i64[at >> 1];
        return;
      case "f64x3":
        for (let word = 0; word < 3; word++) this.keys.numbers[word] = page.f64[(at >> 1) + word];
        return;
      case "string":
        this.#strings[0] = textAt(table, page.i32[at], page.i32[at + 1], this.#reader);
        return;
      case "bytes": {
        const ref = page.i32[at];
        const start = offsetOf(ref);
        const end = start + (page.i32[at + 1] >>> 1);
        this.setEncoded(table.arena.slabs[slabOf(ref)], start, end);
        return;
      }
    }
  }

  /** The key held, as a value. */
  value(): unknown {
    if (this.codec.form === "encoded" && this.#values[0] === undefined) {
      this.#reader.reset(this.keys.bytes, 0, this.keys.offsets[1]);
      this.#values[0] = this.codec.decode(this.#reader);
    }
    return this.keys.valueAt(0);
  }

  /** Key group of the key held. */
  keyGroup(maxParallelism: number): number {
    return keyGroupOf(this.codec.hashCode(this.value()), maxParallelism);
  }

  #setNumber(index: number, key: unknown, numberHash: KeyCodec["numberHash"]): void {
    let fits: boolean;
    if (numberHash === "boolean") fits = typeof key === "boolean";
    else if (numberHash === "double") fits = typeof key === "number";
    else if (numberHash === "integer") fits = typeof key === "number" && key === (key | 0);
    else fits = Number.isSafeInteger(key);
    if (!fits) refuseKey(this.codec.type, key, { operator: this.#uid });
    const number = Number(key);
    this.keys.numbers[index] = numberHash === "double" ? number : number + 0;
  }

  #setBytes(index: number, bytes: Uint8Array, start: number, end: number): void {
    const { keys } = this;
    const at = index === 0 ? 0 : keys.offsets[index];
    const to = at + end - start;
    if (keys.bytes.length < to) {
      const larger = new Uint8Array(Math.max(64, to * 2));
      larger.set(keys.bytes);
      keys.bytes = larger;
    }
    const own = keys.bytes;
    for (let from = start; from < end; from++) own[at + from - start] = bytes[from];
    keys.offsets[index] = at;
    keys.offsets[index + 1] = to;
  }
}

function textAt(table: Table, ref: number, sizeWord: number, reader: ByteReader): string {
  const size = sizeWord >>> 1;
  const start = offsetOf(ref);
  const isWide = (sizeWord & 1) === 1;
  reader.reset(table.arena.slabs[slabOf(ref)], start, start + size);
  return reader.text(isWide ? size >>> 1 : size, isWide);
}
