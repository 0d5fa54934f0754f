/*
 * LoadPlan: how rows that were stored with some schemas become rows of the tables that an operator
 * declares now. Made once per segment from its footer, before any row is read.
 *
 * What the footer does not know begins empty, or with its initial value. Invariants P1 to P4:
 * docs/semantics/state.md, "Loading". Rules: docs/semantics/savepoints.md, "Changing types". Shape
 * of the schemas: docs/formats/segment.md, "Schemas".
 */
import { assert } from "../assert.ts";
import { oxbowError } from "../errors.ts";
import { evolveType } from "../types/evolution.ts";
import { renderType, typeOfSchema } from "../types/schema.ts";
import type { Type } from "../types/type.ts";
import { VALUE_COLUMN } from "./child-source.ts";
import { type ColumnPart, dropColumn, isSameType, type TypedColumn } from "./column-conversion.ts";
import type { StateDescriptor, StateDescriptors } from "./descriptors.ts";
import type { ColumnKind, ColumnLayout, RowLayout } from "./layout.ts";
import type { ColumnValues, RowColumns } from "./row-chunk.ts";
import {
  changeOf,
  isDropped,
  KEY_PATH,
  matchNames,
  type MayDrop,
  migrationOf,
  stateMismatch,
} from "./state-evolution.ts";
import {
  EVENT_TIMERS_TABLE,
  isChildState,
  MAIN_TABLE,
  PROCESSING_TIMERS_TABLE,
} from "./state-tables.ts";
import {
  droppedParts,
  fieldPart,
  type ValueChange,
  valueParts,
  type ValuePlace,
} from "./value-conversion.ts";

/** What a snapshot says of rows that it holds. */
export interface LoadOrigin {
  /** `KeyedBackend.schemas` of the backend that the rows are of. */
  readonly schemas: Readonly<Record<string, unknown>>;
  /** States, by their stored names, that are left out where they are not declared any more. */
  readonly mayDrop?: MayDrop;
}

/** What an operator declares, as far as loading is concerned. */
export interface LoadTables {
  readonly uid: string;
  readonly keyType: Type<unknown>;
  readonly states: StateDescriptors;
  readonly main: RowLayout;
  /** Plain columns of main. */
  readonly addedColumns: readonly string[];
  /** Child tables of main that are no states, families of panes, and their child tables. */
  readonly tables: ReadonlyMap<string, RowLayout>;
}

/** How rows of one stored table are read. */
interface TablePlan {
  /** Name of the table now; undefined: the rows are left out. */
  readonly table: string | undefined;
  readonly parts: ColumnPart[];
}

/** See the file header. */
export class LoadPlan {
  readonly #tables: LoadTables;
  readonly #mayDrop: MayDrop;
  readonly #plans = new Map<string, TablePlan>();
  readonly #main: TablePlan = { table: MAIN_TABLE, parts: [] };
  readonly #hadWindows: boolean;
  /** Whether the rows that come out have another schema than those that go in. */
  isConverting = false;

  /** STATE_MISMATCH for what cannot go on, SCHEMA_UNREADABLE for what is no schema. */
  constructor(tables: LoadTables, { schemas, mayDrop = new Set() }: LoadOrigin) {
    this.#tables = tables;
    this.#mayDrop = mayDrop;
    this.#plans.set(MAIN_TABLE, this.#main);
    const states = new Map<string, StoredEntry>();
    const own: [string, StoredEntry][] = [];
    for (const [name, schema] of Object.entries(schemas)) {
      if (name === KEY_SCHEMA) {
        this.#checkKeys(schema);
        continue;
      }
      const entry = this.#readEntry(name, schema);
      if (STATE_KINDS.has(entry.kind)) states.set(name, entry);
      else own.push([name, entry]);
    }
    this.#hadWindows = own.some(([name, { kind }]) => kind === "panes" || name === SESSIONS);
    this.#planStates(states);
    for (const [name, entry] of own) this.#planOwn(name, entry);
    this.#checkGained(own);
    for (const { table, parts } of this.#plans.values()) {
      if (table === undefined || parts.some((part) => !part.isSame)) this.isConverting = true;
    }
  }

  /** The rows as the tables take them; undefined: they are left out. */
  rowsOf(rows: RowColumns): RowColumns | undefined {
    if (TIMER_TABLES.has(rows.table)) return this.#timersOf(rows);
    const plan = this.#plans.get(rows.table);
    if (plan === undefined) throw this.#unknown(rows.table, "a table that its schemas lack");
    const { table, parts } = plan;
    if (table === undefined) return undefined;
    if (rows.kind !== "puts") return { ...rows, table };
    this.#checkColumns(rows, parts);
    if (parts.every((part) => part.isSame)) return { ...rows, table };
    const stored = new Map(rows.columns.map((column) => [column.name, column]));
    return { ...rows, table, columns: parts.flatMap((part) => part.make(stored, rows.count)) };
  }

  /** Timers of windows would fire at nothing of another operator, or at the wrong place. */
  #timersOf(rows: RowColumns): RowColumns | undefined {
    const now = [...this.#tables.tables].some(([name, { parent }]) => !parent || name === SESSIONS);
    if (this.#hadWindows === now) return rows;
    if ([rows.table, WINDOWS].some((name) => isDropped(this.#mayDrop, name))) return undefined;
    throw this.#undeclared(
      rows.table,
      this.#hadWindows ? "timers of windows" : "timers of no windows",
    );
  }

  /** P1. */
  #checkColumns(rows: RowColumns, parts: readonly ColumnPart[]): void {
    const expected = new Map<string, ColumnKind>();
    for (const { takes } of parts) for (const { name, kind } of takes) expected.set(name, kind);
    for (const { name, values } of rows.columns) {
      if (expected.get(name) !== kindOf(values)) {
        throw this.#unknown(rows.table, `a column "${name}" that its schemas do not explain`);
      }
      expected.delete(name);
    }
    for (const name of expected.keys()) {
      throw this.#unknown(rows.table, `no column "${name}", although its schemas have it`);
    }
  }

  #checkKeys(schema: unknown): void {
    const { uid, keyType } = this.#tables;
    const stored = typeOfSchema(schema);
    if (isSameType(stored, keyType)) return;
    const texts = { stored: renderType(stored), declared: renderType(keyType) };
    const problem = { kind: "incompatible", path: KEY_PATH, ...texts } as const;
    throw stateMismatch(uid, KEY_SCHEMA, { ...problem, reason: "keys never change" });
  }

  #planStates(stored: ReadonlyMap<string, StoredEntry>): void {
    const matched = matchNames(stored.keys(), Object.entries(this.#tables.states));
    for (const [name, entry] of stored) {
      const found = matched.get(name);
      if (found === undefined) this.#dropState(name, entry);
      else this.#planState(name, entry, found);
    }
  }

  #dropState(name: string, entry: StoredEntry): void {
    if (!isDropped(this.#mayDrop, name)) {
      throw this.#undeclared(name, `${entry.kind} ${renderType(typeOf(entry))}`);
    }
    if (isChildKind(entry.kind)) this.#plans.set(name, DROPPED);
    else this.#main.parts.push(...droppedParts(placeOf(name, entry)));
  }

  #planState(
    name: string,
    entry: StoredEntry,
    [now, state]: readonly [name: string, state: StateDescriptor],
  ): void {
    const change = this.#changeOf(name, entry, state);
    if (now !== name || change.kind !== "as-is") this.isConverting = true;
    const from = placeOf(name, entry);
    const { type } = state;
    const hasTtl = state.ttl !== undefined;
    if (!isChildState(state)) {
      const to = { prefix: now, type, isMarked: true, hasTtl };
      this.#main.parts.push(...valueParts(from, to, change));
      return;
    }
    const to = { prefix: VALUE_COLUMN, type, isMarked: false, hasTtl };
    this.#plans.set(name, { table: now, parts: valueParts(from, to, change) });
  }

  #changeOf(name: string, entry: StoredEntry, state: StateDescriptor): ValueChange {
    const { uid } = this.#tables;
    const { type, version, migrate, kind } = state;
    const change = changeOf(
      { kind: entry.kind, type: typeOf(entry), keyType: entry.keyType, version: entry.version },
      {
        kind,
        type,
        keyType: kind === "map" ? state.keyType : undefined,
        version,
        hasMigrate: migrate !== undefined,
      },
    );
    switch (change.kind) {
      case "as-is":
      case "migrated":
        return change;
      case "by-function": {
        assert(migrate !== undefined, "a change by function has one");
        const place = { uid, state: name, fromVersion: change.fromVersion };
        return { kind: "whole", convert: migrationOf(place, migrate, type) };
      }
      case "incompatible":
        throw stateMismatch(uid, name, change);
    }
  }

  /** Columns and tables that operators declare for themselves: accumulators, panes, sessions. */
  #planOwn(name: string, entry: StoredEntry): void {
    if (entry.kind === "column") {
      this.#planColumn(name, entry);
      return;
    }
    const layout = this.#tables.tables.get(name);
    if (layout === undefined) {
      this.#dropTable(name, entry);
      return;
    }
    if (!isSameType(entry.keyType, layout.parent === undefined ? undefined : layout.keyType)) {
      throw this.#unknown(name, "sub keys of another type");
    }
    const parts = entry.columns.map((column) => {
      const now = layout.columns.find((candidate) => candidate.name === column.name);
      return now === undefined ? dropColumn(column) : this.#partOf(column, now);
    });
    this.#plans.set(name, { table: name, parts });
  }

  #planColumn(name: string, entry: StoredEntry): void {
    const { main, addedColumns } = this.#tables;
    const column = { name, type: typeOf(entry), isMarked: false };
    if (addedColumns.includes(name)) {
      const now = main.columns.find((candidate) => candidate.name === name);
      assert(now !== undefined, () => `main has the column ${name} that was added to it`);
      this.#main.parts.push(this.#partOf(column, now));
      return;
    }
    if (!this.#hasOwn && !isDropped(this.#mayDrop, name)) {
      throw this.#undeclared(name, `column ${renderType(column.type)}`);
    }
    this.#main.parts.push(dropColumn(column));
  }

  /** A list or set of an aggregate goes with the aggregate, if aggregates are still there. */
  #dropTable(name: string, entry: StoredEntry): void {
    const part = name.slice(name.indexOf("/") + 1);
    const isAllowed = [name, part, WINDOWS].some((state) => isDropped(this.#mayDrop, state));
    if (!isAllowed && !(entry.isAccumulator && this.#hasOwn)) {
      throw this.#undeclared(name, entry.kind);
    }
    this.#plans.set(name, DROPPED);
  }

  /** Whether the operator still keeps accumulators. */
  get #hasOwn(): boolean {
    return this.#tables.addedColumns.length > 0 || this.#tables.tables.size > 0;
  }

  #partOf(from: TypedColumn, now: ColumnLayout): ColumnPart {
    const evolution = evolveType(from.type, now.type);
    if (evolution.kind === "incompatible") {
      throw stateMismatch(this.#tables.uid, from.name, evolution);
    }
    return fieldPart(from, { name: now.name, type: now.type, isMarked: false });
  }

  /** Columns that accumulators gained begin with what a new row has, which must be something. */
  #checkGained(own: readonly (readonly [string, StoredEntry])[]): void {
    for (const [name, entry] of own) {
      const layout = this.#tables.tables.get(name);
      if (layout === undefined) continue;
      const known = new Set(entry.columns.map((column) => column.name));
      for (const column of layout.columns) {
        if (known.has(column.name)) continue;
        this.isConverting = true;
        if (column.default !== undefined || column.presenceBit >= 0) continue;
        throw this.#unknown(name, `no column "${column.name}", which cannot begin with nothing`);
      }
    }
    const columns = own.filter(([, { kind }]) => kind === "column").map(([name]) => name);
    if (columns.length === 0) return;
    if (this.#tables.addedColumns.some((name) => !columns.includes(name))) this.isConverting = true;
  }

  #readEntry(name: string, schema: unknown): StoredEntry {
    const entry = readEntry(schema);
    if (entry !== undefined) return entry;
    throw this.#unknown(name, "a kind of state that this version does not know");
  }

  #unknown(table: string, what: string): Error {
    const { uid } = this.#tables;
    return oxbowError(
      "STATE_MISMATCH",
      `The snapshot's rows of "${table}" of operator "${uid}" have ${what}. ` +
        "They are of another operator or a newer version; give this operator a new uid.",
      { uid, state: table },
    );
  }

  #undeclared(state: string, stored: string): Error {
    const { uid } = this.#tables;
    return oxbowError(
      "STATE_MISMATCH",
      `The snapshot has state "${state}" of operator "${uid}" (${stored}), ` +
        "which does not declare such a state. Declare it as it was, name it in the aliases of " +
        "another, or allow it to be dropped.",
      { uid, state, path: "", stored, declared: "nothing" },
    );
  }
}

/** Where the schemas say what keys are. */
const KEY_SCHEMA = "$key";
/** Name by which a restore allows the contents of windows to be dropped. */
const WINDOWS = "$windows";
/** Table of the sessions of a window operator; other windows are panes. */
const SESSIONS = "sessions";
const TIMER_TABLES: ReadonlySet<string> = new Set([EVENT_TIMERS_TABLE, PROCESSING_TIMERS_TABLE]);
const DROPPED: TablePlan = Object.freeze({ table: undefined, parts: [] });
const STATE_KINDS: ReadonlySet<string> = new Set([
  "value",
  "list",
  "map",
  "reducing",
  "aggregating",
]);
const OWN_KINDS: ReadonlySet<string> = new Set(["column", "table", "panes"]);

/** One schema of a footer, read. */
interface StoredEntry {
  readonly kind: string;
  /** States and columns. */
  readonly type: Type<unknown> | undefined;
  readonly keyType: Type<unknown> | undefined;
  readonly version: number;
  readonly hasTtl: boolean;
  /** Tables and panes. */
  readonly columns: readonly TypedColumn[];
  readonly isAccumulator: boolean;
}

/** Undefined for what is no schema of a state, column or table. */
function readEntry(schema: unknown): StoredEntry | undefined {
  if (typeof schema !== "object" || schema === null) return undefined;
  const given = schema as Readonly<Record<string, unknown>>;
  const { kind, type, keyType, version = 0, columns = [] } = given;
  if (typeof kind !== "string" || !(STATE_KINDS.has(kind) || OWN_KINDS.has(kind))) return undefined;
  if (!Number.isSafeInteger(version) || !Array.isArray(columns)) return undefined;
  const named = columns as readonly { readonly name: unknown; readonly type: unknown }[];
  if (named.some(({ name }) => typeof name !== "string")) return undefined;
  if ((STATE_KINDS.has(kind) || kind === "column") && type === undefined) return undefined;
  return {
    kind,
    type: type === undefined ? undefined : typeOfSchema(type),
    keyType: keyType === undefined ? undefined : typeOfSchema(keyType),
    version: version as number,
    hasTtl: given.hasTtl === true,
    columns: named.map((column) => ({
      name: column.name as string,
      type: typeOfSchema(column.type),
      isMarked: false,
    })),
    isAccumulator: given.isAccumulator === true,
  };
}

function typeOf({ type }: StoredEntry): Type<unknown> {
  assert(type !== undefined, "states and columns have a type");
  return type;
}

function isChildKind(kind: string): boolean {
  return kind === "list" || kind === "map";
}

function placeOf(name: string, entry: StoredEntry): ValuePlace {
  const isChild = isChildKind(entry.kind);
  return {
    prefix: isChild ? VALUE_COLUMN : name,
    type: typeOf(entry),
    isMarked: !isChild,
    hasTtl: entry.hasTtl,
  };
}

/** How values lie. */
function kindOf(values: ColumnValues["values"]): ColumnKind {
  if ("starts" in values) return "var";
  if (values instanceof Uint8Array) return "u8";
  if (values instanceof Int32Array) return "i32";
  return values instanceof BigInt64Array ? "i64" : "f64";
}
