/*
 * CsvColumn: from the fields of one CSV column to a typed column, without an object per record. The
 * kinds are in `csv-columns.ts`.
 *
 * I1. `put…` returns undefined, or the reason why the field does not fit; the row is then written
 *     again by the next record.
 * I2. `take` gives the column away; the next batch begins with fresh arrays.
 */
import type { Column } from "../../columns/column.ts";
import { IS_UNDEFINED, PRESENT } from "../../columns/column.ts";

/** A field that is not quoted: `bytes[from .. to)`. Reused for every field; do not keep. */
export interface FieldRange {
  bytes: Buffer;
  from: number;
  to: number;
}

/** See the file header. `isOptional`: an empty field that is not quoted is undefined. */
export abstract class CsvColumn {
  readonly isOptional: boolean;
  #presence: Uint8Array | undefined;

  constructor(isOptional: boolean) {
    this.isOptional = isOptional;
  }

  /** Makes room for `limit` rows. */
  begin(limit: number): void {
    this.#presence = this.isOptional ? new Uint8Array(limit) : undefined;
    this.allocate(limit);
  }

  put(field: FieldRange, row: number): string | undefined {
    if (this.#presence !== undefined) {
      const isMissing = field.from === field.to;
      this.#presence[row] = isMissing ? IS_UNDEFINED : PRESENT;
      if (isMissing) return this.putMissing(row);
    }
    return this.putBytes(field, row);
  }

  putQuoted(text: string, row: number): string | undefined {
    if (this.#presence !== undefined) this.#presence[row] = PRESENT;
    return this.putText(text, row);
  }

  /** The column of the first `count` rows. */
  take(count: number): Column {
    const presence = this.#presence;
    const isFull = presence?.subarray(0, count).every((state) => state === PRESENT) ?? true;
    return this.build(count, isFull ? undefined : presence);
  }

  protected abstract allocate(limit: number): void;
  protected abstract build(count: number, presence: Uint8Array | undefined): Column;
  protected abstract putText(text: string, row: number): string | undefined;

  protected putBytes({ bytes, from, to }: FieldRange, row: number): string | undefined {
    return this.putText(bytes.toString("utf8", from, to), row);
  }

  /** What the slot of a row without a value holds. */
  protected putMissing(_row: number): undefined {
    return undefined;
  }
}
