/*
 * Why a checkpoint failed: a closed set with Flink's names and texts (`CheckpointFailureReason`).
 *
 * Flink's web UI, its command line and users' scripts show or match the texts, so they are kept to
 * the letter. Which reasons count against `tolerableFailures` is a column here;
 * `failure-manager.ts` does the counting. Semantics: `docs/semantics/checkpoints.md`.
 */

/** A row of the table. */
export interface FailureReasonEntry {
  readonly message: string;
  /** Refused before anything was asked of a task. */
  readonly isPreFlight: boolean;
  /** Counts as a failed checkpoint against `tolerableFailures`. */
  readonly isCounted: boolean;
}

function preFlight(message: string, isCounted = false): FailureReasonEntry {
  return Object.freeze({ message, isPreFlight: true, isCounted });
}

function ignored(message: string): FailureReasonEntry {
  return Object.freeze({ message, isPreFlight: false, isCounted: false });
}

function counted(message: string): FailureReasonEntry {
  return Object.freeze({ message, isPreFlight: false, isCounted: true });
}

/** All reasons. */
export const CHECKPOINT_FAILURE_REASONS = {
  PERIODIC_SCHEDULER_SHUTDOWN: preFlight("Periodic checkpoint scheduler is shut down."),
  TOO_MANY_CHECKPOINT_REQUESTS: preFlight(
    "The maximum number of queued checkpoint requests exceeded",
  ),
  MINIMUM_TIME_BETWEEN_CHECKPOINTS: preFlight(
    "The minimum time between checkpoints is still pending. " +
      "Checkpoint will be triggered after the minimum time.",
  ),
  NOT_ALL_REQUIRED_TASKS_RUNNING: preFlight("Not all required tasks are currently running."),
  IO_EXCEPTION: preFlight(
    "An Exception occurred while triggering the checkpoint. IO-problem detected.",
    true,
  ),
  BLOCKING_OUTPUT_EXIST: preFlight("Blocking output edge exists in running tasks."),
  CHECKPOINT_ASYNC_EXCEPTION: counted("Asynchronous task checkpoint failed."),
  CHECKPOINT_EXPIRED: counted("Checkpoint expired before completing."),
  CHECKPOINT_SUBSUMED: ignored("Checkpoint has been subsumed."),
  CHECKPOINT_DECLINED: counted("Checkpoint was declined."),
  CHECKPOINT_DECLINED_TASK_NOT_READY: ignored("Checkpoint was declined (tasks not ready)"),
  CHECKPOINT_DECLINED_TASK_CLOSING: ignored("Checkpoint was declined (task is closing)"),
  CHECKPOINT_DECLINED_SUBSUMED: ignored(
    "Checkpoint was canceled because a barrier from newer checkpoint was received.",
  ),
  CHECKPOINT_DECLINED_ON_CANCELLATION_BARRIER: ignored(
    "Task received cancellation from one of its inputs",
  ),
  CHECKPOINT_DECLINED_INPUT_END_OF_STREAM: ignored(
    "Checkpoint was declined because one input stream is finished",
  ),
  CHECKPOINT_COORDINATOR_SHUTDOWN: ignored("CheckpointCoordinator shutdown."),
  CHECKPOINT_COORDINATOR_SUSPEND: ignored("Checkpoint Coordinator is suspending."),
  FINALIZE_CHECKPOINT_FAILURE: counted("Failure to finalize checkpoint."),
  TRIGGER_CHECKPOINT_FAILURE: ignored("Trigger checkpoint failure."),
} as const satisfies Record<string, FailureReasonEntry>;

/** A reason from the table. */
export type CheckpointFailureReason = keyof typeof CHECKPOINT_FAILURE_REASONS;

/** The reasons that a task may give when it declines. */
export const DECLINE_REASONS = [
  "CHECKPOINT_DECLINED",
  "CHECKPOINT_ASYNC_EXCEPTION",
  "CHECKPOINT_DECLINED_TASK_NOT_READY",
  "CHECKPOINT_DECLINED_TASK_CLOSING",
  "CHECKPOINT_DECLINED_SUBSUMED",
  "CHECKPOINT_DECLINED_ON_CANCELLATION_BARRIER",
  "CHECKPOINT_DECLINED_INPUT_END_OF_STREAM",
] as const satisfies readonly CheckpointFailureReason[];

/** A reason that a task may give when it declines. */
export type DeclineReason = (typeof DECLINE_REASONS)[number];
