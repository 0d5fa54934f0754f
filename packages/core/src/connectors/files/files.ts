/*
 * files: the source of records in files, JSON lines or CSV, plain or compressed; bounded, or
 * watching for new files.
 *
 * Semantics: docs/semantics/files.md.
 */
import { oxbowError } from "../../errors.ts";
import { type Duration, parseDuration } from "../../time/duration.ts";
import { CursorReader } from "../cursor-reader.ts";
import type { Format } from "../formats/format.ts";
import type { Source } from "../source.ts";
import { type Compression, compressionOf } from "./decompressor.ts";
import { FileCursor, type MalformedPolicy } from "./file-cursor.ts";
import { FileEnumerator } from "./file-enumerator.ts";
import { checkChoice, checkFormat, checkOptions } from "../check-options.ts";
import type { FileSplit } from "./file-split.ts";
import { compileGlob } from "./glob.ts";

/** Settings of `files`. */
export interface FilesOptions {
  /**
   * Looks for new files at this interval and never ends; undefined: reads what is there and ends.
   */
  readonly watch?: Duration;
  /**
   * What to do about records that the format cannot read: fail the attempt (default), count and
   * pass over, or count and send to the side output of malformed records.
   */
  readonly malformed?: MalformedPolicy;
  /** Size of the ranges that readers share, bytes; default 32 MiB. Infinity: whole files. */
  readonly splitBytes?: number;
  /** Default: by the name (`.gz`, `.zst`). Compressed files are read by one reader each. */
  readonly compression?: Compression | "auto";
  /** Longest record, bytes; default 16 MiB. Bounds the memory of a reader. */
  readonly recordBytesLimit?: number;
}

const CONNECTOR = "Source files";
const OPTIONS: readonly (keyof FilesOptions)[] = [
  "watch",
  "malformed",
  "splitBytes",
  "compression",
  "recordBytesLimit",
];
const MALFORMED_POLICIES: readonly MalformedPolicy[] = ["fail", "skip", "side-output"];
const COMPRESSIONS: readonly (Compression | "auto")[] = ["auto", "none", "gzip", "zstd"];
const SPLIT_BYTES = 32 * 1024 * 1024;
const RECORD_BYTES_LIMIT = 16 * 1024 * 1024;

/**
 * Records from files: a path, a directory (its files, not those below), a pattern (`*`, `**`, `?`,
 * `{a,b}`, `[abc]`), or a list of these. Relative paths start from the working directory. Names
 * that begin with a dot are left out. Files must be complete when they appear and must not change.
 * Errors: `CONNECTOR_INVALID`, `FILE_NOT_FOUND`, `FILE_CHANGED`, `FILE_UNREADABLE`,
 * `RECORD_MALFORMED`, `RECORD_TOO_LARGE`.
 *
 * @example
 * files("data/flights/*.jsonl", json(Flight), { malformed: "skip" });
 */
export function files<T>(
  paths: string | readonly string[],
  format: Format<T>,
  options: FilesOptions = {},
): Source<T, FileSplit> {
  checkOptions(CONNECTOR, options, OPTIONS);
  checkFormat(CONNECTOR, format);
  const { malformed = "fail", compression = "auto" } = options;
  checkChoice(CONNECTOR, "malformed", malformed, MALFORMED_POLICIES);
  checkChoice(CONNECTOR, "compression", compression, COMPRESSIONS);
  const list = typeof paths === "string" ? [paths] : paths;
  const recordBytesLimit = options.recordBytesLimit ?? RECORD_BYTES_LIMIT;
  const watchMs =
    options.watch === undefined ? undefined : parseDuration(options.watch, "watch", { minMs: 1 });
  const splitBytes = splitBytesOf(options.splitBytes ?? SPLIT_BYTES, format);
  checkLimit("recordBytesLimit", recordBytesLimit);
  if (list.length === 0) throw invalid("give at least one path");
  for (const path of list) compileGlob(path);
  return {
    kind: "source",
    connector: "files",
    boundedness: watchMs === undefined ? "bounded" : "unbounded",
    recordType: format.recordType,
    createEnumerator: (context, restored) =>
      new FileEnumerator(
        context,
        {
          paths: list,
          watchMs,
          splitBytes,
          compressionOf: compression === "auto" ? compressionOf : () => compression,
        },
        restored,
      ),
    createReader: (context) =>
      new CursorReader<FileSplit>(context, {
        openLimit: 1,
        openCursor: (split) =>
          new FileCursor(split, {
            context,
            format: format,
            malformed,
            recordBytesLimit,
          }),
      }),
  };
}

function splitBytesOf(splitBytes: number, format: Format<unknown>): number {
  if (splitBytes === Infinity || !format.isSplittable) return 0;
  checkLimit("splitBytes", splitBytes);
  return splitBytes;
}

function checkLimit(setting: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw invalid(`${setting} must be an integer above 0, but is ${value}`);
}

function invalid(reason: string): Error {
  return oxbowError("CONNECTOR_INVALID", `Source files: ${reason}.`, { connector: "files" });
}
