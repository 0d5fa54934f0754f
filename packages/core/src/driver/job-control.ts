/*
 * The control of a job that runs in this process, and its channel: joins a `JobHandle` to
 * `control-server.ts`. A run without a channel runs all the same, and says so.
 */
import type { CheckpointRecord } from "../checkpoint/checkpoint-statistics.ts";
import type { Env } from "../env/env.ts";
import type { MetricSnapshot } from "../runtime/metric-reader.ts";
import type { JobEvent } from "../runtime/job-event.ts";
import type { RunDirectory } from "../snapshot/run-directory.ts";
import type { BuiltJob } from "./build-job.ts";
import { serveControl } from "./control-server.ts";
import type { RunControl, RunStatusReport, SnapshotReport } from "./run-control.ts";
import type { JobHandle } from "./run-job.ts";

/** What is asked, and where. */
export interface ControlledJob {
  readonly env: Env;
  readonly built: BuiltJob;
  readonly run: RunDirectory;
  readonly job: JobHandle;
  readonly onEvent: (event: JobEvent) => void;
}

/**
 * Opens the control channel of a run, if this environment has sockets; the result closes it.
 * Neither rejects.
 */
export async function openControl(controlled: ControlledJob): Promise<() => Promise<void>> {
  const { env, run, onEvent } = controlled;
  if (env.sockets === undefined) return async () => undefined;
  try {
    const server = await serveControl(env, run.directory, controlOf(controlled));
    return () => server.close();
  } catch (error) {
    onEvent({ kind: "warning", error });
    return async () => undefined;
  }
}

/** What can be asked of the job. */
export function controlOf(controlled: ControlledJob): RunControl {
  const { env, job } = controlled;
  const startedAt = env.clock.now();
  return {
    status: () => reportOf(controlled, startedAt),
    savepoint: (options) => job.savepoint(options),
    stop: (options) => job.stop(options),
    cancel: async () => {
      await job.cancel();
    },
    checkpoint: (options) => job.checkpoint(options),
    metricsText: () => job.metricsText(),
  };
}

function reportOf({ env, built, run, job }: ControlledJob, startedAt: number): RunStatusReport {
  const { vertices, graph } = built.job;
  const metrics = job.metrics();
  const ofJob = metrics.find(({ scope }) => scope.kind === "job")?.values ?? {};
  const uidsOf = (kind: "source" | "sink"): ReadonlySet<string> =>
    new Set(graph.nodes.filter(({ body }) => body.kind === kind).map(({ uid }) => uid));
  const statistics = job.checkpoints();
  const inProgress = (statistics?.history ?? []).filter(({ status }) => status === "IN_PROGRESS");
  return {
    jobId: run.jobId,
    jobName: graph.jobName,
    runDirectory: run.directory,
    status: job.status,
    attempt: (ofJob["numRestarts"] ?? 0) + 1,
    epoch: run.epoch,
    pid: env.process.pid,
    parallelism: Math.max(...vertices.map(({ parallelism }) => parallelism)),
    startedAt,
    uptimeMs: ofJob["uptime"] ?? 0,
    restoredFrom: run.record.restoredFrom?.path ?? null,
    recordsInCount: sumOf(metrics, uidsOf("source"), "numRecordsOut"),
    recordsOutCount: sumOf(metrics, uidsOf("sink"), "numRecordsIn"),
    completedCheckpointsCount: statistics?.counts.completed ?? 0,
    failedCheckpointsCount: statistics?.counts.failed ?? 0,
    newestCheckpoint: snapshotOf(statistics?.latest.completed),
    newestSavepoint: snapshotOf(statistics?.latest.savepoint),
    snapshotsInProgress: inProgress
      .map((record) => ({
        id: record.id,
        isSavepoint: record.isSavepoint,
        acknowledged: record.acknowledgedSubtasksCount,
        subtasks: record.subtasksCount,
      }))
      .toReversed(),
  };
}

function sumOf(
  metrics: readonly MetricSnapshot[],
  uids: ReadonlySet<string>,
  name: string,
): number {
  return metrics.reduce(
    (sum, { scope, values }) =>
      scope.kind === "operator" && uids.has(scope.uid) ? sum + (values[name] ?? 0) : sum,
    0,
  );
}

function snapshotOf(record: CheckpointRecord | undefined): SnapshotReport | null {
  if (record === undefined || record.externalPath === undefined) return null;
  return {
    id: record.id,
    location: record.externalPath,
    triggeredAt: record.triggerTimestamp,
    durationMs: record.endToEndDurationMs,
    sizeBytes: record.stateSizeBytes,
  };
}
