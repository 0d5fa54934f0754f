/**
 * CheckpointOptions: what a program says about checkpoints, as data. Checked by
 * `checkpoint/checkpoint-settings.ts`; defaults and meaning: `docs/semantics/checkpoints.md`.
 */
import type { Duration } from "../time/duration.ts";

/** What happens to the retained checkpoints when the job ends in some way. */
export type Retention = "keep" | "delete";

/**
 * What `env.checkpoint(…)` takes. Everything is optional; without `interval` checkpoints are off.
 */
export interface CheckpointOptions {
  /** Time from one periodic checkpoint to the next; at least 10 ms. */
  readonly interval?: Duration;
  /** Least time from a completion to the next periodic trigger. Default 0. */
  readonly minPause?: Duration;
  /** Time from the trigger after which a checkpoint is given up; at least 10 ms. Default 10 min. */
  readonly timeout?: Duration;
  /** Default `exactly-once`. */
  readonly mode?: CheckpointMode;
  /** Checkpoints in progress at the same time, at least 1. Default 1. */
  readonly maxConcurrent?: number;
  /** Consecutive failures that the job survives; default 0. */
  readonly tolerableFailures?: number | "unlimited";
  /** False: every checkpoint writes all state. Default true. */
  readonly incremental?: boolean;
  readonly retain?: RetainOptions;
  /** Only `false` so far. */
  readonly unaligned?: boolean;
  /** Only 0 so far. */
  readonly alignedTimeout?: Duration;
}

/**
 * Which completed checkpoints stay. A job that FINISHED always deletes its checkpoints, as in
 * Flink.
 */
export interface RetainOptions {
  /** Completed checkpoints kept while running, at least 1. Default 1. */
  readonly count?: number;
  /** When the job is CANCELED. Default `delete`. */
  readonly onCancellation?: Retention;
  /** When the job is FAILED. Default `keep` (Flink: delete). */
  readonly onFailure?: Retention;
}

/** Whether a record may be counted twice after a failure. */
export type CheckpointMode = "exactly-once" | "at-least-once";
