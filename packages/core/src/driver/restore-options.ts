/**
 * What a job starts from, as a user gives it, and what taking a savepoint answers. Semantics:
 * `docs/semantics/savepoints.md`.
 */

/** What becomes of a sink's transactions that the snapshot holds. */
export type SinkRestore = "commit" | "discard";

/** Who owns the snapshot that a run begins from (Flink's RecoveryClaimMode). */
export type ClaimMode = "NO_CLAIM" | "CLAIM";

/**
 * Begin a run from a snapshot; or, without `path` and with nothing but `allowNonRestoredState`, how
 * a run goes on from what it has itself.
 */
export interface RestoreOptions {
  /** A savepoint's or checkpoint's directory, or the `_metadata` file in it. */
  readonly path?: string;
  /** Default `NO_CLAIM`: the snapshot stays the user's. */
  readonly claimMode?: ClaimMode;
  /**
   * State of the snapshot that the job does not have: true: leave all of it behind; or only that of
   * these operators (`uid`) or states (`uid/state`). Default false: refuse.
   */
  readonly allowNonRestoredState?: boolean | readonly string[];
  /** Per uid of an exactly-once sink, or for all; where it is needed is in the semantics. */
  readonly sinks?: SinkRestore | Readonly<Record<string, SinkRestore>>;
}

/** Options that name a snapshot. */
export type NamedSnapshot = RestoreOptions & { readonly path: string };

/** Undefined where they name none. */
export function namedSnapshot(restore: RestoreOptions | undefined): NamedSnapshot | undefined {
  return restore?.path === undefined ? undefined : { ...restore, path: restore.path };
}

/** How to take a savepoint. */
export interface SavepointOptions {
  /**
   * Directory in which the savepoint's own is made. Default: `savepointDirectory` of the run, else
   * `savepoints` in the checkpoint directory.
   */
  readonly target?: string;
}

/** How to stop with a savepoint. */
export interface StopOptions extends SavepointOptions {
  /** Go to the end of event time first: all windows and timers fire. For the end of a job. */
  readonly drain?: boolean;
}

/** A savepoint that is complete. */
export interface SavepointResult {
  /** Absolute path of its directory. */
  readonly location: string;
  readonly checkpointId: number;
  readonly sizeBytes: number;
  readonly durationMs: number;
}
