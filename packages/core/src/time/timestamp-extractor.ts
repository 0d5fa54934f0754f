/*
 * Reading the event time out of a batch: from a column where the batch has columns and the
 * timestamp is a field by name, from records otherwise. Both give the same timestamps and the same
 * errors.
 */
import { oxbowError } from "../errors.ts";
import { isTimestamp, MAX_TIMESTAMP } from "./timestamp.ts";
import type { WatermarkStrategy } from "./watermark-strategy.ts";

/** Fields of a record that a message lists. */
const NAMES_MAX = 20;

/** What extraction needs of a batch; `Batch` of the folder `columns` is one. */
export interface TimestampInput {
  readonly count: number;
  /** The column of a field, where the batch has columns; see `columns/column.ts`. */
  column(field: string): TimestampColumn | undefined;
  /** The records; may be longer than `count`. */
  records(): readonly unknown[];
}

/** What extraction needs of a column. */
export interface TimestampColumn {
  readonly kind: string;
  /** Undefined: every record has a value. */
  readonly presence: Uint8Array | undefined;
  readonly values?: unknown;
}

/**
 * Writes the timestamps of the batch into `target` (length ≥ count).
 * Error `TIMESTAMP_INVALID` for the first record whose timestamp is no whole number of ms in range.
 */
export type TimestampExtractor = (input: TimestampInput, target: Float64Array) => void;

/** The extractor of a source. */
export function timestampExtractor(
  timestamp: WatermarkStrategy["timestamp"],
  uid: string,
): TimestampExtractor {
  if (typeof timestamp === "function") {
    return (input, target) => {
      const records = input.records();
      for (let i = 0; i < input.count; i++) {
        const value: unknown = timestamp(records[i]);
        if (!isTimestamp(value)) throw invalid(uid, "the timestamp function returned", value);
        target[i] = value;
      }
    };
  }
  const read = compileReader(timestamp);
  return (input, target) => {
    const { count } = input;
    const numbers = numbersOf(input.column(timestamp));
    if (numbers !== undefined) {
      for (let i = 0; i < count; i++) {
        const value: number = numbers[i];
        if (!isTimestamp(value))
          throw invalidField(uid, { field: timestamp, value, record: undefined });
        target[i] = value;
      }
      return;
    }
    const records = input.records();
    const index = read(records, count, target);
    if (index === count) return;
    const record = records[index];
    throw invalidField(uid, { field: timestamp, value: fieldOf(record, timestamp), record });
  };
}

/** Returns the index of the first record without a timestamp; `count` if there is none. */
type FieldReader = (records: readonly unknown[], count: number, target: Float64Array) => number;

/** A loop of its own for each field: nothing in it is shared, so the engine knows all shapes. */
function compileReader(field: string): FieldReader {
  const name = JSON.stringify(field);
  const source = `"use strict"; return (records, count, target) => {
    for (let i = 0; i < count; i++) {
      const record = records[i];
      const value = typeof record === "object" && record !== null ? record[${name}] : undefined;
      if (typeof value !== "number" || Math.floor(value) !== value ||
          value > ${MAX_TIMESTAMP} || value < ${-MAX_TIMESTAMP}) return i;
      target[i] = value;
    }
    return count;
  };`;
  return (new Function(source) as () => FieldReader)();
}

/** Undefined where the values of the records have to be looked at. */
function numbersOf(column: TimestampColumn | undefined): ArrayLike<number> | undefined {
  if (column === undefined || column.presence !== undefined) return undefined;
  const { kind, values } = column;
  return kind === "int32" || kind === "float64" ? (values as ArrayLike<number>) : undefined;
}

function fieldOf(record: unknown, field: string): unknown {
  if (typeof record !== "object" || record === null) return undefined;
  return (record as Readonly<Record<string, unknown>>)[field];
}

interface BadField {
  readonly field: string;
  readonly value: unknown;
  readonly record: unknown;
}

/** A record without the field at all is told of with the fields that it has. */
function invalidField(uid: string, { field, value, record }: BadField): Error {
  const isMissing = typeof record === "object" && record !== null && !(field in record);
  if (!isMissing) return invalid(uid, `the field "${field}" is`, value);
  const names = Object.keys(record).slice(0, NAMES_MAX).join(", ");
  const message =
    `Source "${uid}": a record has no field "${field}", which watermarks.timestamp names. ` +
    `It has ${names === "" ? "no fields" : names}.`;
  return oxbowError("TIMESTAMP_INVALID", message, { uid, field });
}

function invalid(uid: string, what: string, value: unknown): Error {
  const shown = typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : String(value);
  const message =
    `Source "${uid}": ${what} ${shown} (${typeof value}), which is no timestamp. ` +
    `Give whole ms since the epoch as a number${hint(value)}.`;
  return oxbowError("TIMESTAMP_INVALID", message, { uid, value: shown, type: typeof value });
}

function hint(value: unknown): string {
  if (typeof value === "bigint") return ", here with Number(…)";
  if (value instanceof Date) return ", here with .getTime()";
  if (typeof value === "string") return ", here with Date.parse(…)";
  if (typeof value === "number" && Number.isFinite(value)) return ", here with Math.floor(…)";
  return "; filter records without one out before the source's watermarks";
}
