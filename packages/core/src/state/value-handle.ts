/*
 * Handles of value states, generated per state: `get`, `set`, `clear`, `has` and `fields` are
 * straight code over the row of the current key. Values with a variable-size part are cached
 * decoded, a bounded number.
 *
 * V1. A value is there exactly if the state's marker column is present.
 * V2. Expired values are not there; whoever finds one clears it.
 * V3. The cache is emptied by every removal of a row, and an entry by every write to its row.
 */
import type { Ttl, ValueState } from "./descriptors.ts";
import { columnOf, rowSource, type RowSource, sourceTag } from "./row-source.ts";
import type { Table } from "./table.ts";
import { freezeDeep } from "../types/freeze-deep.ts";
import type { Type } from "../types/type.ts";
import {
  fieldsOf,
  initialValue,
  isSpread,
  loadColumn,
  loadValue,
  resetValue,
  storeColumn,
  storeValue,
  TTL_SUFFIX,
  valueRuntime,
} from "./value-source.ts";

/** What handles need of their backend. */
export interface CurrentKey {
  /** Row of the current key in `main`; 0: none. */
  currentRow: number;
  ensureRow(): number;
  release(): void;
  clockNow(): number;
}

/** What a value handle is made from. */
export interface ValueHandleSpec {
  readonly uid: string;
  readonly name: string;
  readonly type: Type<unknown>;
  readonly default: unknown;
  readonly ttl: Ttl | undefined;
  /** The main table. */
  readonly table: Table;
  readonly verify: boolean;
}

/** Decoded values that a state keeps, by row modulo this. A power of two. */
export const DECODED_COUNT_MAX = 256;

/** A handle, and what upkeep needs of it. */
export interface ValueHandle extends ValueState<unknown, unknown> {
  /** Clears the value at a row if it has expired. */
  expire(row: number, now: number): void;
}

/** Makes the handle of one value state. */
export function valueHandle(spec: ValueHandleSpec, current: CurrentKey): ValueHandle {
  const make = new Function("current", "runtime", "options", handleSource(spec)) as (
    current: CurrentKey,
    runtime: unknown,
    options: unknown,
  ) => ValueHandle;
  return make(current, valueRuntime(spec.table.layout, spec.type), {
    table: spec.table,
    default: freezeDeep(spec.default),
    initial: initialValue(spec.type, spec.default),
    ttlMs: spec.ttl?.ttlMs,
    freeze: freezeDeep,
  });
}

function handleSource(spec: ValueHandleSpec): string {
  const { name } = spec;
  const { layout } = spec.table;
  const source = rowSource(layout);
  const row = source.locate("table", "row");
  const isCached = hasVar(spec);
  const uncache = isCached ? `cacheRows[row & ${DECODED_COUNT_MAX - 1}] = 0;` : "";
  const parts = { row, uncache, source, ttl: ttlSource(spec) };
  return `${sourceTag(`${spec.uid}/${name}`)}
const table = options.table, DEFAULT = options.default, INITIAL = options.initial;
const cacheRows = new Int32Array(${isCached ? DECODED_COUNT_MAX : 0}), cacheValues = [];
let cacheRemovals = -1;
function read(row) {
  ${row}
  ${readSource(spec, isCached)}
}
${accessSource(spec, parts)}
${changeSource(spec, parts)}
${isSpread(spec.type) ? fieldsSource(spec, parts) : "const fields = undefined;"}
return { get, set, clear, has, fields, expire };
`;
}

/** Snippets that the functions of one handle share. */
interface HandleParts {
  /** Declares `table`, `page`, `base` for `row`. */
  readonly row: string;
  /** Forgets the row's decoded value. */
  readonly uncache: string;
  readonly source: RowSource;
  readonly ttl: TtlSource;
}

/** Body of `read`, which is called for a row that has a value. */
function readSource(spec: ValueHandleSpec, isCached: boolean): string {
  const value = freezing(spec, loadValue(spec.table.layout, spec.name, spec.type));
  if (!isCached) return `return ${value};`;
  return `if (cacheRemovals !== table.removalsCount) {
    cacheRows.fill(0);
    cacheRemovals = table.removalsCount;
  }
  const slot = row & ${DECODED_COUNT_MAX - 1};
  if (cacheRows[slot] === row) return cacheValues[slot];
  const value = ${value};
  cacheRows[slot] = row;
  cacheValues[slot] = value;
  return value;`;
}

/** `present`, `get`, `has`. */
function accessSource({ name }: ValueHandleSpec, { row, source, ttl }: HandleParts): string {
  return `function present(row) {
  if (row === 0) return false;
  ${row}
  if (!(${source.isPresent(name)})) return false;
  ${ttl.expire}
  return true;
}
function get() {
  const row = current.currentRow;
  if (row === 0) return DEFAULT;
  ${row}
  if (!(${source.isPresent(name)})) return DEFAULT;
  ${ttl.read}
  return read(row);
}
function has() {
  return present(current.currentRow);
}`;
}

/** `writable`, `set`, `drop`, `clear`, `expire`. */
function changeSource(spec: ValueHandleSpec, { row, uncache, source, ttl }: HandleParts): string {
  const { name, type } = spec;
  const { layout } = spec.table;
  return `function writable() {
  const row = current.currentRow === 0 ? current.ensureRow() : current.currentRow;
  ${row}
  ${source.touch("table", "row")}
  ${uncache}
  ${ttl.write}
  return row;
}
function set(value) {
  const row = writable();
  ${row}
  try {
    ${storeValue(layout, name, type, "value")}
  } catch (error) {
    current.release();
    throw runtime.refusalOf(error, value);
  }
  ${isSpread(type) ? source.setPresent(name, true) : ""}
  ${type.kind === "optional" ? "if (value === undefined) current.release();" : ""}
}
function drop(row) {
  ${row}
  ${source.touch("table", "row")}
  ${uncache}
  ${resetValue(layout, name, type)}
  ${source.setPresent(name, false)}
}
function clear() {
  const row = current.currentRow;
  if (row === 0) return;
  ${row}
  if (!(${source.isPresent(name)})) return;
  drop(row);
  current.release();
}
function expire(row, now) {
  ${row}
  ${ttl.sweep}
}`;
}

/** Getters and setters, one pair per field. */
function fieldsSource(spec: ValueHandleSpec, { row, uncache }: HandleParts): string {
  const { name, type } = spec;
  const { layout } = spec.table;
  const source = rowSource(layout);
  // Where a value is there, which is nearly always: no calls.
  const fast = (column: string): string => `if (row !== 0) {
      ${row}
      if (${source.isPresent(name)}) {
        ${source.touch("table", "row")}
        ${uncache}
        ${storeColumn(layout, column, "value")}
        return;
      }
    }`;
  const accessors = fieldsOf(name, type).map(({ field, column }) => {
    const property = JSON.stringify(field);
    const needsRead =
      spec.ttl !== undefined ? "if (!present(row)) " : `if (!(${source.isPresent(name)})) `;
    return `get ${property}() {
    const row = current.currentRow;
    if (row === 0) return INITIAL[${property}];
    ${row}
    ${needsRead}return INITIAL[${property}];
    return ${loadColumn(layout, column)};
  },
  set ${property}(value) {
    let row = current.currentRow;
    try {
      ${spec.ttl === undefined ? fast(column) : ""}
      row = begin();
      ${row}
      ${storeColumn(layout, column, "value")}
    } catch (error) {
      throw runtime.refusalOf(error, value, ${property});
    }
  }`;
  });
  return `function begin() {
  ${spec.ttl === undefined ? "" : "if (current.currentRow !== 0) present(current.currentRow);"}
  const row = writable();
  ${row}
  if (!(${source.isPresent(name)})) set(INITIAL);
  return row;
}
const fields = Object.create({
  ${accessors.join(",\n  ")}
});`;
}

function freezing(spec: ValueHandleSpec, expression: string): string {
  return spec.verify ? `options.freeze(${expression})` : expression;
}

interface TtlSource {
  /** Statements in `get`, where a value is present. */
  readonly read: string;
  /** Statements in `writable`. */
  readonly write: string;
  /** Statements in `present`: clears an expired value and returns false. */
  readonly expire: string;
  /** Statements in `expire`. */
  readonly sweep: string;
}

function ttlSource(spec: ValueHandleSpec): TtlSource {
  const { ttl, name } = spec;
  const { layout } = spec.table;
  if (ttl === undefined) return { read: "", write: "", expire: "", sweep: "" };
  const source = rowSource(layout);
  const column = name + TTL_SUFFIX;
  const isExpired = `${source.load(column)} + ${ttl.ttlMs} <= current.clockNow()`;
  const shown = ttl.visibility === "returnExpiredIfNotCleanedUp" ? "read(row)" : "DEFAULT";
  const refresh =
    ttl.update === "onReadAndWrite"
      ? `${source.touch("table", "row")} ${source.store(column, "current.clockNow()")}`
      : "";
  return {
    read: `if (${isExpired}) {
    const shown = ${shown};
    drop(row);
    current.release();
    return shown;
  }
  ${refresh}`,
    write: source.store(column, "current.clockNow()"),
    expire: `if (${isExpired}) { drop(row); current.release(); return false; }`,
    sweep: `if (!(${source.isPresent(name)})) return;
  if (${source.load(column)} + ${ttl.ttlMs} <= now) drop(row);`,
  };
}

function hasVar(spec: ValueHandleSpec): boolean {
  const { name, type } = spec;
  const { layout } = spec.table;
  const names = isSpread(type) ? fieldsOf(name, type).map((f) => f.column) : [name];
  return names.some((column) => columnOf(layout, column).kind === "var");
}
