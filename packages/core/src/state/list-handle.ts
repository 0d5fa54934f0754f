/*
 * Handle of a list state: the child rows of the current key, in order of position.
 */
import type { ChildValues } from "./child-source.ts";
import type { ListState } from "./descriptors.ts";
import type { Table } from "./table.ts";
import type { CurrentKey } from "./value-handle.ts";

/** See the file header. */
export class ListHandle implements ListState<unknown> {
  readonly #current: CurrentKey;
  readonly #table: Table;
  readonly #values: ChildValues;
  readonly #hasTtl: boolean;
  readonly #showsExpired: boolean;

  constructor(
    current: CurrentKey,
    table: Table,
    values: ChildValues,
    ttl: { readonly visibility?: string } | undefined,
  ) {
    this.#current = current;
    this.#table = table;
    this.#values = values;
    this.#hasTtl = ttl !== undefined;
    this.#showsExpired = ttl?.visibility === "returnExpiredIfNotCleanedUp";
  }

  add(value: unknown): void {
    this.#append(this.#current.ensureRow(), value);
  }

  addAll(values: Iterable<unknown>): void {
    for (const value of values) this.add(value);
  }

  #append(parentRow: number, value: unknown): void {
    const row = this.#table.links.append(parentRow);
    try {
      this.#values.write(this.#table, row, value, this.#now());
    } catch (error) {
      this.#table.remove(row);
      this.#current.release();
      throw error;
    }
  }

  #now(): number {
    return this.#hasTtl ? this.#current.clockNow() : 0;
  }

  *get(): Generator<unknown> {
    const parentRow = this.#current.currentRow;
    if (parentRow === 0) return;
    const table = this.#table;
    const now = this.#now();
    let row = table.links.firstOf(parentRow);
    while (row !== 0) {
      const next = table.links.nextOf(row);
      if (this.#values.isExpired(table, row, now)) {
        const shown = this.#showsExpired ? this.#values.read(table, row) : undefined;
        table.remove(row);
        if (next === 0) this.#current.release();
        if (this.#showsExpired) yield shown;
      } else {
        this.#values.refresh(table, row, now);
        yield this.#values.read(table, row);
      }
      row = next;
    }
  }

  update(values: Iterable<unknown>): void {
    const all = [...values];
    const { currentRow } = this.#current;
    if (currentRow !== 0) this.#table.links.clear(currentRow);
    if (all.length === 0) this.#current.release();
    else this.addAll(all);
  }

  clear(): void {
    const { currentRow } = this.#current;
    if (currentRow === 0) return;
    this.#table.links.clear(currentRow);
    this.#current.release();
  }

  get size(): number {
    const { currentRow } = this.#current;
    return currentRow === 0 ? 0 : this.#table.links.countOf(currentRow);
  }
}
