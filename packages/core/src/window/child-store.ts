/*
 * ChildStores: the lists and sets of accumulators (`collect`, `countDistinct`) as rows of child
 * tables. A list appends a row; a set is found by its text. Nothing is rewritten when a value
 * comes.
 */
import { assert } from "../assert.ts";
import { KeyColumn } from "../columns/key-column.ts";
import type { ChildTableSpec } from "../state/keyed-backend.ts";
import type { Table } from "../state/table.ts";
import { t } from "../types/t.ts";
import { FieldAccessor } from "./accumulator-fields.ts";
import type { AccumulatorChild } from "./aggregate.ts";
import { RowKeyReader } from "./row-key.ts";

/** The values of one child of a plan, per row of the accumulators' table. */
export interface ChildStore {
  /** Adds a value; whether it is new (lists: always). */
  add(row: number, value: unknown): boolean;
  /** Adds values; how many were new. */
  addAll(row: number, values: readonly unknown[]): number;
  values(row: number): readonly unknown[];
  clear(row: number): void;
}

/** Name of the column of a list's values. */
const VALUE = "value";

/** The child table that a child of a plan needs. */
export function childTableSpec(child: AccumulatorChild): ChildTableSpec {
  const place = { name: child.name, isAccumulator: true };
  if (child.kind === "set") return { ...place, keyType: t.string, columns: [] };
  const columns = [{ name: VALUE, type: child.type }];
  return { ...place, keyType: undefined, columns };
}

/** The store of a child over its table. */
export function childStore(child: AccumulatorChild, table: Table): ChildStore {
  return child.kind === "set" ? new SetStore(table) : new ListStore(table);
}

class ListStore implements ChildStore {
  readonly #table: Table;
  readonly #field: FieldAccessor;

  constructor(table: Table) {
    this.#table = table;
    this.#field = new FieldAccessor(table.layout, table.layout.columns[0]);
  }

  add(row: number, value: unknown): boolean {
    this.#field.set(this.#table, this.#table.links.append(row), value);
    return true;
  }

  addAll(row: number, values: readonly unknown[]): number {
    for (const value of values) this.add(row, value);
    return values.length;
  }

  values(row: number): readonly unknown[] {
    const { links } = this.#table;
    const values: unknown[] = [];
    for (let child = links.firstOf(row); child !== 0; child = links.nextOf(child)) {
      values.push(this.#field.get(this.#table, child));
    }
    return values;
  }

  clear(row: number): void {
    this.#table.links.clear(row);
  }
}

class SetStore implements ChildStore {
  readonly #table: Table;
  readonly #keys = new KeyColumn("string");
  readonly #text: string[] = [""];
  readonly #reader: RowKeyReader;

  constructor(table: Table) {
    assert(table.layout.keyKind === "string", "sets are tables of strings");
    this.#table = table;
    this.#reader = new RowKeyReader(table.layout);
    this.#keys.reset(1);
    this.#keys.strings = this.#text;
  }

  add(row: number, value: unknown): boolean {
    const table = this.#table;
    const before = table.rowsCount;
    this.#text[0] = value as string;
    table.code.upsert(table, this.#keys, 0, table.links.tokenOf(row), row);
    return table.rowsCount > before;
  }

  addAll(row: number, values: readonly unknown[]): number {
    let newCount = 0;
    for (const value of values) if (this.add(row, value)) newCount += 1;
    return newCount;
  }

  values(row: number): readonly string[] {
    const { links } = this.#table;
    const values: string[] = [];
    for (let child = links.firstOf(row); child !== 0; child = links.nextOf(child)) {
      values.push(this.#reader.read(this.#table, child) as string);
    }
    return values;
  }

  clear(row: number): void {
    this.#table.links.clear(row);
  }
}
