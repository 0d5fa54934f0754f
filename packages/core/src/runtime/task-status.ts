/*
 * Status of a subtask in one attempt (Flink's ExecutionState), and which may follow which.
 *
 * Owns: the closed set and the table of transitions. Does not hold a task's status (job master).
 * Semantics: `docs/semantics/failures.md`.
 */
import { assert } from "../assert.ts";

/** All, in the order of a life. */
export const TASK_STATUSES = [
  "CREATED",
  "SCHEDULED",
  "DEPLOYING",
  "INITIALIZING",
  "RUNNING",
  "FINISHED",
  "CANCELING",
  "CANCELED",
  "FAILED",
] as const;

export type TaskStatus = (typeof TASK_STATUSES)[number];

/**
 * What may follow. INITIALIZING: deployed, restoring its state. A subtask that has ended stays
 * RUNNING until it closes (it still takes barriers). One that was not deployed yet is CANCELED at
 * once.
 */
export const TASK_TRANSITIONS: Readonly<Record<TaskStatus, readonly TaskStatus[]>> = {
  CREATED: ["SCHEDULED", "CANCELED", "FAILED"],
  SCHEDULED: ["DEPLOYING", "CANCELED", "FAILED"],
  DEPLOYING: ["INITIALIZING", "CANCELING", "FAILED"],
  INITIALIZING: ["RUNNING", "CANCELING", "FAILED"],
  RUNNING: ["FINISHED", "CANCELING", "FAILED"],
  FINISHED: [],
  CANCELING: ["CANCELED", "FAILED"],
  CANCELED: [],
  FAILED: [],
};

/** The subtask is over in this attempt. */
export function isTaskTerminal(status: TaskStatus): boolean {
  return TASK_TRANSITIONS[status].length === 0;
}

/** Whether `to` may follow `from`. A status does not follow itself. */
export function canTaskGo(from: TaskStatus, to: TaskStatus): boolean {
  return TASK_TRANSITIONS[from].includes(to);
}

/** `to`, after checking that it may follow `from`. */
export function nextTaskStatus(from: TaskStatus, to: TaskStatus): TaskStatus {
  assert(canTaskGo(from, to), () => `task goes from ${from} to ${to}`);
  return to;
}
