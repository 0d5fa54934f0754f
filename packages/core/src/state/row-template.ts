/*
 * RowTemplate: what a new row holds: zeros, the fixed-width defaults and their presence, and
 * defaults in the arena.
 */
import { ByteWriter } from "../types/byte-writer.ts";
import { codecOf } from "../types/codec.ts";
import type { EnumType } from "../types/type.ts";
import { offsetOf, slabOf } from "./arena.ts";
import { type ColumnLayout, innerType, type RowLayout } from "./layout.ts";
import type { Table } from "./table.ts";

interface VarDefault {
  readonly word: number;
  readonly bytes: Uint8Array;
}

/** See the file header. */
export class RowTemplate {
  /** The row's words; the header's mean nothing. */
  readonly words: Int32Array;
  readonly varDefaults: readonly VarDefault[];

  constructor(layout: RowLayout) {
    const buffer = new ArrayBuffer(layout.strideBytes);
    this.words = new Int32Array(buffer);
    const varDefaults: VarDefault[] = [];
    const view = new DataView(buffer);
    for (const column of layout.columns) {
      if (column.default === undefined) continue;
      if (column.presenceBit >= 0) {
        const word = layout.presenceOffset / 4 + (column.presenceBit >>> 5);
        this.words[word] |= 1 << (column.presenceBit & 31);
      }
      if (column.kind === "var") {
        varDefaults.push({ word: column.offset >>> 2, bytes: encoded(column) });
      } else {
        writeFixed(view, column);
      }
    }
    this.varDefaults = varDefaults;
  }

  /** Puts the variable-size defaults into a new row. */
  writeVarDefaults(table: Table, row: number): void {
    for (const { word, bytes } of this.varDefaults) {
      const ref = table.setVar(row, word, bytes.length * 2);
      if (ref !== 0) table.arena.slabs[slabOf(ref)].set(bytes, offsetOf(ref));
    }
  }
}

function encoded(column: ColumnLayout): Uint8Array {
  const writer = new ByteWriter(64);
  codecOf(innerType(column.type)).encode(column.default, writer);
  return writer.copy();
}

/** Byte order is the machine's, which is little-endian wherever Node runs. */
function writeFixed(view: DataView, column: ColumnLayout): void {
  const value = column.default;
  // Refuses what is not of the type.
  encoded(column);
  switch (column.kind) {
    case "u8":
      view.setUint8(column.offset, value === true ? 1 : 0);
      return;
    case "i32": {
      const type = innerType(column.type);
      const number =
        type.kind === "enum"
          ? (type as EnumType<string>).values.indexOf(value as string)
          : (value as number);
      view.setInt32(column.offset, number, true);
      return;
    }
    case "f64":
      view.setFloat64(column.offset, value as number, true);
      return;
    case "i64":
      view.setBigInt64(column.offset, value as bigint, true);
      return;
    case "var":
      return;
  }
}
