/**
 * JobMaster: runs a job to its end: attempt after attempt, from checkpoint to checkpoint.
 *
 * Owns: the status of the job, the current attempt, restarts. Joins the checkpoint coordinator to
 * the attempt and to the store (`master-checkpoints.ts`). Does not own: how workers are started
 * (`WorkerLauncher`), the run's lock (`run-job.ts`).
 *
 * I1. At most one attempt lives; the next begins after the last has stopped and nothing is being
 *     finalized any more.
 * I2. An attempt starts from the newest completed checkpoint of the run, or from what the run began
 *     from.
 * I3. Once the savepoint of a stop is complete (`run.json` says so), no attempt starts any more.
 */
import { assert } from "../assert.ts";
import { OxbowError, errorCode, oxbowError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import type { CheckpointSettings } from "../checkpoint/checkpoint-settings.ts";
import type { CheckpointStatisticsSnapshot } from "../checkpoint/checkpoint-statistics.ts";
import type { Env } from "../env/env.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import type { CheckpointOutcome, CompletedCheckpoint } from "../checkpoint/coordinator-host.ts";
import { checkpointDirectoryName } from "../snapshot/checkpoint-inventory.ts";
import type { StopMode } from "../state/barrier.ts";
import { Attempt } from "./attempt.ts";
import type { StartPoint } from "./attempt.ts";
import { isTerminal, nextJobStatus } from "./job-status.ts";
import type { JobStatus } from "./job-status.ts";
import { MasterCheckpoints } from "./master-checkpoints.ts";
import type { HeldRun } from "./master-checkpoints.ts";
import type { JobEvent } from "./job-event.ts";
import type { JobMetrics } from "./job-metrics.ts";
import { checkRestore } from "./restore-plan.ts";
import { attemptOver, completedOf, savepointFailed, stopIncomplete } from "./snapshot-outcome.ts";
import { createRestartStrategy } from "./restart-strategy.ts";
import type { RestartDecision, RestartSettings, RestartStrategy } from "./restart-strategy.ts";
import type { WorkerLauncher } from "./worker-connection.ts";

export interface JobMasterOptions {
  readonly env: Env;
  readonly job: JobGraph;
  readonly workersCount: number;
  readonly checkpoint: CheckpointSettings;
  readonly restart: RestartSettings;
  /** Undefined: no checkpoints are kept; a failure starts from the beginning. */
  readonly run: HeldRun | undefined;
  readonly runId: string;
  /** Go back behind a damaged checkpoint although outputs may repeat. */
  readonly restorePrevious?: boolean;
  /** See `RestoreOptions`. */
  readonly allowNonRestoredState?: boolean | readonly string[];
  readonly launcher: WorkerLauncher;
  readonly metrics: JobMetrics;
  readonly onEvent: (event: JobEvent) => void;
}

/** How a job ended. */
export interface JobEnd {
  readonly status: "FINISHED" | "CANCELED" | "FAILED";
  /** Why it failed. */
  readonly error: unknown;
  readonly attemptsCount: number;
}

/** A stop under way. */
interface Stop {
  readonly mode: StopMode;
  /** Whether all tasks of the attempt have ended; false: the attempt is over. */
  readonly drained: PromiseWithResolvers<boolean>;
}

/** What a damaged checkpoint shows itself by, while it is being restored. */
const RESTORE_FAULTS: ReadonlySet<ErrorCode | undefined> = new Set<ErrorCode>([
  "SEGMENT_CORRUPTED",
  "BLOCK_CORRUPTED",
  "VALUE_CORRUPTED",
]);

/** See the file header. */
export class JobMaster {
  readonly #options: JobMasterOptions;
  readonly #restart: RestartStrategy;
  readonly #checkpoints: MasterCheckpoints | undefined;
  readonly #settle: (end: JobEnd) => void;
  /** Resolves when the job has ended; never rejects. */
  readonly ended: Promise<JobEnd>;
  #status: JobStatus = "CREATED";
  #attempt: Attempt | undefined;
  #attemptNumber = 0;
  /** Over when no attempt is being stopped. Holds the error that forbids touching anything. */
  #stopping: Promise<unknown> = Promise.resolve();
  #cancelRestart: (() => void) | undefined;
  #hasFailed = false;
  /** The attempt has finished; only its end is still to be noted. */
  #isFinishing = false;
  /** The current attempt has been running: it was restored. */
  #hasRun = false;
  #stop: Stop | undefined;

  constructor(options: JobMasterOptions) {
    this.#options = options;
    const { env, job, run, checkpoint } = options;
    this.#restart = createRestartStrategy(options.restart, env.random.fork("restart"));
    const { promise, resolve } = Promise.withResolvers<JobEnd>();
    this.ended = promise;
    this.#settle = resolve;
    if (run === undefined || checkpoint.intervalMs === undefined) return;
    this.#checkpoints = new MasterCheckpoints({
      env,
      job,
      run,
      settings: checkpoint,
      attempt: () => this.#attempt,
      failJob: (error) => this.#onFailed(this.#attemptNumber, error),
      onEvent: options.onEvent,
      metrics: options.metrics,
    });
  }

  get status(): JobStatus {
    return this.#status;
  }

  /** Figures of checkpoints; undefined where they are off. */
  checkpointStatistics(): CheckpointStatisticsSnapshot | undefined {
    return this.#checkpoints?.statistics();
  }

  /** Brings the job's gauges up to date; to be called before reading them. */
  refreshMetrics(): void {
    this.#options.metrics.refresh(this.#options.env.clock.now());
    this.#checkpoints?.refreshMetrics();
  }

  /**
   * Takes a savepoint in a new directory below `parent` (absolute). SAVEPOINT_FAILED,
   * JOB_NOT_RUNNING, SAVEPOINT_NOT_POSSIBLE; the job goes on either way.
   */
  async savepoint(parent: string): Promise<CompletedCheckpoint> {
    return completedOf(await this.#snapshots("savepoint").savepoint(parent));
  }

  /** Takes a checkpoint now; errors as `savepoint`. */
  async checkpoint(isFull: boolean): Promise<CompletedCheckpoint> {
    return completedOf(await this.#snapshots("checkpoint").checkpoint(isFull));
  }

  /**
   * Stops the job with a savepoint. Resolves when the job is FINISHED. Where the savepoint fails,
   * rejects as `savepoint` does, and the job goes on; STOP_INCOMPLETE where what came after it
   * failed; STOP_IN_PROGRESS. Semantics: `docs/semantics/savepoints.md`.
   */
  async stop(parent: string, mode: StopMode): Promise<CompletedCheckpoint> {
    const checkpoints = this.#snapshots("savepoint");
    const attempt = this.#attempt;
    if (this.#stop !== undefined) throw stopInProgress();
    if (attempt?.isRunning !== true || attempt.haveAllEnded) throw this.#notRunning();
    const stop: Stop = { mode, drained: Promise.withResolvers() };
    this.#stop = stop;
    let outcome: CheckpointOutcome;
    try {
      if (mode === "drain") {
        // What is taken from here on holds what draining fires: no attempt may go on from it.
        checkpoints.stopScheduler();
        attempt.drain();
        if (!(await stop.drained.promise)) throw attemptOver();
      }
      outcome = await checkpoints.savepoint(parent, mode);
    } finally {
      this.#stop = undefined;
    }
    if (outcome.kind === "failed") this.#goOn(attempt, mode, savepointFailed(outcome));
    const checkpoint = completedOf(outcome);
    if (attempt === this.#attempt && !this.#hasFailed) attempt.finish();
    const end = await this.ended;
    if (end.status !== "FINISHED") throw stopIncomplete(checkpoint.location, end.error);
    return checkpoint;
  }

  /** The savepoint of a stop has failed: the job goes on. */
  #goOn(attempt: Attempt, mode: StopMode, error: Error): void {
    if (attempt !== this.#attempt || this.#hasFailed || this.#status !== "RUNNING") return;
    if (mode === "drain") {
      // What it has emitted since cannot be taken back otherwise.
      this.#hasFailed = true;
      void this.#recover(error, { kind: "restart", delayMs: 0 });
      return;
    }
    this.#checkpoints?.startScheduler();
    if (attempt.haveAllEnded) this.#onAllEnded();
  }

  /** Who takes snapshots of a job that runs. */
  #snapshots(what: string): MasterCheckpoints {
    if (this.#checkpoints === undefined) {
      throw oxbowError(
        "SAVEPOINT_NOT_POSSIBLE",
        `No ${what} can be taken: the job keeps no checkpoints. Start it with a checkpoint ` +
          "directory (--checkpoint-dir, checkpointDirectory).",
        {},
      );
    }
    if (this.#status !== "RUNNING") throw this.#notRunning();
    if (this.#stop?.mode === "drain") throw stopInProgress();
    return this.#checkpoints;
  }

  #notRunning(): Error {
    const { status } = this;
    const isEnding = this.#attempt?.haveAllEnded === true;
    const early = isEnding ? "about to finish" : "still being started";
    const state = status === "RUNNING" ? early : status;
    return oxbowError("JOB_NOT_RUNNING", `The job is ${state}; only one that runs can do this.`, {
      status,
    });
  }

  /** Starts the first attempt. RESTORE_MISMATCH fails the job through `ended`. */
  start(): void {
    assert(this.#attemptNumber === 0, "a job is started once");
    this.#setStatus("RUNNING");
    this.#startAttempt();
  }

  /** Stops the job without a trace of what was not committed. Resolves when it has ended. */
  async cancel(): Promise<JobEnd> {
    const isEnding =
      this.#isFinishing || this.#status === "CANCELLING" || this.#status === "FAILING";
    if (!isEnding && !isTerminal(this.#status)) {
      this.#setStatus("CANCELLING");
      this.#cancelRestart?.();
      const uncertain = await this.#stopAttempt();
      await this.#end(uncertain === undefined ? "CANCELED" : "FAILED", uncertain);
    }
    return this.ended;
  }

  #startAttempt(): void {
    const { env, job, run, runId, workersCount, launcher, metrics, checkpoint } = this.#options;
    const attempt = (this.#attemptNumber += 1);
    this.#hasFailed = false;
    this.#hasRun = false;
    const start = this.#startPoint();
    try {
      const { allowNonRestoredState = false } = this.#options;
      if (start !== undefined) checkRestore(job, start.metadata, { allowNonRestoredState });
      const isOn = this.#checkpoints !== undefined;
      this.#attempt = new Attempt({
        env,
        job,
        attempt,
        runId,
        epoch: run?.directory.epoch ?? 1,
        runDirectory: run?.directory.directory,
        start,
        retained: run?.store.completed ?? [],
        workersCount,
        hasCheckpoints: isOn,
        isExactlyOnce: checkpoint.mode === "exactly-once",
        metrics: metrics.memory,
        launcher,
        events: {
          running: () => this.#onRunning(),
          allEnded: () => this.#onAllEnded(),
          finished: () => void this.#onFinished(),
          failed: (error) => this.#onFailed(attempt, error),
          checkpointMessage: (message) => this.#checkpoints?.onMessage(message),
        },
      });
      this.#options.onEvent({ kind: "attempt", attempt, restoredId: start?.metadata.checkpointId });
      metrics.startAttempt();
      this.#checkpoints?.startAttempt({ attempt, subtasks: this.#attempt.subtasks, from: start });
      this.#attempt.start();
    } catch (error) {
      this.#onFailed(attempt, error);
    }
  }

  /** The newest checkpoint of this run, or what the run began from. */
  #startPoint(): StartPoint | undefined {
    const { run } = this.#options;
    const latest = run?.store.latest;
    if (run === undefined || latest === undefined) return run?.begunFrom;
    const { directory } = run.directory;
    return {
      metadata: latest,
      location: `${directory}/${checkpointDirectoryName(latest.checkpointId)}`,
      segmentsDirectory: directory,
      isOwn: true,
      discardingSinks: [],
    };
  }

  #onRunning(): void {
    this.#hasRun = true;
    this.#checkpoints?.startScheduler();
    this.#restart.onRunning(this.#options.env.clock.monotonicMs());
  }

  #onAllEnded(): void {
    if (this.#checkpoints === undefined) {
      this.#attempt?.finish();
      return;
    }
    if (this.#stop !== undefined) return this.#stop.drained.resolve(true);
    const attempt = this.#attempt;
    void this.#checkpoints.triggerFinal().then((isComplete) => {
      // Where it is not, the attempt has failed or was stopped, and that is handled elsewhere.
      if (isComplete && attempt === this.#attempt && !this.#hasFailed) attempt?.finish();
    });
  }

  async #onFinished(): Promise<void> {
    // Canceled while the workers were closing: that is how it ends.
    if (this.#status !== "RUNNING") return;
    this.#isFinishing = true;
    await this.#end("FINISHED", undefined);
  }

  #onFailed(attempt: number, error: unknown): void {
    if (attempt !== this.#attemptNumber || this.#hasFailed || this.#isFinishing) return;
    if (this.#status !== "RUNNING") return;
    this.#hasFailed = true;
    void this.#recover(error);
  }

  /** `decided`: not by the restart strategy. */
  async #recover(error: unknown, decided?: RestartDecision): Promise<void> {
    const { env, run } = this.#options;
    const { clock } = env;
    const isOwn = run?.store.latest !== undefined;
    const isDamaged = isOwn && !this.#hasRun && RESTORE_FAULTS.has(errorCode(error));
    const decision: RestartDecision =
      decided ??
      (isDamaged
        ? { kind: "restart", delayMs: 0 }
        : this.#restart.onFailure(clock.monotonicMs(), error));
    this.#setStatus(decision.kind === "restart" ? "RESTARTING" : "FAILING", error);
    const uncertain = await this.#stopAttempt();
    if (isTerminal(this.#status) || this.#status === "CANCELLING") return;
    if (uncertain !== undefined) return this.#end("FAILED", uncertain);
    const stoppedWith = run?.directory.record.stoppedWith;
    if (stoppedWith) return this.#end("FAILED", stopIncomplete(stoppedWith.path, error));
    const refused = isDamaged ? await this.#passOver(error) : undefined;
    if (refused !== undefined) return this.#end("FAILED", refused);
    if (decision.kind === "giveUp") return this.#end("FAILED", gaveUp(decision.reason, error));
    this.#options.metrics.countRestart();
    this.#options.onEvent({ kind: "restarting", delayMs: decision.delayMs, error });
    this.#cancelRestart = clock.schedule(decision.delayMs, () => {
      if (this.#status !== "RESTARTING") return;
      this.#setStatus("RUNNING");
      this.#startAttempt();
    });
  }

  /** The newest checkpoint is damaged: goes back to an older one, or returns why not. */
  async #passOver(error: unknown): Promise<unknown> {
    const { run, restorePrevious, onEvent } = this.#options;
    if (run === undefined || !(error instanceof OxbowError)) return error;
    try {
      const decision = await run.store.passOver(error, restorePrevious);
      if (decision.kind === "refuse") return decision.error;
    } catch (failure) {
      return failure;
    }
    onEvent({ kind: "warning", error });
    return undefined;
  }

  /**
   * Stops the attempt and waits for what is being finalized, also if somebody else has begun to.
   * Returns the error if it is not known whether a checkpoint is complete: then nothing may be
   * touched any more.
   */
  #stopAttempt(): Promise<unknown> {
    this.#stopping = this.#stopping.then((uncertain) => uncertain ?? this.#stopNow());
    return this.#stopping;
  }

  async #stopNow(): Promise<unknown> {
    this.#checkpoints?.stopScheduler();
    this.#stop?.drained.resolve(false);
    const attempt = this.#attempt;
    this.#attempt = undefined;
    await attempt?.stop();
    try {
      await this.#checkpoints?.settled();
      await this.#options.run?.store.sweep();
    } catch (error) {
      if (errorCode(error) === "CHECKPOINT_UNCERTAIN") return error;
      // Left-over segments cost space only; the next start tries again.
      this.#options.onEvent({ kind: "warning", error });
    }
    return undefined;
  }

  async #end(status: JobEnd["status"], error: unknown): Promise<void> {
    try {
      await this.#endRun(status, error);
    } catch (failure) {
      // The outcome of the job stands; that it could not be noted down is its error.
      this.#settleAs("FAILED", failure);
      return;
    }
    this.#settleAs(status, error);
  }

  #settleAs(status: JobEnd["status"], error: unknown): void {
    if (status === "FAILED" && this.#status !== "FAILING") this.#setStatus("FAILING", error);
    this.#setStatus(status, error);
    this.#settle({ status, error, attemptsCount: this.#attemptNumber });
  }

  /**
   * Notes the end in the run directory, and then deletes what the retention policy says: a run
   * whose checkpoints are gone must not begin again, or sinks would commit again.
   */
  async #endRun(status: JobEnd["status"], error: unknown): Promise<void> {
    const { run } = this.#options;
    if (errorCode(error) === "CHECKPOINT_UNCERTAIN") return;
    await this.#checkpoints?.shutdown();
    if (run === undefined) return;
    if (status === "FINISHED") {
      await run.directory.end("finished", { isResumable: false });
      await run.store.end("finished");
      return;
    }
    const reason = status === "CANCELED" ? "canceled" : "failed";
    const isStopped = run.directory.record.stoppedWith !== null;
    const isLeft = !isStopped && run.store.isLeftAfter(reason);
    const failure = error instanceof Error ? error.message : String(error);
    // Where nothing ever completed nothing was committed, and the beginning serves.
    const isResumable = isLeft || (!isStopped && run.store.isEmpty);
    await run.directory.end(
      reason,
      status === "FAILED" ? { isResumable, failure } : { isResumable: isLeft },
    );
    await run.store.end(isStopped ? "finished" : reason);
  }

  #setStatus(status: JobStatus, error?: unknown): void {
    this.#status = nextJobStatus(this.#status, status);
    this.#options.metrics.setStatus(status, this.#options.env.clock.now());
    this.#options.onEvent({ kind: "status", status, error });
  }
}

function stopInProgress(): Error {
  return oxbowError("STOP_IN_PROGRESS", "The job is being stopped already.", {});
}

function gaveUp(reason: string, error: unknown): unknown {
  if (reason === "") return error;
  const cause = error instanceof Error ? error.message : String(error);
  return oxbowError("JOB_FAILED", `${cause} ${reason}`, { reason }, error);
}
