/*
 * Gathering: a new column from chosen rows of another, without building records.
 */
import type { BytesColumn, Column, Presence } from "./column.ts";
import {
  bigintColumn,
  boolColumn,
  bytesColumn,
  float64Column,
  int32Column,
  StringColumn,
  ValueColumn,
} from "./column.ts";

/** Rows `indexes[0 .. count)` of `column`, in that order. Dictionaries are shared, not copied. */
export function gatherColumn(column: Column, indexes: Int32Array, count: number): Column {
  const presence = gatherPresence(column.presence, indexes, count);
  switch (column.kind) {
    case "int32":
      return int32Column(gatherInt32(column.values, indexes, count), count, presence);
    case "float64":
      return float64Column(gatherFloat64(column.values, indexes, count), count, presence);
    case "bool":
      return boolColumn(gatherUint8(column.values, indexes, count), count, presence);
    case "bigint64": {
      const values = new BigInt64Array(count);
      for (let row = 0; row < count; row++) values[row] = column.values[indexes[row]];
      return bigintColumn(values, count, presence);
    }
    case "string":
      return column.codes === undefined
        ? StringColumn.ofStrings(gatherArray(column.values, indexes, count), count, presence)
        : StringColumn.ofCodes(
            gatherInt32(column.codes, indexes, count),
            column.dictionary,
            count,
            presence,
          );
    case "bytes":
      return gatherBytes(column, indexes, count);
    case "value":
      return column.encoded === undefined
        ? ValueColumn.ofValues(gatherArray(column.values, indexes, count), count, presence)
        : column.withEncoded(gatherBytes(column.encoded, indexes, count));
  }
}

/** Presence of the chosen rows. */
export function gatherPresence(presence: Presence, indexes: Int32Array, count: number): Presence {
  return presence === undefined ? undefined : gatherUint8(presence, indexes, count);
}

function gatherInt32(values: Int32Array, indexes: Int32Array, count: number): Int32Array {
  const chosen = new Int32Array(count);
  for (let row = 0; row < count; row++) chosen[row] = values[indexes[row]];
  return chosen;
}

function gatherFloat64(values: Float64Array, indexes: Int32Array, count: number): Float64Array {
  const chosen = new Float64Array(count);
  for (let row = 0; row < count; row++) chosen[row] = values[indexes[row]];
  return chosen;
}

function gatherUint8(values: Uint8Array, indexes: Int32Array, count: number): Uint8Array {
  const chosen = new Uint8Array(count);
  for (let row = 0; row < count; row++) chosen[row] = values[indexes[row]];
  return chosen;
}

function gatherArray<T>(values: readonly T[], indexes: Int32Array, count: number): T[] {
  const chosen: T[] = [];
  for (let row = 0; row < count; row++) chosen.push(values[indexes[row]]);
  return chosen;
}

function gatherBytes(column: BytesColumn, indexes: Int32Array, count: number): BytesColumn {
  const offsets = new Int32Array(count + 1);
  let sizeBytes = 0;
  for (let row = 0; row < count; row++) {
    const from = indexes[row];
    sizeBytes += column.offsets[from + 1] - column.offsets[from];
    offsets[row + 1] = sizeBytes;
  }
  const bytes = new Uint8Array(sizeBytes);
  for (let row = 0; row < count; row++) {
    const from = indexes[row];
    const slice = column.bytes.subarray(column.offsets[from], column.offsets[from + 1]);
    bytes.set(slice, offsets[row]);
  }
  return bytesColumn({ bytes, offsets }, count, gatherPresence(column.presence, indexes, count));
}
