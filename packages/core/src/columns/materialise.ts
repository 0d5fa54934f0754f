/*
 * Materialising: records from columns, by code generated once per set of fields. Generated object
 * literals give all records of a set one hidden class, which keeps the user's functions
 * monomorphic.
 *
 * Rows with an absent property take a second path, which adds only what is there.
 */
import { assert } from "../assert.ts";
import type { ColumnSet } from "./batch.ts";
import type { Column, StringColumn } from "./column.ts";
import { IS_ABSENT, valueAt } from "./column.ts";
import { presized } from "./presized.ts";

type Materialiser = (columns: readonly Column[], count: number) => unknown[];

/** Combinations of kinds per list of names whose generated code is kept. */
export const MAX_MATERIALISERS = 64;

/** By names (the same array for the same frames), then by kinds. */
const MATERIALISERS = new WeakMap<readonly string[], Map<string, Materialiser>>();

/** One record per row. */
export function materialise(set: ColumnSet, count: number): readonly unknown[] {
  const { names, columns } = set;
  if (names === undefined) return valuesOf(columns[0], count);
  let kinds = "";
  for (const column of columns) {
    kinds += column.kind;
    if (column.kind === "string") kinds += stringForm(column);
    if (column.presence !== undefined) kinds += presenceClass(column, count);
  }
  let made = MATERIALISERS.get(names)?.get(kinds);
  if (made === undefined) {
    made = generate(set, count);
    const known = MATERIALISERS.get(names);
    if (known === undefined || known.size >= MAX_MATERIALISERS) {
      MATERIALISERS.set(names, new Map([[kinds, made]]));
    } else known.set(kinds, made);
  }
  return made(columns, count);
}

/** The values of a column, as a plain array of at least `count`. */
export function valuesOf(column: Column, count: number): readonly unknown[] {
  if (column.presence === undefined && (column.kind === "string" || column.kind === "value")) {
    return column.values;
  }
  const values: unknown[] = [];
  for (let row = 0; row < count; row++) values.push(valueAt(column, row));
  return values;
}

type StringForm = "code" | "text" | "each";

/** From what a record's string is taken: no array of all strings is made for that. */
function stringForm(column: StringColumn): StringForm {
  if (column.codes !== undefined) return "code";
  return column.text === undefined ? "each" : "text";
}

/** 0: all rows have values; 1: some are null or undefined; 2: some lack the property. */
function presenceClass(column: Column, count: number): 0 | 1 | 2 {
  if (column.presence === undefined) return 0;
  for (let row = 0; row < count; row++) if (column.presence[row] === IS_ABSENT) return 2;
  return 1;
}

function generate(set: ColumnSet, count: number): Materialiser {
  const { names, columns } = set;
  assert(names !== undefined, "unnamed columns have no generated code");
  const head: string[] = [];
  const literal: string[] = [];
  const optional: string[] = [];
  for (let index = 0; index < columns.length; index++) {
    const column = columns[index];
    head.push(bindingsOf(column, index));
    const level = presenceClass(column, count);
    const value = level === 0 ? valueSource(column, index) : guardedSource(column, index);
    const name = JSON.stringify(names[index]);
    // A literal "__proto__" would set the prototype; a computed key does not. All others are
    // given plainly: only those make room in the object itself.
    const key = names[index] === "__proto__" ? `[${name}]` : name;
    if (level < 2 && optional.length === 0) literal.push(`${key}: ${value}`);
    else if (level < 2) optional.push(`define(record, ${name}, ${value});`);
    else optional.push(`if (p${index}[row] !== ${IS_ABSENT}) define(record, ${name}, ${value});`);
  }
  const body = `"use strict";
${head.join("\n")}
for (let row = 0; row < count; row++) {
  const record = {${literal.join(", ")}};
  ${optional.join("\n  ")}
  records[row] = record;
}
return records;`;
  const compiled = new Function("define", "columns", "count", "records", body) as (
    define: Define,
    columns: readonly Column[],
    count: number,
    records: unknown[],
  ) => unknown[];
  return (given, rows) => compiled(defineProperty, given, rows, presized(rows));
}

type Define = (record: Record<string, unknown>, name: string, value: unknown) => void;

function defineProperty(record: Record<string, unknown>, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(record, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else record[name] = value;
}

function bindingsOf(column: Column, index: number): string {
  const presence =
    column.presence === undefined ? "" : `const p${index} = columns[${index}].presence; `;
  if (column.kind === "bytes") {
    const from = `columns[${index}]`;
    return `${presence}const b${index} = ${from}.bytes, o${index} = ${from}.offsets;`;
  }
  if (column.kind === "string" && stringForm(column) === "code") {
    const from = `columns[${index}]`;
    return `${presence}const v${index} = ${from}.dictionary, c${index} = ${from}.codes;`;
  }
  if (column.kind === "string" && stringForm(column) === "text") {
    const from = `columns[${index}]`;
    return `${presence}const v${index} = ${from}.text, e${index} = ${from}.ends;`;
  }
  return `${presence}const v${index} = columns[${index}].values;`;
}

function valueSource(column: Column, index: number): string {
  if (column.kind === "string") {
    const form = stringForm(column);
    if (form === "code") return `v${index}[c${index}[row]]`;
    if (form === "text") return `v${index}.substring(e${index}[row], e${index}[row + 1])`;
  }
  if (column.kind === "bytes") return `b${index}.slice(o${index}[row], o${index}[row + 1])`;
  return column.kind === "bool" ? `v${index}[row] !== 0` : `v${index}[row]`;
}

function guardedSource(column: Column, index: number): string {
  const value = valueSource(column, index);
  return `(p${index}[row] === 0 ? ${value} : p${index}[row] === 1 ? null : undefined)`;
}
