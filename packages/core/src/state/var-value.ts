/*
 * Variable-size columns as values: encoded with the type's codec into the arena, decoded when read.
 * A column that was never written has size 0 and reads as the type's zero value.
 */
import { ByteReader } from "../types/byte-reader.ts";
import { ByteWriter } from "../types/byte-writer.ts";
import type { Codec } from "../types/codec.ts";
import { zeroOf } from "../types/zero-value.ts";
import { offsetOf, slabOf } from "./arena.ts";
import type { Table } from "./table.ts";

const WRITER = new ByteWriter(4096);
const READER = new ByteReader();
/** Values up to this size are copied by a loop. */
const LOOP_BYTES = 48;

/** Encodes a value into word `word` of a row that was touched; refuses what is not of the type. */
// oxlint-disable-next-line max-params -- On the hot path; an object per value would be garbage.
export function writeVar(
  table: Table,
  row: number,
  word: number,
  value: unknown,
  codec: Codec<unknown>,
): void {
  WRITER.reset();
  codec.encode(value, WRITER);
  writeVarBytes(table, row, word, WRITER.bytes, 0, WRITER.position);
}

/** Puts encoded bytes into word `word` of a row that was touched. */
// oxlint-disable-next-line max-params -- On the hot path; an object per value would be garbage.
export function writeVarBytes(
  table: Table,
  row: number,
  word: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  const size = end - start;
  const ref = table.setVar(row, word, size * 2);
  if (size === 0) return;
  const slab = table.arena.slabs[slabOf(ref)];
  const at = offsetOf(ref);
  if (size <= LOOP_BYTES) {
    for (let index = 0; index < size; index++) slab[at + index] = bytes[start + index];
  } else {
    slab.set(bytes.subarray(start, end), at);
  }
}

/** Frees the value at word `word` of a row that was touched. */
export function clearVar(table: Table, row: number, word: number): void {
  table.setVar(row, word, 0);
}

/** Decodes the value at word `word` of a row. */
export function readVar(table: Table, row: number, word: number, codec: Codec<unknown>): unknown {
  const page = table.pageOf(row).i32;
  const at = table.baseOf(row) + word;
  const size = page[at + 1] >>> 1;
  if (size === 0) return zeroOf(codec.type);
  const ref = page[at];
  const start = offsetOf(ref);
  READER.reset(table.arena.slabs[slabOf(ref)], start, start + size);
  return codec.decode(READER);
}
