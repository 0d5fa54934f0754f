/*
 * Concatenation of batches into one: of records by reference, of columns without building records.
 */
import { assert } from "../assert.ts";
import { Batch } from "./batch.ts";
import type { BytesColumn, Column, Presence, StringColumn as Strings } from "./column.ts";
import { newTimestamps } from "./new-timestamps.ts";
import {
  bigintColumn,
  boolColumn,
  bytesColumn,
  float64Column,
  int32Column,
  StringColumn,
  ValueColumn,
} from "./column.ts";

/** Whether two batches can become one: both records, or the same fields of joinable kinds. */
export function isConcatenable(a: Batch, b: Batch): boolean {
  if ((a.timestamps === undefined) !== (b.timestamps === undefined)) return false;
  if (a.columns === undefined || b.columns === undefined) return a.columns === b.columns;
  const { names, columns } = a.columns;
  const other = b.columns;
  if (columns.length !== other.columns.length) return false;
  if ((names === undefined) !== (other.names === undefined)) return false;
  for (let index = 0; index < columns.length; index++) {
    if (names !== undefined && names[index] !== other.names?.[index]) return false;
    if (!areJoinable(columns[index].kind, other.columns[index].kind)) return false;
  }
  return true;
}

function areJoinable(a: Column["kind"], b: Column["kind"]): boolean {
  return a === b || (isNumber(a) && isNumber(b));
}

function isNumber(kind: Column["kind"]): boolean {
  return kind === "int32" || kind === "float64";
}

/** All rows of the batches, in order. Each must be concatenable with the first. */
export function concatBatches(batches: readonly Batch[]): Batch {
  assert(batches.length > 0, "nothing to concatenate");
  const [first] = batches;
  if (batches.length === 1) return first;
  let count = 0;
  for (const batch of batches) count += batch.count;
  const timestamps = concatTimestamps(batches, count);
  if (first.columns === undefined) {
    const records: unknown[] = [];
    for (const batch of batches) {
      const from = batch.records();
      for (let index = 0; index < batch.count; index++) records.push(from[index]);
    }
    return Batch.ofRecords(records, count, timestamps);
  }
  const columns = first.columns.columns.map((_, index) => concatColumn(batches, index, count));
  return Batch.ofColumns({ names: first.columns.names, columns }, count, timestamps);
}

function concatTimestamps(batches: readonly Batch[], count: number): Float64Array | undefined {
  if (batches[0].timestamps === undefined) return undefined;
  const timestamps = newTimestamps(count);
  let at = 0;
  for (const batch of batches) {
    if (batch.timestamps !== undefined) {
      timestamps.set(batch.timestamps.subarray(0, batch.count), at);
    }
    at += batch.count;
  }
  return timestamps;
}

interface Part<C extends Column> {
  readonly column: C;
  /** Rows of the batch; the column may have more. */
  readonly count: number;
}

function concatColumn(batches: readonly Batch[], index: number, count: number): Column {
  const parts = batches.map((batch): Part<Column> => {
    assert(batch.columns !== undefined, "a batch of records among batches of columns");
    return { column: batch.columns.columns[index], count: batch.count };
  });
  const presence = concatPresence(parts, count);
  const kind = parts.every((part) => part.column.kind === parts[0].column.kind)
    ? parts[0].column.kind
    : "float64";
  switch (kind) {
    case "int32":
      return int32Column(concatTyped(new Int32Array(count), parts), count, presence);
    case "float64":
      return float64Column(concatTyped(new Float64Array(count), parts), count, presence);
    case "bool":
      return boolColumn(concatTyped(new Uint8Array(count), parts), count, presence);
    case "bigint64":
      return bigintColumn(concatTyped(new BigInt64Array(count), parts), count, presence);
    case "string":
      return concatStrings(parts as readonly Part<Strings>[], count, presence);
    case "bytes":
      return concatBytes(parts as readonly Part<BytesColumn>[], count, presence);
    case "value":
      return concatValues(parts as readonly Part<ValueColumn>[], count, presence);
  }
}

function concatValues(
  parts: readonly Part<ValueColumn>[],
  count: number,
  presence: Presence,
): ValueColumn {
  const encoded: Part<BytesColumn>[] = [];
  for (const part of parts) {
    const column = part.column.encoded;
    if (column !== undefined) encoded.push({ column, count: part.count });
  }
  if (encoded.length === parts.length) {
    return parts[0].column.withEncoded(concatBytes(encoded, count, presence));
  }
  const values: unknown[] = [];
  for (const part of parts) {
    for (let row = 0; row < part.count; row++) values.push(part.column.values[row]);
  }
  return ValueColumn.ofValues(values, count, presence);
}

function concatPresence(parts: readonly Part<Column>[], count: number): Presence {
  if (parts.every((part) => part.column.presence === undefined)) return undefined;
  const presence = new Uint8Array(count);
  let at = 0;
  for (const part of parts) {
    if (part.column.presence !== undefined) {
      presence.set(part.column.presence.subarray(0, part.count), at);
    }
    at += part.count;
  }
  return presence;
}

function concatTyped<A extends Int32Array | Float64Array | Uint8Array | BigInt64Array>(
  into: A,
  parts: readonly Part<Column>[],
): A {
  let at = 0;
  for (const part of parts) {
    const { values } = part.column as unknown as { readonly values: A };
    into.set(values.subarray(0, part.count) as never, at);
    at += part.count;
  }
  return into;
}

function concatStrings(
  parts: readonly Part<Strings>[],
  count: number,
  presence: Presence,
): StringColumn {
  const { dictionary } = parts[0].column;
  const shared = parts.every(
    ({ column }) => column.codes !== undefined && column.dictionary === dictionary,
  );
  if (shared) {
    const codes = new Int32Array(count);
    let at = 0;
    for (const part of parts) {
      if (part.column.codes !== undefined) codes.set(part.column.codes.subarray(0, part.count), at);
      at += part.count;
    }
    return StringColumn.ofCodes(codes, dictionary, count, presence);
  }
  const values: string[] = [];
  for (const part of parts) {
    for (let row = 0; row < part.count; row++) values.push(part.column.values[row]);
  }
  return StringColumn.ofStrings(values, count, presence);
}

function concatBytes(
  parts: readonly Part<BytesColumn>[],
  count: number,
  presence: Presence,
): BytesColumn {
  const offsets = new Int32Array(count + 1);
  let row = 0;
  let sizeBytes = 0;
  for (const { column, count: rows } of parts) {
    const shift = sizeBytes - column.offsets[0];
    for (let index = 0; index < rows; index++) offsets[row++] = column.offsets[index] + shift;
    sizeBytes = column.offsets[rows] + shift;
  }
  offsets[count] = sizeBytes;
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  for (const { column, count: rows } of parts) {
    const slice = column.bytes.subarray(column.offsets[0], column.offsets[rows]);
    bytes.set(slice, at);
    at += slice.length;
  }
  return bytesColumn({ bytes, offsets }, count, presence);
}
