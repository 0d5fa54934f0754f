/*
 * Blocks of rows: from a sorted buffer to the columns of a block, and back to rows. Which columns a
 * block has: docs/formats/segment.md, "Blocks of rows".
 */
import type { Block, SlicesColumn } from "../columns/block.ts";
import type { EncodableColumn } from "../columns/block-encoder.ts";
import {
  bigintColumn,
  boolColumn,
  float64Column,
  int32Column,
  IS_ABSENT,
  type Column,
  type Presence,
} from "../columns/column.ts";
import type { ByteSlices, ChunkKind, ColumnValues, RowColumns } from "../state/row-chunk.ts";
import type { ByteHeap } from "./byte-heap.ts";
import type { ColumnBuffer, RowBuffer } from "./row-buffer.ts";
import { KEY_WORDS_MAX, type ColumnKindName, type SegmentTable } from "./segment-format.ts";

/** Rows `rows` (numbers in the buffer, in the order of the block) as columns of a block. */
export function blockColumns(buffer: RowBuffer, rows: Uint32Array): EncodableColumn[] {
  const columns: EncodableColumn[] = [];
  const add = (name: string, column: Column | SlicesColumn): void => {
    columns.push({ name, role: "field", column });
  };
  const count = rows.length;
  if (buffer.kind !== "dropped") {
    const groups = new Int32Array(count);
    const { keyGroups } = buffer;
    for (let i = 0; i < count; i++) groups[i] = keyGroups[rows[i]]!;
    add("g", int32Column(groups, count));
    addSlices("k", buffer.keys, rows, add);
  }
  if (buffer.starts !== undefined && buffer.ends !== undefined) {
    add("n.0", float64Column(gatherFloat64(buffer.starts, rows), count));
    add("n.1", float64Column(gatherFloat64(buffer.ends, rows), count));
  }
  if (buffer.mapKeys !== undefined) addSlices("m", buffer.mapKeys, rows, add);
  for (const column of buffer.columns) add(`c.${column.name}`, gatherColumn(column, rows));
  return columns;
}

type Add = (name: string, column: Column | SlicesColumn) => void;

/** As columns of words where all are equally long in this heap, else as byte strings. */
function addSlices(name: string, heap: ByteHeap, rows: Uint32Array, add: Add): void {
  const width = heap.denseLength / 4;
  if (Number.isInteger(width) && width >= 1 && width <= KEY_WORDS_MAX) {
    const words = new Int32Array(heap.bytes.buffer, 0, heap.count * width);
    for (let word = 0; word < width; word++) {
      const values = new Int32Array(rows.length);
      for (let i = 0; i < rows.length; i++) values[i] = words[rows[i] * width + word]!;
      add(`${name}.${word}`, int32Column(values, rows.length));
    }
    return;
  }
  add(name, gatherSlices(heap, rows, undefined));
}

function gatherSlices(heap: ByteHeap, rows: Uint32Array, presence: Presence): SlicesColumn {
  const count = rows.length;
  const starts = new Int32Array(count);
  const ends = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const row = rows[i];
    const isThere = presence === undefined || presence[i] !== IS_ABSENT;
    starts[i] = isThere ? heap.starts[row] : 0;
    ends[i] = isThere ? heap.ends[row] : 0;
  }
  return { kind: "slices", count, presence, bytes: heap.bytes, starts, ends };
}

function gatherColumn(column: ColumnBuffer, rows: Uint32Array): Column | SlicesColumn {
  const count = rows.length;
  const presence = gatherPresence(column.present, rows);
  const { fixed, heap } = column;
  if (fixed === undefined) return gatherSlices(heap!, rows, presence);
  if (fixed instanceof Float64Array) {
    return float64Column(gatherFloat64(fixed, rows), count, presence);
  }
  if (fixed instanceof Int32Array) {
    const values = new Int32Array(count);
    for (let i = 0; i < count; i++) values[i] = fixed[rows[i]]!;
    return int32Column(values, count, presence);
  }
  if (fixed instanceof BigInt64Array) {
    const values = new BigInt64Array(count);
    for (let i = 0; i < count; i++) values[i] = fixed[rows[i]]!;
    return bigintColumn(values, count, presence);
  }
  const values = new Uint8Array(count);
  for (let i = 0; i < count; i++) values[i] = fixed[rows[i]]!;
  return boolColumn(values, count, presence);
}

function gatherFloat64(from: Float64Array, rows: Uint32Array): Float64Array {
  const values = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) values[i] = from[rows[i]]!;
  return values;
}

function gatherPresence(present: Uint8Array | undefined, rows: Uint32Array): Presence {
  if (present === undefined) return undefined;
  const presence = new Uint8Array(rows.length);
  let absentCount = 0;
  for (let i = 0; i < rows.length; i++) {
    if (present[rows[i]] !== 0) continue;
    presence[i] = IS_ABSENT;
    absentCount++;
  }
  return absentCount === 0 ? undefined : presence;
}

/** Key groups of a block's rows; undefined for `dropped`. */
export function keyGroupsOf(block: Block): Int32Array | undefined {
  const column = columnOf(block, "g");
  if (column === undefined) return undefined;
  if (column.kind !== "int32") throw new RangeError("column g is not of key groups");
  return column.values;
}

/**
 * Rows `[start, end)` of a block. Throws RangeError where its columns are not those of the table.
 */
export function rowsOfBlock(
  block: Block,
  table: SegmentTable,
  part: { readonly kind: ChunkKind; readonly start: number; readonly end: number },
): RowColumns {
  const { kind, start, end } = part;
  const count = end - start;
  const keyGroups = new Uint16Array(count);
  const groups = keyGroupsOf(block);
  if (groups !== undefined) for (let i = 0; i < count; i++) keyGroups[i] = groups[start + i]!;
  else if (kind !== "dropped") throw new RangeError("the column of key groups is missing");
  const hasMapKeys = table.hasMapKeys && (kind === "puts" || kind === "tombstones");
  return {
    table: table.name,
    kind,
    count,
    keyGroups,
    keys: kind === "dropped" ? NO_SLICES : slicesOf(block, "k", part),
    namespaces: table.hasNamespaces
      ? { starts: float64Of(block, "n.0", part), ends: float64Of(block, "n.1", part) }
      : undefined,
    mapKeys: hasMapKeys ? slicesOf(block, "m", part) : undefined,
    columns:
      kind !== "puts"
        ? []
        : table.columns.map(({ name, kind: as }) => valuesOf(block, { name, as }, part)),
  };
}

interface Part {
  readonly start: number;
  readonly end: number;
}

const NO_SLICES: ByteSlices = {
  bytes: new Uint8Array(0),
  starts: new Int32Array(0),
  ends: new Int32Array(0),
};

const BLOCK_KINDS: Readonly<Record<ColumnKindName, Column["kind"]>> = {
  u8: "bool",
  i32: "int32",
  f64: "float64",
  i64: "bigint64",
  var: "bytes",
};

function valuesOf(
  block: Block,
  wanted: { readonly name: string; readonly as: ColumnKindName },
  part: Part,
): ColumnValues {
  const { name, as } = wanted;
  const column = columnOf(block, `c.${name}`);
  if (column === undefined || column.kind !== BLOCK_KINDS[as]) {
    throw new RangeError(`column ${name} is missing or of another kind`);
  }
  const present = presentOf(column.presence, part);
  switch (column.kind) {
    case "bytes":
      return { name, values: slices(column.bytes, column.offsets, part), present };
    case "bool":
    case "int32":
    case "float64":
    case "bigint64":
      return { name, values: column.values.subarray(part.start, part.end), present };
    case "string":
    case "value":
      throw new RangeError(`column ${name} is of a kind that segments do not have`);
  }
}

function presentOf(presence: Presence, part: Part): Uint8Array | undefined {
  if (presence === undefined) return undefined;
  const present = new Uint8Array(part.end - part.start);
  for (let i = 0; i < present.length; i++) present[i] = presence[part.start + i] === 0 ? 1 : 0;
  return present;
}

function float64Of(block: Block, name: string, part: Part): Float64Array {
  const column = columnOf(block, name);
  if (column?.kind !== "float64") throw new RangeError(`column ${name} is missing`);
  return column.values.subarray(part.start, part.end);
}

function slicesOf(block: Block, name: string, part: Part): ByteSlices {
  const column = columnOf(block, name);
  if (column?.kind === "bytes") return slices(column.bytes, column.offsets, part);
  const words: Int32Array[] = [];
  for (let word = 0; word < KEY_WORDS_MAX; word++) {
    const values = columnOf(block, `${name}.${word}`);
    if (values === undefined) break;
    if (values.kind !== "int32") throw new RangeError(`column ${name}.${word} is not of words`);
    words.push(values.values);
  }
  if (words.length === 0) throw new RangeError(`column ${name} is missing`);
  const width = words.length;
  const count = part.end - part.start;
  const woven = new Int32Array(count * width);
  for (let word = 0; word < width; word++) {
    const values = words[word];
    for (let i = 0; i < count; i++) woven[i * width + word] = values[part.start + i]!;
  }
  const starts = new Int32Array(count);
  const ends = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    starts[i] = 4 * width * i;
    ends[i] = 4 * width * (i + 1);
  }
  return { bytes: new Uint8Array(woven.buffer), starts, ends };
}

function slices(bytes: Uint8Array, offsets: Int32Array, part: Part): ByteSlices {
  const starts = offsets.subarray(part.start, part.end);
  return { bytes, starts, ends: offsets.subarray(part.start + 1, part.end + 1) };
}

function columnOf(block: Block, name: string): Column | undefined {
  return block.columns.find((column) => column.name === name)?.column;
}
