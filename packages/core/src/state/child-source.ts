/*
 * Values in child tables, generated per state: reading and writing a list's element or a map's
 * value at a row, with time to live.
 */
import type { Ttl } from "./descriptors.ts";
import type { RowLayout } from "./layout.ts";
import { freezeDeep } from "../types/freeze-deep.ts";
import type { Type } from "../types/type.ts";
import { rowSource, sourceTag } from "./row-source.ts";
import type { Table } from "./table.ts";
import { loadOptional, storeValue, TTL_SUFFIX, valueRuntime } from "./value-source.ts";

/** Column that holds a child row's value; fields of structs are `value.field`. */
export const VALUE_COLUMN = "value";

/** Access to the value of a child row. */
export interface ChildValues {
  read(table: Table, row: number): unknown;
  /** Touches the row, stores the value and counts as use. */
  write(table: Table, row: number, value: unknown, now: number): void;
  /** Whether it has expired; false without TTL. */
  isExpired(table: Table, row: number, now: number): boolean;
  /** Counts reading as use, where the state says so. */
  refresh(table: Table, row: number, now: number): void;
}

/** What is generated for. */
export interface ChildValuesSpec {
  readonly uid: string;
  readonly layout: RowLayout;
  readonly type: Type<unknown>;
  readonly ttl: Ttl | undefined;
  readonly verify: boolean;
}

/** Compiles the access to one state's values. */
export function childValues(spec: ChildValuesSpec): ChildValues {
  const make = new Function("runtime", "freeze", childSource(spec)) as (
    runtime: unknown,
    freeze: unknown,
  ) => ChildValues;
  return make(valueRuntime(spec.layout, spec.type), freezeDeep);
}

function childSource(spec: ChildValuesSpec): string {
  const { layout, type, ttl } = spec;
  const source = rowSource(layout);
  const used = VALUE_COLUMN + TTL_SUFFIX;
  const locate = source.locate("table", "row");
  const value = loadOptional(layout, VALUE_COLUMN, type);
  const isRefreshed = ttl?.update === "onReadAndWrite";
  const expiry =
    ttl === undefined
      ? "return false;"
      : `${locate} return ${source.load(used)} + ${ttl.ttlMs} <= now;`;
  return `${sourceTag(`${spec.uid}/${layout.table}`)}
function read(table, row) {
  ${source.locate("table", "row")}
  return ${spec.verify ? `freeze(${value})` : value};
}
function write(table, row, value, now) {
  ${source.locate("table", "row")}
  ${source.touch("table", "row")}
  try {
    ${storeValue(layout, VALUE_COLUMN, type, "value")}
  } catch (error) {
    throw runtime.refusalOf(error, value);
  }
  ${ttl === undefined ? "" : source.store(used, "now")}
}
function isExpired(table, row, now) {
  ${expiry}
}
function refresh(table, row, now) {
  ${isRefreshed ? `${locate} ${source.touch("table", "row")} ${source.store(used, "now")}` : ""}
}
return { read, write, isExpired, refresh };
`;
}
