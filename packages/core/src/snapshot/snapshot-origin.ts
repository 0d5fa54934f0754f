/*
 * What became of a snapshot after it was taken: whether its run went on, and which other runs began
 * from it. A restore decides by it whether sinks may commit what the snapshot holds. Rules:
 * docs/semantics/savepoints.md, "Sinks".
 *
 * A run that begins from a snapshot leaves a note in `_restored/` beside its `_metadata`.
 */
import type { Env } from "../env/env.ts";
import type { Files } from "../env/files.ts";
import { oxbowError } from "../errors.ts";
import type { CheckpointId } from "../state/barrier.ts";
import { checkpointDirectoryName, takeInventory } from "./checkpoint-inventory.ts";
import {
  corrupted,
  decodeCheckedText,
  encodeCheckedText,
  type CheckedTextFormat,
} from "./checked-text.ts";
import { createDirectoryDurably, readAll, replaceDurably, TEMPORARY_MARK } from "./durable-file.ts";
import { isRunHeld, takeRunLock } from "./run-lock.ts";
import { readRunRecord, writeRunRecord } from "./run-record.ts";
import type { FoundSnapshot } from "./savepoint-directory.ts";

/** Directory beside `_metadata` with a note per run that began from it. */
export const RESTORED_NAME = "_restored";

const FORMAT: CheckedTextFormat = { magic: "oxbow-restored", version: 1 };

/** A run that began from a snapshot. */
export interface RestoreNote {
  readonly jobId: string;
  readonly jobName: string;
  /** Of the snapshot. */
  readonly checkpointId: CheckpointId;
  /** Processing time, ms. */
  readonly restoredAt: number;
  /** Sinks whose transactions it commits, by uid. */
  readonly committingSinks: readonly string[];
}

/** Why its run has, or may have, written something after the snapshot; undefined: it has not. */
export async function wentOn(env: Env, snapshot: FoundSnapshot): Promise<string | undefined> {
  const { metadata, segmentsDirectory } = snapshot;
  if (metadata.kind === "savepoint") {
    return metadata.stop === undefined ? "its run went on when it had been taken" : undefined;
  }
  const record = await readRunRecord(env.files, segmentsDirectory);
  if (record === undefined) return "its run is not beside it, and may have gone on";
  if (await isRunHeld(env, segmentsDirectory)) return "its run is running";
  if (record.stoppedWith !== null) return `its run was stopped with ${record.stoppedWith.path}`;
  const { complete } = await takeInventory(env.files, segmentsDirectory);
  const newest = complete[0]?.id ?? metadata.checkpointId;
  if (newest === metadata.checkpointId) return undefined;
  return `its run went on to ${checkpointDirectoryName(newest)}`;
}

/** Runs that began from a snapshot. METADATA_CORRUPTED, METADATA_VERSION_UNSUPPORTED. */
export async function restoreNotes(
  files: Files,
  { directory, checkpointId }: { readonly directory: string; readonly checkpointId: CheckpointId },
): Promise<RestoreNote[]> {
  const notes = `${directory}/${RESTORED_NAME}`;
  if ((await files.status(notes)) === undefined) return [];
  const found: RestoreNote[] = [];
  for (const name of await files.list(notes)) {
    if (name.includes(TEMPORARY_MARK)) continue;
    const path = `${notes}/${name}`;
    const { value } = decodeCheckedText(FORMAT, path, await readAll(files, path));
    if (!isNote(value)) throw corrupted(path, 0, "it does not say which run began from it");
    if (value.jobId !== name || value.checkpointId !== checkpointId) {
      throw corrupted(path, 0, `it says that run ${value.jobId} began from ${value.checkpointId}`);
    }
    found.push(value);
  }
  return found;
}

/** Notes that a run begins from the snapshot; durable when it resolves. */
export async function noteRestore(
  files: Files,
  directory: string,
  note: RestoreNote,
): Promise<void> {
  const notes = `${directory}/${RESTORED_NAME}`;
  await createDirectoryDurably(files, notes);
  const bytes = encodeCheckedText(FORMAT, note);
  await replaceDurably(files, { directory: notes, name: note.jobId, bytes, tag: note.jobId });
}

/**
 * Another run takes a checkpoint over: the run that took it is over. RUN_LOCKED where it is
 * running. Savepoints belong to no run.
 */
export async function endClaimedRun(env: Env, snapshot: FoundSnapshot): Promise<void> {
  const { metadata, segmentsDirectory } = snapshot;
  if (metadata.kind === "savepoint") return;
  const record = await readRunRecord(env.files, segmentsDirectory);
  if (record === undefined || !record.isResumable) return;
  const lock = await takeRunLock(env, segmentsDirectory);
  try {
    await writeRunRecord(env.files, segmentsDirectory, {
      ...record,
      status: record.status === "running" ? "failed" : record.status,
      isResumable: false,
      epoch: lock.epoch,
      updatedAt: env.clock.now(),
      failure: record.failure ?? "Another run has claimed its checkpoint.",
    });
  } finally {
    await lock.release();
  }
}

/** RUN_LOCKED where the checkpoint of a running run is to be claimed. */
export async function checkClaimable(env: Env, snapshot: FoundSnapshot): Promise<void> {
  const { metadata, segmentsDirectory, directory } = snapshot;
  if (metadata.kind === "savepoint" || !(await isRunHeld(env, segmentsDirectory))) return;
  throw oxbowError(
    "RUN_LOCKED",
    `${directory} cannot be claimed: its run is running. Stop it first, or restore without ` +
      "claiming.",
    { directory },
  );
}

function isNote(value: unknown): value is RestoreNote {
  const note = value as Partial<RestoreNote> | null;
  return (
    typeof note === "object" &&
    typeof note?.jobId === "string" &&
    typeof note.jobName === "string" &&
    typeof note.checkpointId === "number" &&
    typeof note.restoredAt === "number" &&
    Array.isArray(note.committingSinks)
  );
}
