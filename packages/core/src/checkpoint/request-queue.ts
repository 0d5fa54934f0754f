/*
 * RequestQueue: which request for a checkpoint starts when (Flink's CheckpointRequestDecider).
 *
 * Owns: order and bound of what waits. Does not start anything, and knows neither clocks nor
 * pending checkpoints: `choose` is told the situation.
 *
 * I1. Order: savepoints, then forced ones, then what a user asked for, then periodic ones; among
 *     equals the earlier request.
 * I2. At most one periodic request waits: a further one adds nothing to it (Flink queues every
 *     tick, so that a slow checkpoint is followed by a burst).
 * I3. At most `MAX_QUEUED_REQUESTS` wait; a request by a user is never dropped for a periodic one.
 * Semantics: `docs/semantics/checkpoints.md`, "Admission".
 */
import { assert } from "../assert.ts";
import type { StopMode } from "../state/barrier.ts";
import type { CheckpointOutcome } from "./coordinator-host.ts";
import { CHECKPOINT_FAILURE_REASONS } from "./failure-reason.ts";
import type { CheckpointFailureReason } from "./failure-reason.ts";

/** A wish for a checkpoint or savepoint. */
export interface CheckpointRequest {
  readonly kind: "checkpoint" | "savepoint";
  readonly isPeriodic: boolean;
  /** May start beyond `maxConcurrent` and before the pause is over. */
  readonly isForced: boolean;
  /** Without a base: all state is written. */
  readonly isFull: boolean;
  /** See `Barrier.target`; savepoints have one. */
  readonly target: string | undefined;
  /** See `Barrier.stop`. */
  readonly stop: StopMode | undefined;
  /** Order of arrival; unique. */
  readonly sequence: number;
  /** Called exactly once, with how it ended. Must not throw. */
  readonly settle: (outcome: CheckpointOutcome) => void;
}

/** What `choose` decides by. */
export interface AdmissionSituation {
  /** A trigger is in its triggering phase. */
  readonly isTriggering: boolean;
  readonly pendingCount: number;
  /** Checkpoints whose files are being deleted. */
  readonly cleaningCount: number;
  readonly maxConcurrent: number;
  /** Ms that are left of the pause after the last completion; 0 or less: none. */
  readonly pauseLeftMs: number;
}

/** What to do now. */
export type Admission =
  | { readonly kind: "wait" }
  | { readonly kind: "start"; readonly request: CheckpointRequest }
  /** The periodic request is taken out; the next tick comes after `delayMs`. */
  | { readonly kind: "tooEarly"; readonly request: CheckpointRequest; readonly delayMs: number };

/** Most requests that wait, as in Flink. */
export const MAX_QUEUED_REQUESTS = 1_000;

const WAIT: Admission = Object.freeze({ kind: "wait" });

export class RequestQueue {
  /** In the order of I1. */
  readonly #waiting: CheckpointRequest[] = [];
  readonly #maxQueued: number;

  constructor(maxQueued: number = MAX_QUEUED_REQUESTS) {
    assert(maxQueued >= 1, "a queue holds at least one request");
    this.#maxQueued = maxQueued;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Adds a request. Returns the one that had no room, if any: the new one or an evicted one. */
  offer(request: CheckpointRequest): CheckpointRequest | undefined {
    const last = this.#waiting.at(-1);
    if (request.isPeriodic && last?.isPeriodic === true) return request;
    if (this.#waiting.length >= this.#maxQueued && last?.isPeriodic === false) return request;
    const index = this.#waiting.findIndex((waiting) => compareRequests(request, waiting) < 0);
    this.#waiting.splice(index === -1 ? this.#waiting.length : index, 0, request);
    const refused = this.#waiting.length > this.#maxQueued ? this.#waiting.pop() : undefined;
    assert(this.#waiting.length <= this.#maxQueued, "the queue keeps its bound");
    return refused;
  }

  /** Decides about the head and takes it out unless the answer is `wait`. */
  choose(situation: AdmissionSituation): Admission {
    const head = this.#waiting[0];
    if (head === undefined || situation.isTriggering) return WAIT;
    if (situation.cleaningCount > situation.maxConcurrent) return WAIT;
    if (situation.pendingCount >= situation.maxConcurrent) {
      return head.isForced ? this.#start(head) : WAIT;
    }
    if (head.isPeriodic && !head.isForced && situation.pauseLeftMs > 0) {
      this.#waiting.shift();
      return { kind: "tooEarly", request: head, delayMs: situation.pauseLeftMs };
    }
    return this.#start(head);
  }

  /** Takes all out, first first. */
  drain(): CheckpointRequest[] {
    return this.#waiting.splice(0);
  }

  #start(head: CheckpointRequest): Admission {
    this.#waiting.shift();
    return { kind: "start", request: head };
  }
}

/** Less than 0 if `a` goes before `b`. */
export function compareRequests(a: CheckpointRequest, b: CheckpointRequest): number {
  if (a.kind !== b.kind) return a.kind === "savepoint" ? -1 : 1;
  if (a.isForced !== b.isForced) return a.isForced ? -1 : 1;
  if (a.isPeriodic !== b.isPeriodic) return a.isPeriodic ? 1 : -1;
  return a.sequence - b.sequence;
}

/** Ends a request that never got an id. */
export function failRequest(
  request: CheckpointRequest,
  reason: CheckpointFailureReason,
  cause?: unknown,
): void {
  const { message } = CHECKPOINT_FAILURE_REASONS[reason];
  request.settle({ kind: "failed", reason, message, checkpointId: undefined, cause });
}
