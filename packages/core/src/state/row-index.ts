/*
 * RowIndex: hash → row. Open addressing with linear probing; a slot holds the 32-bit hash and the
 * row, so that probing and splitting never touch rows. While small it is one flat segment that
 * doubles; above `FLAT_SLOTS` it is extendible hashing: a directory over the hash's top bits points
 * to segments of `SEGMENT_SLOTS`, and a full segment splits in two. So no insertion ever moves more
 * than a flat segment once, and later one segment.
 *
 * A segment is an Int32Array of slots × 2 (hash, row; row 0: empty) plus two words: count, local
 * depth. It is never persisted; whoever loads rows fills it again.
 *
 * I1. A slot's position comes from the hash's low bits, its segment from the high bits.
 * I2. Between a hash's home slot and its slot no slot is empty (removal shifts back; no
 *     tombstones).
 * I3. A segment is at most three quarters full, a flat one of up to `SPARSE_SLOTS` half; one that
 *     cannot split further (equal hashes) doubles instead.
 */
import { assert } from "../assert.ts";

/** Slots of a segment of the extendible index. A power of two. */
export const SEGMENT_SLOTS = 4096;
/** Slots up to which the index is one flat segment; moving it all takes about a millisecond. */
export const FLAT_SLOTS = 65536;
/** Deepest directory: 2^22 entries cover 10^10 rows. */
const DEPTH_MAX = 22;
const SLOTS_MIN = 8;
/**
 * Flat segments up to here are half full at most: a batch is looked up fastest where rows are in
 * their home slots. Larger ones would lose more by misses than they gain.
 */
const SPARSE_SLOTS = 32768;

/** See the file header. */
export class RowIndex {
  /** Segment of a hash: `directory[hash >>> shift]`. At least two entries. */
  directory: Int32Array[];
  /** 32 − depth of the directory. */
  shift = 31;
  #isFlat = true;
  #sizeBytes = 0;

  constructor() {
    const segment = newSegment(SLOTS_MIN, 0);
    this.directory = [segment, segment];
    this.#sizeBytes = segment.byteLength;
  }

  get sizeBytes(): number {
    return this.#sizeBytes + this.directory.length * 8;
  }

  /** Adds a row under a hash. The caller knows that the row is not there. */
  insert(hash: number, row: number): void {
    let segment = this.directory[hash >>> this.shift];
    if (this.#isFull(segment)) {
      this.#makeRoom(segment, hash);
      segment = this.directory[hash >>> this.shift];
    }
    place(segment, hash, row);
  }

  #isFull(segment: Int32Array): boolean {
    // A slot is two words.
    const slots = (segment.length - 2) >> 1;
    const quarters = this.#isFlat && slots <= SPARSE_SLOTS ? 2 : 3;
    return segment[segment.length - 2] * 4 >= slots * quarters;
  }

  /** Removes the entry of a row. It must be there. */
  remove(hash: number, row: number): void {
    const segment = this.directory[hash >>> this.shift];
    const mask = segment.length - 4;
    let slot = (hash << 1) & mask;
    while (segment[slot + 1] !== row) {
      assert(segment[slot + 1] !== 0, "row index: a row is not where its hash says");
      slot = (slot + 2) & mask;
    }
    segment[segment.length - 2] -= 1;
    let hole = slot;
    for (;;) {
      slot = (slot + 2) & mask;
      if (segment[slot + 1] === 0) break;
      const home = (segment[slot] << 1) & mask;
      // Move back unless the entry's home lies cyclically in (hole, slot].
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        segment[hole] = segment[slot];
        segment[hole + 1] = segment[slot + 1];
        hole = slot;
      }
    }
    segment[hole] = 0;
    segment[hole + 1] = 0;
  }

  /** Makes room for about `rowsCount` rows; before the first one. */
  reserve(rowsCount: number): void {
    let slots = SLOTS_MIN;
    while (slots < rowsCount * 2 && slots < FLAT_SLOTS) slots *= 2;
    const segment = newSegment(slots, 0);
    this.directory = [segment, segment];
    this.#sizeBytes = segment.byteLength;
  }

  /** Removes everything and keeps the room. */
  clear(): void {
    // Entries of one segment are neighbours.
    let cleared: Int32Array | undefined;
    for (const segment of this.directory) {
      if (segment !== cleared) segment.fill(0, 0, segment.length - 1);
      cleared = segment;
    }
  }

  #makeRoom(segment: Int32Array, hash: number): void {
    const slots = (segment.length - 2) >> 1;
    if (this.#isFlat) {
      if (slots < FLAT_SLOTS) this.#growFlat(segment, slots * 2);
      else this.#leaveFlat(segment);
      if (this.#isFlat) return;
      const mine = this.directory[hash >>> this.shift];
      if (!this.#isFull(mine)) return;
      segment = mine;
    }
    if (segment[segment.length - 1] >= DEPTH_MAX || !spreads(segment)) this.#grow(segment, hash);
    else this.#split(segment, hash);
  }

  #growFlat(segment: Int32Array, slots: number): void {
    const grown = newSegment(slots, 0);
    moveAll(segment, grown);
    this.directory = [grown, grown];
    this.#sizeBytes = grown.byteLength;
  }

  /** From one flat segment to 2^k segments that are at most half full on average. */
  #leaveFlat(flat: Int32Array): void {
    const depth = 31 - Math.clz32(FLAT_SLOTS / SEGMENT_SLOTS) + 1;
    const segments = Array.from({ length: 1 << depth }, () => newSegment(SEGMENT_SLOTS, depth));
    this.directory = segments;
    this.shift = 32 - depth;
    this.#isFlat = false;
    this.#sizeBytes = segments.length * segments[0].byteLength;
    for (let slot = 0; slot < flat.length - 2; slot += 2) {
      if (flat[slot + 1] !== 0) this.insert(flat[slot], flat[slot + 1]);
    }
  }

  #split(segment: Int32Array, hash: number): void {
    const depth = segment[segment.length - 1];
    if (depth === 32 - this.shift) this.#doubleDirectory();
    const slots = (segment.length - 2) >> 1;
    const low = newSegment(slots, depth + 1);
    const high = newSegment(slots, depth + 1);
    const bit = 31 - depth;
    for (let slot = 0; slot < segment.length - 2; slot += 2) {
      const row = segment[slot + 1];
      if (row === 0) continue;
      const entryHash = segment[slot];
      place(((entryHash >>> bit) & 1) === 0 ? low : high, entryHash, row);
    }
    this.#sizeBytes += low.byteLength * 2 - segment.byteLength;
    const width = 1 << (32 - this.shift - depth);
    const first = ((hash >>> this.shift) & -width) >>> 0;
    for (let entry = 0; entry < width; entry++) {
      this.directory[first + entry] = entry < width >> 1 ? low : high;
    }
    // All in one half: that half is as full as before.
    const half = this.directory[hash >>> this.shift];
    if (this.#isFull(half)) this.#makeRoom(half, hash);
  }

  #doubleDirectory(): void {
    const doubled: Int32Array[] = [];
    for (const segment of this.directory) doubled.push(segment, segment);
    this.directory = doubled;
    this.shift -= 1;
  }

  #grow(segment: Int32Array, hash: number): void {
    const depth = segment[segment.length - 1];
    const grown = newSegment(segment.length - 2, depth);
    moveAll(segment, grown);
    this.#sizeBytes += grown.byteLength - segment.byteLength;
    const width = 1 << (32 - this.shift - depth);
    const first = ((hash >>> this.shift) & -width) >>> 0;
    this.directory.fill(grown, first, first + width);
  }
}

/** `slots` a power of two. */
function newSegment(slots: number, depth: number): Int32Array {
  const segment = new Int32Array(slots * 2 + 2);
  segment[segment.length - 1] = depth;
  return segment;
}

function place(segment: Int32Array, hash: number, row: number): void {
  const mask = segment.length - 4;
  let slot = (hash << 1) & mask;
  while (segment[slot + 1] !== 0) slot = (slot + 2) & mask;
  segment[slot] = hash;
  segment[slot + 1] = row;
  segment[segment.length - 2] += 1;
}

function moveAll(from: Int32Array, to: Int32Array): void {
  for (let slot = 0; slot < from.length - 2; slot += 2) {
    if (from[slot + 1] !== 0) place(to, from[slot], from[slot + 1]);
  }
}

/** Whether splitting can help: not all hashes are equal. */
function spreads(segment: Int32Array): boolean {
  let first = 0;
  let seen = false;
  for (let slot = 0; slot < segment.length - 2; slot += 2) {
    if (segment[slot + 1] === 0) continue;
    if (seen && segment[slot] !== first) return true;
    first = segment[slot];
    seen = true;
  }
  return false;
}
