/**
 * Messages between the job master and its workers: the whole protocol, as plain structured-clonable
 * data. Delivery between two ends is in order and not lost while both live. Every message carries
 * the attempt; both ends drop those of another attempt.
 *
 * Life of an attempt, as the worker sees it: `deploy` → (restores state) `deployed` → `start` →
 * `ended` per subtask → `finish` (commit what is left) → `finished` per subtask → `close`. `failed`
 * at any time ends the attempt.
 */
import type { DeclineReason } from "../checkpoint/failure-reason.ts";
import type { Split } from "../connectors/source.ts";
import type { WireError } from "../errors.ts";
import type { OperatorSubtaskSnapshot } from "../snapshot/metadata.ts";
import type { Barrier, CheckpointId } from "../state/barrier.ts";

/** Names a subtask: vertex index in the job graph × subtask index. */
export interface SubtaskId {
  readonly vertex: number;
  readonly subtask: number;
}

/** What one operator's subtask starts from: its share of a snapshot. */
export interface OperatorRestore extends OperatorSubtaskSnapshot {
  /**
   * Whether the next checkpoint may build on these segments: they are exactly this subtask's, as it
   * would write them itself. Not after a change of parallelism, name or states.
   */
  readonly isBase: boolean;
  /** States in the segments that the operator has no more; their rows are passed over. */
  readonly leftBehind: readonly string[];
}

/** What a subtask starts from, per uid of its chain. Empty for a fresh start. */
export interface SubtaskRestore extends SubtaskId {
  readonly operators: Readonly<Record<string, OperatorRestore>>;
}

/** One cross-thread channel. */
export interface ChannelGrant {
  readonly edge: number;
  readonly producer: number;
  readonly consumer: number;
  readonly memory: SharedArrayBuffer;
}

/** What subtasks must know of the snapshot that they start from. */
export interface DeployedRestore {
  readonly checkpointId: CheckpointId;
  /** What the names of segments are relative to. */
  readonly segmentsDirectory: string;
  /** Checkpoints may build on it. */
  readonly isOwn: boolean;
  /** Sinks whose transactions are not committed, by uid. */
  readonly discardingSinks: readonly string[];
}

export interface DeployMessage {
  readonly kind: "deploy";
  readonly attempt: number;
  readonly runId: string;
  readonly epoch: number;
  /** Directory of the run; undefined where checkpointing is off. */
  readonly runDirectory: string | undefined;
  /** Hash of the graph that the master built. */
  readonly graphHash: string;
  readonly workerIndex: number;
  readonly workersCount: number;
  readonly subtasks: readonly SubtaskRestore[];
  readonly channels: readonly ChannelGrant[];
  /** Doorbell per worker: an Int32 each. */
  readonly doorbells: SharedArrayBuffer;
  readonly metrics: SharedArrayBuffer;
  /** Transactions of sinks that retained checkpoints name, encoded, by uid; all subtasks. */
  readonly retainedTransactions: Readonly<Record<string, readonly Uint8Array[]>>;
  /** What the attempt starts from; undefined for a fresh start. */
  readonly restored: DeployedRestore | undefined;
  readonly hasCheckpoints: boolean;
  readonly isExactlyOnce: boolean;
}

export type MasterMessage =
  | DeployMessage
  | { readonly kind: "start"; readonly attempt: number }
  | { readonly kind: "trigger"; readonly attempt: number; readonly barrier: Barrier }
  | { readonly kind: "completed"; readonly attempt: number; readonly checkpointId: CheckpointId }
  | {
      readonly kind: "aborted";
      readonly attempt: number;
      readonly checkpointId: CheckpointId;
      readonly latestCompletedId: CheckpointId | undefined;
    }
  | ({
      readonly kind: "splits";
      readonly attempt: number;
      readonly splits: readonly Split[];
    } & SubtaskId)
  | ({ readonly kind: "no-more-splits"; readonly attempt: number } & SubtaskId)
  | ({
      readonly kind: "align";
      readonly attempt: number;
      readonly watermarkMax: number;
    } & SubtaskId)
  /** Sources end, as if their input had. */
  | { readonly kind: "drain"; readonly attempt: number }
  | { readonly kind: "finish"; readonly attempt: number }
  | { readonly kind: "close"; readonly attempt: number };

/** Durations and sizes of one subtask's part of a checkpoint, for statistics. Ms and bytes. */
export interface SnapshotFigures {
  readonly syncMs: number;
  readonly asyncMs: number;
  readonly alignmentMs: number;
  readonly startDelayMs: number;
  /** Bytes written for this checkpoint. */
  readonly checkpointedBytes: number;
  /** Bytes of everything that the checkpoint refers to. */
  readonly stateBytes: number;
}

/** A subtask's acknowledgement: what it contributes, per uid of its chain. */
export interface AckMessage extends SubtaskId {
  readonly kind: "ack";
  readonly attempt: number;
  readonly checkpointId: CheckpointId;
  readonly operators: Readonly<Record<string, OperatorSubtaskSnapshot>>;
  readonly hasCommittables: boolean;
  readonly figures: SnapshotFigures;
}

export type WorkerMessage =
  | { readonly kind: "deployed"; readonly attempt: number; readonly workerIndex: number }
  | AckMessage
  | ({
      readonly kind: "decline";
      readonly attempt: number;
      readonly checkpointId: CheckpointId;
      readonly reason: DeclineReason;
      readonly error: WireError | undefined;
    } & SubtaskId)
  /**
   * A source subtask has taken the barrier; what is assigned to it from now on is not in that
   * checkpoint.
   */
  | ({
      readonly kind: "barrier-taken";
      readonly attempt: number;
      readonly checkpointId: CheckpointId;
    } & SubtaskId)
  | ({ readonly kind: "split-request"; readonly attempt: number } & SubtaskId)
  | ({
      readonly kind: "reader-watermark";
      readonly attempt: number;
      readonly watermark: number;
    } & SubtaskId)
  | ({ readonly kind: "ended"; readonly attempt: number } & SubtaskId)
  | ({ readonly kind: "finished"; readonly attempt: number } & SubtaskId)
  | { readonly kind: "closed"; readonly attempt: number; readonly workerIndex: number }
  | ({ readonly kind: "failed"; readonly attempt: number; readonly error: WireError } & SubtaskId);
