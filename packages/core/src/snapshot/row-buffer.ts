/*
 * RowBuffer: the rows of one run that are of one table and one kind, collected as columns, and
 * their order. The writer appends what tasks copied out, and encodes blocks by the order. The
 * order: docs/formats/segment.md, "The logical content".
 */
import { assert } from "../assert.ts";
import type { ByteSlices, ChunkKind, ColumnValues, RowColumns } from "../state/row-chunk.ts";
import { ByteHeap, grown } from "./byte-heap.ts";
import { HASH_SEED_HIGH, HASH_SEED_LOW, murmur3, murmur3OfWords } from "./key-hash.ts";
import { KEY_WORDS_MAX, type ColumnKindName } from "./segment-format.ts";

/** Bits of a sort key that number the row; the others are 16 of key group and 28 of hash. */
const ROW_BITS = 20;

/** Most rows of a buffer. */
export const RUN_ROWS_MAX = 1 << ROW_BITS;

type FixedValues = Uint8Array | Int32Array | Float64Array | BigInt64Array;

/** A column on its way into blocks. */
export interface ColumnBuffer {
  readonly name: string;
  readonly kind: ColumnKindName;
  /** Undefined for `var`. */
  fixed: FixedValues | undefined;
  readonly heap: ByteHeap | undefined;
  /** Undefined while all rows have a value. */
  present: Uint8Array | undefined;
}

/** See the file header. */
export class RowBuffer {
  readonly table: string;
  readonly kind: ChunkKind;
  count = 0;
  keyGroups = new Uint16Array(1024);
  readonly keys = new ByteHeap();
  starts: Float64Array | undefined;
  ends: Float64Array | undefined;
  readonly mapKeys: ByteHeap | undefined;
  readonly columns: readonly ColumnBuffer[];

  /** Takes its shape from the first rows, which are not appended. */
  constructor(rows: RowColumns) {
    this.table = rows.table;
    this.kind = rows.kind;
    if (rows.namespaces !== undefined) {
      this.starts = new Float64Array(1024);
      this.ends = new Float64Array(1024);
    }
    this.mapKeys = rows.mapKeys === undefined ? undefined : new ByteHeap();
    this.columns = rows.columns.map((column) => {
      const kind = kindOf(column);
      const isVar = kind === "var";
      const fixed = isVar ? undefined : emptyLike(column.values as FixedValues, 1024);
      const heap = isVar ? new ByteHeap() : undefined;
      return { name: column.name, kind, fixed, heap, present: undefined };
    });
  }

  /** Bytes held, for bounds. */
  get sizeBytes(): number {
    const perRow = 18 + 8 * this.columns.length;
    let size = this.count * perRow + this.keys.sizeBytes + (this.mapKeys?.sizeBytes ?? 0);
    for (const { heap } of this.columns) size += heap?.sizeBytes ?? 0;
    return size;
  }

  /** Copies the rows in. They must have the same shape as the first. */
  append(rows: RowColumns): void {
    const { count } = rows;
    assert(this.count + count <= RUN_ROWS_MAX, "a run has too many rows");
    assert(rows.columns.length === this.columns.length, () => `rows of ${this.table} change shape`);
    this.#reserve(this.count + count);
    this.keyGroups.set(rows.keyGroups.subarray(0, count), this.count);
    if (rows.kind !== "dropped") this.keys.append(rows.keys, count);
    if (this.starts !== undefined && this.ends !== undefined) {
      assert(rows.namespaces !== undefined, () => `rows of ${this.table} lack namespaces`);
      this.starts.set(rows.namespaces.starts.subarray(0, count), this.count);
      this.ends.set(rows.namespaces.ends.subarray(0, count), this.count);
    }
    if (this.mapKeys !== undefined) {
      assert(rows.mapKeys !== undefined, () => `rows of ${this.table} lack map keys`);
      this.mapKeys.append(rows.mapKeys, count);
    }
    for (let i = 0; i < this.columns.length; i++) this.#appendColumn(i, rows.columns[i], count);
    this.count += count;
  }

  /** The rows' numbers in the one order. */
  order(): Uint32Array {
    const { count } = this;
    const sortKeys = new BigUint64Array(count);
    const words = new Uint32Array(sortKeys.buffer);
    if (this.kind !== "dropped") this.#fillSortKeys(words);
    else for (let row = 0; row < count; row++) words[2 * row] = row;
    sortKeys.sort();
    const order = new Uint32Array(count);
    for (let i = 0; i < count; i++) order[i] = words[2 * i] & (RUN_ROWS_MAX - 1);
    this.#repairTies(words, order);
    return order;
  }

  #fillSortKeys(words: Uint32Array): void {
    const { count, keyGroups, keys } = this;
    const width = keys.denseLength;
    const areWords = width > 0 && width % 4 === 0 && width <= 4 * KEY_WORDS_MAX;
    const keyWords = new Int32Array(keys.bytes.buffer, 0, areWords ? (count * width) / 4 : 0);
    for (let row = 0; row < count; row++) {
      const hash = areWords
        ? murmur3OfWords(keyWords, row, width / 4)
        : murmur3(keys.bytes, keys.starts[row], keys.ends[row], HASH_SEED_HIGH);
      words[2 * row + 1] = (keyGroups[row] << 16) | (hash >>> 16);
      words[2 * row] = ((hash >>> 4) << ROW_BITS) | row;
    }
  }

  /** Rows that agree in all bits of the sort key but the row's are put in order by comparing. */
  #repairTies(words: Uint32Array, order: Uint32Array): void {
    const { count } = this;
    for (let from = 0; from < count;) {
      let end = from + 1;
      while (
        end < count &&
        words[2 * end + 1] === words[2 * from + 1] &&
        words[2 * end] >>> ROW_BITS === words[2 * from] >>> ROW_BITS
      ) {
        end++;
      }
      if (end - from > 1) order.subarray(from, end).sort((a, b) => this.#compare(a, b));
      from = end;
    }
  }

  #compare(a: number, b: number): number {
    const { keys, starts, ends, mapKeys } = this;
    if (this.kind !== "dropped" && compareSlices(keys, a, b) !== 0) {
      return this.#compareHashes(a, b) || compareSlices(keys, a, b);
    }
    if (starts !== undefined && ends !== undefined) {
      const byNamespace = compareNumbers(starts[a], starts[b]) || compareNumbers(ends[a], ends[b]);
      if (byNamespace !== 0) return byNamespace;
    }
    return (mapKeys === undefined ? 0 : compareSlices(mapKeys, a, b)) || a - b;
  }

  #compareHashes(a: number, b: number): number {
    const { bytes, starts, ends } = this.keys;
    for (const seed of [HASH_SEED_HIGH, HASH_SEED_LOW]) {
      const hashOfA = murmur3(bytes, starts[a], ends[a], seed);
      const hashOfB = murmur3(bytes, starts[b], ends[b], seed);
      if (hashOfA !== hashOfB) return hashOfA - hashOfB;
    }
    return 0;
  }

  #appendColumn(index: number, values: ColumnValues, count: number): void {
    const column = this.columns[index];
    assert(
      column.name === values.name,
      () => `${this.table}: ${values.name} is not ${column.name}`,
    );
    if (column.heap !== undefined) column.heap.append(values.values as ByteSlices, count);
    else setFixed(column.fixed!, values.values as FixedValues, { count, at: this.count });
    if (values.present === undefined) {
      column.present?.fill(1, this.count, this.count + count);
      return;
    }
    if (column.present === undefined) {
      column.present = new Uint8Array(this.keyGroups.length).fill(1, 0, this.count);
    }
    column.present.set(values.present.subarray(0, count), this.count);
  }

  #reserve(count: number): void {
    if (count <= this.keyGroups.length) return;
    const capacity = Math.max(count, 2 * this.keyGroups.length);
    this.keyGroups = grown(this.keyGroups, new Uint16Array(capacity));
    if (this.starts !== undefined) this.starts = grown(this.starts, new Float64Array(capacity));
    if (this.ends !== undefined) this.ends = grown(this.ends, new Float64Array(capacity));
    for (const column of this.columns) {
      if (column.fixed !== undefined) {
        const larger = emptyLike(column.fixed, capacity);
        setFixed(larger, column.fixed, { count: column.fixed.length, at: 0 });
        column.fixed = larger;
      }
      if (column.present !== undefined) {
        column.present = grown(column.present, new Uint8Array(capacity));
      }
    }
  }
}

/** Not by subtraction: both may be infinite. */
function compareNumbers(a: number, b: number): number {
  if (a < b) return -1;
  return a > b ? 1 : 0;
}

/** Unsigned bytes; where one begins the other, the shorter is first. */
export function compareSlices(slices: ByteSlices, a: number, b: number): number {
  const { bytes, starts, ends } = slices;
  const startA = starts[a];
  const startB = starts[b];
  const lengthA = ends[a] - startA;
  const lengthB = ends[b] - startB;
  const common = Math.min(lengthA, lengthB);
  for (let i = 0; i < common; i++) {
    const difference = bytes[startA + i] - bytes[startB + i];
    if (difference !== 0) return difference;
  }
  return lengthA - lengthB;
}

function kindOf(column: ColumnValues): ColumnKindName {
  const { values } = column;
  if (values instanceof Uint8Array) return "u8";
  if (values instanceof Int32Array) return "i32";
  if (values instanceof Float64Array) return "f64";
  return values instanceof BigInt64Array ? "i64" : "var";
}

function emptyLike(values: FixedValues, capacity: number): FixedValues {
  if (values instanceof Uint8Array) return new Uint8Array(capacity);
  if (values instanceof Int32Array) return new Int32Array(capacity);
  return values instanceof Float64Array ? new Float64Array(capacity) : new BigInt64Array(capacity);
}

function setFixed(
  to: FixedValues,
  from: FixedValues,
  range: { readonly count: number; readonly at: number },
): void {
  if (to instanceof BigInt64Array) {
    to.set((from as BigInt64Array).subarray(0, range.count), range.at);
  } else {
    to.set((from as Uint8Array).subarray(0, range.count), range.at);
  }
}
