/*
 * parquet: a bounded source over Parquet files. Splits are row groups, read by column into columnar
 * batches; no object is made per record.
 */
import { CursorReader, oxbowError, type Source, type StructType, type Type } from "oxbow/internal";
import { ParquetEnumerator } from "./parquet-enumerator.ts";
import { type ParquetSplit, RowGroupCursor } from "./row-group-cursor.ts";

export type { ParquetSplit } from "./row-group-cursor.ts";

/** Settings of `parquet`. */
export interface ParquetOptions<T> {
  /** Columns to read, in this order; default: those of `type`, else all. Others are not read. */
  readonly columns?: readonly (keyof T & string)[];
  /** A struct. Columns are checked against it when a file is opened. */
  readonly type?: Type<T>;
}

/** A record whose columns were not declared. */
type AnyRecord = Readonly<Record<string, unknown>>;

/**
 * Records from Parquet files: a path, a directory, a pattern, or a list of these, as for `files`.
 * Row groups are given to readers on demand, in order. 64-bit integers are numbers in the safe
 * range (a value outside is an error) unless `type` declares `t.bigint64`; dates and timestamps are
 * ms; missing values are undefined. Errors: `CONNECTOR_INVALID`, `FILE_NOT_FOUND`, `FILE_CHANGED`,
 * `FILE_UNREADABLE`, `RECORD_MALFORMED`.
 *
 * @example
 * parquet("data/flights.parquet", { type: t.struct({ date: t.timestamp, origin: t.string }) });
 */
export function parquet(
  paths: string | readonly string[],
  options?: ParquetOptions<AnyRecord> & { readonly type?: undefined },
): Source<AnyRecord, ParquetSplit>;
export function parquet<T>(
  paths: string | readonly string[],
  options: ParquetOptions<T> & { readonly type: Type<T> },
): Source<T, ParquetSplit>;
export function parquet(
  paths: string | readonly string[],
  options: ParquetOptions<AnyRecord> = {},
): Source<AnyRecord, ParquetSplit> {
  const list = typeof paths === "string" ? [paths] : paths;
  const { columns, type } = options;
  if (list.length === 0) throw invalid("give at least one path");
  if (columns?.length === 0) throw invalid("columns must not be empty");
  if (columns !== undefined && new Set(columns).size < columns.length) {
    throw invalid("columns names one twice");
  }
  if (type !== undefined && type.kind !== "struct") {
    throw invalid(`type must be a t.struct, but is a ${type.kind}`);
  }
  const request = { columns, type: type as StructType<unknown> | undefined };
  return {
    kind: "source",
    connector: "parquet",
    boundedness: "bounded",
    recordType: type,
    createEnumerator: (context, restored) => new ParquetEnumerator(context, list, restored),
    createReader: (context) =>
      new CursorReader<ParquetSplit>(context, {
        openLimit: 1,
        openCursor: (split) => new RowGroupCursor(context, split, request),
      }),
  };
}

function invalid(reason: string): Error {
  return oxbowError("CONNECTOR_INVALID", `Source parquet: ${reason}.`, { connector: "parquet" });
}
