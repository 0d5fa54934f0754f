/**
 * What asking for a snapshot or a stop came to, as errors for who asked.
 */
import type { CheckpointOutcome, CompletedCheckpoint } from "../checkpoint/coordinator-host.ts";
import { errorCode, oxbowError } from "../errors.ts";

/** The checkpoint of an outcome; throws SAVEPOINT_FAILED. */
export function completedOf(outcome: CheckpointOutcome): CompletedCheckpoint {
  if (outcome.kind === "completed") return outcome.checkpoint;
  throw savepointFailed(outcome);
}

/** Why there is none; the job goes on. */
export function savepointFailed(outcome: Extract<CheckpointOutcome, { kind: "failed" }>): Error {
  const { reason, message, checkpointId, cause } = outcome;
  const because = cause instanceof Error ? ` ${cause.message}` : "";
  return oxbowError(
    "SAVEPOINT_FAILED",
    `The snapshot could not be taken: ${message}${because} The job goes on.`,
    { reason, checkpointId },
    cause,
  );
}

/** The attempt ended first. */
export function attemptOver(): Error {
  return oxbowError(
    "SAVEPOINT_FAILED",
    "The job failed or was canceled before the savepoint was taken.",
    {},
  );
}

/** What came after the savepoint of a stop failed. */
export function stopIncomplete(location: string, cause: unknown): Error {
  if (errorCode(cause) === "STOP_INCOMPLETE") return cause as Error;
  const because = cause instanceof Error ? ` ${cause.message}` : "";
  return oxbowError(
    "STOP_INCOMPLETE",
    `A savepoint has been created at ${location}, but the job failed while it was stopping.` +
      `${because} The savepoint is consistent, but transactions of sinks may be uncommitted: ` +
      "start a job from it to commit them.",
    { location },
    cause,
  );
}
