/*
 * CheckpointCoordinator: the job master's door to checkpoints. A state machine without threads; the
 * clock, randomness and every effect (`CheckpointHost`) are given to it.
 *
 * Owns: when a checkpoint begins. How it is triggered is `checkpoint-trigger.ts`, what becomes of
 * it `pending-checkpoints.ts`. Does not write files, keep completed checkpoints, or restart (host).
 *
 * I1. Ids strictly increase. At most `maxConcurrent` checkpoints are pending, forced ones apart.
 * I2. One trigger at a time; none while more than `maxConcurrent` checkpoints are being deleted.
 * I3. A barrier's base is the newest checkpoint that was complete when it was made, in this attempt
 *     or the one restored from; never a savepoint; none while a full one is owed. It never goes
 *     back within an attempt.
 * I4. Every request ends exactly once.
 * Semantics: `docs/semantics/checkpoints.md`.
 */
import { assert } from "../assert.ts";
import type { Clock, Random } from "../env/env.ts";
import type { StopMode } from "../state/barrier.ts";
import type { CheckpointSettings } from "./checkpoint-settings.ts";
import { baseIntervalMs } from "./checkpoint-settings.ts";
import { CheckpointTrigger } from "./checkpoint-trigger.ts";
import { CheckpointStatistics } from "./checkpoint-statistics.ts";
import type { CheckpointStatisticsSnapshot } from "./checkpoint-statistics.ts";
import type {
  AcknowledgeOutcome,
  Acknowledgement,
  AttemptStart,
  CheckpointHost,
  CheckpointOutcome,
  Decline,
} from "./coordinator-host.ts";
import { CHECKPOINT_FAILURE_REASONS } from "./failure-reason.ts";
import type { CheckpointFailureReason } from "./failure-reason.ts";
import type { PendingCheckpoint } from "./pending-checkpoint.ts";
import { PendingCheckpoints } from "./pending-checkpoints.ts";
import { PeriodicTicks } from "./periodic-ticks.ts";
import { RequestQueue, failRequest } from "./request-queue.ts";
import type { AdmissionSituation, CheckpointRequest } from "./request-queue.ts";

/** What a user may ask for. */
export interface TriggerOptions {
  /** Default `checkpoint`. */
  readonly kind?: "checkpoint" | "savepoint";
  /** All state instead of what changed. Savepoints are always full. */
  readonly isFull?: boolean;
  /** Also beyond `maxConcurrent`. */
  readonly isForced?: boolean;
  /** Where a savepoint goes; see `Barrier.target`. */
  readonly target?: string;
  /** The job stops with this savepoint; see `Barrier.stop`. */
  readonly stop?: StopMode;
}

/** See the file header. */
export class CheckpointCoordinator {
  readonly #settings: CheckpointSettings;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #host: CheckpointHost;
  readonly #queue = new RequestQueue();
  readonly #statistics = new CheckpointStatistics();
  readonly #checkpoints: PendingCheckpoints;
  readonly #trigger: CheckpointTrigger;
  readonly #ticks: PeriodicTicks | undefined;
  #start: AttemptStart | undefined;
  #isRunning = false;
  #isShutDown = false;
  #sequence = 0;
  /** Resolves `triggerFinal`; from when it is set, checkpoints are final ones. */
  #settleFinal: ((outcome: CheckpointOutcome) => void) | undefined;

  constructor(given: {
    readonly settings: CheckpointSettings;
    readonly clock: Clock;
    readonly random: Random;
    readonly host: CheckpointHost;
  }) {
    const { settings, clock, random, host } = given;
    this.#settings = settings;
    this.#clock = clock;
    this.#random = random;
    this.#host = host;
    this.#checkpoints = new PendingCheckpoints({
      settings,
      clock,
      host,
      statistics: this.#statistics,
      onEnded: (pending, outcome) => this.#onEnded(pending, outcome),
      onCleaned: () => this.#poll(),
    });
    this.#trigger = new CheckpointTrigger({
      settings,
      clock,
      host,
      statistics: this.#statistics,
      checkpoints: this.#checkpoints,
      isFinal: () => this.#settleFinal !== undefined,
      onEnd: () => this.#poll(),
    });
    const intervalMs = baseIntervalMs(settings);
    if (intervalMs !== undefined) {
      this.#ticks = new PeriodicTicks(clock, intervalMs, () => this.#onTick());
    }
  }

  /**
   * A new attempt is about to be deployed. The scheduler is stopped, and `settled()` has resolved
   * before the snapshot to restore was chosen.
   */
  startAttempt(start: AttemptStart): void {
    assert(!this.#isRunning && !this.#isShutDown, "the scheduler is stopped between attempts");
    assert(start.attempt > (this.#start?.attempt ?? -1), "attempts grow");
    const { restored } = start;
    const baseId = restored?.kind === "checkpoint" ? restored.id : undefined;
    this.#checkpoints.startFrom(baseId, restored?.mustBeFull ?? false);
    this.#start = start;
    if (restored === undefined) return;
    this.#statistics.restored({
      id: restored.id,
      isSavepoint: restored.kind === "savepoint",
      restoreTimestamp: this.#clock.now(),
      externalPath: restored.location,
    });
  }

  /** The job is RUNNING: periodic checkpoints begin after a random part of the interval. */
  startScheduler(): void {
    assert(this.#start !== undefined && !this.#isShutDown, "an attempt has started");
    if (this.#isRunning) return;
    this.#isRunning = true;
    const intervalMs = baseIntervalMs(this.#settings);
    if (intervalMs === undefined) return;
    const { minPauseMs } = this.#settings;
    const spreadMs = intervalMs - minPauseMs;
    this.#ticks?.startAfter(minPauseMs + Math.floor(this.#random.next() * (spreadMs + 1)));
  }

  /**
   * The job is in any other status: all that waits or is pending ends, but for what is finalizing.
   */
  stopScheduler(): void {
    this.#stop("CHECKPOINT_COORDINATOR_SUSPEND");
  }

  /** Ends for good; resolves (or rejects) as `settled` does. */
  shutdown(): Promise<void> {
    this.#isShutDown = true;
    this.#stop("CHECKPOINT_COORDINATOR_SHUTDOWN");
    return this.settled();
  }

  /**
   * Resolves when nothing is being finalized. To be awaited after `stopScheduler`, before a restore
   * looks which checkpoint is the newest. Rejects with CHECKPOINT_UNCERTAIN where nobody can say:
   * then the process must end without restoring, committing or cleaning up anything.
   */
  settled(): Promise<void> {
    return this.#checkpoints.settled();
  }

  /** Asks for a checkpoint (or savepoint) now. Never rejects. */
  trigger(options: TriggerOptions = {}): Promise<CheckpointOutcome> {
    return new Promise((settle) => {
      this.#submit({ ...options, isPeriodic: false, settle });
    });
  }

  /**
   * The job stops with a savepoint: no checkpoint is taken any more, and those that are pending
   * end. Where the savepoint fails, `startScheduler` lets the job go on. Never rejects.
   */
  stopWith(target: string, stop: StopMode): Promise<CheckpointOutcome> {
    this.stopScheduler();
    return this.trigger({ kind: "savepoint", target, stop });
  }

  /**
   * All tasks have ended: takes a checkpoint at once. Resolves when a checkpoint triggered from now
   * on has completed (where this one fails, the next periodic one serves), or when the scheduler
   * stops.
   */
  triggerFinal(): Promise<CheckpointOutcome> {
    assert(this.#isRunning && this.#settleFinal === undefined, "one final checkpoint per attempt");
    return new Promise((settle) => {
      this.#settleFinal = settle;
      this.#submit({ isPeriodic: false, settle: () => {} });
    });
  }

  /** A subtask acknowledges. */
  acknowledge(acknowledgement: Acknowledgement): AcknowledgeOutcome {
    return this.#checkpoints.acknowledge(acknowledgement);
  }

  /**
   * A subtask declines: the checkpoint is aborted. Returns whether it was pending in its attempt.
   */
  decline(decline: Decline): boolean {
    return this.#checkpoints.decline(decline);
  }

  /** The store has finished deleting something. */
  cleaningProgressed(): void {
    this.#poll();
  }

  statistics(): CheckpointStatisticsSnapshot {
    return this.#statistics.snapshot(this.#clock.now());
  }

  #onTick(): void {
    this.#submit({ isPeriodic: true, settle: () => {} });
  }

  #submit(wish: TriggerOptions & Pick<CheckpointRequest, "isPeriodic" | "settle">): void {
    const kind = wish.kind ?? "checkpoint";
    const request: CheckpointRequest = {
      kind,
      isPeriodic: wish.isPeriodic,
      isForced: wish.isForced ?? kind === "savepoint",
      isFull: wish.isFull ?? kind === "savepoint",
      target: wish.target,
      stop: wish.stop,
      sequence: this.#sequence++,
      settle: wish.settle,
    };
    const refused = this.#queue.offer(request);
    if (refused !== undefined) failRequest(refused, "TOO_MANY_CHECKPOINT_REQUESTS");
    this.#poll();
  }

  /** Starts what may start. Called after everything that may have changed the answer. */
  #poll(): void {
    for (;;) {
      const admission = this.#queue.choose(this.#situation());
      switch (admission.kind) {
        case "wait":
          return;
        case "tooEarly":
          failRequest(admission.request, "MINIMUM_TIME_BETWEEN_CHECKPOINTS");
          this.#ticks?.startAfter(admission.delayMs);
          break;
        case "start":
          this.#startTrigger(admission.request);
          break;
      }
    }
  }

  #situation(): AdmissionSituation {
    const { maxConcurrent, minPauseMs } = this.#settings;
    return {
      isTriggering: this.#trigger.isTriggering,
      pendingCount: this.#checkpoints.count,
      cleaningCount: this.#host.cleaningCount() + this.#checkpoints.discardsCount,
      maxConcurrent,
      pauseLeftMs: this.#checkpoints.lastCompletionMs + minPauseMs - this.#clock.monotonicMs(),
    };
  }

  #startTrigger(request: CheckpointRequest): void {
    const start = this.#start;
    const refusal = this.#preCheck(request);
    if (refusal !== undefined) return failRequest(request, refusal);
    assert(start !== undefined, "tasks run only in an attempt");
    this.#trigger.begin(request, start);
  }

  #preCheck(request: CheckpointRequest): CheckpointFailureReason | undefined {
    if (this.#isShutDown) return "CHECKPOINT_COORDINATOR_SHUTDOWN";
    if (this.#checkpoints.isUncertain) return "CHECKPOINT_COORDINATOR_SUSPEND";
    if (request.isPeriodic && !this.#isRunning) return "PERIODIC_SCHEDULER_SHUTDOWN";
    return this.#host.areTasksRunning() ? undefined : "NOT_ALL_REQUIRED_TASKS_RUNNING";
  }

  #onEnded(pending: PendingCheckpoint, outcome: CheckpointOutcome): void {
    this.#trigger.ended(pending);
    pending.request.settle(outcome);
    if (pending.isFinal && outcome.kind === "completed" && this.#settleFinal !== undefined) {
      this.#endFinal(outcome);
      // The tasks close now; what else was begun or asked for could only be declined.
      this.#stop("CHECKPOINT_COORDINATOR_SUSPEND");
    }
    this.#poll();
  }

  #stop(reason: CheckpointFailureReason): void {
    this.#isRunning = false;
    this.#ticks?.stop();
    this.#trigger.giveUp(reason);
    for (const request of this.#queue.drain()) failRequest(request, reason);
    this.#checkpoints.abortAll(reason);
    const { message } = CHECKPOINT_FAILURE_REASONS[reason];
    this.#endFinal({ kind: "failed", reason, message, checkpointId: undefined, cause: undefined });
  }

  #endFinal(outcome: CheckpointOutcome): void {
    const settle = this.#settleFinal;
    this.#settleFinal = undefined;
    settle?.(outcome);
  }
}
