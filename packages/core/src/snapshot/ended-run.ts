/*
 * What is left of a run that is over: the process that ended it noted the end before it deleted the
 * run's checkpoints, and may have been killed in between. The next start that finds the run over
 * makes up for it. Rules: docs/semantics/ownership.md.
 */
import type { Env } from "../env/env.ts";
import { errorCode } from "../errors.ts";
import {
  checkpointDirectoryName,
  takeInventory,
  type CheckpointInventory,
} from "./checkpoint-inventory.ts";
import { recoverCheckpointStore, SHARED_NAME } from "./checkpoint-store.ts";
import { isDiscarded, type CheckpointRetention, type DiscardReason } from "./retention.ts";
import { takeRunLock } from "./run-lock.ts";
import type { RunRecord } from "./run-record.ts";
import { restoreNotes } from "./snapshot-origin.ts";

/** A run that is over. */
export interface EndedRun {
  readonly directory: string;
  readonly record: RunRecord;
  readonly retention: CheckpointRetention;
  /** Told of deletions that failed. */
  readonly warn: (error: unknown) => void;
}

/**
 * Deletes the checkpoints that the end of the run should have deleted, if there are any. Leaves
 * everything as it is where another process is still about it, where another run began from one of
 * them, and where one cannot be read.
 */
export async function cleanEndedRun(env: Env, ended: EndedRun): Promise<void> {
  const { directory, record, retention, warn } = ended;
  const reason = reasonOf(record);
  if (record.isResumable || !isDiscarded("engine", retention, reason)) return;
  if (!(await hasLeftovers(env, directory))) return;
  try {
    const lock = await takeRunLock(env, directory);
    try {
      if (await isWanted(env, directory, await takeInventory(env.files, directory))) return;
      const { epoch } = lock;
      const { store, decision } = await recoverCheckpointStore({
        files: env.files,
        directory,
        epoch,
        retainedCount: 1,
        retention,
        warn,
      });
      if (decision.kind !== "refuse") await store.end(reason);
    } finally {
      await lock.release();
    }
  } catch (error) {
    // Whoever holds it is deleting.
    if (errorCode(error) !== "RUN_LOCKED") warn(error);
  }
}

/** As `JobMaster` ended it: a run that was stopped with a savepoint has finished. */
function reasonOf({ status, stoppedWith }: RunRecord): Exclude<DiscardReason, "subsumed"> {
  if (stoppedWith !== null || status === "running") return "finished";
  return status;
}

async function hasLeftovers({ files }: Env, directory: string): Promise<boolean> {
  const { complete, incomplete } = await takeInventory(files, directory);
  if (complete.length + incomplete.length > 0) return true;
  const shared = `${directory}/${SHARED_NAME}`;
  const isThere = (await files.status(shared)) !== undefined;
  return isThere && (await files.list(shared)).length > 0;
}

/** Somebody has damaged or renamed one, or began another run from it. */
async function isWanted(
  { files }: Env,
  directory: string,
  { complete }: CheckpointInventory,
): Promise<boolean> {
  for (const { id, fault } of complete) {
    const snapshot = { directory: `${directory}/${checkpointDirectoryName(id)}`, checkpointId: id };
    const notes = await restoreNotes(files, snapshot);
    if (fault !== undefined || notes.length > 0) return true;
  }
  return false;
}
