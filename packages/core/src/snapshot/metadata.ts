/**
 * CheckpointMetadata: what `_metadata` says, as plain data. Format on disk:
 * `docs/formats/metadata.md`.
 */
import type { CheckpointId, StopMode } from "../state/barrier.ts";
import type { OperatorStateSnapshot } from "../state/operator-state.ts";

/** A file of rows. Immutable once written. See `docs/formats/segment.md`. */
export interface SegmentHandle {
  /**
   * Path relative to the run directory (`shared/…`, `chk-7/…`), or to the snapshot's own directory
   * for savepoints.
   */
  readonly file: string;
  readonly sizeBytes: number;
  /** CRC-32 of the whole file. */
  readonly checksum: number;
  readonly kind: "full" | "delta";
  readonly rowsCount: number;
  readonly tombstonesCount: number;
  /** Key groups covered, `end` exclusive. */
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  /** The checkpoint that wrote it. */
  readonly createdBy: CheckpointId;
}

/** What one operator's subtask contributes to a snapshot. */
export interface OperatorSubtaskSnapshot {
  /** Segments, oldest first; empty without keyed state. */
  readonly segments: readonly SegmentHandle[];
  /** Schema of the keys; absent without keyed state, and in the oldest files. */
  readonly keySchema?: unknown;
  readonly states: readonly OperatorStateSnapshot[];
  /** Watermark of the operator when the barrier passed, ms; undefined before the first. */
  readonly watermark: number | undefined;
  /** The subtask had reached its end (its inputs had ended and it had emitted everything). */
  readonly hasEnded: boolean;
}

/** One operator of the graph at the time of the snapshot. */
export interface OperatorSnapshot {
  /** 32 hex digits: murmur3_128 of the uid. */
  readonly operatorId: string;
  readonly uid: string;
  readonly kind: string;
  /** Of a source or sink: which one it was. */
  readonly connector?: string | undefined;
  readonly parallelism: number;
  readonly maxParallelism: number;
  /**
   * Schemas of all declared states: name → versioned description (`types/schema.ts`), as the
   * backend wrote them.
   */
  readonly stateSchemas: Readonly<Record<string, unknown>>;
  /** Split enumerator's state (sources only), plain data. */
  readonly enumerator: unknown;
  readonly subtasks: readonly OperatorSubtaskSnapshot[];
}

export interface CheckpointMetadata {
  /** Version of the format; see `docs/formats/metadata.md`. */
  readonly version: number;
  readonly checkpointId: CheckpointId;
  readonly kind: "checkpoint" | "savepoint";
  /** Processing time of the trigger and of the completion, ms. */
  readonly triggeredAt: number;
  readonly completedAt: number;
  readonly jobId: string;
  readonly jobName: string;
  readonly epoch: number;
  readonly operators: readonly OperatorSnapshot[];
  /** Edges of the graph as plain data, for judging restores. */
  readonly edges: readonly unknown[];
  /**
   * Whether any sink has committables in it: after this checkpoint completed, exactly-once output
   * may have become visible.
   */
  readonly hasCommittables: boolean;
  /**
   * The job was stopped with this savepoint: nothing of its run comes after it. `drain`: event time
   * had been driven to its end.
   */
  readonly stop?: StopMode;
  /** Directory of the run that took it, at that time; a hint. */
  readonly runDirectory?: string;
}
