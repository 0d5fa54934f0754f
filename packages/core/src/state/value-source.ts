/*
 * A state's value as columns, and source text that reads and writes it. A struct lies as one column
 * per field (`state.field`), everything else as one column.
 *
 * The text works on `table`, `row`, `page`, `base` (see `row-source.ts`) and on `runtime`, which
 * holds codecs and values of enums by column position.
 */
import { assert } from "../assert.ts";
import { ByteWriter } from "../types/byte-writer.ts";
import { type Codec, codecOf } from "../types/codec.ts";
import { t } from "../types/t.ts";
import type { EnumType, StructType, Type } from "../types/type.ts";
import { zeroOf } from "../types/zero-value.ts";
import { type ColumnLayout, type ColumnSpec, innerType, type RowLayout } from "./layout.ts";
import { columnOf, rowSource } from "./row-source.ts";
import { clearVar, readVar, writeVar } from "./var-value.ts";

/** Structs with more fields are encoded as one value. */
const FIELDS_MAX = 256;
/** Suffix of the column with the time of last use, for TTL. */
export const TTL_SUFFIX = "#used";

/** Whether values of the type lie as one column per field. */
export function isSpread(type: Type<unknown>): boolean {
  if (type.kind !== "struct") return false;
  const count = Object.keys((type as StructType<unknown>).fields).length;
  return count > 0 && count <= FIELDS_MAX;
}

/** Fields of a spread type: property name, column name, type. */
export function fieldsOf(
  prefix: string,
  type: Type<unknown>,
): readonly { readonly field: string; readonly column: string; readonly type: Type<unknown> }[] {
  return Object.entries((type as StructType<unknown>).fields).map(([field, fieldType]) => ({
    field,
    column: `${prefix}.${field}`,
    type: fieldType,
  }));
}

/**
 * Columns of a value. With `marked`, column `prefix` tells by its presence whether there is a
 * value.
 */
export function valueColumns(
  prefix: string,
  type: Type<unknown>,
  options: { readonly marked: boolean; readonly hasTtl: boolean },
): ColumnSpec[] {
  const columns: ColumnSpec[] = [];
  if (isSpread(type)) {
    if (options.marked) columns.push({ name: prefix, type: t.bool, nullable: true });
    for (const field of fieldsOf(prefix, type))
      columns.push({ name: field.column, type: field.type });
  } else {
    columns.push({ name: prefix, type, nullable: options.marked });
  }
  if (options.hasTtl) columns.push({ name: prefix + TTL_SUFFIX, type: t.timestamp });
  return columns;
}

/** What the text refers to as `runtime`. */
export interface ValueRuntime {
  readonly codecs: readonly Codec<unknown>[];
  readonly enums: readonly (readonly string[])[];
  readonly readVar: typeof readVar;
  readonly writeVar: typeof writeVar;
  readonly clearVar: typeof clearVar;
  /** Throws VALUE_TYPE_MISMATCH for a value that is not of the column's type. */
  refuse(column: number, value: unknown): never;
  /** The same for a whole value. */
  refuseValue(value: unknown): never;
  /**
   * What to throw where storing a value, or with `field` that field of it, has thrown `error`: a
   * column knows of no field, but people do.
   */
  refusalOf(error: unknown, value: unknown, field?: string): unknown;
}

const REFUSED = new ByteWriter(64);

/** Runtime for the columns of a layout; `type` is that of whole values. */
export function valueRuntime(layout: RowLayout, type: Type<unknown>): ValueRuntime {
  const types = layout.columns.map((column) => innerType(column.type));
  const codecs = types.map((type) => codecOf(type));
  return {
    codecs,
    enums: types.map((type) => (type.kind === "enum" ? (type as EnumType<string>).values : [])),
    readVar,
    writeVar,
    clearVar,
    refuse(column, value) {
      REFUSED.reset();
      codecs[column].encode(value, REFUSED);
      assert(false, () => `column ${layout.columns[column].name} refuses a value of its type`);
      throw new Error("unreachable");
    },
    refuseValue(value) {
      REFUSED.reset();
      codecOf(type).encode(value, REFUSED);
      throw new Error("unreachable");
    },
    refusalOf(error, value, field) {
      try {
        REFUSED.reset();
        if (field === undefined) codecOf(type).encode(value, REFUSED);
        else codecOf(fieldOnly(type, field)).encode({ [field]: value }, REFUSED);
      } catch (refusal) {
        return refusal;
      }
      return error;
    },
  };
}

function fieldOnly(type: Type<unknown>, field: string): Type<unknown> {
  return t.struct({ [field]: (type as StructType<unknown>).fields[field] });
}

/** Expression: the column's logical value; undefined where it is nullable and absent. */
export function loadColumn(layout: RowLayout, name: string): string {
  const source = rowSource(layout);
  const column = columnOf(layout, name);
  const value = loadPresent(layout, column);
  return column.presenceBit < 0 ? value : `(${source.isPresent(name)} ? ${value} : undefined)`;
}

/** The same, known to be present. */
function loadPresent(layout: RowLayout, column: ColumnLayout): string {
  const at = layout.columns.indexOf(column);
  if (column.kind === "var") {
    return `runtime.readVar(table, row, ${column.offset / 4}, runtime.codecs[${at}])`;
  }
  const cell = rowSource(layout).load(column.name);
  if (column.kind === "u8") return `(${cell} === 1)`;
  return innerType(column.type).kind === "enum" ? `runtime.enums[${at}][${cell}]` : cell;
}

/** Statements: check a logical value and store it; undefined makes a nullable column absent. */
export function storeColumn(layout: RowLayout, name: string, value: string): string {
  const column = columnOf(layout, name);
  const source = rowSource(layout);
  const store = storePresent(layout, column, value);
  if (column.type.kind !== "optional") return `${store} ${source.setPresent(name, true)}`;
  return `if (${value} === undefined) { ${source.setPresent(name, false)} ${dropVar(column)} }
  else { ${store} ${source.setPresent(name, true)} }`;
}

function dropVar(column: ColumnLayout): string {
  return column.kind === "var" ? `runtime.clearVar(table, row, ${column.offset / 4});` : "";
}

function storePresent(layout: RowLayout, column: ColumnLayout, value: string): string {
  const at = layout.columns.indexOf(column);
  const refuse = `runtime.refuse(${at}, ${value});`;
  if (column.kind === "var") {
    return `runtime.writeVar(table, row, ${column.offset / 4}, ${value}, runtime.codecs[${at}]);`;
  }
  const store = (text: string): string => rowSource(layout).store(column.name, text);
  switch (innerType(column.type).kind) {
    case "bool":
      return `if (typeof ${value} !== "boolean") ${refuse} ${store(`${value} ? 1 : 0`)}`;
    case "int32":
      return `if ((${value} | 0) !== ${value}) ${refuse} ${store(value)}`;
    case "enum":
      return `{ const position = runtime.enums[${at}].indexOf(${value});
    if (position < 0) ${refuse} ${store("position")} }`;
    case "int64":
    case "timestamp":
      return `if (!Number.isSafeInteger(${value})) ${refuse} ${store(`${value} + 0`)}`;
    case "float64":
      return `if (typeof ${value} !== "number") ${refuse} ${store(value)}`;
    case "bigint64":
      return `if (typeof ${value} !== "bigint") ${refuse}
    if (BigInt.asIntN(64, ${value}) !== ${value}) ${refuse}
    ${store(value)}`;
    case "string":
    case "bytes":
    case "any":
    case "optional":
    case "list":
    case "map":
    case "struct":
    case "union":
      throw new Error("unreachable");
  }
}

/** Expression: the whole value under `prefix`, known to be there. */
export function loadValue(layout: RowLayout, prefix: string, type: Type<unknown>): string {
  if (!isSpread(type)) return loadPresent(layout, columnOf(layout, prefix));
  const properties = fieldsOf(prefix, type).map(
    ({ field, column }) => `${JSON.stringify(field)}: ${loadColumn(layout, column)}`,
  );
  return `{ ${properties.join(", ")} }`;
}

/** Expression for an optional element value that may be absent. */
export function loadOptional(layout: RowLayout, prefix: string, type: Type<unknown>): string {
  return isSpread(type) ? loadValue(layout, prefix, type) : loadColumn(layout, prefix);
}

/** Statements: check and store the whole value. A refused field leaves those before it stored. */
export function storeValue(
  layout: RowLayout,
  prefix: string,
  type: Type<unknown>,
  value: string,
): string {
  if (!isSpread(type)) return storeColumn(layout, prefix, value);
  const stores = fieldsOf(prefix, type).map(({ field, column }, index) => {
    const name = `field${index}`;
    return { declare: `const ${name} = ${value}[${JSON.stringify(field)}];`, column, name };
  });
  return `if (typeof ${value} !== "object" || ${value} === null) runtime.refuseValue(${value});
  ${stores.map((s) => s.declare).join("\n  ")}
  ${stores.map((s) => storeColumn(layout, s.column, s.name)).join("\n  ")}`;
}

/** Statements: all columns of the value become the default's, or zero. */
export function resetValue(layout: RowLayout, prefix: string, type: Type<unknown>): string {
  const names = isSpread(type) ? fieldsOf(prefix, type).map((f) => f.column) : [prefix];
  const source = rowSource(layout);
  return names
    .map((name) => {
      const column = columnOf(layout, name);
      if (column.kind === "var") return `${dropVar(column)} ${source.setPresent(name, false)}`;
      const zero = column.kind === "i64" ? "0n" : "0";
      return `${source.store(name, zero)} ${source.setPresent(name, false)}`;
    })
    .join("\n  ");
}

/** The value a state has before anything is written, where `fields` must have something to read. */
export function initialValue(type: Type<unknown>, given: unknown): unknown {
  return given === undefined ? zeroOf(type) : given;
}
