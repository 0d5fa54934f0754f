/*
 * Counts failed checkpoints and says when the job must fail (Flink's CheckpointFailureManager).
 *
 * I1. Failures are consecutive: the completion of a checkpoint newer than any completed before
 *     clears the count. A failure of a checkpoint older than the last completed one is not counted.
 * I2. A checkpoint is counted once, however many tasks decline it.
 * I3. Savepoints are not counted: who asked for one hears of its failure, and the job goes on.
 * Semantics: `docs/semantics/checkpoints.md`, "Failed checkpoints".
 */
import { assert } from "../assert.ts";
import { oxbowError } from "../errors.ts";
import type { OxbowError } from "../errors.ts";
import type { CheckpointId } from "../state/barrier.ts";
import { UNLIMITED_FAILURES } from "./checkpoint-settings.ts";
import { CHECKPOINT_FAILURE_REASONS } from "./failure-reason.ts";
import type { CheckpointFailureReason } from "./failure-reason.ts";

/** One failure. */
export interface CheckpointFailure {
  readonly reason: CheckpointFailureReason;
  /** Undefined where it failed before it had an id. */
  readonly checkpointId: CheckpointId | undefined;
  readonly kind: "checkpoint" | "savepoint";
  readonly cause?: unknown;
}

export class CheckpointFailureManager {
  readonly #tolerableFailures: number;
  readonly #countedIds = new Set<CheckpointId>();
  #failuresCount = 0;
  #lastSucceededId: CheckpointId = -1;

  /** `tolerableFailures` in [0, `UNLIMITED_FAILURES`]. */
  constructor(tolerableFailures: number) {
    assert(
      Number.isInteger(tolerableFailures) && tolerableFailures >= 0,
      "tolerableFailures is a whole number from 0",
    );
    this.#tolerableFailures = tolerableFailures;
  }

  /** Consecutive counted failures so far. */
  get failuresCount(): number {
    return this.#failuresCount;
  }

  /** Takes note of a failure. Returns the error with which the job must fail now, if it must. */
  failed(failure: CheckpointFailure): OxbowError | undefined {
    const { reason, checkpointId, kind } = failure;
    if (this.#tolerableFailures === UNLIMITED_FAILURES) return undefined;
    if (kind === "savepoint") return undefined;
    if (!CHECKPOINT_FAILURE_REASONS[reason].isCounted) return undefined;
    if (checkpointId !== undefined) {
      if (checkpointId <= this.#lastSucceededId || this.#countedIds.has(checkpointId)) {
        return undefined;
      }
      this.#countedIds.add(checkpointId);
    }
    this.#failuresCount++;
    if (this.#failuresCount <= this.#tolerableFailures) return undefined;
    this.#reset();
    return exceeded(failure, this.#tolerableFailures);
  }

  /** A checkpoint or savepoint completed. */
  succeeded(checkpointId: CheckpointId): void {
    if (checkpointId <= this.#lastSucceededId) return;
    this.#lastSucceededId = checkpointId;
    this.#reset();
  }

  #reset(): void {
    this.#failuresCount = 0;
    this.#countedIds.clear();
  }
}

function exceeded(failure: CheckpointFailure, tolerable: number): OxbowError {
  const { reason, checkpointId, cause } = failure;
  const message =
    "Exceeded checkpoint tolerable failure threshold. The latest checkpoint failed due to " +
    `${CHECKPOINT_FAILURE_REASONS[reason].message}, view the Checkpoint History tab or the ` +
    "Job Manager log to find out why continuous checkpoints failed.";
  const details = { reason, checkpointId, tolerableFailures: tolerable };
  return oxbowError("CHECKPOINT_FAILURES_EXCEEDED", message, details, cause);
}
