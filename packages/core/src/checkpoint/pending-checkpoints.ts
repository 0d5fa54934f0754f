/*
 * PendingCheckpoints: follows every checkpoint from its id to its one end: completed or aborted.
 *
 * Owns: acknowledgements, declines, expiry, finalization, subsumption, the base of the next
 * barrier, and failure accounting. Does not admit or trigger (`coordinator.ts`).
 *
 * I1. Every pending checkpoint ends exactly once; `onEnded` hears of it last.
 * I2. Finalizing is serial, cannot be aborted, and goes on while the job restarts; so completed ids
 *     increase, and who waits for `settled` sees every checkpoint that is durable.
 * I3. `baseId` is the newest completed checkpoint of the attempt, or the one it was restored from.
 * I4. Shared segments of every acknowledgement are registered before its fate is looked at.
 * I5. The store drops checkpoints only in `addCompleted`, where it is told which bases are pinned.
 * I6. Where the storage cannot say whether a checkpoint is complete (CHECKPOINT_UNCERTAIN), nothing
 *     is discarded, told or restored any more: the process must end.
 * Semantics: `docs/semantics/checkpoints.md`.
 */
import { assert } from "../assert.ts";
import type { Clock } from "../env/env.ts";
import { errorCode, fromWire } from "../errors.ts";
import type { CheckpointId } from "../state/barrier.ts";
import type { CheckpointSettings } from "./checkpoint-settings.ts";
import type { CheckpointStatistics } from "./checkpoint-statistics.ts";
import type {
  AcknowledgeOutcome,
  Acknowledgement,
  CheckpointHost,
  CheckpointOutcome,
  CompletedCheckpoint,
  Decline,
} from "./coordinator-host.ts";
import { Discards } from "./discards.ts";
import { CheckpointFailureManager } from "./failure-manager.ts";
import type { CheckpointFailure } from "./failure-manager.ts";
import { CHECKPOINT_FAILURE_REASONS } from "./failure-reason.ts";
import type { CheckpointFailureReason } from "./failure-reason.ts";
import { PendingCheckpoint } from "./pending-checkpoint.ts";
import type { PendingStart } from "./pending-checkpoint.ts";

/** Expired ids that are remembered, to tell late messages from wrong ones (Flink's number). */
export const EXPIRED_IDS_COUNT = 16;

/** Why a checkpoint is aborted. */
export type Abort = Pick<CheckpointFailure, "reason" | "cause">;

/** What the followed checkpoints need. */
export interface PendingCheckpointsGiven {
  readonly settings: CheckpointSettings;
  readonly clock: Clock;
  readonly host: CheckpointHost;
  readonly statistics: CheckpointStatistics;
  /** A pending checkpoint has ended; called last. */
  readonly onEnded: (pending: PendingCheckpoint, outcome: CheckpointOutcome) => void;
  /** Files have been discarded: something else may start. */
  readonly onCleaned: () => void;
}

/** See the file header. */
export class PendingCheckpoints {
  readonly #given: PendingCheckpointsGiven;
  readonly #host: CheckpointHost;
  readonly #failures: CheckpointFailureManager;
  readonly #discards: Discards;
  /** Those that have not ended, by id, oldest first. */
  readonly #pending = new Map<CheckpointId, PendingCheckpoint>();
  readonly #expiredIds: CheckpointId[] = [];
  /** Complete ones that wait for their turn, in the order of their last acknowledgement. */
  readonly #toFinalize: PendingCheckpoint[] = [];
  #finalizing: PendingCheckpoint | undefined;
  /** Resolves when the newest finalization has ended. */
  #finalization: Promise<void> = Promise.resolve();
  /** Set for good once nobody knows whether a checkpoint is complete. */
  #uncertainty: Error | undefined;
  #baseId: CheckpointId | undefined;
  #owesFull = false;
  #lastCompletionMs = Number.NEGATIVE_INFINITY;

  constructor(given: PendingCheckpointsGiven) {
    this.#given = given;
    this.#host = given.host;
    this.#failures = new CheckpointFailureManager(given.settings.tolerableFailures);
    this.#discards = new Discards(given.host, given.onCleaned);
  }

  get count(): number {
    return this.#pending.size;
  }

  /** Aborted checkpoints whose files are being removed. */
  get discardsCount(): number {
    return this.#discards.count;
  }

  /** Newest checkpoint that completed in this attempt or that it was restored from. */
  get baseId(): CheckpointId | undefined {
    return this.#baseId;
  }

  /** No checkpoint may have a base until one has completed. */
  get owesFull(): boolean {
    return this.#owesFull;
  }

  /** `monotonicMs` of the last completion, savepoints included. */
  get lastCompletionMs(): number {
    return this.#lastCompletionMs;
  }

  /** Nothing is being finalized, and for every checkpoint it is known whether it is complete. */
  get isSettled(): boolean {
    return this.#finalizing === undefined && !this.isUncertain;
  }

  /** I6. Nothing may begin any more. */
  get isUncertain(): boolean {
    return this.#uncertainty !== undefined;
  }

  /** Resolves when `isSettled`; rejects where it never will be (CHECKPOINT_UNCERTAIN). */
  async settled(): Promise<void> {
    while (this.#finalizing !== undefined) await this.#finalization;
    if (this.#uncertainty !== undefined) throw this.#uncertainty;
  }

  /** A new attempt starts from this checkpoint (none: from nothing, or from a savepoint). */
  startFrom(baseId: CheckpointId | undefined, owesFull: boolean): void {
    assert(this.isSettled && this.count === 0, "a restore waits until all have settled");
    this.#baseId = baseId;
    this.#owesFull = owesFull;
  }

  /** Begins to follow a checkpoint; its timeout runs from now. */
  register(start: PendingStart): PendingCheckpoint {
    const pending = new PendingCheckpoint(start);
    const { settings, clock } = this.#given;
    this.#pending.set(pending.barrier.id, pending);
    this.#given.statistics.triggered(pending.barrier, start.subtasks.length);
    pending.cancelTimeout = clock.schedule(settings.timeoutMs, () => {
      this.abort(pending, { reason: "CHECKPOINT_EXPIRED" });
    });
    return pending;
  }

  acknowledge(acknowledgement: Acknowledgement): AcknowledgeOutcome {
    const pending = this.#pending.get(acknowledgement.checkpointId);
    if (pending?.barrier.kind !== "savepoint") this.#host.registerShared(acknowledgement);
    const outcome = pending?.acknowledge(acknowledgement) ?? "discarded";
    if (outcome !== "unknown") {
      this.#given.statistics.acknowledged(acknowledgement, this.#given.clock.now());
    }
    if (outcome === "discarded") this.#reportLate(acknowledgement);
    const isOrphan = outcome === "discarded" || outcome === "unknown";
    if (isOrphan) this.#host.discardAcknowledgement(acknowledgement);
    if (outcome === "success" && pending !== undefined) this.completeIfReady(pending);
    return outcome;
  }

  /** Returns whether it was pending in the attempt that declines. */
  decline(decline: Decline): boolean {
    const { checkpointId, attempt, reason = "CHECKPOINT_DECLINED", error } = decline;
    const pending = this.#pending.get(checkpointId);
    if (pending === undefined) this.#reportLate(decline);
    if (pending?.attempt !== attempt || pending.phase === "finalizing") return false;
    this.abort(pending, { reason, cause: error && fromWire(error) });
    return true;
  }

  /** Goes on to finalize it if nothing is missing. */
  completeIfReady(pending: PendingCheckpoint): void {
    if (pending.phase !== "collecting" || !pending.isAcknowledged) return;
    pending.advance("complete");
    pending.cancelTimeout();
    this.#toFinalize.push(pending);
    this.#finalizeNext();
  }

  /** Ends it as failed. It must not be finalizing, nor ended. */
  abort(pending: PendingCheckpoint, why: Abort): void {
    assert(pending.phase !== "finalizing", "what is finalizing cannot be aborted");
    const waiting = this.#toFinalize.indexOf(pending);
    if (waiting !== -1) this.#toFinalize.splice(waiting, 1);
    if (!this.isUncertain) this.#discards.begin(pending.content());
    this.#fail(pending, why);
  }

  /** Ends all but the one that is finalizing. */
  abortAll(reason: CheckpointFailureReason): void {
    for (const pending of this.#pending.values()) {
      if (pending.isEnded || pending.phase === "finalizing") continue;
      this.abort(pending, { reason });
    }
  }

  /** Counts a failure, and fails the job where it is one too many. */
  countFailure(failure: CheckpointFailure): void {
    const { checkpointId, reason, cause } = failure;
    this.#host.report({ kind: "failed", checkpointId, reason, error: cause });
    const error = this.#failures.failed(failure);
    if (error !== undefined) this.#host.failJob(error);
  }

  #finalizeNext(): void {
    if (this.#finalizing !== undefined || this.isUncertain) return;
    const pending = this.#toFinalize.shift();
    if (pending === undefined) return;
    this.#finalizing = pending;
    pending.advance("finalizing");
    this.#finalization = this.#finalize(pending).catch((error: unknown) => {
      this.#host.failJob(error);
    });
  }

  async #finalize(pending: PendingCheckpoint): Promise<void> {
    let end: () => void;
    try {
      const checkpoint = await this.#host.finalize(pending.content());
      end = () => this.#complete(pending, checkpoint);
    } catch (error) {
      end = () => this.#failFinalize(pending, error);
    }
    assert(this.#finalizing === pending, "one is finalized at a time");
    try {
      end();
    } finally {
      // Only now: whoever waits behind it may just have been subsumed.
      this.#finalizing = undefined;
      this.#finalizeNext();
    }
  }

  #complete(pending: PendingCheckpoint, checkpoint: CompletedCheckpoint): void {
    const { barrier, attempt, isFinal } = pending;
    assert(checkpoint.id === barrier.id && checkpoint.kind === barrier.kind, "it is this one");
    const { clock, statistics } = this.#given;
    this.#remove(pending);
    this.#lastCompletionMs = clock.monotonicMs();
    this.#failures.succeeded(barrier.id);
    statistics.completed(checkpoint, clock.now());
    this.#host.report({ kind: "completed", checkpoint });
    if (barrier.kind === "checkpoint") {
      this.#baseId = barrier.id;
      this.#owesFull = false;
      const lastSubsumedId = this.#host.addCompleted(checkpoint, this.#pinnedBases(barrier.id));
      this.#subsume(barrier.id);
      this.#host.notifyCompleted({ checkpointId: barrier.id, attempt, lastSubsumedId, isFinal });
    } else if (barrier.stop !== undefined) {
      const notice = { checkpointId: barrier.id, attempt, isFinal: true };
      this.#host.notifyCompleted({ ...notice, lastSubsumedId: undefined });
    }
    this.#given.onEnded(pending, { kind: "completed", checkpoint });
  }

  /** Bases of those that stay pending when `completedId` has completed. */
  #pinnedBases(completedId: CheckpointId): CheckpointId[] {
    const bases = new Set<CheckpointId>();
    for (const { barrier } of this.#pending.values()) {
      if (barrier.id > completedId && barrier.base !== undefined) bases.add(barrier.base);
    }
    return [...bases];
  }

  #subsume(completedId: CheckpointId): void {
    for (const pending of this.#pending.values()) {
      if (pending.isEnded || pending.barrier.id > completedId || !pending.canBeSubsumed) continue;
      this.abort(pending, { reason: "CHECKPOINT_SUBSUMED" });
    }
  }

  #failFinalize(pending: PendingCheckpoint, cause: unknown): void {
    const reason = "FINALIZE_CHECKPOINT_FAILURE";
    if (cause instanceof Error && errorCode(cause) === "CHECKPOINT_UNCERTAIN") {
      this.#uncertainty = cause;
      this.#host.failJob(cause);
    } else {
      this.#discards.begin(pending.content());
    }
    this.#fail(pending, { reason, cause });
  }

  #fail(pending: PendingCheckpoint, { reason, cause }: Abort): void {
    const { id: checkpointId, kind } = pending.barrier;
    this.#remove(pending);
    if (reason === "CHECKPOINT_EXPIRED") {
      this.#expiredIds.push(checkpointId);
      if (this.#expiredIds.length > EXPIRED_IDS_COUNT) this.#expiredIds.shift();
    }
    this.#given.statistics.failed(checkpointId, reason, this.#given.clock.now());
    const notice = { checkpointId, latestCompletedId: this.#baseId, reason };
    if (!this.isUncertain) this.#host.notifyAborted({ ...notice, attempt: pending.attempt });
    this.countFailure({ reason, checkpointId, kind, cause });
    const { message } = CHECKPOINT_FAILURE_REASONS[reason];
    this.#given.onEnded(pending, { kind: "failed", reason, message, checkpointId, cause });
  }

  #remove(pending: PendingCheckpoint): void {
    pending.advance("ended");
    pending.cancelTimeout();
    const wasThere = this.#pending.delete(pending.barrier.id);
    assert(wasThere, "a checkpoint ends once");
  }

  #reportLate(message: Acknowledgement | Decline): void {
    const { checkpointId, vertex, subtask } = message;
    const hadExpired = this.#expiredIds.includes(checkpointId);
    this.#host.report({ kind: "late", checkpointId, subtask: { vertex, subtask }, hadExpired });
  }
}
