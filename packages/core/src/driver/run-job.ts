/**
 * run-job: runs a job in this process: settings, the run directory, workers, the job master. The
 * door of the library and of `oxbow run`.
 *
 * - A module (path or URL) runs on worker threads, one per subtask index, and is imported by each
 *   of them.
 * - A `Job` object runs on this thread, unless `module` says where worker threads find it.
 *
 * With a checkpoint directory a run is resumable: the same call goes on where the last one ended;
 * see `docs/semantics/failures.md`.
 */
import { defaultCheckpointInterval } from "./default-settings.ts";
import { beginRun } from "./begin-run.ts";
import type { BegunRun } from "./begin-run.ts";
import { namedSnapshot } from "./restore-options.ts";
import type {
  RestoreOptions,
  SavepointOptions,
  SavepointResult,
  StopOptions,
} from "./restore-options.ts";
import type { CompletedCheckpoint } from "../checkpoint/coordinator-host.ts";
import type { JobParameters } from "../api/environment.ts";
import type { Job } from "../api/job.ts";
import { isJob } from "../api/job.ts";
import { checkpointSettings } from "../checkpoint/checkpoint-settings.ts";
import type { CheckpointSettings } from "../checkpoint/checkpoint-settings.ts";
import { isCheckpointKey, withCheckpointConfig } from "../checkpoint/checkpoint-config.ts";
import type { CheckpointStatisticsSnapshot } from "../checkpoint/checkpoint-statistics.ts";
import type { Env } from "../env/env.ts";
import { nodeEnv } from "../env/node-env.ts";
import { oxbowError } from "../errors.ts";
import type { RunDirectory } from "../snapshot/run-directory.ts";
import { adoptSnapshot, buildJob, loadJob } from "./build-job.ts";
import type { BuiltJob } from "./build-job.ts";
import { DIRECTORY_KEY, jobParameters, unreadProperties } from "./job-parameters.ts";
import { JobMaster } from "../runtime/job-master.ts";
import type { JobEvent } from "../runtime/job-event.ts";
import type { JobEnd } from "../runtime/job-master.ts";
import { JobMetrics } from "../runtime/job-metrics.ts";
import { MetricReader, prometheusText } from "../runtime/metric-reader.ts";
import type { MetricLabels, MetricSnapshot } from "../runtime/metric-reader.ts";
import { operatorId } from "../types/operator-id.ts";
import type { JobStatus } from "../runtime/job-status.ts";
import { localLauncher } from "../runtime/local-launcher.ts";
import { withRestartConfig } from "../runtime/restart-config.ts";
import { defaultRestartSettings, restartSettings } from "../runtime/restart-strategy.ts";
import type { RestartSettings } from "../runtime/restart-strategy.ts";
import { openControl } from "./job-control.ts";
import { withRestoreConfig } from "./restore-config.ts";
import { isJobWorker, threadLauncher } from "./thread-launcher.ts";
import type { WorkerLauncher } from "../runtime/worker-connection.ts";

/** How to run a job. Everything is optional. */
export interface RunOptions {
  /** Subtasks per operator; goes before what the program declares. */
  readonly parallelism?: number;
  /**
   * URL of the module whose default export is this job, so that a `Job` object runs on worker
   * threads too. A module that starts its own job gives `import.meta.url`, and starts it only on
   * the main thread (JOB_INVALID otherwise).
   */
  readonly module?: string;
  /** Arguments that the program sees as `env.args`. */
  readonly args?: readonly string[];
  /**
   * Configuration by key, as `-D key=value`; keys under Flink's names go before what the program
   * declares.
   */
  readonly configuration?: Readonly<Record<string, string>>;
  /**
   * Where runs are kept; without it (and without the key `execution.checkpointing.dir`) nothing is
   * kept.
   */
  readonly checkpointDirectory?: string;
  /** Id of the run; derived from the job's name if not given. */
  readonly jobId?: string;
  /** Begin another run although one of this name could be resumed. */
  readonly newRun?: boolean;
  /** Go back behind an unreadable newest checkpoint, although outputs may repeat. */
  readonly restorePrevious?: boolean;
  /** Begin the run from a snapshot, or say what of its own state a run may leave behind. */
  readonly restore?: RestoreOptions;
  /**
   * Where savepoints go that name no place (also the key `execution.checkpointing.savepoint-dir`).
   */
  readonly savepointDirectory?: string;
  readonly onEvent?: (event: JobEvent) => void;
  /** For tests: another machine. */
  readonly env?: Env;
}

/** A job that runs. */
export interface JobHandle {
  readonly runId: string;
  /** Directory of the run; undefined where nothing is kept. */
  readonly runDirectory: string | undefined;
  readonly status: JobStatus;
  /** Resolves when the job is over and everything is closed; never rejects. */
  readonly ended: Promise<JobEnd>;
  /** Stops the job; what was not committed leaves no trace. */
  cancel(): Promise<JobEnd>;
  /**
   * Takes a savepoint; the job goes on, also where it fails. SAVEPOINT_FAILED, JOB_NOT_RUNNING,
   * SAVEPOINT_NOT_POSSIBLE. Semantics: `docs/semantics/savepoints.md`.
   */
  savepoint(options?: SavepointOptions): Promise<SavepointResult>;
  /**
   * Stops the job with a savepoint; resolves when it is FINISHED. Where the savepoint fails,
   * rejects as `savepoint`, and the job goes on; STOP_INCOMPLETE where what came after it failed.
   */
  stop(options?: StopOptions): Promise<SavepointResult>;
  /** Takes a checkpoint now; `full`: all state is written. Rejects as `savepoint`. */
  checkpoint(options?: { readonly full?: boolean }): Promise<SavepointResult>;
  /** Figures under Flink's names, by scope; see `docs/metrics.md`. */
  metrics(): readonly MetricSnapshot[];
  /** The same in Prometheus' text format. */
  metricsText(): string;
  checkpoints(): CheckpointStatisticsSnapshot | undefined;
}

/** What came of starting: a running job, or a run that is over already. */
export type JobStart =
  | { readonly kind: "started"; readonly job: JobHandle }
  | {
      readonly kind: "over";
      readonly runDirectory: string;
      readonly status: string;
      /** The savepoint with which it was stopped; go on with `restore`. */
      readonly stoppedWith: string | undefined;
    };

/** Where savepoints go by default: in the checkpoint directory, beside the runs. */
const SAVEPOINTS_NAME = "savepoints";
/** Worker threads of one process; all-to-all edges have a ring for each pair. */
const WORKERS_COUNT_MAX = 128;

/**
 * Starts a job. Rejects before anything runs with GRAPH_INVALID, SETTING_INVALID, RUN_LOCKED
 * (another process runs it), RESTORE_MISMATCH, CHECKPOINT_UNREADABLE and the like; with JOB_INVALID
 * where the module has no job, awaits this call for itself at its top level, or a worker calls it.
 *
 * @example
 * const start = await startJob(job("hello", (env) => {
 *   env.source("numbers", generator({ make: (index) => index })).sink("out", discard());
 * }));
 * if (start.kind === "started") {
 *   console.assert(start.job.runDirectory === undefined);
 *   await start.job.cancel();
 * }
 */
export async function startJob(
  job: Job | string | URL,
  runOptions: RunOptions = {},
): Promise<JobStart> {
  if (isJobWorker()) throw startedByWorker();
  const options = withRestoreConfig(runOptions);
  const env = options.env ?? nodeEnv();
  const given = jobParameters(options);
  const { configuration } = given;
  const module = options.module ?? (isJob(job) ? undefined : String(job));
  const definition = isJob(job) ? job : await loadJob(String(job));
  const first = { built: buildJob(definition, given), parameters: given };
  const workersCount = workersOf(first.built);
  const directory = options.checkpointDirectory ?? configuration[DIRECTORY_KEY];
  const settings = jobSettings(first.built, configuration, directory !== undefined);
  const onEvent = options.onEvent ?? (() => undefined);
  const unread = unreadProperties(configuration, first.built.propertyGroups);
  if (unread !== undefined) onEvent({ kind: "warning", error: unread });
  const { checkpoint } = settings;
  const run =
    directory === undefined
      ? undefined
      : await beginRun({
          ...beginningOf(env, options, directory),
          ...{ env, built: first.built, checkpoint, onEvent },
        });
  if (run?.kind === "over") return overOf(run);
  if (run === undefined && checkpoint.intervalMs !== undefined) {
    onEvent({ kind: "warning", error: checkpointsWithoutPlace() });
  }
  const snapshot = run?.held.store.latest ?? run?.held.begunFrom?.metadata;
  const { built, parameters } = adoptSnapshot(definition, first, snapshot);
  const runId = run?.held.directory.jobId ?? drawRunId(env);
  const metrics = new JobMetrics(built.job);
  const launcher = launcherOf({ env, built, module, parameters });
  const master = new JobMaster({
    env,
    job: built.job,
    workersCount: module === undefined ? 1 : workersCount,
    ...settings,
    run: run?.held,
    runId,
    restorePrevious: options.restorePrevious ?? false,
    allowNonRestoredState: options.restore?.allowNonRestoredState ?? false,
    launcher,
    metrics,
    onEvent,
  });
  master.start();
  const handle = handleOf({
    env,
    runId,
    master,
    metrics,
    run: run?.held.directory,
    built,
    savepointDirectory: savepointsOf(options, directory),
    release: async () => {
      await launcher.close?.();
      const closeChannel = await channel;
      await closeChannel?.();
      await run?.held.directory.close();
    },
  });
  const channel = run && openControl({ env, built, run: run.held.directory, job: handle, onEvent });
  await channel;
  return { kind: "started", job: handle };
}

/**
 * Runs a job to its end. Rejects with the job's error if it failed, and with whatever `startJob`
 * rejects with.
 *
 * @example
 * await runJob(job("hello", (env) => {
 *   env.source("numbers", collection([1, 2, 3])).sink("out", print());
 * }));
 */
export async function runJob(job: Job | string | URL, options: RunOptions = {}): Promise<JobEnd> {
  const start = await startJob(job, options);
  if (start.kind === "over") {
    const status = start.status === "canceled" ? "CANCELED" : "FINISHED";
    return { status, error: undefined, attemptsCount: 0 };
  }
  const end = await start.job.ended;
  if (end.status === "FAILED") throw end.error;
  return end;
}

/** Which run is begun in a checkpoint directory. */
function beginningOf(env: Env, options: RunOptions, directory: string) {
  const { jobId, newRun, restorePrevious, restore } = options;
  return {
    directory: absolute(env, directory),
    jobId,
    newRun,
    restorePrevious,
    restore: restore && withAbsolutePath(env, restore),
  };
}

/** Every worker would start the job again, and so would theirs. */
function startedByWorker(): Error {
  return oxbowError(
    "JOB_INVALID",
    "A worker thread of a job starts a job. Every worker imports the job's module: start the job " +
      "in another module, or only on the main thread: if (isMainThread) await runJob(…).",
  );
}

/** Nothing is kept, so a failure starts from the beginning: that must not go unnoticed. */
function checkpointsWithoutPlace(): Error {
  return oxbowError(
    "SETTING_INVALID",
    "The job asks for checkpoints, but there is no directory for them: none are taken. Give " +
      `checkpointDirectory, --checkpoint-dir or the key ${DIRECTORY_KEY}.`,
    { setting: DIRECTORY_KEY },
  );
}

interface Settings {
  readonly checkpoint: CheckpointSettings;
  readonly restart: RestartSettings;
}

/** What the program declares, with what it was started with put over it. */
function jobSettings(
  built: BuiltJob,
  configuration: Readonly<Record<string, string>>,
  isKept: boolean,
): Settings {
  const keys = Object.fromEntries(
    Object.entries(configuration).filter(([key]) => isCheckpointKey(key) && key !== DIRECTORY_KEY),
  );
  const declared = withCheckpointConfig(built.declared.checkpoint ?? {}, keys);
  const checkpoint = checkpointSettings(
    isKept && declared.interval === undefined
      ? { ...declared, interval: defaultCheckpointInterval }
      : declared,
  );
  const restart = withRestartConfig(built.declared.restart, configuration);
  const hasCheckpoints = isKept && checkpoint.intervalMs !== undefined;
  return {
    checkpoint,
    restart:
      restart === undefined ? defaultRestartSettings(hasCheckpoints) : restartSettings(restart),
  };
}

/** Worker threads of the job: one per subtask index. Refuses more than one process can host. */
function workersOf({ job }: BuiltJob): number {
  const parallelism = Math.max(...job.vertices.map((vertex) => vertex.parallelism));
  if (parallelism <= WORKERS_COUNT_MAX) return parallelism;
  throw oxbowError(
    "SETTING_NOT_SUPPORTED",
    `A parallelism of ${parallelism} needs as many threads; one process runs at most ` +
      `${WORKERS_COUNT_MAX}. Give a smaller one: more than the machine has cores gains nothing.`,
    { parallelism, max: WORKERS_COUNT_MAX },
  );
}

/** Id of a run that is not kept: no other has it, so no two runs write files of one name. */
function drawRunId(env: Env): string {
  const random = env.random.fork("run");
  return Array.from({ length: 4 }, () =>
    random
      .int(2 ** 31)
      .toString(16)
      .padStart(8, "0"),
  ).join("");
}

function launcherOf(from: {
  readonly env: Env;
  readonly built: BuiltJob;
  /** Undefined: the job runs on this thread. */
  readonly module: string | undefined;
  readonly parameters: JobParameters;
}): WorkerLauncher & { close?: () => Promise<void> } {
  const { env, built, module, parameters } = from;
  const { verify } = env;
  return module === undefined
    ? localLauncher({ env, job: built.job, chaos: undefined, encodesLocalChannels: verify })
    : threadLauncher({ module, parameters, verify });
}

/** Where savepoints go that name no place; undefined where nothing is kept. */
function savepointsOf(options: RunOptions, directory: string | undefined): string | undefined {
  const inRuns = directory === undefined ? undefined : `${directory}/${SAVEPOINTS_NAME}`;
  return options.savepointDirectory ?? inRuns;
}

function overOf(over: Extract<BegunRun, { kind: "over" }>): JobStart {
  const { directory, record } = over;
  // Where a stop was cut off behind its savepoint, the run is over all the same.
  const status = record.status === "running" ? "failed" : record.status;
  const stoppedWith = record.stoppedWith?.path;
  return { kind: "over", runDirectory: directory, status, stoppedWith };
}

/** INVALID_ARGUMENT for options that are about a snapshot where none is named. */
function withAbsolutePath(env: Env, restore: RestoreOptions): RestoreOptions {
  const named = namedSnapshot(restore);
  if (named !== undefined) return { ...named, path: absolute(env, named.path) };
  const needless = (["claimMode", "sinks"] as const).find((name) => restore[name] !== undefined);
  if (needless === undefined) return restore;
  throw oxbowError(
    "INVALID_ARGUMENT",
    `restore: ${needless} says how to begin from a snapshot, and none is named: give its path.`,
    { option: needless },
  );
}

function absolute(env: Env, path: string): string {
  if (path.startsWith("/") || /^[A-Za-z]:/u.test(path)) return path;
  const { workingDirectory } = env;
  if (workingDirectory !== undefined) return `${workingDirectory}/${path}`;
  throw oxbowError("INVALID_ARGUMENT", `The path "${path}" is not absolute.`, { path });
}

function handleOf(parts: {
  readonly env: Env;
  readonly runId: string;
  readonly master: JobMaster;
  readonly metrics: JobMetrics;
  readonly run: RunDirectory | undefined;
  readonly built: BuiltJob;
  /** Undefined where nothing is kept. */
  readonly savepointDirectory: string | undefined;
  /** Closes all that the job has, when it has ended. */
  readonly release: () => Promise<void>;
}): JobHandle {
  const { env, runId, master, metrics, run, built, savepointDirectory } = parts;
  const reader = new MetricReader(metrics.memory, metrics.layout);
  const labels: MetricLabels = {
    jobId: runId,
    jobName: built.job.graph.jobName,
    tasks: built.job.vertices.map(({ index, name }) => ({ id: String(index), name })),
    operatorId,
  };
  const snapshot = (): readonly MetricSnapshot[] => {
    master.refreshMetrics();
    const nowMs = env.clock.monotonicMs();
    reader.sample(nowMs);
    return reader.snapshot(nowMs);
  };
  const ended = master.ended.then(async (end) => {
    await parts.release();
    return end;
  });
  const placeOf = (target: string | undefined): string => {
    const place = target ?? savepointDirectory;
    // Without one nothing is kept, and the master refuses.
    return place === undefined ? "/" : absolute(env, place);
  };
  const timed = async (take: () => Promise<CompletedCheckpoint>): Promise<SavepointResult> => {
    const beganMs = env.clock.monotonicMs();
    const { location, id, stateBytes } = await take();
    const durationMs = env.clock.monotonicMs() - beganMs;
    return { location, checkpointId: id, sizeBytes: stateBytes, durationMs };
  };
  return {
    runId,
    runDirectory: run?.directory,
    get status() {
      return master.status;
    },
    ended,
    cancel: async () => {
      await master.cancel();
      return ended;
    },
    savepoint: ({ target } = {}) => timed(() => master.savepoint(placeOf(target))),
    stop: ({ target, drain } = {}) =>
      timed(async () => {
        const savepoint = await master.stop(placeOf(target), drain === true ? "drain" : "suspend");
        await ended;
        return savepoint;
      }),
    checkpoint: ({ full } = {}) => timed(() => master.checkpoint(full ?? false)),
    metrics: () => snapshot(),
    metricsText: () => prometheusText(snapshot(), labels),
    checkpoints: () => master.checkpointStatistics(),
  };
}
