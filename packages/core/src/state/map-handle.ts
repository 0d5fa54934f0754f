/*
 * Handle of a map state: the child rows of the current key, found by map key.
 */
import type { ChildValues } from "./child-source.ts";
import type { MapState } from "./descriptors.ts";
import type { KeyProbe } from "./key-probe.ts";
import type { Table } from "./table.ts";
import type { CurrentKey } from "./value-handle.ts";
import type { MapKey } from "../types/type.ts";

/** What a map handle is made from. */
export interface MapHandleParts {
  readonly current: CurrentKey;
  readonly table: Table;
  readonly values: ChildValues;
  readonly probe: KeyProbe;
  readonly ttl: { readonly visibility?: string } | undefined;
}

/** See the file header. */
export class MapHandle implements MapState<MapKey, unknown> {
  readonly #current: CurrentKey;
  readonly #table: Table;
  readonly #values: ChildValues;
  readonly #probe: KeyProbe;
  readonly #hasTtl: boolean;
  readonly #showsExpired: boolean;

  constructor(parts: MapHandleParts) {
    this.#current = parts.current;
    this.#table = parts.table;
    this.#values = parts.values;
    this.#probe = parts.probe;
    this.#hasTtl = parts.ttl !== undefined;
    this.#showsExpired = parts.ttl?.visibility === "returnExpiredIfNotCleanedUp";
  }

  #now(): number {
    return this.#hasTtl ? this.#current.clockNow() : 0;
  }

  /** Row of a map key of the current key; 0: none. */
  #find(key: MapKey): number {
    this.#probe.set(key);
    const parentRow = this.#current.currentRow;
    if (parentRow === 0) return 0;
    const table = this.#table;
    const token = table.links.tokenIfAny(parentRow);
    return token === 0 ? 0 : table.code.find(table, this.#probe.keys, 0, token);
  }

  get(key: MapKey): unknown {
    const row = this.#find(key);
    if (row === 0) return undefined;
    const table = this.#table;
    const now = this.#now();
    if (!this.#values.isExpired(table, row, now)) {
      this.#values.refresh(table, row, now);
      return this.#values.read(table, row);
    }
    const shown = this.#showsExpired ? this.#values.read(table, row) : undefined;
    this.#remove(row);
    return shown;
  }

  set(key: MapKey, value: unknown): void {
    this.#probe.set(key);
    const parentRow = this.#current.ensureRow();
    const table = this.#table;
    const token = table.links.tokenOf(parentRow);
    const countBefore = table.rowsCount;
    const row = table.code.upsert(table, this.#probe.keys, 0, token, parentRow);
    try {
      this.#values.write(table, row, value, this.#now());
    } catch (error) {
      if (table.rowsCount > countBefore) this.#remove(row);
      throw error;
    }
  }

  has(key: MapKey): boolean {
    const row = this.#find(key);
    if (row === 0) return false;
    if (!this.#values.isExpired(this.#table, row, this.#now())) return true;
    this.#remove(row);
    return false;
  }

  delete(key: MapKey): boolean {
    const row = this.#find(key);
    if (row === 0) return false;
    const isExpired = this.#values.isExpired(this.#table, row, this.#now());
    this.#remove(row);
    return !isExpired;
  }

  #remove(row: number): void {
    this.#table.remove(row);
    this.#current.release();
  }

  *#rows(): Generator<number> {
    const parentRow = this.#current.currentRow;
    if (parentRow === 0) return;
    const table = this.#table;
    const now = this.#now();
    let row = table.links.firstOf(parentRow);
    while (row !== 0) {
      const next = table.links.nextOf(row);
      if (this.#values.isExpired(table, row, now)) {
        if (this.#showsExpired) yield row;
        else this.#remove(row);
      } else {
        this.#values.refresh(table, row, now);
        yield row;
      }
      row = next;
    }
  }

  *keys(): Generator<MapKey> {
    for (const row of this.#rows()) yield this.#keyOf(row);
  }

  *values(): Generator<unknown> {
    for (const row of this.#rows()) yield this.#values.read(this.#table, row);
  }

  *entries(): Generator<readonly [MapKey, unknown]> {
    for (const row of this.#rows()) yield [this.#keyOf(row), this.#values.read(this.#table, row)];
  }

  #keyOf(row: number): MapKey {
    this.#probe.setFromRow(this.#table, row);
    return this.#probe.value() as MapKey;
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
