/**
 * Barrier: the data of one snapshot request. It is made by the checkpoint coordinator, travels with
 * the records, and tells every table which intervals of changes its delta must cover. See
 * `docs/semantics/checkpoints.md`.
 */

/**
 * Ids of checkpoints and savepoints share one counter per run; they only grow and are never used
 * twice.
 */
export type CheckpointId = number;

/** One snapshot request; plain data. */
export interface Barrier {
  readonly id: CheckpointId;
  readonly kind: "checkpoint" | "savepoint";
  /** When the coordinator triggered it, processing time in ms. */
  readonly timestamp: number;
  /**
   * The checkpoint, complete when this one was triggered, that this one may build on; undefined for
   * a full one. Never a savepoint. A task may still write everything although it was given a base.
   */
  readonly base: CheckpointId | undefined;
  /** Absolute path of a savepoint's own directory; undefined: the files go into the run's. */
  readonly target?: string | undefined;
  /**
   * Taken to stop the job: behind it a task does nothing more, unless the savepoint is aborted.
   * `drain`: all input had ended before.
   */
  readonly stop?: StopMode | undefined;
}

/** How a job stops; see `docs/semantics/savepoints.md`. */
export type StopMode = "suspend" | "drain";
