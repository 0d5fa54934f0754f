/*
 * One life of a simulated process: it begins or resumes the run as the library's driver does
 * (`driver/begin-run.ts`), and runs the job to its end, but on many workers and with an ear on
 * everything.
 */
import { checkpointSettings } from "../../packages/core/src/checkpoint/checkpoint-settings.ts";
import { beginRun } from "../../packages/core/src/driver/begin-run.ts";
import type { BuiltJob } from "../../packages/core/src/driver/build-job.ts";
import type { RestoreOptions } from "../../packages/core/src/driver/restore-options.ts";
import { errorCode } from "../../packages/core/src/errors.ts";
import type { OxbowError } from "../../packages/core/src/errors.ts";
import { JobMaster } from "../../packages/core/src/runtime/job-master.ts";
import type { JobEvent } from "../../packages/core/src/runtime/job-event.ts";
import type { JobEnd } from "../../packages/core/src/runtime/job-master.ts";
import { JobMetrics } from "../../packages/core/src/runtime/job-metrics.ts";
import { localLauncher } from "../../packages/core/src/runtime/local-launcher.ts";
import type { HeldRun } from "../../packages/core/src/runtime/master-checkpoints.ts";

import { restartSettings } from "../../packages/core/src/runtime/restart-strategy.ts";
import type { CheckpointMetadata } from "../../packages/core/src/snapshot/metadata.ts";
import type { RunRecord } from "../../packages/core/src/snapshot/run-record.ts";
import type { WorkerLauncher } from "../../packages/core/src/runtime/worker-connection.ts";
import type { SimEnv } from "../../packages/core/src/testing/sim-env.ts";
import type { Checkers } from "./checkers.ts";
import type { Counts } from "./counts.ts";
import { THROWN } from "./faults.ts";
import type { Faults } from "./faults.ts";
import { tapped } from "./message-tap.ts";
import type { Scenario } from "./scenario.ts";
import type { Trace } from "./trace.ts";

export const CHECKPOINT_DIRECTORY = "/run";

/** How a run is started, each time anew. */
export interface RunCommand {
  readonly jobId: string | undefined;
  readonly restore: RestoreOptions | undefined;
}

/** What a process works with. */
export interface ProcessParts {
  readonly scenario: Scenario;
  readonly built: BuiltJob;
  readonly command: RunCommand;
  readonly env: SimEnv;
  readonly faults: Faults;
  readonly checkers: Checkers;
  readonly trace: Trace;
  readonly counts: Counts;
  /** Of checkpoints. */
  readonly timeoutMs: number;
  readonly tell: ProcessTell;
}

/** Who hears of what happens in a process. */
export interface ProcessTell {
  readonly isAlive: () => boolean;
  /** The process has taken the run. */
  readonly held: (held: HeldRun) => void;
  /** The job is about to be started. */
  readonly master: (master: JobMaster) => void;
  /** The run is about to be let go. */
  readonly released: () => void;
  /** A snapshot is complete. */
  readonly snapshot: (event: Extract<JobEvent, { kind: "checkpoint" | "savepoint" }>) => void;
}

export type ProcessEnd =
  | { readonly kind: "over"; readonly runDirectory: string; readonly record: RunRecord }
  | {
      readonly kind: "ended";
      readonly end: JobEnd;
      readonly runDirectory: string;
      readonly record: RunRecord;
    };

/** Runs the job in a process; rejects if the process cannot start. */
export async function runProcess(parts: ProcessParts): Promise<ProcessEnd> {
  const { scenario, built, command, env, checkers, trace, counts, tell } = parts;
  const checkpoint = checkpointSettings(settingsOf(scenario, parts.timeoutMs));
  let warningsCount = 0;
  const begun = await beginRun({
    env,
    built,
    checkpoint,
    directory: CHECKPOINT_DIRECTORY,
    ...command,
    newRun: undefined,
    restorePrevious: undefined,
    onEvent: (event) => {
      warningsCount++;
      counts.warnings++;
      if (event.kind === "warning") trace.say(`warning: ${messageOf(event.error)}`);
    },
  });
  if (begun.kind === "over") {
    return { kind: "over", runDirectory: begun.directory, record: begun.record };
  }
  const { held } = begun;
  const { directory, store } = held;
  tell.held(held);
  const from = store.latest ?? held.begunFrom?.metadata;
  trace.say(`run ${directory.jobId}: epoch ${directory.epoch} begins from ${nameOf(from)}`);
  // A process that is dead has removed nothing for sure.
  const mayHaveOrphans = (): boolean => warningsCount > 0 || !tell.isAlive();
  checkers.recovered({ ...held, directory: directory.directory }, mayHaveOrphans);
  const master = new JobMaster({
    env,
    job: built.job,
    workersCount: scenario.workersCount,
    checkpoint,
    restart: restartSettings({
      kind: "fixed-delay",
      attempts: 1_000_000,
      delay: scenario.restartDelayMs,
    }),
    run: held,
    runId: directory.jobId,
    allowNonRestoredState: command.restore?.allowNonRestoredState ?? false,
    launcher: launcherOf(parts),
    metrics: new JobMetrics(built.job),
    onEvent: (event) => onEvent(parts, held, event),
  });
  tell.master(master);
  master.start();
  const end = await master.ended;
  tell.released();
  await directory.close();
  const { record } = directory;
  return { kind: "ended", end, runDirectory: directory.directory, record };
}

function launcherOf({ scenario, built, env, ...parts }: ProcessParts): WorkerLauncher {
  const launcher = localLauncher({
    env,
    job: built.job,
    chaos: scenario.isChaotic ? env.random.fork("chaos") : undefined,
    encodesLocalChannels: scenario.encodesLocalChannels,
  });
  return tapped(launcher, {
    trace: parts.trace,
    faults: parts.faults,
    counts: parts.counts,
    checkers: parts.checkers,
    subtasksCount: built.job.vertices.reduce((sum, { parallelism }) => sum + parallelism, 0),
    delay: {
      clock: env.clock,
      random: env.random.fork("messages"),
      delayMsMax: scenario.messageDelayMs,
    },
  });
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

function onEvent(parts: ProcessParts, held: HeldRun, event: JobEvent): void {
  const { trace, checkers, counts, tell } = parts;
  const { store } = held;
  switch (event.kind) {
    case "status":
      trace.say(`job ${event.status}`);
      break;
    case "attempt":
      trace.say(`attempt ${event.attempt} from ${event.restoredId ?? "nothing"}`);
      checkers.attemptStarts(store.latest ?? held.begunFrom?.metadata);
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
      tell.snapshot(event);
      break;
    case "savepoint":
      counts.savepoints++;
      trace.say(`savepoint ${event.id} is complete: ${event.location}`);
      tell.snapshot(event);
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
    const { reason } = (cause as Partial<OxbowError>).details ?? {};
    // A savepoint of a drained job that took too long: the attempt is over.
    if (code === "SAVEPOINT_FAILED" && reason === "CHECKPOINT_EXPIRED") return true;
  }
  return false;
}

function nameOf(snapshot: CheckpointMetadata | undefined): string {
  return snapshot === undefined ? "nothing" : `${snapshot.kind} ${snapshot.checkpointId}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\n  caused by ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
