/*
 * KeyColumn: the keys of one batch, ready for hashing, partitioning and look-ups of a whole batch
 * in the state tables. Filled by a `KeyExtractor`; its buffers are reused from batch to batch.
 *
 * I1. Equal keys (Java's `equals` of boxes: NaN = NaN, -0 ≠ 0) and only those are the same here:
 *     the same bits in `numbers` and `bigints`, the same `strings`, the same bytes.
 * I2. What is in a key column is valid until its extractor is given the next batch.
 */
import {
  hashOfBigint,
  hashOfBoolean,
  hashOfDouble,
  hashOfLong,
  hashOfString,
} from "../types/java-hash.ts";
import type { KeyForm, NumberHash } from "../types/key.ts";
import type { StringColumn } from "./column.ts";

/** See the file header. */
export class KeyColumn {
  readonly form: KeyForm;
  readonly numberHash: NumberHash;
  /** Keys in the column. */
  count = 0;
  /** Grows with each filling: what was found for the keys is valid for one value of it. */
  fillingsCount = 0;
  /** Form `number`: the keys; NaN is canonical. */
  numbers = new Float64Array(0);
  /** Form `string`: codes into `dictionary`, where the batch had a dictionary; else undefined. */
  codes: Int32Array | undefined;
  dictionary: readonly string[] = [];
  /** Form `bigint`. */
  bigints = new BigInt64Array(0);
  /** Form `encoded`: canonical bytes of key i are `bytes[offsets[i] .. offsets[i + 1])`. */
  bytes: Uint8Array = new Uint8Array(0);
  offsets = new Int32Array(1);
  /** Form `encoded`: the keys as values. */
  values: readonly unknown[] = [];
  #strings: readonly string[] | undefined = [];
  #text: StringColumn | undefined;
  #hashes = new Int32Array(0);
  #hashed = false;
  /** Form `encoded`: Java hashes are found while encoding. */
  readonly encodedHashes: { hashes: Int32Array };

  constructor(form: KeyForm, numberHash: NumberHash = "double") {
    this.form = form;
    this.numberHash = numberHash;
    this.encodedHashes = { hashes: this.#hashes };
  }

  /**
   * Form `string`: the keys, one per record. Spread from codes on first use; read it once per
   * batch.
   */
  get strings(): readonly string[] {
    return (this.#strings ??= this.#text?.values ?? []);
  }

  set strings(values: readonly string[]) {
    this.#strings = values;
    this.#text = undefined;
  }

  /** Form `string`: takes the keys from a column without missing values. */
  takeStrings(column: StringColumn): void {
    this.codes = column.codes;
    this.dictionary = column.dictionary;
    this.#text = column;
    this.#strings = undefined;
  }

  /** Begins a new filling of `count` keys; makes room in the buffers of its form. */
  reset(count: number): void {
    this.count = count;
    this.fillingsCount += 1;
    this.#hashed = false;
    this.codes = undefined;
    this.dictionary = [];
    if (this.form === "number" && this.numbers.length < count) {
      this.numbers = new Float64Array(roomFor(count));
    }
    if (this.form === "bigint" && this.bigints.length < count) {
      this.bigints = new BigInt64Array(roomFor(count));
    }
    if (this.form === "encoded" && this.offsets.length <= count) {
      this.offsets = new Int32Array(roomFor(count) + 1);
    }
    if (this.#hashes.length < count) {
      this.#hashes = new Int32Array(roomFor(count));
      this.encodedHashes.hashes = this.#hashes;
    }
  }

  /** Java hash codes, one per key; computed on first use after a filling. Longer than `count`. */
  hashes(): Int32Array {
    if (!this.#hashed) {
      this.#hashed = true;
      this.#computeHashes();
    }
    return this.#hashes;
  }

  /** The key as the user sees it. */
  valueAt(index: number): unknown {
    switch (this.form) {
      case "number":
        return this.numberHash === "boolean" ? this.numbers[index] === 1 : this.numbers[index];
      case "string":
        return this.strings[index];
      case "bigint":
        return this.bigints[index];
      case "encoded":
        return this.values[index];
    }
  }

  #computeHashes(): void {
    switch (this.form) {
      case "number":
        hashNumbers(this.numbers, this.numberHash, this.count, this.#hashes);
        return;
      case "string":
        if (this.codes === undefined) hashStrings(this.strings, this.count, this.#hashes);
        else hashCodes(this.codes, this.dictionary, this.count, this.#hashes);
        return;
      case "bigint":
        for (let index = 0; index < this.count; index++) {
          this.#hashes[index] = hashOfBigint(this.bigints[index]);
        }
        return;
      case "encoded":
        return;
    }
  }
}

/** Capacity for `count` entries that will not be outgrown by a few more. */
function roomFor(count: number): number {
  return Math.max(1024, count + (count >> 1));
}

function hashNumbers(
  numbers: Float64Array,
  as: NumberHash,
  count: number,
  hashes: Int32Array,
): void {
  switch (as) {
    case "boolean":
      for (let index = 0; index < count; index++) {
        hashes[index] = hashOfBoolean(numbers[index] === 1);
      }
      return;
    case "integer":
      for (let index = 0; index < count; index++) hashes[index] = numbers[index];
      return;
    case "long":
      for (let index = 0; index < count; index++) hashes[index] = hashOfLong(numbers[index]);
      return;
    case "double":
      for (let index = 0; index < count; index++) hashes[index] = hashOfDouble(numbers[index]);
      return;
  }
}

function hashStrings(strings: readonly string[], count: number, hashes: Int32Array): void {
  for (let index = 0; index < count; index++) hashes[index] = hashOfString(strings[index]);
}

function hashCodes(
  codes: Int32Array,
  dictionary: readonly string[],
  count: number,
  hashes: Int32Array,
): void {
  const byCode = new Int32Array(dictionary.length);
  for (let code = 0; code < byCode.length; code++) byCode[code] = hashOfString(dictionary[code]);
  for (let index = 0; index < count; index++) hashes[index] = byCode[codes[index]];
}
