/*
 * The `_metadata` file of a checkpoint or savepoint: writing it so that it is complete or not there
 * at all, reading and checking it. Format: docs/formats/metadata.md.
 *
 * I1. A snapshot is complete if and only if its `_metadata` is there under this name.
 * I2. `writeMetadata` resolves only after the file is durable and has been read back.
 */
import type { Files } from "../env/files.ts";
import { decodeCheckedText, encodeCheckedText, type CheckedTextFormat } from "./checked-text.ts";
import { createDurably, readAll } from "./durable-file.ts";
import { checkMetadata } from "./metadata-check.ts";
import type { CheckpointMetadata } from "./metadata.ts";

/** Name of the file in a snapshot's directory. */
export const METADATA_NAME = "_metadata";

/** Version that is written; all versions from 1 are read. */
export const METADATA_VERSION = 1;

const FORMAT: CheckedTextFormat = { magic: "oxbow-metadata", version: METADATA_VERSION };

/** Where a snapshot goes. */
export interface MetadataTarget {
  /** The snapshot's directory; it must be there and durable. */
  readonly directory: string;
  /** Names the writer (epoch), so that a dead attempt's temporary file is not mistaken for ours. */
  readonly tag: string;
}

/** The bytes of `_metadata`; throws INVALID_ARGUMENT for what is not plain data or too large. */
export function encodeMetadata(metadata: CheckpointMetadata): Uint8Array {
  return encodeCheckedText(FORMAT, metadata);
}

/**
 * The metadata in the bytes of a file. Throws METADATA_CORRUPTED (file, offset) and
 * METADATA_VERSION_UNSUPPORTED.
 */
export function decodeMetadata(file: string, bytes: Uint8Array): CheckpointMetadata {
  const { value } = decodeCheckedText(FORMAT, file, bytes);
  return checkMetadata(file, value);
}

/** Completes a snapshot; see I2. FILE_EXISTS if it is complete already. */
export async function writeMetadata(
  files: Files,
  target: MetadataTarget,
  metadata: CheckpointMetadata,
): Promise<void> {
  const bytes = encodeMetadata(metadata);
  await createDurably(files, { ...target, name: METADATA_NAME, bytes });
}

/** Reads and checks the `_metadata` in a directory. FILE_NOT_FOUND where there is none. */
export async function readMetadata(files: Files, directory: string): Promise<CheckpointMetadata> {
  const path = `${directory}/${METADATA_NAME}`;
  return decodeMetadata(path, await readAll(files, path));
}
