/*
 * Snapshots outside of a run: the directory of a savepoint on its way, any snapshot that a user
 * names, and the deletion of one that a run has claimed. Rules: docs/semantics/savepoints.md;
 * bytes: docs/formats/metadata.md.
 *
 * I1. A savepoint is complete when `completeSavepoint` has resolved; nothing in it refers to a file
 *     outside of its directory.
 * I2. Deleting begins with `_metadata`, durably; so what can be found can be used.
 */
import { assert } from "../assert.ts";
import type { Files } from "../env/files.ts";
import { oxbowError } from "../errors.ts";
import { checkPlace, checkSegments, segmentsOf, takeInventory } from "./checkpoint-inventory.ts";
import { parentOf } from "./durable-file.ts";
import { METADATA_NAME, readMetadata, writeMetadata } from "./metadata-file.ts";
import type { CheckpointMetadata } from "./metadata.ts";
import { RUN_RECORD_NAME } from "./run-record.ts";
import { openSegment } from "./segment-reader.ts";

/** Name of a savepoint's directory. `random`: 12 hex digits. */
export function savepointName(jobId: string, random: string): string {
  assert(/^[0-9a-f]{12}$/.test(random), "a savepoint's name ends in 12 hex digits");
  return `savepoint-${jobId.slice(0, 6)}-${random}`;
}

/**
 * Completes the savepoint in `directory`, whose segments are durable. Where it rejects, the
 * directory may be removed: `discardSnapshotDirectory`.
 */
export async function completeSavepoint(
  files: Files,
  directory: string,
  metadata: CheckpointMetadata,
): Promise<void> {
  assert(metadata.kind === "savepoint", "checkpoints are the store's");
  for (const { file } of segmentsOf(metadata)) {
    assert(!file.includes("/"), () => `a savepoint has its own segments, not ${file}`);
  }
  await files.syncDirectory(directory);
  const tag = String(metadata.epoch);
  await writeMetadata(files, { directory, tag }, metadata);
}

/** Removes a snapshot's own directory; see I2. Fine if it is not there. */
export async function discardSnapshotDirectory(files: Files, directory: string): Promise<void> {
  if ((await files.status(directory)) === undefined) return;
  await files.remove(`${directory}/${METADATA_NAME}`);
  await files.syncDirectory(directory);
  await files.removeTree(directory);
}

/** A snapshot that a user named, found and looked at. */
export interface FoundSnapshot {
  readonly metadata: CheckpointMetadata;
  /** Where its `_metadata` lies. */
  readonly directory: string;
  /** What the names of its segments are relative to. */
  readonly segmentsDirectory: string;
}

/**
 * The snapshot at an absolute path: of a savepoint's or checkpoint's directory, or its `_metadata`.
 * SNAPSHOT_NOT_FOUND, METADATA_CORRUPTED, METADATA_VERSION_UNSUPPORTED, SEGMENT_CORRUPTED (a
 * segment is missing or has another size), FILE_IO.
 */
export async function findSnapshot(files: Files, path: string): Promise<FoundSnapshot> {
  const directory = await directoryOf(files, path);
  const metadata = await readMetadata(files, directory);
  checkPlace(directory, metadata);
  const segmentsDirectory = segmentsDirectoryOf(directory, metadata);
  await checkSegments(files, segmentsDirectory, metadata);
  return { metadata, directory, segmentsDirectory };
}

/**
 * Reads all segments of a snapshot and compares them with what it says of them: bytes, operator,
 * key groups. SEGMENT_CORRUPTED, SEGMENT_VERSION_UNSUPPORTED, FILE_IO.
 */
export async function verifySnapshot(files: Files, snapshot: FoundSnapshot): Promise<void> {
  const { metadata, segmentsDirectory: directory } = snapshot;
  for (const { uid, subtasks } of metadata.operators) {
    for (const handle of subtasks.flatMap(({ segments }) => segments)) {
      const segment = await openSegment(files, { directory, handle, uid });
      try {
        await segment.verify(handle.checksum);
      } finally {
        await segment.close();
      }
    }
  }
}

/**
 * Makes sure that a snapshot that was found does not vanish with the power, when a run has begun
 * from it: a process that was killed may not have come to that. FILE_IO, also where nothing can be
 * written.
 */
export async function keepSnapshot(files: Files, snapshot: FoundSnapshot): Promise<void> {
  const { metadata, directory, segmentsDirectory } = snapshot;
  const directories = segmentsOf(metadata).map(({ file }) =>
    parentOf(`${segmentsDirectory}/${file}`),
  );
  for (const used of new Set(directories)) await files.syncDirectory(used);
  await files.syncDirectory(directory);
  await files.syncDirectory(parentOf(directory));
}

function segmentsDirectoryOf(directory: string, metadata: CheckpointMetadata): string {
  return metadata.kind === "savepoint" ? directory : parentOf(directory);
}

async function directoryOf(files: Files, given: string): Promise<string> {
  const path = given.length > 1 ? given.replace(/\/+$/u, "") : given;
  const status = await files.status(path);
  if (status === undefined) {
    throw notFound(path, `There is nothing at ${path}.`);
  }
  if (status.kind === "file") {
    if (path.endsWith(`/${METADATA_NAME}`)) return parentOf(path);
    throw notFound(path, `${path} is a file; a snapshot is a directory with a ${METADATA_NAME}.`);
  }
  const names = await files.list(path);
  if (names.includes(METADATA_NAME)) return path;
  const inside = await describe(files, path, names);
  throw notFound(path, `There is no ${METADATA_NAME} in ${path}. ${inside}`);
}

/** What is there instead, so that the user sees what to name. */
async function describe(files: Files, path: string, names: readonly string[]): Promise<string> {
  if (names.includes(RUN_RECORD_NAME)) {
    const { complete } = await takeInventory(files, path);
    const newest = complete.find((found) => found.fault === undefined);
    if (newest === undefined) return "It is the directory of a run that has no checkpoint.";
    return `It is the directory of a run; its newest checkpoint is ${path}/${newest.directory}.`;
  }
  const savepoints = names.filter((name) => name.startsWith("savepoint-"));
  if (savepoints.length > 0) return `There are ${shown(savepoints)}; name one of them.`;
  if (names.some((name) => name.endsWith(".seg"))) {
    return "It holds segments: the snapshot was never completed, or its deletion has begun.";
  }
  return names.length === 0 ? "It is empty." : `There are only ${shown(names)}.`;
}

/** Names that an error lists. */
const SHOWN_COUNT = 5;

function shown(names: readonly string[]): string {
  const listed = names.slice(0, SHOWN_COUNT).join(", ");
  return names.length > SHOWN_COUNT ? `${listed}, … (${names.length})` : listed;
}

function notFound(path: string, problem: string): Error {
  return oxbowError(
    "SNAPSHOT_NOT_FOUND",
    `Cannot find a checkpoint or savepoint. ${problem} Give the directory of a savepoint ` +
      `(savepoint-…) or of a checkpoint (<run>/chk-…).`,
    { path },
  );
}

/**
 * Deletes a snapshot that a run had claimed: of a savepoint all, of a checkpoint its directory and
 * the segments that no other checkpoint beside it names.
 */
export async function discardClaimed(files: Files, snapshot: FoundSnapshot): Promise<void> {
  const { metadata, directory, segmentsDirectory } = snapshot;
  await discardSnapshotDirectory(files, directory);
  if (metadata.kind === "savepoint") return;
  const { complete } = await takeInventory(files, segmentsDirectory);
  // Where one beside it cannot be read, nobody knows what it names.
  if (complete.some((found) => found.metadata === undefined)) return;
  const used = complete.flatMap((found) => segmentsOf(found.metadata!));
  const kept = new Set(used.map(({ file }) => file));
  for (const { file } of segmentsOf(metadata)) {
    if (!kept.has(file)) await files.remove(`${segmentsDirectory}/${file}`);
  }
}
