/*
 * CheckpointStatistics: what status commands, the web UI and metrics show about checkpoints.
 *
 * Owns: counts, a bounded history with the figures of every subtask, and summaries. All of it is
 * plain data under Flink's names, in camelCase; times are processing time in ms, sizes bytes.
 * Does not decide anything. Reference: `docs/semantics/checkpoints.md`, "Statistics".
 */
import { assert } from "../assert.ts";
import type { Barrier, CheckpointId } from "../state/barrier.ts";
import type { Acknowledgement, CompletedCheckpoint, SubtaskFigures } from "./coordinator-host.ts";
import { CHECKPOINT_FAILURE_REASONS } from "./failure-reason.ts";
import type { CheckpointFailureReason } from "./failure-reason.ts";

/** Checkpoints in the history (Flink's `web.checkpoints.history`). */
export const CHECKPOINT_HISTORY_COUNT = 10;

/** One subtask's part. */
export interface SubtaskCheckpointRecord extends SubtaskFigures {
  readonly vertex: number;
  readonly subtask: number;
  readonly ackTimestamp: number;
  /** From the trigger to the acknowledgement. */
  readonly endToEndDurationMs: number;
}

/** One checkpoint or savepoint. */
export interface CheckpointRecord {
  readonly id: CheckpointId;
  readonly status: "IN_PROGRESS" | "COMPLETED" | "FAILED";
  readonly isSavepoint: boolean;
  /** Base that it builds on; undefined for a full one. */
  readonly base: CheckpointId | undefined;
  readonly triggerTimestamp: number;
  readonly latestAckTimestamp: number | undefined;
  /** From the trigger to the end, or to now while it is in progress. */
  readonly endToEndDurationMs: number;
  /** Sums over the subtasks that acknowledged. */
  readonly stateSizeBytes: number;
  readonly checkpointedSizeBytes: number;
  /** The longest of any subtask. */
  readonly alignmentDurationMs: number;
  readonly subtasksCount: number;
  readonly acknowledgedSubtasksCount: number;
  /** Directory; undefined unless completed. */
  readonly externalPath: string | undefined;
  readonly failureTimestamp: number | undefined;
  readonly failureReason: CheckpointFailureReason | undefined;
  readonly failureMessage: string | undefined;
  readonly subtasks: readonly SubtaskCheckpointRecord[];
}

/** Restore from a snapshot at the start of an attempt. */
export interface RestoreRecord {
  readonly id: CheckpointId;
  readonly isSavepoint: boolean;
  readonly restoreTimestamp: number;
  readonly externalPath: string;
}

/** Since the job started. `total` = inProgress + completed + failed. */
export interface CheckpointCounts {
  readonly total: number;
  readonly inProgress: number;
  readonly completed: number;
  readonly failed: number;
  readonly restored: number;
}

/** Least, average and most over all completed ones; undefined before the first. */
export interface FigureSummary {
  readonly min: number;
  readonly avg: number;
  readonly max: number;
}

export interface CheckpointSummary {
  readonly endToEndDurationMs: FigureSummary | undefined;
  readonly stateSizeBytes: FigureSummary | undefined;
  readonly checkpointedSizeBytes: FigureSummary | undefined;
}

/** Everything at one moment; plain data. */
export interface CheckpointStatisticsSnapshot {
  readonly counts: CheckpointCounts;
  readonly summary: CheckpointSummary;
  readonly latest: {
    readonly completed: CheckpointRecord | undefined;
    readonly savepoint: CheckpointRecord | undefined;
    readonly failed: CheckpointRecord | undefined;
    readonly restored: RestoreRecord | undefined;
  };
  /** Newest first; at most `CHECKPOINT_HISTORY_COUNT` that have ended, and all in progress. */
  readonly history: readonly CheckpointRecord[];
}

interface Entry {
  readonly barrier: Barrier;
  readonly subtasksCount: number;
  readonly subtasks: Map<string, SubtaskCheckpointRecord>;
  end: Ending | undefined;
}

interface Ending {
  readonly timestamp: number;
  readonly checkpoint: CompletedCheckpoint | undefined;
  readonly reason: CheckpointFailureReason | undefined;
}

export class CheckpointStatistics {
  /** By id, oldest first. */
  readonly #entries = new Map<CheckpointId, Entry>();
  readonly #durations = new RunningSummary();
  readonly #stateSizes = new RunningSummary();
  readonly #checkpointedSizes = new RunningSummary();
  #completedCount = 0;
  #failedCount = 0;
  #restoredCount = 0;
  #latestCompleted: CheckpointRecord | undefined;
  #latestSavepoint: CheckpointRecord | undefined;
  #latestFailed: CheckpointRecord | undefined;
  #latestRestored: RestoreRecord | undefined;

  triggered(barrier: Barrier, subtasksCount: number): void {
    assert(!this.#entries.has(barrier.id), "ids are never used twice");
    this.#entries.set(barrier.id, { barrier, subtasksCount, subtasks: new Map(), end: undefined });
  }

  /** Late ones count too, while the checkpoint is in the history. */
  acknowledged(acknowledgement: Acknowledgement, nowMs: number): void {
    const entry = this.#entries.get(acknowledgement.checkpointId);
    if (entry === undefined) return;
    const { vertex, subtask, figures } = acknowledgement;
    const key = `${vertex}:${subtask}`;
    if (entry.subtasks.has(key)) return;
    entry.subtasks.set(key, {
      vertex,
      subtask,
      ackTimestamp: nowMs,
      endToEndDurationMs: Math.max(0, nowMs - entry.barrier.timestamp),
      ...figures,
    });
  }

  completed(checkpoint: CompletedCheckpoint, nowMs: number): void {
    this.#completedCount++;
    const record = this.#end(checkpoint.id, { timestamp: nowMs, checkpoint, reason: undefined });
    if (record.isSavepoint) this.#latestSavepoint = record;
    else this.#latestCompleted = record;
    this.#durations.add(record.endToEndDurationMs);
    this.#stateSizes.add(record.stateSizeBytes);
    this.#checkpointedSizes.add(record.checkpointedSizeBytes);
  }

  failed(id: CheckpointId, reason: CheckpointFailureReason, nowMs: number): void {
    this.#failedCount++;
    this.#latestFailed = this.#end(id, { timestamp: nowMs, checkpoint: undefined, reason });
  }

  /** One that failed before it had an id. */
  failedWithoutId(): void {
    this.#failedCount++;
  }

  restored(record: RestoreRecord): void {
    this.#restoredCount++;
    this.#latestRestored = record;
  }

  snapshot(nowMs: number): CheckpointStatisticsSnapshot {
    const history = [...this.#entries.values()].map((entry) => recordOf(entry, nowMs)).reverse();
    const inProgress = history.filter((record) => record.status === "IN_PROGRESS").length;
    return {
      counts: {
        total: inProgress + this.#completedCount + this.#failedCount,
        inProgress,
        completed: this.#completedCount,
        failed: this.#failedCount,
        restored: this.#restoredCount,
      },
      summary: {
        endToEndDurationMs: this.#durations.summary(),
        stateSizeBytes: this.#stateSizes.summary(),
        checkpointedSizeBytes: this.#checkpointedSizes.summary(),
      },
      latest: {
        completed: this.#latestCompleted,
        savepoint: this.#latestSavepoint,
        failed: this.#latestFailed,
        restored: this.#latestRestored,
      },
      history,
    };
  }

  #end(id: CheckpointId, ending: Ending): CheckpointRecord {
    const entry = this.#entries.get(id);
    assert(entry !== undefined && entry.end === undefined, "a checkpoint ends once");
    entry.end = ending;
    this.#prune();
    return recordOf(entry, ending.timestamp);
  }

  #prune(): void {
    const ended = [...this.#entries].filter(([, entry]) => entry.end !== undefined);
    for (const [id] of ended.slice(0, -CHECKPOINT_HISTORY_COUNT)) this.#entries.delete(id);
  }
}

function recordOf(entry: Entry, nowMs: number): CheckpointRecord {
  const { barrier, end } = entry;
  const subtasks = [...entry.subtasks.values()].sort(
    (a, b) => a.vertex - b.vertex || a.subtask - b.subtask,
  );
  const acks = subtasks.map((subtask) => subtask.ackTimestamp);
  const isFailed = end !== undefined && end.reason !== undefined;
  return Object.freeze({
    id: barrier.id,
    status: end === undefined ? "IN_PROGRESS" : isFailed ? "FAILED" : "COMPLETED",
    isSavepoint: barrier.kind === "savepoint",
    base: barrier.base,
    triggerTimestamp: barrier.timestamp,
    latestAckTimestamp: acks.length === 0 ? undefined : Math.max(...acks),
    endToEndDurationMs: Math.max(0, (end?.timestamp ?? nowMs) - barrier.timestamp),
    stateSizeBytes: sum(subtasks.map((subtask) => subtask.stateBytes)),
    checkpointedSizeBytes: sum(subtasks.map((subtask) => subtask.checkpointedBytes)),
    alignmentDurationMs: Math.max(0, ...subtasks.map((subtask) => subtask.alignmentMs)),
    subtasksCount: entry.subtasksCount,
    acknowledgedSubtasksCount: subtasks.length,
    externalPath: end?.checkpoint?.location,
    failureTimestamp: isFailed ? end.timestamp : undefined,
    failureReason: end?.reason,
    failureMessage:
      end?.reason === undefined ? undefined : CHECKPOINT_FAILURE_REASONS[end.reason].message,
    subtasks,
  });
}

function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

class RunningSummary {
  #count = 0;
  #total = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  add(value: number): void {
    this.#count++;
    this.#total += value;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }

  summary(): FigureSummary | undefined {
    if (this.#count === 0) return undefined;
    return { min: this.#min, avg: this.#total / this.#count, max: this.#max };
  }
}
