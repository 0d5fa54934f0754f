/*
 * Lists and sets of sessions: rows of child tables hang at keys, not at sessions, so each row says
 * which session it belongs to. Contract: `child-store.ts`.
 *
 * I1. A row here belongs to the session with its id; when sessions merge, the values are added to
 *     the one that stays and cleared from the others.
 */
import { KeyColumn } from "../columns/key-column.ts";
import type { ChildTableSpec } from "../state/keyed-backend.ts";
import type { Table } from "../state/table.ts";
import { t } from "../types/t.ts";
import { FieldAccessor } from "./accumulator-fields.ts";
import type { AccumulatorChild } from "./aggregate.ts";
import type { ChildStore } from "./child-store.ts";
import { RowKeyReader } from "./row-key.ts";
import type { SessionTable } from "./session-table.ts";

/** The child table that a child of a plan needs when accumulators are sessions. */
export function sessionChildSpec(child: AccumulatorChild): ChildTableSpec {
  const place = { name: child.name, isAccumulator: true };
  if (child.kind === "set") return { ...place, keyType: t.string, columns: [] };
  const columns = [
    { name: "session", type: t.timestamp },
    { name: "value", type: child.type },
  ];
  return { ...place, keyType: undefined, columns };
}

/** The store of a child over its table. */
export function sessionStore(
  child: AccumulatorChild,
  table: Table,
  sessions: SessionTable,
): ChildStore {
  const Store = child.kind === "set" ? SessionSetStore : SessionListStore;
  return new Store(table, sessions);
}

class SessionListStore implements ChildStore {
  readonly #table: Table;
  readonly #sessions: SessionTable;
  readonly #session: FieldAccessor;
  readonly #value: FieldAccessor;

  constructor(table: Table, sessions: SessionTable) {
    this.#table = table;
    this.#sessions = sessions;
    const [session, value] = table.layout.columns;
    this.#session = new FieldAccessor(table.layout, session);
    this.#value = new FieldAccessor(table.layout, value);
  }

  add(row: number, value: unknown): boolean {
    const child = this.#table.links.append(this.#sessions.table.parentRowOf(row));
    this.#session.set(this.#table, child, this.#sessions.idOf(row));
    this.#value.set(this.#table, child, value);
    return true;
  }

  addAll(row: number, values: readonly unknown[]): number {
    for (const value of values) this.add(row, value);
    return values.length;
  }

  values(row: number): readonly unknown[] {
    return this.#rowsOf(row).map((child) => this.#value.get(this.#table, child));
  }

  clear(row: number): void {
    for (const child of this.#rowsOf(row)) this.#table.remove(child);
  }

  #rowsOf(row: number): number[] {
    const { links } = this.#table;
    const id = this.#sessions.idOf(row);
    const rows: number[] = [];
    let child = links.firstOf(this.#sessions.table.parentRowOf(row));
    for (; child !== 0; child = links.nextOf(child)) {
      if (this.#session.get(this.#table, child) === id) rows.push(child);
    }
    return rows;
  }
}

class SessionSetStore implements ChildStore {
  readonly #table: Table;
  readonly #sessions: SessionTable;
  readonly #keys = new KeyColumn("string");
  readonly #text: string[] = [""];
  readonly #reader: RowKeyReader;

  constructor(table: Table, sessions: SessionTable) {
    this.#table = table;
    this.#sessions = sessions;
    this.#reader = new RowKeyReader(table.layout);
    this.#keys.reset(1);
    this.#keys.strings = this.#text;
  }

  add(row: number, value: unknown): boolean {
    const table = this.#table;
    const before = table.rowsCount;
    const parent = this.#sessions.table.parentRowOf(row);
    this.#text[0] = this.#prefixOf(row) + (value as string);
    table.code.upsert(table, this.#keys, 0, table.links.tokenOf(parent), parent);
    return table.rowsCount > before;
  }

  addAll(row: number, values: readonly unknown[]): number {
    let newCount = 0;
    for (const value of values) if (this.add(row, value)) newCount += 1;
    return newCount;
  }

  values(row: number): readonly string[] {
    return this.#entriesOf(row).map(({ text }) => text);
  }

  clear(row: number): void {
    for (const { child } of this.#entriesOf(row)) this.#table.remove(child);
  }

  #prefixOf(row: number): string {
    return `${this.#sessions.idOf(row)} `;
  }

  #entriesOf(row: number): { readonly child: number; readonly text: string }[] {
    const { links } = this.#table;
    const prefix = this.#prefixOf(row);
    const entries: { readonly child: number; readonly text: string }[] = [];
    let child = links.firstOf(this.#sessions.table.parentRowOf(row));
    for (; child !== 0; child = links.nextOf(child)) {
      const key = this.#reader.read(this.#table, child) as string;
      if (key.startsWith(prefix)) entries.push({ child, text: key.slice(prefix.length) });
    }
    return entries;
  }
}
