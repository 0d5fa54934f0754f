/**
 * RunControl: what can be asked of a running job from outside its process. Served by
 * `control-server.ts`; the form of its data on the wire is `docs/formats/control.md`, so all of it
 * is plain JSON.
 */
import type { JobStatus } from "../runtime/job-status.ts";
import type { SavepointOptions, SavepointResult, StopOptions } from "./restore-options.ts";

/** A completed checkpoint or savepoint of this process. */
export interface SnapshotReport {
  readonly id: number;
  /** Absolute path of its directory. */
  readonly location: string;
  /** Processing time, ms since the epoch. */
  readonly triggeredAt: number;
  readonly durationMs: number;
  readonly sizeBytes: number;
}

/** A checkpoint or savepoint that is being taken. */
export interface SnapshotProgress {
  readonly id: number;
  readonly isSavepoint: boolean;
  /** Subtasks that have made their part durable, of so many. */
  readonly acknowledged: number;
  readonly subtasks: number;
}

/** How a run stands. Counts are of this process. */
export interface RunStatusReport {
  readonly jobId: string;
  readonly jobName: string;
  readonly runDirectory: string;
  readonly status: JobStatus;
  /** Counts from 1 in each epoch. */
  readonly attempt: number;
  readonly epoch: number;
  readonly pid: number;
  /** The largest of any operator. */
  readonly parallelism: number;
  /** When this process started the run, ms since the epoch. */
  readonly startedAt: number;
  /** For how long the job has been RUNNING since it last became so. */
  readonly uptimeMs: number;
  /** Path of the snapshot that the run began from. */
  readonly restoredFrom: string | null;
  /** Records that came out of the sources, and that went into the sinks. */
  readonly recordsInCount: number;
  readonly recordsOutCount: number;
  /** Savepoints included. */
  readonly completedCheckpointsCount: number;
  readonly failedCheckpointsCount: number;
  readonly newestCheckpoint: SnapshotReport | null;
  readonly newestSavepoint: SnapshotReport | null;
  /** Oldest first. */
  readonly snapshotsInProgress: readonly SnapshotProgress[];
}

/** See the file header. Calls may overlap in any way; what rejects is told to whoever asked. */
export interface RunControl {
  status(): RunStatusReport;
  savepoint(options: SavepointOptions): Promise<SavepointResult>;
  /** Resolves when the job has ended. */
  stop(options: StopOptions): Promise<SavepointResult>;
  /** Resolves when the job has ended. */
  cancel(): Promise<void>;
  checkpoint(options: { readonly full?: boolean }): Promise<SavepointResult>;
  /** Prometheus' text format. */
  metricsText(): string;
}
