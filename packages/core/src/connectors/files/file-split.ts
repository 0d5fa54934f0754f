/*
 * FileSplit: a range of a file, and how far it was read. Plain data; part of snapshots.
 */
import type { Split } from "../source.ts";
import type { Compression } from "./decompressor.ts";

/** A file as it was found. */
export interface FoundFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Ms since the epoch. */
  readonly modifiedAt: number;
}

/**
 * The records that begin in `[start, end)` of a file; `end` is Infinity-free: the size for the last
 * range. Compressed files are one split, `[0, sizeBytes)`, and positions count decompressed bytes.
 */
export interface FileSplit extends Split {
  readonly path: string;
  /** Size of the (compressed) file when it was found. */
  readonly fileBytes: number;
  readonly compression: Compression;
  readonly start: number;
  readonly end: number;
  /** Where the next record begins; undefined before the first. */
  readonly position: number | undefined;
  /** Lines between the first record of the split and `position`. */
  readonly linesCount: number;
  /** Number of the line of the split's first record, from 1; undefined while nobody had to know. */
  readonly firstLine: number | undefined;
}

/** Cuts a file into splits of about `splitBytes`; 0 for one split. */
export function splitFile(
  file: FoundFile,
  cut: { readonly compression: Compression; readonly splitBytes: number },
): FileSplit[] {
  const { path, sizeBytes } = file;
  const isWhole = cut.compression !== "none" || cut.splitBytes === 0;
  const step = isWhole ? Math.max(sizeBytes, 1) : cut.splitBytes;
  const splits: FileSplit[] = [];
  for (let start = 0; start < sizeBytes; start += step) {
    splits.push({
      id: `${path}:${start}`,
      path,
      fileBytes: sizeBytes,
      compression: cut.compression,
      start,
      end: Math.min(start + step, sizeBytes),
      position: undefined,
      linesCount: 0,
      firstLine: start === 0 ? 1 : undefined,
    });
  }
  return splits;
}
