/*
 * PendingCheckpoint: a checkpoint that has an id and no end yet.
 *
 * Owns: who has acknowledged, and the phase. Does not own timers, files or messages.
 *
 * I1. Phases only go forward: triggering → collecting → complete → finalizing → ended; `ended` may
 *     follow each of them.
 * I2. It is complete when the enumerators' state is there, the barrier was sent, and every expected
 *     subtask of its attempt has acknowledged once.
 */
import { assert } from "../assert.ts";
import type { Barrier } from "../state/barrier.ts";
import type {
  AcknowledgeOutcome,
  Acknowledgement,
  CheckpointContent,
  SubtaskRef,
} from "./coordinator-host.ts";
import type { CheckpointRequest } from "./request-queue.ts";

const PHASES = ["triggering", "collecting", "complete", "finalizing", "ended"] as const;

/** Where a pending checkpoint is; see I1. */
export type PendingPhase = (typeof PHASES)[number];

/** What it begins with. */
export interface PendingStart {
  readonly barrier: Barrier;
  readonly attempt: number;
  readonly request: CheckpointRequest;
  readonly isFinal: boolean;
  /** Who must acknowledge; at least one. */
  readonly subtasks: readonly SubtaskRef[];
}

export class PendingCheckpoint {
  readonly barrier: Barrier;
  readonly attempt: number;
  readonly request: CheckpointRequest;
  readonly isFinal: boolean;
  /** Cancels the timeout; set by the owner. */
  cancelTimeout: () => void = () => {};
  readonly #expected: ReadonlySet<string>;
  readonly #acknowledgements = new Map<string, Acknowledgement>();
  #enumerators: Readonly<Record<string, unknown>> | undefined;
  #phase: PendingPhase = "triggering";

  constructor(start: PendingStart) {
    assert(start.subtasks.length > 0, "a checkpoint waits for at least one subtask");
    this.barrier = start.barrier;
    this.attempt = start.attempt;
    this.request = start.request;
    this.isFinal = start.isFinal;
    this.#expected = new Set(start.subtasks.map((subtask) => subtaskKey(subtask)));
  }

  get phase(): PendingPhase {
    return this.#phase;
  }

  get isEnded(): boolean {
    return this.#phase === "ended";
  }

  /** Only a checkpoint is given up when a newer one completes. */
  get canBeSubsumed(): boolean {
    return this.barrier.kind === "checkpoint";
  }

  /** Every expected subtask has acknowledged. */
  get isAcknowledged(): boolean {
    return this.#acknowledgements.size === this.#expected.size;
  }

  /** Goes on to a later phase. */
  advance(phase: PendingPhase): void {
    assert(
      PHASES.indexOf(phase) > PHASES.indexOf(this.#phase),
      () => `checkpoint ${this.barrier.id} goes from ${this.#phase} to ${phase}`,
    );
    this.#phase = phase;
  }

  /** The enumerators have been asked; once. */
  setEnumerators(enumerators: Readonly<Record<string, unknown>>): void {
    assert(this.#phase === "triggering" && this.#enumerators === undefined, "asked once");
    this.#enumerators = enumerators;
  }

  /** Takes an acknowledgement. A task may be faster than the end of the triggering phase. */
  acknowledge(acknowledgement: Acknowledgement): AcknowledgeOutcome {
    assert(acknowledgement.checkpointId === this.barrier.id, "meant for this checkpoint");
    if (this.isEnded) return "discarded";
    const key = subtaskKey(acknowledgement);
    if (acknowledgement.attempt !== this.attempt || !this.#expected.has(key)) return "unknown";
    if (this.#acknowledgements.has(key)) return "duplicate";
    assert(this.#enumerators !== undefined, "no task sees a barrier before the enumerators' turn");
    this.#acknowledgements.set(key, acknowledgement);
    return "success";
  }

  /** What there is so far, as data. */
  content(): CheckpointContent {
    return Object.freeze({
      barrier: this.barrier,
      attempt: this.attempt,
      enumerators: this.#enumerators,
      acknowledgements: [...this.#acknowledgements.values()].sort(
        (a, b) => a.vertex - b.vertex || a.subtask - b.subtask,
      ),
      isFinal: this.isFinal,
    });
  }
}

function subtaskKey(subtask: SubtaskRef): string {
  return `${subtask.vertex}:${subtask.subtask}`;
}
