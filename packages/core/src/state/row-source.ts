/*
 * RowSource: source text for reading and writing the columns of a row, for whoever generates loops
 * over tables (aggregates, windows, state handles). The text works on two names, `page` and `base`,
 * that `locate` declares.
 *
 * G1. Generated code touches a row before it writes to it, and locates it again after rows were
 *     added.
 * G2. Physical values only: bool as 0 and 1, enum as index, variable-size columns not at all; those
 *     go through `readVar` and `writeVar`.
 */
import { assert } from "../assert.ts";
import type { ColumnLayout, RowLayout } from "./layout.ts";

/** See the file header. `suffix` tells several rows in one scope apart. */
export interface RowSource {
  /** Statement: declares `page` and `base` of a row. */
  locate(table: string, row: string): string;
  /** Statement: `touch`, after `locate`. */
  touch(table: string, row: string): string;
  /** Expression: the column's physical value. */
  load(column: string): string;
  /** Statement: writes a physical value; presence is separate. */
  store(column: string, value: string): string;
  /** Expression: whether the column has a value. */
  isPresent(column: string): string;
  /** Statement: the column has a value, or has none. */
  setPresent(column: string, isPresent: boolean): string;
}

/**
 * Directive and comment that begin a generated function's text and make it this operator's own. The
 * name cannot end the comment, whatever is in it.
 */
export function sourceTag(name: string): string {
  return `"use strict"; // ${JSON.stringify(name).replaceAll(/[\u2028\u2029]/g, " ")}`;
}

/** Source for the rows of a layout. */
export function rowSource(layout: RowLayout, suffix = ""): RowSource {
  const page = `page${suffix}`;
  const base = `base${suffix}`;
  const rowMask = (1 << layout.pageShift) - 1;
  const cell = (column: ColumnLayout): string => {
    const { offset } = column;
    switch (column.kind) {
      case "u8":
        return `${page}.u8[(${base} << 2) + ${offset}]`;
      case "i32":
        return `${page}.i32[${base} + ${offset / 4}]`;
      case "f64":
        return `${page}.f64[(${base} >> 1) + ${offset / 8}]`;
      case "i64":
        return `${page}.i64[(${base} >> 1) + ${offset / 8}]`;
      case "var":
        return assertFixed(column);
    }
  };
  const presence = (column: ColumnLayout): { word: string; bit: number } => ({
    word: `${page}.i32[${base} + ${layout.presenceOffset / 4 + (column.presenceBit >>> 5)}]`,
    bit: 1 << (column.presenceBit & 31),
  });
  return {
    locate: (table, row) =>
      `const ${page} = ${table}.pages[${row} >>> ${layout.pageShift}], ` +
      `${base} = (${row} & ${rowMask}) * ${layout.strideBytes / 4};`,
    touch: (table, row) =>
      `if (${page}.i32[${base} + 1] < ${table}.changes.floor) ${table}.touchSlow(${row});`,
    load: (name) => cell(columnOf(layout, name)),
    store: (name, value) => `${cell(columnOf(layout, name))} = ${value};`,
    isPresent: (name) => {
      const column = columnOf(layout, name);
      if (column.presenceBit < 0) return "true";
      const { word, bit } = presence(column);
      return `(${word} & ${bit}) !== 0`;
    },
    setPresent: (name, isPresent) => {
      const column = columnOf(layout, name);
      if (column.presenceBit < 0) return "";
      const { word, bit } = presence(column);
      return isPresent ? `${word} |= ${bit};` : `${word} &= ${~bit};`;
    },
  };
}

/** The column of a name. */
export function columnOf(layout: RowLayout, name: string): ColumnLayout {
  const column = layout.columns.find((candidate) => candidate.name === name);
  assert(column !== undefined, () => `table ${layout.table} has no column ${name}`);
  return column;
}

function assertFixed(column: ColumnLayout): never {
  assert(false, () => `column ${column.name} has no fixed width`);
  throw new Error("unreachable");
}
