/*
 * ChunkReader: turns chunks of raw rows into columns, on the writing thread. Pure: it needs nothing
 * but the layout.
 *
 * The columns' values lie in arrays of their own, except for variable-size ones, which are slices
 * of the chunk's buffer: it must live until they have been used.
 */
import { ByteReader } from "../types/byte-reader.ts";
import { ByteWriter } from "../types/byte-writer.ts";
import { hashOfBigint, hashOfDouble, hashOfLong } from "../types/java-hash.ts";
import { keyCodecOf, keyGroupOf } from "../types/key.ts";
import type { Type } from "../types/type.ts";
import { assert } from "../assert.ts";
import type { ColumnLayout, RowLayout } from "./layout.ts";
import { recordShape, type RecordShape } from "./record-buffer.ts";
import type { ByteSlices, ChunkKind, ColumnValues, RowChunk, RowColumns } from "./row-chunk.ts";
import { POSITION_BYTES, TIMER_BYTES, writeOrdered, writePosition } from "./sub-key.ts";

/** Turns chunks of one layout into columns. */
export type ChunkReader = (chunk: RowChunk) => RowColumns;

/** Views on a chunk. */
interface ChunkView {
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  readonly i64: BigInt64Array;
  readonly u8: Uint8Array;
  /** Int32 words of a record. */
  readonly words: number;
  readonly count: number;
}

/** A reader for the chunks of a layout. */
export function chunkReader(layout: RowLayout, maxParallelism: number): ChunkReader {
  const shapes = new Map<ChunkKind, RecordShape>();
  const keyLayout = layout.parent ?? layout;
  return (chunk) => {
    let shape = shapes.get(chunk.kind);
    if (shape === undefined) {
      shape = recordShape(layout, chunk.layoutIndex, chunk.kind);
      shapes.set(chunk.kind, shape);
    }
    assert(shape.recordBytes === chunk.recordBytes, "a chunk does not fit its layout");
    const view = viewOf(chunk);
    const { count, kind } = chunk;
    const keyGroups = new Uint16Array(count);
    const keyAt = layout.parent === undefined ? 0 : shape.ownWords;
    const hasSubKey = layout.parent !== undefined && (kind === "puts" || kind === "tombstones");
    const namespaceAt = (chunk.recordBytes - 16) / 4;
    return {
      table: layout.table,
      kind,
      count,
      keyGroups,
      keys:
        kind === "dropped"
          ? { bytes: view.u8, starts: new Int32Array(count), ends: new Int32Array(count) }
          : readKeys(view, keyLayout, keyAt, { keyGroups, maxParallelism }),
      namespaces: layout.hasNamespace
        ? {
            starts: gatherFloats(view, namespaceAt / 2),
            ends: gatherFloats(view, namespaceAt / 2 + 1),
          }
        : undefined,
      mapKeys: hasSubKey ? readSubKeys(view, layout) : undefined,
      columns: kind === "puts" ? layout.columns.map((c) => readColumn(view, layout, c)) : [],
    };
  };
}

function viewOf(chunk: RowChunk): ChunkView {
  const { buffer, recordBytes, count } = chunk;
  return {
    i32: new Int32Array(buffer),
    f64: new Float64Array(buffer),
    i64: new BigInt64Array(buffer),
    u8: new Uint8Array(buffer),
    words: recordBytes / 4,
    count,
  };
}

function gatherFloats(view: ChunkView, at: number): Float64Array {
  const values = new Float64Array(view.count);
  for (let index = 0; index < view.count; index++) {
    values[index] = view.f64[(index * view.words) / 2 + at];
  }
  return values;
}

/** Where the key groups go. */
interface KeyGroups {
  readonly keyGroups: Uint16Array;
  readonly maxParallelism: number;
}

function readKeys(view: ChunkView, layout: RowLayout, at: number, groups: KeyGroups): ByteSlices {
  const { keyType } = layout;
  assert(keyType !== undefined, "keys of a table without a key type are read");
  const keyAt = at + layout.keyOffset / 4;
  return encodeKeys(view, { layout, keyType, keyAt, groups });
}

function readSubKeys(view: ChunkView, layout: RowLayout): ByteSlices {
  const { keyType } = layout;
  const keyAt = layout.keyOffset / 4;
  if (keyType !== undefined) return encodeKeys(view, { layout, keyType, keyAt, groups: undefined });
  const size = layout.keyKind === "int32" ? POSITION_BYTES : TIMER_BYTES;
  const bytes = new Uint8Array(view.count * size);
  const starts = new Int32Array(view.count);
  const ends = new Int32Array(view.count);
  for (let index = 0; index < view.count; index++) {
    const to = index * size;
    const from = index * view.words + keyAt;
    starts[index] = to;
    ends[index] = to + size;
    if (layout.keyKind === "int32") writePosition(bytes, to, view.i32[from]);
    else for (let n = 0; n < 3; n++) writeOrdered(bytes, to + n * 8, view.f64[from / 2 + n]);
  }
  return { bytes, starts, ends };
}

interface KeyPlace {
  readonly layout: RowLayout;
  readonly keyType: Type<unknown>;
  readonly keyAt: number;
  readonly groups: KeyGroups | undefined;
}

function encodeKeys(view: ChunkView, place: KeyPlace): ByteSlices {
  const { groups } = place;
  const writer = new ByteWriter(Math.max(64, view.count * 12));
  const starts = new Int32Array(view.count);
  const ends = new Int32Array(view.count);
  const encodeKey = keyEncoder(view, place, writer);
  for (let index = 0; index < view.count; index++) {
    starts[index] = writer.position;
    const hash = encodeKey(index * view.words + place.keyAt);
    ends[index] = writer.position;
    if (groups !== undefined) groups.keyGroups[index] = keyGroupOf(hash, groups.maxParallelism);
  }
  return { bytes: writer.bytes, starts, ends };
}

/** Writes the key whose field begins at a word; returns its Java hash. */
function keyEncoder(view: ChunkView, place: KeyPlace, writer: ByteWriter): (at: number) => number {
  const codec = keyCodecOf(place.keyType, place.layout.table);
  const { i32, f64, i64, u8 } = view;
  switch (place.layout.keyKind) {
    case "int32":
      return (at) => {
        codec.encode(i32[at], writer);
        return i32[at];
      };
    case "f64": {
      const isBool = place.keyType.kind === "bool";
      const hash = place.keyType.kind === "float64" ? hashOfDouble : hashOfLong;
      return (at) => {
        const number = f64[at >> 1];
        const key = isBool ? number === 1 : number;
        codec.encode(key, writer);
        return isBool ? codec.hashCode(key) : hash(number);
      };
    }
    case "i64":
      return (at) => {
        codec.encode(i64[at >> 1], writer);
        return hashOfBigint(i64[at >> 1]);
      };
    case "string":
      return place.keyType.kind === "string"
        ? textEncoder(view, writer)
        : enumEncoder(view, place, writer);
    case "bytes": {
      const reader = new ByteReader();
      return (at) => {
        const end = i32[at] + (i32[at + 1] >>> 1);
        writer.raw(u8.subarray(i32[at], end));
        reader.reset(u8, i32[at], end);
        return codec.hashCode(codec.decode(reader));
      };
    }
    case "f64x3":
      throw new Error("unreachable");
  }
}

/** Strings: bytes as they are, Java's hash over the code units. */
function textEncoder(view: ChunkView, writer: ByteWriter): (at: number) => number {
  const { i32, u8 } = view;
  return (at) => {
    const start = i32[at];
    const size = i32[at + 1] >>> 1;
    const isWide = (i32[at + 1] & 1) === 1;
    let hash = 0;
    // The canonical header: length in code units · 2 + wide.
    writer.varint((isWide ? size >>> 1 : size) * 2 + (isWide ? 1 : 0));
    if (isWide) {
      for (let n = 0; n < size; n += 2) {
        hash = (Math.imul(31, hash) + (u8[start + n] | (u8[start + n + 1] << 8))) | 0;
      }
    } else {
      for (let n = 0; n < size; n++) hash = (Math.imul(31, hash) + u8[start + n]) | 0;
    }
    writer.raw(u8.subarray(start, start + size));
    return hash;
  };
}

function enumEncoder(view: ChunkView, place: KeyPlace, writer: ByteWriter): (at: number) => number {
  const codec = keyCodecOf(place.keyType, place.layout.table);
  const reader = new ByteReader();
  const { i32, u8 } = view;
  return (at) => {
    const size = i32[at + 1] >>> 1;
    const isWide = (i32[at + 1] & 1) === 1;
    reader.reset(u8, i32[at], i32[at] + size);
    const text = reader.text(isWide ? size >>> 1 : size, isWide);
    codec.encode(text, writer);
    return codec.hashCode(text);
  };
}

function readColumn(view: ChunkView, layout: RowLayout, column: ColumnLayout): ColumnValues {
  return {
    name: column.name,
    values: readValues(view, column),
    present: column.presenceBit < 0 ? undefined : readPresence(view, layout, column.presenceBit),
  };
}

function readPresence(view: ChunkView, layout: RowLayout, presenceBit: number): Uint8Array {
  const present = new Uint8Array(view.count);
  const word = layout.presenceOffset / 4 + (presenceBit >>> 5);
  for (let index = 0; index < view.count; index++) {
    present[index] = (view.i32[index * view.words + word] >>> (presenceBit & 31)) & 1;
  }
  return present;
}

function readValues(view: ChunkView, column: ColumnLayout): ColumnValues["values"] {
  const { count, words } = view;
  const { offset } = column;
  switch (column.kind) {
    case "u8": {
      const values = new Uint8Array(count);
      for (let i = 0; i < count; i++) values[i] = view.u8[i * words * 4 + offset];
      return values;
    }
    case "i32": {
      const values = new Int32Array(count);
      for (let i = 0; i < count; i++) values[i] = view.i32[i * words + offset / 4];
      return values;
    }
    case "f64":
      return gatherFloats(view, offset / 8);
    case "i64": {
      const values = new BigInt64Array(count);
      for (let i = 0; i < count; i++) values[i] = view.i64[(i * words) / 2 + offset / 8];
      return values;
    }
    case "var": {
      const starts = new Int32Array(count);
      const ends = new Int32Array(count);
      for (let i = 0; i < count; i++) {
        const at = i * words + offset / 4;
        const size = view.i32[at + 1] >>> 1;
        starts[i] = size === 0 ? 0 : view.i32[at];
        ends[i] = starts[i] + size;
      }
      return { bytes: view.u8, starts, ends };
    }
  }
}
