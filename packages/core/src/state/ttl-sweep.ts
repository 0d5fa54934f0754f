/*
 * TtlSweep: looks at rows of tables with time to live, a bounded number per call, round and round,
 * so that expired values go although nobody reads them.
 */
import type { Table } from "./table.ts";

interface Swept {
  readonly table: Table;
  readonly expire: (row: number, now: number) => void;
}

/** See the file header. */
export class TtlSweep {
  readonly #swept: Swept[] = [];
  readonly #removeIfEmpty: (mainRow: number) => void;
  #at = 0;
  #row = 0;

  /** `removeIfEmpty` is called for rows of tables without parent after a look. */
  constructor(removeIfEmpty: (mainRow: number) => void) {
    this.#removeIfEmpty = removeIfEmpty;
  }

  add(table: Table, expire: (row: number, now: number) => void): void {
    this.#swept.push({ table, expire });
  }

  /** Looks at up to `rowsMax` rows. */
  run(rowsMax: number, now: number): void {
    if (this.#swept.length === 0) return;
    let ends = 0;
    for (let left = rowsMax; left > 0; left--) {
      const { table, expire } = this.#swept[this.#at];
      this.#row = table.nextRow(this.#row);
      if (this.#row === 0) {
        this.#at = (this.#at + 1) % this.#swept.length;
        ends += 1;
        if (ends > this.#swept.length) return;
        continue;
      }
      if (table.parent !== undefined) {
        if (!table.links.isDetached(this.#row)) expire(this.#row, now);
        continue;
      }
      const before = table.removalsCount;
      expire(this.#row, now);
      if (table.removalsCount === before) this.#removeIfEmpty(this.#row);
    }
  }
}
