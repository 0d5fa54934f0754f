/*
 * TimerHeap: rows by timestamp, earliest first; a binary heap over two typed arrays. Entries are
 * never removed from the middle: whoever takes one checks that its row is still that timer, and the
 * heap is rebuilt when most entries are stale.
 */

/** See the file header. */
export class TimerHeap {
  #timestamps = new Float64Array(64);
  #rows = new Int32Array(64);
  #count = 0;

  /** Entries, stale ones included. */
  get count(): number {
    return this.#count;
  }

  /** Timestamp of the first entry; Infinity for none. */
  get firstTimestamp(): number {
    return this.#count === 0 ? Infinity : this.#timestamps[0];
  }

  /** Row of the first entry; 0 for none. */
  get firstRow(): number {
    return this.#count === 0 ? 0 : this.#rows[0];
  }

  push(timestamp: number, row: number): void {
    if (this.#count === this.#rows.length) this.#grow();
    const timestamps = this.#timestamps;
    const rows = this.#rows;
    let at = this.#count++;
    while (at > 0) {
      const above = (at - 1) >>> 1;
      if (timestamps[above] <= timestamp) break;
      timestamps[at] = timestamps[above];
      rows[at] = rows[above];
      at = above;
    }
    timestamps[at] = timestamp;
    rows[at] = row;
  }

  /** Removes the first entry. */
  pop(): void {
    const timestamps = this.#timestamps;
    const rows = this.#rows;
    const count = --this.#count;
    const timestamp = timestamps[count];
    const row = rows[count];
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= count) break;
      if (below + 1 < count && timestamps[below + 1] < timestamps[below]) below += 1;
      if (timestamps[below] >= timestamp) break;
      timestamps[at] = timestamps[below];
      rows[at] = rows[below];
      at = below;
    }
    timestamps[at] = timestamp;
    rows[at] = row;
  }

  clear(): void {
    this.#count = 0;
  }

  get sizeBytes(): number {
    return this.#rows.byteLength + this.#timestamps.byteLength;
  }

  #grow(): void {
    const timestamps = new Float64Array(this.#count * 2);
    timestamps.set(this.#timestamps);
    this.#timestamps = timestamps;
    const rows = new Int32Array(this.#count * 2);
    rows.set(this.#rows);
    this.#rows = rows;
  }
}
