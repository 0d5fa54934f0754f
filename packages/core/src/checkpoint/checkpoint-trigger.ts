/*
 * CheckpointTrigger: the triggering phase of one request at a time, in this order: an id from the
 * durable counter, the pending checkpoint with its timeout, its place in the storage, the
 * enumerators' state, the barrier to the sources. The enumerators come before the tasks: that makes
 * the assignment of splits exactly-once.
 *
 * Owns: the order, and what happens when a step fails or the trigger is given up meanwhile. Does
 * not decide what starts (`coordinator.ts`).
 *
 * I1. Every request that was started ends exactly once: here while it has no id, else with its
 *     pending checkpoint.
 * I2. Ids that are used strictly increase; an id that arrives too late is burnt.
 * Semantics: `docs/semantics/checkpoints.md`, "Triggering".
 */
import { assert } from "../assert.ts";
import type { Clock } from "../env/env.ts";
import type { Barrier, CheckpointId } from "../state/barrier.ts";
import type { CheckpointSettings } from "./checkpoint-settings.ts";
import type { CheckpointStatistics } from "./checkpoint-statistics.ts";
import type { AttemptStart, CheckpointHost } from "./coordinator-host.ts";
import type { CheckpointFailureReason } from "./failure-reason.ts";
import type { PendingCheckpoint } from "./pending-checkpoint.ts";
import type { PendingCheckpoints } from "./pending-checkpoints.ts";
import { failRequest } from "./request-queue.ts";
import type { CheckpointRequest } from "./request-queue.ts";

/** What a trigger needs. */
export interface CheckpointTriggerGiven {
  readonly settings: CheckpointSettings;
  readonly clock: Clock;
  readonly host: CheckpointHost;
  readonly statistics: CheckpointStatistics;
  readonly checkpoints: PendingCheckpoints;
  /** Whether a checkpoint that is made now is a final one. */
  readonly isFinal: () => boolean;
  /** The phase is over: another may begin. */
  readonly onEnd: () => void;
}

/** The phase of one request. */
interface Phase {
  readonly request: CheckpointRequest;
  readonly start: AttemptStart;
  /** Undefined until there is an id. */
  pending: PendingCheckpoint | undefined;
}

/** See the file header. */
export class CheckpointTrigger {
  readonly #given: CheckpointTriggerGiven;
  #phase: Phase | undefined;
  #lastId: CheckpointId = -1;

  constructor(given: CheckpointTriggerGiven) {
    this.#given = given;
  }

  get isTriggering(): boolean {
    return this.#phase !== undefined;
  }

  /** Begins. No other may be in its triggering phase. */
  begin(request: CheckpointRequest, start: AttemptStart): void {
    assert(this.#phase === undefined, "one trigger at a time");
    const phase: Phase = { request, start, pending: undefined };
    this.#phase = phase;
    this.#run(phase).catch((error: unknown) => this.#given.host.failJob(error));
  }

  /** Gives up the request that has no id yet, if there is one. */
  giveUp(reason: CheckpointFailureReason): void {
    const phase = this.#phase;
    if (phase === undefined || phase.pending !== undefined) return;
    this.#phase = undefined;
    failRequest(phase.request, reason);
  }

  /** A pending checkpoint has ended; if it was being triggered, the phase is over. */
  ended(pending: PendingCheckpoint): void {
    if (this.#phase?.pending === pending) this.#phase = undefined;
  }

  /** After each wait the phase may have been given up, or its checkpoint aborted. */
  async #run(phase: Phase): Promise<void> {
    const { host, checkpoints } = this.#given;
    let id: CheckpointId;
    try {
      id = await host.reserveId();
    } catch (error) {
      if (this.#phase === phase) this.#failWithoutId(phase, error);
      return;
    }
    if (this.#phase !== phase) return;
    const pending = this.#register(phase, id);
    let reason: CheckpointFailureReason = "IO_EXCEPTION";
    try {
      await host.prepareStorage(pending.barrier);
      if (pending.isEnded) return;
      reason = "TRIGGER_CHECKPOINT_FAILURE";
      const enumerators = await host.snapshotEnumerators(pending.barrier);
      if (pending.isEnded) return;
      pending.setEnumerators(enumerators);
      host.report({ kind: "triggered", barrier: pending.barrier });
      host.triggerSources(pending.barrier);
    } catch (cause) {
      if (pending.isEnded) return;
      checkpoints.abort(pending, { reason, cause });
      return;
    }
    // Inside triggerSources tasks may have declined, or all of them acknowledged.
    if (pending.isEnded) return;
    pending.advance("collecting");
    this.#phase = undefined;
    checkpoints.completeIfReady(pending);
    this.#given.onEnd();
  }

  #register(phase: Phase, id: CheckpointId): PendingCheckpoint {
    const { settings, clock, checkpoints, isFinal } = this.#given;
    const { request, start } = phase;
    assert(id > this.#lastId, () => `checkpoint id ${id} after ${this.#lastId}`);
    this.#lastId = id;
    const isCheckpoint = request.kind === "checkpoint";
    const mayBuildOn =
      isCheckpoint && settings.isIncremental && !request.isFull && !checkpoints.owesFull;
    const base = mayBuildOn ? checkpoints.baseId : undefined;
    assert(base === undefined || base < id, "a base is older than what builds on it");
    const { kind, target, stop } = request;
    const barrier: Barrier = { id, kind, timestamp: clock.now(), base, target, stop };
    phase.pending = checkpoints.register({
      barrier: Object.freeze(barrier),
      attempt: start.attempt,
      request,
      isFinal: isCheckpoint && isFinal(),
      subtasks: start.subtasks,
    });
    return phase.pending;
  }

  #failWithoutId(phase: Phase, cause: unknown): void {
    const { kind } = phase.request;
    const reason = "IO_EXCEPTION";
    this.#phase = undefined;
    this.#given.statistics.failedWithoutId();
    failRequest(phase.request, reason, cause);
    this.#given.checkpoints.countFailure({
      reason,
      checkpointId: undefined,
      kind,
      cause,
    });
    this.#given.onEnd();
  }
}
