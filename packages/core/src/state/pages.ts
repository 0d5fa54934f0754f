/*
 * Page: a stretch of memory for rows, with one view per width, since a typed-array access through a
 * view is the fastest memory access there is. Rows never move within the address space of row ids;
 * only a table's first page is replaced by a larger one while the table is small.
 */

/** Views on one page. Generated code reads and writes them directly. */
export class Page {
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  readonly u8: Uint8Array;
  readonly i64: BigInt64Array;

  constructor(sizeBytes: number) {
    const buffer = new ArrayBuffer(sizeBytes);
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.i64 = new BigInt64Array(buffer);
  }
}

/** Bits per row, growing. Bit of row r: word r >> 5, bit r & 31. */
export class RowBits {
  words: Int32Array;

  constructor(rowsCount = 0) {
    this.words = new Int32Array(Math.max(4, (rowsCount + 31) >>> 5));
  }

  has(row: number): boolean {
    return (this.words[row >>> 5] & (1 << (row & 31))) !== 0;
  }

  add(row: number): void {
    const word = row >>> 5;
    if (word >= this.words.length) this.#grow(word);
    this.words[word] |= 1 << (row & 31);
  }

  /**
   * Makes room for the bits of all rows below `rowsCount`, so that `words` stays while they are
   * set.
   */
  reserve(rowsCount: number): void {
    const word = rowsCount >>> 5;
    if (word >= this.words.length) this.#grow(word);
  }

  delete(row: number): void {
    const word = row >>> 5;
    if (word < this.words.length) this.words[word] &= ~(1 << (row & 31));
  }

  #grow(word: number): void {
    const grown = new Int32Array(Math.max(word + 1, this.words.length * 2));
    grown.set(this.words);
    this.words = grown;
  }

  /** Adds all bits of `other`. */
  addAll(other: RowBits): void {
    const from = other.words;
    if (from.length > this.words.length) this.#grow(from.length - 1);
    const { words } = this;
    for (let word = 0; word < from.length; word++) words[word] |= from[word];
  }

  /** Keeps the bits that `other` has too. */
  retain(other: RowBits): void {
    const { words } = this;
    const kept = other.words;
    for (let word = 0; word < words.length; word++) {
      words[word] &= word < kept.length ? kept[word] : 0;
    }
  }

  copy(): RowBits {
    const bits = new RowBits();
    bits.words = this.words.slice();
    return bits;
  }

  /** The smallest row > `row` that has its bit; 0: none. */
  next(row: number): number {
    const { words } = this;
    let word = (row + 1) >>> 5;
    if (word >= words.length) return 0;
    let bits = words[word] & (-1 << ((row + 1) & 31));
    while (bits === 0) {
      word += 1;
      if (word >= words.length) return 0;
      bits = words[word];
    }
    return (word << 5) + (31 - Math.clz32(bits & -bits));
  }

  get sizeBytes(): number {
    return this.words.byteLength;
  }
}
