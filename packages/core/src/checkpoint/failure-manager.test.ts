import assert from "node:assert/strict";
import { test } from "node:test";
import { errorCode } from "../errors.ts";
import { UNLIMITED_FAILURES } from "./checkpoint-settings.ts";
import { CheckpointFailureManager } from "./failure-manager.ts";
import type { CheckpointFailure } from "./failure-manager.ts";
import { CHECKPOINT_FAILURE_REASONS } from "./failure-reason.ts";
import type { CheckpointFailureReason } from "./failure-reason.ts";

function failure(
  checkpointId: number | undefined,
  more: Partial<CheckpointFailure> = {},
): CheckpointFailure {
  return {
    reason: "CHECKPOINT_EXPIRED",
    kind: "checkpoint",
    checkpointId,
    ...more,
  };
}

/** Whether a single failure fails a job that tolerates none. */
function isFatal(more: Partial<CheckpointFailure>): boolean {
  return new CheckpointFailureManager(0).failed(failure(1, more)) !== undefined;
}

test("exactly five reasons are counted", () => {
  const counted = (Object.keys(CHECKPOINT_FAILURE_REASONS) as CheckpointFailureReason[]).filter(
    (reason) => isFatal({ reason }),
  );
  assert.deepEqual(counted.toSorted(), [
    "CHECKPOINT_ASYNC_EXCEPTION",
    "CHECKPOINT_DECLINED",
    "CHECKPOINT_EXPIRED",
    "FINALIZE_CHECKPOINT_FAILURE",
    "IO_EXCEPTION",
  ]);
});

test("the texts are Flink's", () => {
  const texts: Partial<Record<CheckpointFailureReason, string>> = {
    CHECKPOINT_EXPIRED: "Checkpoint expired before completing.",
    CHECKPOINT_SUBSUMED: "Checkpoint has been subsumed.",
    CHECKPOINT_DECLINED: "Checkpoint was declined.",
    CHECKPOINT_DECLINED_TASK_NOT_READY: "Checkpoint was declined (tasks not ready)",
    CHECKPOINT_DECLINED_TASK_CLOSING: "Checkpoint was declined (task is closing)",
    CHECKPOINT_DECLINED_SUBSUMED:
      "Checkpoint was canceled because a barrier from newer checkpoint was received.",
    CHECKPOINT_DECLINED_ON_CANCELLATION_BARRIER:
      "Task received cancellation from one of its inputs",
    CHECKPOINT_DECLINED_INPUT_END_OF_STREAM:
      "Checkpoint was declined because one input stream is finished",
    CHECKPOINT_COORDINATOR_SHUTDOWN: "CheckpointCoordinator shutdown.",
    CHECKPOINT_COORDINATOR_SUSPEND: "Checkpoint Coordinator is suspending.",
    NOT_ALL_REQUIRED_TASKS_RUNNING: "Not all required tasks are currently running.",
    CHECKPOINT_ASYNC_EXCEPTION: "Asynchronous task checkpoint failed.",
    FINALIZE_CHECKPOINT_FAILURE: "Failure to finalize checkpoint.",
    TRIGGER_CHECKPOINT_FAILURE: "Trigger checkpoint failure.",
    IO_EXCEPTION: "An Exception occurred while triggering the checkpoint. IO-problem detected.",
    BLOCKING_OUTPUT_EXIST: "Blocking output edge exists in running tasks.",
  };
  for (const [reason, text] of Object.entries(texts)) {
    assert.equal(CHECKPOINT_FAILURE_REASONS[reason as CheckpointFailureReason].message, text);
  }
});

test("a savepoint that fails is not counted", () => {
  assert.equal(isFatal({ kind: "savepoint" }), false);
});

test("failures are consecutive: a success clears, and old checkpoints do not count", () => {
  const manager = new CheckpointFailureManager(2);
  const fatal: boolean[] = [];
  const fail = (id: number): void => void fatal.push(manager.failed(failure(id)) !== undefined);
  fail(1);
  fail(2);
  manager.succeeded(3);
  fail(2);
  fail(3);
  assert.equal(manager.failuresCount, 0);
  fail(4);
  fail(5);
  manager.succeeded(3);
  fail(6);
  assert.deepEqual(fatal, [false, false, false, false, false, false, true]);
});

test("a checkpoint counts once, one without an id each time", () => {
  const manager = new CheckpointFailureManager(1);
  assert.equal(manager.failed(failure(1)), undefined);
  assert.equal(manager.failed(failure(1)), undefined);
  const error = manager.failed(failure(undefined, { reason: "IO_EXCEPTION" }));
  assert.equal(errorCode(error), "CHECKPOINT_FAILURES_EXCEEDED");
  assert.equal(manager.failuresCount, 0, "the next attempt counts anew");
});

test("unlimited tolerance never fails the job", () => {
  const manager = new CheckpointFailureManager(UNLIMITED_FAILURES);
  for (let id = 1; id < 1_000; id++) assert.equal(manager.failed(failure(id)), undefined);
});

test("the error says which failure was one too many, and keeps its cause", () => {
  const cause = new Error("disk full");
  const error = new CheckpointFailureManager(0).failed(failure(9, { cause }));
  assert.equal(error?.cause, cause);
  assert.deepEqual(error.details, {
    reason: "CHECKPOINT_EXPIRED",
    checkpointId: 9,
    tolerableFailures: 0,
  });
});
