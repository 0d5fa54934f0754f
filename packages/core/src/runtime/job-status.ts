/*
 * Status of a job, under Flink's names, and which may follow which.
 *
 * Owns: the closed set and the table of transitions. Does not hold a job's status (job master).
 * Semantics: `docs/semantics/failures.md`.
 */
import { assert } from "../assert.ts";

/** All, in Flink's order. */
export const JOB_STATUSES = [
  "INITIALIZING",
  "CREATED",
  "RUNNING",
  "FAILING",
  "FAILED",
  "CANCELLING",
  "CANCELED",
  "FINISHED",
  "RESTARTING",
  "SUSPENDED",
  "RECONCILING",
] as const;

export type JobStatus = (typeof JOB_STATUSES)[number];

/**
 * What may follow. INITIALIZING: the master is being set up; CREATED: the graph stands, nothing
 * runs; RESTARTING: an attempt failed and another will follow; SUSPENDED: this process lets go of
 * the job, another may go on with it; RECONCILING: a master came back and looks for running tasks.
 */
export const JOB_TRANSITIONS: Readonly<Record<JobStatus, readonly JobStatus[]>> = {
  INITIALIZING: ["CREATED", "FAILED", "CANCELLING", "CANCELED", "SUSPENDED", "RECONCILING"],
  CREATED: ["RUNNING", "FAILING", "CANCELLING", "SUSPENDED"],
  RUNNING: ["FINISHED", "RESTARTING", "FAILING", "CANCELLING", "SUSPENDED"],
  FAILING: ["FAILED", "CANCELLING", "SUSPENDED"],
  FAILED: [],
  CANCELLING: ["CANCELED", "FAILING", "SUSPENDED"],
  CANCELED: [],
  FINISHED: [],
  RESTARTING: ["CREATED", "RUNNING", "FAILING", "CANCELLING", "SUSPENDED"],
  SUSPENDED: [],
  RECONCILING: ["RUNNING", "FAILING", "CANCELLING", "SUSPENDED"],
};

/** The job is over for good, everywhere. */
export function isGloballyTerminal(status: JobStatus): boolean {
  return status === "FAILED" || status === "CANCELED" || status === "FINISHED";
}

/** The job is over in this process; after SUSPENDED another may go on with it. */
export function isTerminal(status: JobStatus): boolean {
  return JOB_TRANSITIONS[status].length === 0;
}

/** Whether `to` may follow `from`. A status does not follow itself. */
export function canJobGo(from: JobStatus, to: JobStatus): boolean {
  return JOB_TRANSITIONS[from].includes(to);
}

/** `to`, after checking that it may follow `from`. */
export function nextJobStatus(from: JobStatus, to: JobStatus): JobStatus {
  assert(canJobGo(from, to), () => `job goes from ${from} to ${to}`);
  return to;
}
