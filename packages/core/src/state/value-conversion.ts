/*
 * The columns of one state's value, stored with another schema. A struct lies as one column per
 * field: where it still does, each goes by itself; where it does not, or the user migrates, values
 * are put together, converted as a whole and taken apart.
 */
import type { Evolution } from "../types/evolution.ts";
import { fieldSources, evolveType } from "../types/evolution.ts";
import { t } from "../types/t.ts";
import type { StructType, Type } from "../types/type.ts";
import { startOf } from "../types/zero-value.ts";
import {
  ColumnBuilder,
  columnNamed,
  type ColumnPart,
  columnReader,
  constantColumn,
  convertColumn,
  dropColumn,
  keepColumn,
  readOrZero,
  type StoredColumns,
  takeOf,
  type TypedColumn,
} from "./column-conversion.ts";
import type { ColumnValues } from "./row-chunk.ts";
import { fieldsOf, isSpread, TTL_SUFFIX, valueColumns } from "./value-source.ts";

/** Where a value lies: its columns are `prefix`, `prefix.field`, and `prefix#used` with TTL. */
export interface ValuePlace {
  readonly prefix: string;
  readonly type: Type<unknown>;
  /** Column `prefix` tells by its presence whether there is a value. */
  readonly isMarked: boolean;
  readonly hasTtl: boolean;
}

/** What becomes of the values; `whole` goes through a function of the user. */
export type ValueChange =
  | Exclude<Evolution, { readonly kind: "incompatible" }>
  | { readonly kind: "whole"; convert(value: unknown): unknown };

/** The columns of a value at its new place. */
export function valueParts(from: ValuePlace, to: ValuePlace, change: ValueChange): ColumnPart[] {
  const parts = partsWithoutTtl(from, to, change);
  if (!from.hasTtl) return parts;
  const used = { name: from.prefix + TTL_SUFFIX, type: t.timestamp, isMarked: false };
  const ttl = to.hasTtl ? keepColumn(used, to.prefix + TTL_SUFFIX) : dropColumn(used);
  return [...parts, ttl];
}

/** All columns of a value are left out. */
export function droppedParts(from: ValuePlace): ColumnPart[] {
  return columnsOf(from, from.hasTtl).map(dropColumn);
}

function partsWithoutTtl(from: ValuePlace, to: ValuePlace, change: ValueChange): ColumnPart[] {
  if (change.kind === "as-is") {
    return columnsOf(from, false).map((column) =>
      keepColumn(column, to.prefix + column.name.slice(from.prefix.length)),
    );
  }
  const [wasSpread, isNowSpread] = [isSpread(from.type), isSpread(to.type)];
  if (change.kind === "whole" || wasSpread !== isNowSpread) {
    return [wholePart(from, to, (value) => change.convert(value))];
  }
  if (isNowSpread) return spreadParts(from, to);
  const [source, target] = [singleColumn(from), singleColumn(to)];
  return [convertColumn(source, target, (value) => change.convert(value))];
}

/** Each field by itself. */
function spreadParts(from: ValuePlace, to: ValuePlace): ColumnPart[] {
  const stored = from.type as StructType<unknown>;
  const declared = to.type as StructType<unknown>;
  const sources = fieldSources(stored, declared);
  const parts: ColumnPart[] = from.isMarked ? [keepColumn(markerOf(from), to.prefix)] : [];
  for (const { field, column, type } of fieldsOf(to.prefix, declared)) {
    const target = { name: column, type, isMarked: false };
    const source = sources.get(field);
    if (source === undefined) {
      const value = startOf(type)?.value;
      // What begins as undefined is what a row has without the column.
      if (value !== undefined) parts.push(constantColumn(target, value));
      continue;
    }
    parts.push(fieldPart(fieldColumn(from, source), target));
  }
  const used = new Set(sources.values());
  const lost = Object.keys(stored.fields).filter((name) => !used.has(name));
  return [...parts, ...lost.map((name) => dropColumn(fieldColumn(from, name)))];
}

/** One column of a struct, or one that stands by itself, of a type that was found to go on. */
export function fieldPart(from: TypedColumn, to: TypedColumn): ColumnPart {
  const evolution = evolveType(from.type, to.type);
  if (evolution.kind !== "migrated") return keepColumn(from, to.name);
  return convertColumn(from, to, (value) => evolution.convert(value));
}

function columnsOf(place: ValuePlace, hasTtl: boolean): TypedColumn[] {
  const { prefix, type, isMarked } = place;
  const columns = valueColumns(prefix, type, { marked: isMarked, hasTtl });
  return columns.map((column) => ({
    name: column.name,
    type: column.type,
    isMarked: isMarked && column.name === prefix,
  }));
}

function singleColumn({ prefix, type, isMarked }: ValuePlace): TypedColumn {
  return { name: prefix, type, isMarked };
}

function markerOf({ prefix }: ValuePlace): TypedColumn {
  return { name: prefix, type: t.bool, isMarked: true };
}

function fieldColumn({ prefix, type }: ValuePlace, field: string): TypedColumn {
  const { fields } = type as StructType<unknown>;
  return { name: `${prefix}.${field}`, type: fields[field], isMarked: false };
}

/** Value by value: read, convert, write. */
function wholePart(
  from: ValuePlace,
  to: ValuePlace,
  convert: (value: unknown) => unknown,
): ColumnPart {
  return {
    takes: columnsOf(from, false).map(takeOf),
    isSame: false,
    make(columns, count) {
      const marker = from.isMarked ? columnNamed(columns, from.prefix).present : undefined;
      const read = valueReader(from, columns);
      const writer = new ValueWriter(to, count);
      for (let index = 0; index < count; index++) {
        if (marker !== undefined && marker[index] === 0) continue;
        writer.put(index, convert(read(index)));
      }
      return writer.finish();
    },
  };
}

/** Reads values that are there. */
function valueReader(place: ValuePlace, columns: StoredColumns): (index: number) => unknown {
  if (!isSpread(place.type)) return cellReader(singleColumn(place), columns);
  const { fields } = place.type as StructType<unknown>;
  const readers = Object.keys(fields).map(
    (name) => [name, cellReader(fieldColumn(place, name), columns)] as const,
  );
  return (index) => {
    const value: Record<string, unknown> = {};
    for (const [name, read] of readers) value[name] = read(index);
    return value;
  };
}

function cellReader({ name, type }: TypedColumn, columns: StoredColumns): (i: number) => unknown {
  const column = columnNamed(columns, name);
  const read = columnReader(type, column);
  const { present } = column;
  return (index) => {
    if (present !== undefined && present[index] === 0) return undefined;
    return readOrZero(type, read(index));
  };
}

/** Takes values apart into columns. */
class ValueWriter {
  readonly #marker: ColumnBuilder | undefined;
  /** By property; undefined for the value itself. */
  readonly #builders: readonly (readonly [field: string | undefined, builder: ColumnBuilder])[];

  constructor(place: ValuePlace, count: number) {
    if (!isSpread(place.type)) {
      this.#builders = [[undefined, new ColumnBuilder(singleColumn(place), count)]];
      return;
    }
    if (place.isMarked) this.#marker = new ColumnBuilder(markerOf(place), count);
    this.#builders = fieldsOf(place.prefix, place.type).map(({ field, column, type }) => {
      const target = { name: column, type, isMarked: false };
      return [field, new ColumnBuilder(target, count)] as const;
    });
  }

  put(index: number, value: unknown): void {
    // A marker tells by being there; what it holds means nothing.
    this.#marker?.put(index, false);
    for (const [field, builder] of this.#builders) {
      const part =
        field === undefined ? value : (value as Readonly<Record<string, unknown>>)[field];
      builder.put(index, part);
    }
  }

  finish(): ColumnValues[] {
    const columns = this.#builders.map(([, builder]) => builder.finish());
    return this.#marker === undefined ? columns : [this.#marker.finish(), ...columns];
  }
}
