/*
 * Arena: memory for the variable-size values of one table, in size classes (16-byte steps to 128,
 * then +25 %), with reuse in place and free cells per slab. A reference is slab << 14 | offset in
 * units of 16 bytes; 0 means "no cell" (an empty value needs none). Values above `CLASS_BYTES_MAX`
 * have a slab each.
 *
 * A cell's class follows from the value's size alone, so nothing but reference and size is kept in
 * rows. Every slab knows the row that owns each cell, so that a mostly free slab can be emptied
 * into others.
 *
 * I1. A cell has one owner: the row given at `allocate`.
 * I2. `evacuate` moves bytes and tells the owner; it never changes what a value is.
 */
import { assert } from "../assert.ts";

const UNIT_SHIFT = 4;
const SLAB_SHIFT = 14;
const OFFSET_MASK = (1 << SLAB_SHIFT) - 1;
const SLABS_MAX = 1 << (31 - SLAB_SHIFT);
/** Largest slab of cells. */
export const SLAB_BYTES_MAX = 1 << (SLAB_SHIFT + UNIT_SHIFT);
const SLAB_BYTES_MIN = 1024;
/** Largest value that shares a slab. */
export const CLASS_BYTES_MAX = 32 * 1024;
/** End of a list of free cells. */
const NO_CELL = -1;

/** Bytes of each size class. */
export const CLASS_BYTES: readonly number[] = classSizes();
/** Class by size in units, up to 2048 bytes. */
const CLASS_OF_UNITS = classTable();

/** Told when a cell of `row` moved. */
export type MoveListener = (row: number, from: number, to: number) => void;

/** Cells of one size; free ones are linked through `owners`. */
class Slab {
  readonly index: number;
  readonly sizeClass: number;
  readonly cellUnits: number;
  readonly bytes: Uint8Array;
  /** Owner row per cell (> 0), or ≤ 0: −(next free cell + 1). */
  readonly owners: Int32Array;
  readonly cellsCount: number;
  usedCount = 0;
  /** Cells from here on were never used. */
  bump = 0;
  freeCell = NO_CELL;
  isListed = false;
  isEvacuating = false;

  constructor(index: number, sizeClass: number, cellBytes: number, cellsCount: number) {
    this.index = index;
    this.sizeClass = sizeClass;
    this.cellUnits = cellBytes >>> UNIT_SHIFT;
    this.bytes = new Uint8Array(new ArrayBuffer(cellBytes * cellsCount));
    this.owners = new Int32Array(cellsCount);
    this.cellsCount = cellsCount;
  }

  get isFull(): boolean {
    return this.usedCount === this.cellsCount;
  }
}

/** One size class: slabs with free cells, and how many cells there are. */
interface SizeClass {
  readonly partial: Slab[];
  current: Slab | undefined;
  slabsCount: number;
  cellsCount: number;
  usedCount: number;
}

/** See the file header. */
export class Arena {
  /** Bytes of each slab by index; a value lies at `offsetOf(ref)`. Read-only for others. */
  readonly slabs: Uint8Array[] = [new Uint8Array(0)];
  readonly #meta: (Slab | undefined)[] = [undefined];
  readonly #freeIndexes: number[] = [];
  readonly #classes: SizeClass[] = [];
  #sizeBytes = 0;
  #evacuating: Slab | undefined;
  #evacuatedCell = 0;

  /** Bytes of all slabs. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** A cell for `size` bytes owned by `row`; contents unspecified. 0 for size 0. */
  allocate(size: number, row: number): number {
    if (size === 0) return 0;
    assert(row > 0, "arena: a cell without an owner");
    if (size > CLASS_BYTES_MAX) return this.#allocateLarge(size, row);
    const index = classOf(size);
    const sizeClass = (this.#classes[index] ??= newClass());
    let slab = sizeClass.current;
    if (slab === undefined || slab.isFull || slab.isEvacuating) {
      slab = this.#slabWithRoom(sizeClass, index);
    }
    let cell = slab.freeCell;
    if (cell === NO_CELL) cell = slab.bump++;
    else slab.freeCell = -slab.owners[cell] - 1;
    slab.owners[cell] = row;
    slab.usedCount += 1;
    sizeClass.usedCount += 1;
    return (slab.index << SLAB_SHIFT) | (cell * slab.cellUnits);
  }

  /** Gives a cell back. */
  free(ref: number, size: number): void {
    if (ref === 0) return;
    const slab = this.#meta[ref >>> SLAB_SHIFT];
    assert(slab !== undefined, "arena: a reference into a released slab");
    if (size > CLASS_BYTES_MAX) {
      this.#release(slab);
      return;
    }
    const cell = (ref & OFFSET_MASK) / slab.cellUnits;
    assert(slab.owners[cell] > 0, "arena: a cell is freed twice");
    slab.owners[cell] = -(slab.freeCell + 1);
    slab.freeCell = cell;
    slab.usedCount -= 1;
    const sizeClass = this.#classes[slab.sizeClass];
    sizeClass.usedCount -= 1;
    if (slab.isEvacuating || slab === sizeClass.current || slab.isListed) return;
    slab.isListed = true;
    sizeClass.partial.push(slab);
  }

  /**
   * Whether a value of the new size fits into the cell of one of the old size, exactly its class.
   */
  isSameClass(oldSize: number, newSize: number): boolean {
    if (oldSize === 0 || newSize === 0) return oldSize === newSize;
    if (oldSize > CLASS_BYTES_MAX || newSize > CLASS_BYTES_MAX) return false;
    return classOf(oldSize) === classOf(newSize);
  }

  /** Moves up to `cellsMax` cells out of mostly free slabs. False: there is nothing to gain. */
  evacuate(cellsMax: number, onMove: MoveListener): boolean {
    const slab = this.#evacuating ?? this.#chooseSlab();
    if (slab === undefined) return false;
    let left = cellsMax;
    while (slab.usedCount > 0 && left > 0) {
      const cell = this.#evacuatedCell++;
      left -= 1;
      assert(cell < slab.bump, "arena: used cells of a slab are not found");
      const row = slab.owners[cell];
      if (row > 0) this.#moveCell(slab, cell, onMove);
    }
    if (slab.usedCount === 0) {
      this.#evacuating = undefined;
      this.#release(slab);
    }
    return true;
  }

  #moveCell(slab: Slab, cell: number, onMove: MoveListener): void {
    const row = slab.owners[cell];
    const cellBytes = slab.cellUnits << UNIT_SHIFT;
    const from = (slab.index << SLAB_SHIFT) | (cell * slab.cellUnits);
    const to = this.allocate(cellBytes, row);
    const start = cell * cellBytes;
    this.slabs[to >>> SLAB_SHIFT].set(slab.bytes.subarray(start, start + cellBytes), offsetOf(to));
    onMove(row, from, to);
    this.free(from, cellBytes);
  }

  /** The emptiest slab of a class in which more than half of the cells are free. */
  #chooseSlab(): Slab | undefined {
    for (const sizeClass of this.#classes) {
      if (sizeClass === undefined || sizeClass.slabsCount < 2) continue;
      if (sizeClass.usedCount * 2 >= sizeClass.cellsCount) continue;
      const slab = emptiest(sizeClass);
      // What is moved must fit into what stays.
      if (slab === undefined || sizeClass.usedCount > sizeClass.cellsCount - slab.cellsCount)
        continue;
      sizeClass.partial.splice(sizeClass.partial.indexOf(slab), 1);
      slab.isListed = false;
      slab.isEvacuating = true;
      this.#evacuating = slab;
      this.#evacuatedCell = 0;
      return slab;
    }
    return undefined;
  }

  #slabWithRoom(sizeClass: SizeClass, index: number): Slab {
    let slab = sizeClass.partial.pop();
    if (slab === undefined) {
      const cellBytes = CLASS_BYTES[index];
      const wanted = Math.min(
        SLAB_BYTES_MAX,
        SLAB_BYTES_MIN << (Math.min(sizeClass.slabsCount, 4) * 2),
      );
      const cellsCount = Math.max(
        sizeClass.slabsCount === 0 ? 2 : 4,
        Math.floor(wanted / cellBytes),
      );
      slab = this.#newSlab(index, cellBytes, cellsCount);
      sizeClass.slabsCount += 1;
      sizeClass.cellsCount += slab.cellsCount;
    }
    slab.isListed = false;
    const previous = sizeClass.current;
    if (previous !== undefined && !previous.isFull && !previous.isEvacuating) {
      previous.isListed = true;
      sizeClass.partial.push(previous);
    }
    sizeClass.current = slab;
    return slab;
  }

  #newSlab(sizeClass: number, cellBytes: number, cellsCount: number): Slab {
    const index = this.#freeIndexes.pop() ?? this.slabs.length;
    assert(index < SLABS_MAX, "arena: a table holds more than 32 GB of variable-size values");
    const slab = new Slab(index, sizeClass, cellBytes, cellsCount);
    this.slabs[index] = slab.bytes;
    this.#meta[index] = slab;
    this.#sizeBytes += slab.bytes.length + slab.owners.byteLength;
    return slab;
  }

  #allocateLarge(size: number, row: number): number {
    const slab = this.#newSlab(-1, (size + 15) & ~15, 1);
    slab.owners[0] = row;
    slab.usedCount = 1;
    slab.bump = 1;
    return slab.index << SLAB_SHIFT;
  }

  #release(slab: Slab): void {
    this.slabs[slab.index] = this.slabs[0];
    this.#meta[slab.index] = undefined;
    this.#freeIndexes.push(slab.index);
    this.#sizeBytes -= slab.bytes.length + slab.owners.byteLength;
    if (slab.sizeClass < 0) return;
    const sizeClass = this.#classes[slab.sizeClass];
    sizeClass.slabsCount -= 1;
    sizeClass.cellsCount -= slab.cellsCount;
  }
}

/** Byte offset of a reference in its slab. */
export function offsetOf(ref: number): number {
  return (ref & OFFSET_MASK) << UNIT_SHIFT;
}

/** Index of a reference's slab in `Arena.slabs`. */
export function slabOf(ref: number): number {
  return ref >>> SLAB_SHIFT;
}

/** Size class of a value of 1 to `CLASS_BYTES_MAX` bytes. */
export function classOf(size: number): number {
  const units = (size + 15) >>> UNIT_SHIFT;
  if (units < CLASS_OF_UNITS.length) return CLASS_OF_UNITS[units];
  let index = CLASS_OF_UNITS[CLASS_OF_UNITS.length - 1];
  while (CLASS_BYTES[index] < size) index += 1;
  return index;
}

function emptiest(sizeClass: SizeClass): Slab | undefined {
  let best: Slab | undefined;
  for (const slab of sizeClass.partial) {
    const isBetter =
      best === undefined || slab.usedCount * best.cellsCount < best.usedCount * slab.cellsCount;
    if (isBetter) best = slab;
  }
  return best;
}

function newClass(): SizeClass {
  return { partial: [], current: undefined, slabsCount: 0, cellsCount: 0, usedCount: 0 };
}

function classSizes(): number[] {
  const sizes: number[] = [];
  for (let size = 16; size < 128; size += 16) sizes.push(size);
  for (let size = 128; size < CLASS_BYTES_MAX; size = (Math.ceil(size * 1.25) + 15) & ~15) {
    sizes.push(size);
  }
  sizes.push(CLASS_BYTES_MAX);
  return sizes;
}

function classTable(): Uint8Array {
  const table = new Uint8Array(2048 / 16 + 1);
  let index = 0;
  for (let units = 1; units < table.length; units++) {
    if (CLASS_BYTES[index] < units * 16) index += 1;
    table[units] = index;
  }
  return table;
}
