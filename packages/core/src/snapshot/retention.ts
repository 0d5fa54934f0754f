/*
 * Which completed checkpoints are kept and which go: Flink's CheckpointProperties and
 * CheckpointSubsumeHelper as pure functions. See docs/semantics/ownership.md.
 */
import type { CheckpointId } from "../state/barrier.ts";
import type { RunStatus } from "./run-record.ts";

/**
 * What becomes of checkpoints when the run ends otherwise than by finishing (Flink's
 * ExternalizedCheckpointRetention): `none` deletes them, `delete-on-cancellation` keeps them after
 * a failure, `retain-on-cancellation` always keeps them.
 */
export type CheckpointRetention = "none" | "delete-on-cancellation" | "retain-on-cancellation";

/** Why a completed snapshot may be deleted. */
export type DiscardReason = "subsumed" | Exclude<RunStatus, "running">;

/** Who may delete a completed snapshot: the engine by its retention, or nobody but the user. */
export type SnapshotOwner = "engine" | "user";

/** Whether a completed snapshot is deleted. */
export function isDiscarded(
  owner: SnapshotOwner,
  retention: CheckpointRetention,
  reason: DiscardReason,
): boolean {
  if (owner === "user") return false;
  switch (reason) {
    case "subsumed":
    case "finished":
      return true;
    case "canceled":
      return retention !== "retain-on-cancellation";
    case "failed":
      return retention === "none";
  }
}

/** A snapshot in the store, as far as subsuming is concerned. */
export interface Subsumable {
  readonly id: CheckpointId;
  readonly isSavepoint: boolean;
  /** Taken by a stop: nothing of the run comes after it. */
  readonly isSynchronous: boolean;
}

/**
 * The snapshots, oldest first, that leave a store of `capacity` after the newest was added. Never
 * the newest, and never the newest that is not a savepoint, unless the newest is a stop's
 * savepoint: savepoints belong to the user, who may move them away, so there is always a checkpoint
 * to restore.
 */
export function chooseSubsumed<T extends Subsumable>(
  snapshots: readonly T[],
  capacity: number,
): T[] {
  const newest = snapshots.at(-1);
  const newestCheckpoint = snapshots.findLast((snapshot) => !snapshot.isSavepoint);
  const subsumed: T[] = [];
  for (const snapshot of snapshots) {
    if (snapshots.length - subsumed.length <= capacity) break;
    if (snapshot === newest) continue;
    const isReplaced = newest?.isSavepoint === true && newest.isSynchronous;
    if (snapshot.isSavepoint || isReplaced || snapshot !== newestCheckpoint)
      subsumed.push(snapshot);
  }
  return subsumed;
}
