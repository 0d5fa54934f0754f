/*
 * What is on disk when a process takes a run over: which checkpoints are complete, which can be
 * read, which one to go on from, and which files belong to nobody. Reads only; the store acts on
 * it. Rules: docs/formats/run-directory.md, "Recovery".
 *
 * I1. A directory `chk-<n>` without `_metadata` was never complete (or is half deleted): garbage.
 * I2. A damaged newest checkpoint is passed over by itself only if it is known that no exactly-once
 *     sink committed on it; otherwise going on from an older one could repeat output, and the user
 *     must say so.
 */
import type { Files } from "../env/files.ts";
import { errorCode, oxbowError, type OxbowError } from "../errors.ts";
import type { CheckpointId } from "../state/barrier.ts";
import { corrupted } from "./checked-text.ts";
import { METADATA_NAME, readMetadata } from "./metadata-file.ts";
import type { CheckpointMetadata, SegmentHandle } from "./metadata.ts";

const DIRECTORY_NAME = /^chk-(\d{1,15})$/;

/** A complete checkpoint as found. */
export interface FoundCheckpoint {
  readonly id: CheckpointId;
  /** Relative to the run directory. */
  readonly directory: string;
  /** Undefined where `_metadata` is unreadable. */
  readonly metadata: CheckpointMetadata | undefined;
  /**
   * METADATA_CORRUPTED, METADATA_VERSION_UNSUPPORTED or SEGMENT_CORRUPTED; undefined: all is well.
   */
  readonly fault: OxbowError | undefined;
}

/** What to do at start. */
export type RecoveryDecision =
  /** No checkpoint ever completed (or all were discarded): begin as the run began. */
  | { readonly kind: "none" }
  | {
      readonly kind: "use";
      readonly checkpoint: CheckpointMetadata;
      /** Newer ones that were passed over. */
      readonly skipped: readonly FoundCheckpoint[];
      /** Exactly-once sinks may write again what they committed after `checkpoint`. */
      readonly mayRepeatOutput: boolean;
    }
  /** CHECKPOINT_UNREADABLE, with file, offset and what the user can do. */
  | { readonly kind: "refuse"; readonly error: OxbowError };

/** All that was found in a run directory. */
export interface CheckpointInventory {
  /** Complete checkpoints, newest first. */
  readonly complete: readonly FoundCheckpoint[];
  /** Directories of checkpoints that never completed; relative. */
  readonly incomplete: readonly string[];
}

/** Name of a checkpoint's directory in the run directory. */
export function checkpointDirectoryName(id: CheckpointId): string {
  return `chk-${id}`;
}

/** Looks at every checkpoint of a run: reads `_metadata`, checks that the segments are there. */
export async function takeInventory(
  files: Files,
  runDirectory: string,
): Promise<CheckpointInventory> {
  const complete: FoundCheckpoint[] = [];
  const incomplete: string[] = [];
  const names = await files.list(runDirectory);
  const ids = names.map((name) => Number(DIRECTORY_NAME.exec(name)?.[1] ?? Number.NaN));
  for (const id of ids.filter(Number.isSafeInteger).sort((a, b) => b - a)) {
    const directory = checkpointDirectoryName(id);
    const metadataPath = `${runDirectory}/${directory}/${METADATA_NAME}`;
    if ((await files.status(metadataPath)) === undefined) incomplete.push(directory);
    else complete.push(await inspect(files, runDirectory, id));
  }
  return { complete, incomplete };
}

/** Which checkpoint to go on from; `restorePrevious`: the user accepts that output may repeat. */
export function decideRecovery(
  complete: readonly FoundCheckpoint[],
  restorePrevious: boolean,
): RecoveryDecision {
  const usable = complete.findIndex((found) => found.fault === undefined);
  const skipped = usable < 0 ? complete : complete.slice(0, usable);
  if (usable < 0 && complete.length === 0) return { kind: "none" };
  const checkpoint = complete[usable]?.metadata;
  // Unreadable metadata may hide commits.
  const mayRepeatOutput = skipped.some((found) => found.metadata?.hasCommittables ?? true);
  if (checkpoint === undefined || (mayRepeatOutput && !restorePrevious)) {
    return { kind: "refuse", error: refusal(skipped[0], checkpoint) };
  }
  return { kind: "use", checkpoint, skipped, mayRepeatOutput };
}

/** All segments that a checkpoint names. */
export function segmentsOf(metadata: CheckpointMetadata): SegmentHandle[] {
  return metadata.operators.flatMap((operator) =>
    operator.subtasks.flatMap((subtask) => [...subtask.segments]),
  );
}

async function inspect(
  files: Files,
  runDirectory: string,
  id: CheckpointId,
): Promise<FoundCheckpoint> {
  const directory = checkpointDirectoryName(id);
  let metadata: CheckpointMetadata | undefined;
  try {
    metadata = await readMetadata(files, `${runDirectory}/${directory}`);
    checkPlace(`${runDirectory}/${directory}`, metadata);
    await checkSegments(files, runDirectory, metadata);
    return { id, directory, metadata, fault: undefined };
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || !FAULTS.has(code)) throw error;
    return { id, directory, metadata, fault: error as OxbowError };
  }
}

/** Faults of the data; others (no permission, device errors) are not answered by going back. */
const FAULTS = new Set<string>([
  "METADATA_CORRUPTED",
  "METADATA_VERSION_UNSUPPORTED",
  "SEGMENT_CORRUPTED",
]);

/**
 * METADATA_CORRUPTED where the `_metadata` in a directory `chk-<n>` is that of another snapshot:
 * somebody has put it there.
 */
export function checkPlace(directory: string, metadata: CheckpointMetadata): void {
  const { kind, checkpointId } = metadata;
  const name = directory.slice(directory.lastIndexOf("/") + 1);
  if (!DIRECTORY_NAME.test(name)) return;
  if (kind === "checkpoint" && name === checkpointDirectoryName(checkpointId)) return;
  throw corrupted(`${directory}/${METADATA_NAME}`, 0, `it is that of ${kind} ${checkpointId}`);
}

/**
 * SEGMENT_CORRUPTED where a segment of a snapshot is missing or has another size. `directory`: what
 * their names are relative to.
 */
export async function checkSegments(
  files: Files,
  directory: string,
  metadata: CheckpointMetadata,
): Promise<void> {
  for (const segment of segmentsOf(metadata)) {
    const file = `${directory}/${segment.file}`;
    const status = await files.status(file);
    if (status?.kind === "file" && status.sizeBytes === segment.sizeBytes) continue;
    const found = status === undefined ? "it is missing" : `it has ${status.sizeBytes} bytes`;
    const offset = Math.min(status?.sizeBytes ?? 0, segment.sizeBytes);
    const message =
      `${file}, which ${metadata.kind} ${metadata.checkpointId} needs with ` +
      `${segment.sizeBytes} bytes, is damaged: ${found}.`;
    throw oxbowError("SEGMENT_CORRUPTED", message, { file, offset });
  }
}

function refusal(newest: FoundCheckpoint, older: CheckpointMetadata | undefined): OxbowError {
  const fault = newest.fault!;
  const remedy =
    older === undefined
      ? "There is no older one that can be read. Put the file back from a copy, or begin a new " +
        "run with --new-run."
      : `Checkpoint ${older.checkpointId} can be read, but output that was committed after ` +
        `it would be written again. Put the file back from a copy, or accept that with ` +
        `--restore-previous.`;
  const { file, offset } = fault.details;
  const details = { checkpointId: newest.id, file, offset, previous: older?.checkpointId ?? null };
  const message = `Checkpoint ${newest.id}, the newest, cannot be read. ${fault.message} ${remedy}`;
  return oxbowError("CHECKPOINT_UNREADABLE", message, details, fault);
}
