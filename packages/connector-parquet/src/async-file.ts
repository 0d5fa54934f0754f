/*
 * A Parquet file as hyparquet reads it, over `Files`: byte ranges, the footer, decompression, and
 * errors that name the file.
 */
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import {
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  type ParquetParsers,
} from "hyparquet";
import { errorCode } from "oxbow";
import { type Files, type FoundFile, oxbowError, type ReadableFile } from "oxbow/internal";

const MICROS_PER_MS = 1_000n;
const NANOS_PER_MS = 1_000_000n;
const MS_PER_DAY = 86_400_000;

/** Points in time are numbers of ms; digits below are cut off downwards. */
export const PARSERS: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (value) => Number(value),
  timestampFromMicroseconds: (value) => Number(floorDivide(value, MICROS_PER_MS)),
  timestampFromNanoseconds: (value) => Number(floorDivide(value, NANOS_PER_MS)),
  dateFromDays: (days) => days * MS_PER_DAY,
};

/** Decompressors from node:zlib; Snappy is hyparquet's own. */
export const COMPRESSORS: Compressors = {
  ZSTD: (input, outputLength) => zstdDecompressSync(input, { maxOutputLength: outputLength }),
  GZIP: (input, outputLength) => gunzipSync(input, { maxOutputLength: outputLength }),
  BROTLI: (input, outputLength) => brotliDecompressSync(input, { maxOutputLength: outputLength }),
};

/** An open Parquet file. */
export interface OpenParquet {
  readonly path: string;
  readonly buffer: AsyncBuffer;
  readonly metadata: FileMetaData;
  close(): Promise<void>;
}

/** Opens a file and reads its footer. FILE_NOT_FOUND, FILE_CHANGED, FILE_UNREADABLE. */
export async function openParquet(files: Files, found: FoundFile): Promise<OpenParquet> {
  const { path, sizeBytes } = found;
  const file = await files.open(path);
  try {
    if (file.sizeBytes !== sizeBytes) {
      throw oxbowError(
        "FILE_CHANGED",
        `File ${path} has ${file.sizeBytes} bytes and had ${sizeBytes} when it was found. Files ` +
          `must be complete when they appear: write them elsewhere and move them.`,
        { path },
      );
    }
    const buffer = bufferOf(file);
    const metadata = await guarded(path, parquetMetadataAsync(buffer, { parsers: PARSERS }));
    return { path, buffer, metadata, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Errors of the Parquet library as FILE_UNREADABLE with the file's name; ours as they are. */
export async function guarded<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (errorCode(error) !== undefined) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw oxbowError(
      "FILE_UNREADABLE",
      `Cannot read ${path} as Parquet: ${reason}. Check that the file is complete.`,
      { path },
      error,
    );
  }
}

function bufferOf(file: ReadableFile): AsyncBuffer {
  return {
    byteLength: file.sizeBytes,
    async slice(start: number, end: number = file.sizeBytes): Promise<ArrayBuffer> {
      const bytes = await file.read(start, end - start);
      const { buffer, byteOffset, byteLength } = bytes;
      const isWhole = byteOffset === 0 && byteLength === buffer.byteLength;
      return (isWhole ? buffer : buffer.slice(byteOffset, byteOffset + byteLength)) as ArrayBuffer;
    },
  };
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value < 0n && quotient * by !== value ? quotient - 1n : quotient;
}
