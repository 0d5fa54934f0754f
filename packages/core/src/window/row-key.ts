/*
 * RowKeyReader: the key of a table's row as the user sees it, read out of the row itself. Firing a
 * pane scans rows, so keys are not looked up but read.
 */
import { assert } from "../assert.ts";
import { offsetOf, slabOf } from "../state/arena.ts";
import type { RowLayout } from "../state/layout.ts";
import type { Table } from "../state/table.ts";
import { ByteReader } from "../types/byte-reader.ts";
import { codecOf } from "../types/codec.ts";
import type { Codec } from "../types/codec.ts";

/** See the file header. */
export class RowKeyReader {
  readonly #layout: RowLayout;
  readonly #isBool: boolean;
  readonly #codec: Codec<unknown> | undefined;
  readonly #reader = new ByteReader();
  /** What the reader reads; neighbouring rows mostly have their keys in one slab. */
  #slab: Uint8Array | undefined;

  constructor(layout: RowLayout) {
    this.#layout = layout;
    const { keyType, keyKind } = layout;
    assert(keyType !== undefined, () => `table ${layout.table} has no keys of a type`);
    this.#isBool = keyType.kind === "bool";

    this.#codec = keyKind === "bytes" ? codecOf(keyType) : undefined;
  }

  /** The key of a live row. */
  read(table: Table, row: number): unknown {
    const { keyKind, keyOffset } = this.#layout;
    const page = table.pageOf(row);
    const word = table.baseOf(row) + (keyOffset >>> 2);
    switch (keyKind) {
      case "int32":
        return page.i32[word];
      case "f64":
        return this.#isBool ? page.f64[word >>> 1] !== 0 : page.f64[word >>> 1];
      case "i64":
        return page.i64[word >>> 1];
      case "string":
        return this.#text(table, page.i32[word], page.i32[word + 1]);
      case "bytes":
        return this.#decoded(table, page.i32[word], page.i32[word + 1] >>> 1);
      case "f64x3":
        throw new RangeError("timers are not keys of records");
    }
  }

  #text(table: Table, ref: number, sizeWord: number): string {
    const isWide = (sizeWord & 1) !== 0;
    const size = sizeWord >>> 1;
    if (size === 0) return "";
    this.#seek(table, ref, size);
    return this.#reader.text(isWide ? size >>> 1 : size, isWide);
  }

  #decoded(table: Table, ref: number, size: number): unknown {
    assert(this.#codec !== undefined, "keys as bytes have a codec");
    this.#seek(table, ref, size);
    return this.#codec.decode(this.#reader);
  }

  #seek(table: Table, ref: number, size: number): void {
    const slab = table.arena.slabs[slabOf(ref)];
    const start = offsetOf(ref);
    if (slab === this.#slab) this.#reader.seek(start, start + size);
    else this.#reader.reset(slab, start, start + size);
    this.#slab = slab;
  }
}
