/**
 * JobMetrics: the metrics of one job on the master's side: the shared memory, the job's own block,
 * and reading.
 */
import type { JobGraph } from "../graph/job-graph.ts";
import type { JobStatus } from "./job-status.ts";
import { JOB_SLOTS, createMetricMemory, metricBlock, metricLayout, resetBlock } from "./metrics.ts";
import type { MetricLayout } from "./metrics.ts";

/** See the file header. */
export class JobMetrics {
  readonly layout: MetricLayout;
  readonly memory: SharedArrayBuffer;
  readonly #values: Float64Array;
  /** Processing times, ms. */
  #runningSince: number | undefined;
  #restartingSince: number | undefined;

  constructor(job: JobGraph) {
    this.layout = metricLayout(job.vertices);
    this.memory = createMetricMemory(this.layout);
    this.#values = metricBlock(this.memory, this.layout, { kind: "job" }).values;
  }

  /** A new attempt begins: gauges of tasks start anew, counters go on. */
  startAttempt(): void {
    for (const block of this.layout.blocks) {
      if (block.scope.kind !== "job") resetBlock(this.memory, block, true);
    }
  }

  /** `now`: processing time, ms. */
  setStatus(status: JobStatus, now: number): void {
    if (status === "RUNNING") this.#runningSince = now;
    if (status === "RESTARTING") this.#restartingSince = now;
    if (status === "RUNNING" && this.#restartingSince !== undefined) {
      this.#values[JOB_SLOTS.restartingTime] = now - this.#restartingSince;
      this.#restartingSince = undefined;
    }
    if (status !== "RUNNING") this.#runningSince = undefined;
  }

  /** Brings the times up to date; to be called before reading. */
  refresh(now: number): void {
    this.#values[JOB_SLOTS.uptime] =
      this.#runningSince === undefined ? 0 : now - this.#runningSince;
    if (this.#restartingSince === undefined) return;
    this.#values[JOB_SLOTS.restartingTime] = now - this.#restartingSince;
  }

  setInProgress(count: number): void {
    this.#values[JOB_SLOTS.numberOfInProgressCheckpoints] = count;
  }

  setRestored(now: number): void {
    this.#values[JOB_SLOTS.lastCheckpointRestoreTimestamp] = now;
  }

  countRestart(): void {
    this.#values[JOB_SLOTS.numRestarts] += 1;
  }

  checkpointCompleted(figures: {
    readonly id: number;
    readonly durationMs: number;
    readonly checkpointedBytes: number;
    readonly stateBytes: number;
  }): void {
    const values = this.#values;
    values[JOB_SLOTS.numberOfCompletedCheckpoints] += 1;
    values[JOB_SLOTS.totalNumberOfCheckpoints] += 1;
    values[JOB_SLOTS.lastCompletedCheckpointId] = figures.id;
    values[JOB_SLOTS.lastCheckpointDuration] = figures.durationMs;
    values[JOB_SLOTS.lastCheckpointSize] = figures.checkpointedBytes;
    values[JOB_SLOTS.lastCheckpointFullSize] = figures.stateBytes;
  }

  checkpointFailed(): void {
    this.#values[JOB_SLOTS.numberOfFailedCheckpoints] += 1;
    this.#values[JOB_SLOTS.totalNumberOfCheckpoints] += 1;
  }
}
