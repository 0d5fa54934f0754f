/*
 * fileSink: records into files, exactly once by renaming. Files appear whole, under names that no
 * run writes twice, when the checkpoint after their records completes.
 *
 * Semantics: docs/semantics/files.md.
 */
import { oxbowError } from "../../errors.ts";
import type { Compression } from "../files/decompressor.ts";
import type { Format } from "../formats/format.ts";
import type { Sink } from "../sink.ts";
import { checkChoice, checkFormat, checkOptions } from "../check-options.ts";
import { FileCommitter } from "./file-committer.ts";
import { FileWriter } from "./file-writer.ts";

/** Settings of `fileSink`. */
export interface FileSinkOptions<T> {
  /** A file is finished at the first buffer that reaches this size; default 128 MiB. */
  readonly rollBytes?: number;
  /** Directory of a record below the sink's, such as `day=2001-01-31`; "" for the sink's own. */
  readonly partitionBy?: (record: T) => string;
  /** Beginning of file names; default `part`. */
  readonly prefix?: string;
  /** End of file names; default: the format's extension, and `.gz` or `.zst`. */
  readonly suffix?: string;
  /** Default `none`. */
  readonly compression?: Compression;
}

const CONNECTOR = "File sink";
const OPTIONS: readonly (keyof FileSinkOptions<unknown>)[] = [
  "rollBytes",
  "partitionBy",
  "prefix",
  "suffix",
  "compression",
];
const ROLL_BYTES = 128 * 1024 * 1024;
const EXTENSIONS: Readonly<Record<Compression, string>> = { none: "", gzip: ".gz", zstd: ".zst" };

/**
 * Writes records into files below `directory`, which is created. With checkpoints each record is in
 * exactly one visible file; readers must leave out names that begin with a dot. Errors:
 * `CONNECTOR_INVALID`, `PARTITION_INVALID`, `RECORD_NOT_WRITABLE`, `SINK_TRANSACTION_LOST`,
 * `SINK_TRANSACTION_CONFLICT`.
 *
 * @example
 * const perOrigin = { partitionBy: (flight: Flight) => `origin=${flight.origin}` };
 * flights.sink("by-origin", fileSink("out/flights", json(Flight), perOrigin));
 */
export function fileSink<T>(
  directory: string,
  format: Format<T>,
  options: FileSinkOptions<T> = {},
): Sink<T> {
  checkOptions(CONNECTOR, options, OPTIONS);
  checkFormat(CONNECTOR, format);
  const { rollBytes = ROLL_BYTES, prefix = "part", compression = "none" } = options;
  checkChoice(CONNECTOR, "compression", compression, Object.keys(EXTENSIONS));
  const suffix = options.suffix ?? format.extension + EXTENSIONS[compression];
  if (!(rollBytes >= 1)) throw invalid(`rollBytes must be above 0, but is ${rollBytes}`);
  checkNamePart("prefix", prefix);
  if (suffix !== "") checkNamePart("suffix", suffix.replace(/^\./, "x"));
  // Fails here, not in a running task, where the format cannot write.
  format.createEncoder();
  return {
    kind: "sink",
    connector: "files",
    guarantee: "exactly-once",
    createWriter: (context) =>
      new FileWriter(context, {
        directory,
        encoder: format.createEncoder(),
        rollBytes,
        partitionBy: options.partitionBy as ((record: unknown) => string) | undefined,
        prefix,
        suffix,
        compression,
      }),
    createCommitter: (context) => new FileCommitter(context),
  };
}

function checkNamePart(setting: string, text: string): void {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.=-]{0,63}$/.test(text)) return;
  throw invalid(
    `${setting} must be 1 to 64 letters, digits or _.=-, but is ${JSON.stringify(text)}`,
  );
}

function invalid(reason: string): Error {
  return oxbowError("CONNECTOR_INVALID", `Sink files: ${reason}.`, { connector: "files" });
}
