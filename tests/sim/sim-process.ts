/*
 * One life of a simulated process: it takes the run over, recovers the checkpoints, and runs the
 * job to its end, as the library's driver does (`driver/run-job.ts`), but on many workers and with
 * an ear on everything.
 */
import {
  checkpointSettings,
  retentionOf,
} from "../../packages/core/src/checkpoint/checkpoint-settings.ts";
import { errorCode } from "../../packages/core/src/errors.ts";
import type { JobGraph } from "../../packages/core/src/graph/job-graph.ts";
import { JobMaster } from "../../packages/core/src/runtime/job-master.ts";
import type { JobEvent } from "../../packages/core/src/runtime/job-event.ts";
import type { JobEnd } from "../../packages/core/src/runtime/job-master.ts";
import { JobMetrics } from "../../packages/core/src/runtime/job-metrics.ts";
import { localLauncher } from "../../packages/core/src/runtime/local-launcher.ts";
import { restartSettings } from "../../packages/core/src/runtime/restart-strategy.ts";
import { recoverCheckpointStore } from "../../packages/core/src/snapshot/checkpoint-store.ts";
import type { CheckpointStore } from "../../packages/core/src/snapshot/checkpoint-store.ts";
import { openRun } from "../../packages/core/src/snapshot/run-directory.ts";
import type { SimEnv } from "../../packages/core/src/testing/sim-env.ts";
import type { Checkers } from "./checkers.ts";
import { THROWN } from "./faults.ts";
import type { Faults } from "./faults.ts";
import { tapped } from "./message-tap.ts";
import type { Scenario } from "./scenario.ts";
import type { Trace } from "./trace.ts";

export const CHECKPOINT_DIRECTORY = "/run";

/** What a process works with. */
export interface ProcessParts {
  readonly scenario: Scenario;
  readonly job: JobGraph;
  readonly env: SimEnv;
  readonly faults: Faults;
  readonly checkers: Checkers;
  readonly trace: Trace;
  readonly counts: Counts;
  /** Of checkpoints. */
  readonly timeoutMs: number;
  /** The process has taken the run, or is about to let it go. */
  readonly onHeld: (isHeld: boolean) => void;
}

/** What happened, over all processes. */
export interface Counts {
  checkpoints: number;
  failedCheckpoints: number;
  /** Of the failed ones, those that timed out, and those that a task declined. */
  expired: number;
  declined: number;
  /** Completed checkpoints that were triggered while another was in flight. */
  overlapped: number;
  lostCompletions: number;
  restarts: number;
  warnings: number;
}

export function noCounts(): Counts {
  return {
    checkpoints: 0,
    failedCheckpoints: 0,
    expired: 0,
    declined: 0,
    overlapped: 0,
    lostCompletions: 0,
    restarts: 0,
    warnings: 0,
  };
}

export type ProcessEnd =
  | { readonly kind: "over"; readonly runDirectory: string }
  | { readonly kind: "ended"; readonly end: JobEnd; readonly runDirectory: string };

/** Runs the job in a process; rejects if the process cannot start. */
export async function runProcess(parts: ProcessParts): Promise<ProcessEnd> {
  const { scenario, job, env, checkers, trace, counts } = parts;
  const opening = await openRun(env, {
    checkpointDirectory: CHECKPOINT_DIRECTORY,
    jobName: job.graph.jobName,
  });
  if (opening.kind === "ended") return { kind: "over", runDirectory: opening.directory };
  const { run } = opening;
  parts.onHeld(true);
  const checkpoint = checkpointSettings(settingsOf(scenario, parts.timeoutMs));
  let warningsCount = 0;
  let onDeleted = (): void => undefined;
  const { store, decision } = await recoverCheckpointStore({
    files: env.files,
    directory: run.directory,
    epoch: run.epoch,
    retainedCount: checkpoint.retain.count,
    retention: retentionOf(checkpoint),
    onDeleted: () => onDeleted(),
    warn: () => {
      warningsCount++;
      counts.warnings++;
    },
  });
  if (decision.kind === "refuse") throw decision.error;
  trace.say(`epoch ${run.epoch} begins from ${store.latest?.checkpointId ?? "nothing"}`);
  checkers.recovered(store, run.directory, () => warningsCount > 0);
  const launcher = localLauncher({
    env,
    job,
    chaos: scenario.isChaotic ? env.random.fork("chaos") : undefined,
    encodesLocalChannels: scenario.encodesLocalChannels,
  });
  const subtasksCount = job.vertices.reduce((sum, { parallelism }) => sum + parallelism, 0);
  const master = new JobMaster({
    env,
    job,
    workersCount: scenario.workersCount,
    checkpoint,
    restart: restartSettings({
      kind: "fixed-delay",
      attempts: 1_000_000,
      delay: scenario.restartDelayMs,
    }),
    run: {
      directory: run,
      store,
      begunFrom: undefined,
      onDeleted: (listener) => (onDeleted = listener),
    },
    runId: run.jobId,
    launcher: tapped(launcher, {
      trace,
      faults: parts.faults,
      counts,
      subtasksCount,
      delay: {
        clock: env.clock,
        random: env.random.fork("messages"),
        delayMsMax: scenario.messageDelayMs,
      },
    }),
    metrics: new JobMetrics(job),
    onEvent: (event) => onEvent(parts, store, event),
  });
  master.start();
  const end = await master.ended;
  parts.onHeld(false);
  await run.close();
  return { kind: "ended", end, runDirectory: run.directory };
}

function settingsOf(
  { checkpoint }: Scenario,
  timeoutMs: number,
): Parameters<typeof checkpointSettings>[0] {
  return {
    interval: checkpoint.intervalMs,
    minPause: checkpoint.minPauseMs,
    timeout: timeoutMs,
    maxConcurrent: 2,
    tolerableFailures: "unlimited",
    incremental: checkpoint.isIncremental,
    retain: { count: checkpoint.retainedCount },
  };
}

function onEvent(parts: ProcessParts, store: CheckpointStore, event: JobEvent): void {
  const { trace, checkers, counts } = parts;
  switch (event.kind) {
    case "status":
      trace.say(`job ${event.status}`);
      break;
    case "attempt":
      trace.say(`attempt ${event.attempt} from ${event.restoredId ?? "nothing"}`);
      checkers.attemptStarts(store.latest);
      break;
    case "restarting":
      counts.restarts++;
      trace.say(`attempt failed: ${messageOf(event.error)}`);
      if (!isExpected(event.error)) {
        checkers.violation(`an attempt failed by itself: ${stackOf(event.error)}`);
      }
      break;
    case "checkpoint":
      counts.checkpoints++;
      trace.say(`checkpoint ${event.id} is complete`);
      if (store.latest?.checkpointId === event.id) checkers.completed(store.latest);
      else checkers.violation(`checkpoint ${event.id} counts, but the store does not have it`);
      break;
    case "savepoint":
      trace.say(`savepoint ${event.id} is complete`);
      break;
    case "checkpoint-failed":
      counts.failedCheckpoints++;
      if (event.message.startsWith("CHECKPOINT_EXPIRED")) counts.expired++;
      if (/DECLINED|ASYNC/u.test(event.message)) counts.declined++;
      trace.say(`checkpoint ${event.id} failed: ${event.message}`);
      break;
    case "warning":
      counts.warnings++;
      trace.say(`warning: ${messageOf(event.error)}`);
      break;
  }
}

/** Whether a fault of the scenario explains an error. */
export function isExpected(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = errorCode(cause);
    if (code === "FILE_IO" || code === "CHECKPOINT_UNCERTAIN" || cause.message === THROWN) {
      return true;
    }
  }
  return false;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\n  caused by ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
