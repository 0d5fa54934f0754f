/*
 * What the checkpoint coordinator exchanges with the job master: data, and the calls it makes.
 *
 * Every call comes from the master's thread. The coordinator never calls the host from inside a
 * `clock.schedule` registration, but it may call back inside a call of the host's (for instance
 * `notifyAborted` within `decline`). Semantics: `docs/semantics/checkpoints.md`.
 */
import type { WireError } from "../errors.ts";
import type { OperatorSubtaskSnapshot } from "../snapshot/metadata.ts";
import type { Barrier, CheckpointId } from "../state/barrier.ts";
import type { CheckpointFailureReason, DeclineReason } from "./failure-reason.ts";

/** Names a subtask: position of its vertex in the job graph × index of the subtask. */
export interface SubtaskRef {
  readonly vertex: number;
  readonly subtask: number;
}

/** What a new attempt of the job means to the coordinator. */
export interface AttemptStart {
  /** Grows with every attempt. */
  readonly attempt: number;
  /** Every subtask of the job. */
  readonly subtasks: readonly SubtaskRef[];
  /** What the attempt starts from; undefined for nothing. */
  readonly restored: RestoredFrom | undefined;
}

/** A snapshot that an attempt starts from. */
export interface RestoredFrom {
  readonly id: CheckpointId;
  readonly kind: "checkpoint" | "savepoint";
  readonly location: string;
  /** Not the run's own: checkpoints are full until one completes, so that none refers to it. */
  readonly mustBeFull: boolean;
}

/** Durations (ms) and sizes (bytes) of one subtask's part of a checkpoint. */
export interface SubtaskFigures {
  /** On the processing thread, records waiting. */
  readonly syncMs: number;
  readonly asyncMs: number;
  /** From the first barrier at the task to the last. */
  readonly alignmentMs: number;
  /** From the trigger to the first barrier at the task. */
  readonly startDelayMs: number;
  /** Written for this checkpoint. */
  readonly checkpointedBytes: number;
  /** Everything that the checkpoint refers to. */
  readonly stateBytes: number;
}

/** A subtask has taken its part of a checkpoint and made it durable. */
export interface Acknowledgement extends SubtaskRef {
  readonly attempt: number;
  readonly checkpointId: CheckpointId;
  /** Per uid of the chain. */
  readonly operators: Readonly<Record<string, OperatorSubtaskSnapshot>>;
  readonly hasCommittables: boolean;
  readonly figures: SubtaskFigures;
}

/** A subtask could not take its part. */
export interface Decline extends SubtaskRef {
  readonly attempt: number;
  readonly checkpointId: CheckpointId;
  /** Default `CHECKPOINT_DECLINED`. */
  readonly reason?: DeclineReason;
  readonly error: WireError | undefined;
}

/**
 * What became of an acknowledgement.
 * - `success`: it counts.
 * - `duplicate`: the subtask had acknowledged before; ignored.
 * - `unknown`: of another attempt, or of a subtask that the checkpoint does not wait for;
 *   discarded.
 * - `discarded`: the checkpoint has ended (or never was); discarded.
 */
export type AcknowledgeOutcome = "success" | "duplicate" | "unknown" | "discarded";

/** Everything that a checkpoint consists of, so far. */
export interface CheckpointContent {
  readonly barrier: Barrier;
  readonly attempt: number;
  /** The state of every source's enumerator by uid; undefined until all have been asked. */
  readonly enumerators: Readonly<Record<string, unknown>> | undefined;
  /** By vertex, then subtask. */
  readonly acknowledgements: readonly Acknowledgement[];
  /** Taken after all tasks had ended: on its completion they close. */
  readonly isFinal: boolean;
}

/** A checkpoint whose `_metadata` is durable and was read back. */
export interface CompletedCheckpoint {
  readonly id: CheckpointId;
  readonly kind: "checkpoint" | "savepoint";
  /** Directory or URI, for people. */
  readonly location: string;
  /** Size of everything that it refers to. */
  readonly stateBytes: number;
}

/** How a request ended; never an exception. */
export type CheckpointOutcome =
  | { readonly kind: "completed"; readonly checkpoint: CompletedCheckpoint }
  | {
      readonly kind: "failed";
      readonly reason: CheckpointFailureReason;
      readonly message: string;
      /** Undefined where it failed before it had an id. */
      readonly checkpointId: CheckpointId | undefined;
      readonly cause: unknown;
    };

/** What happened, for logs. Plain data but for `error`. */
export type CheckpointEvent =
  | { readonly kind: "triggered"; readonly barrier: Barrier }
  | { readonly kind: "completed"; readonly checkpoint: CompletedCheckpoint }
  | {
      readonly kind: "failed";
      readonly checkpointId: CheckpointId | undefined;
      readonly reason: CheckpointFailureReason;
      readonly error: unknown;
    }
  /** An acknowledgement or decline for a checkpoint that is over. */
  | {
      readonly kind: "late";
      readonly checkpointId: CheckpointId;
      readonly subtask: SubtaskRef;
      readonly hadExpired: boolean;
    }
  | {
      readonly kind: "discardFailed";
      readonly checkpointId: CheckpointId;
      readonly error: unknown;
    };

/** A completion, as tasks and enumerators hear of it. */
export interface CompletedNotice {
  readonly checkpointId: CheckpointId;
  readonly attempt: number;
  /** Newest checkpoint that was dropped for it; undefined for none. */
  readonly lastSubsumedId: CheckpointId | undefined;
  readonly isFinal: boolean;
}

/** An abort, as tasks and enumerators hear of it. */
export interface AbortedNotice {
  readonly checkpointId: CheckpointId;
  readonly attempt: number;
  /** Newest completed checkpoint; whoever missed its completion treats it as completed first. */
  readonly latestCompletedId: CheckpointId | undefined;
  readonly reason: CheckpointFailureReason;
}

/** What the coordinator needs from the job master. See the file header. */
export interface CheckpointHost {
  /**
   * Whether every task of the current attempt runs (or has ended and stays). False from the moment
   * the attempt fails or is canceled until the next one runs.
   */
  areTasksRunning(): boolean;

  /**
   * The next id of the run's durable counter: greater than every earlier one, never given twice.
   */
  reserveId(): Promise<CheckpointId>;

  /** Makes the place where the checkpoint's files go. A rejection counts as a failed checkpoint. */
  prepareStorage(barrier: Barrier): Promise<void>;

  /**
   * Asks every enumerator for its state, by uid, and holds back its messages to each reader until
   * that reader has taken the barrier (acknowledged) or the checkpoint has ended.
   */
  snapshotEnumerators(barrier: Barrier): Promise<Readonly<Record<string, unknown>>>;

  /** Sends the barrier to all source tasks. Throwing aborts the checkpoint. */
  triggerSources(barrier: Barrier): void;

  /**
   * Registers the shared segments of an acknowledgement, before its fate is known, so that a
   * segment that nothing will refer to is found and deleted. Only files under `shared/` count: a
   * savepoint's late acknowledgement may come here too, and has none.
   */
  registerShared(acknowledgement: Acknowledgement): void;

  /**
   * Deletes what only this acknowledgement refers to. Runs in the background, reports for itself.
   */
  discardAcknowledgement(acknowledgement: Acknowledgement): void;

  /**
   * Writes `_metadata`, makes it durable and reads it back; resolves only then. When it rejects,
   * the checkpoint is not complete and never will be, except with CHECKPOINT_UNCERTAIN: then
   * nothing is discarded or told, and the process must end. Never called twice at the same time.
   */
  finalize(content: CheckpointContent): Promise<CompletedCheckpoint>;

  /**
   * Adds a completed checkpoint (never a savepoint) to the store, which drops the oldest ones in
   * the background, counted by `cleaningCount`. Segments that a checkpoint in `pinnedBases` refers
   * to must stay: pending checkpoints build on them. Returns the newest checkpoint dropped. Must
   * not throw.
   */
  addCompleted(
    checkpoint: CompletedCheckpoint,
    pinnedBases: readonly CheckpointId[],
  ): CheckpointId | undefined;

  /** Checkpoints whose files the store is deleting now. On each end: `cleaningProgressed()`. */
  cleaningCount(): number;

  /** Removes what an aborted checkpoint left. A rejection is reported and fails nothing. */
  discard(content: CheckpointContent): Promise<void>;

  notifyCompleted(notice: CompletedNotice): void;
  notifyAborted(notice: AbortedNotice): void;

  /** Fails the attempt; the restart strategy decides. May call `stopScheduler` at once. */
  failJob(error: unknown): void;

  /** For logs. */
  report(event: CheckpointEvent): void;
}
