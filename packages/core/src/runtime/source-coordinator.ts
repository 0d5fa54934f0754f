/**
 * SourceCoordinator: the split enumerator of one source in the job master, and the gate between it
 * and the readers.
 *
 * Owns: exactly-once assignment. What an enumerator assigns after its snapshot for checkpoint n
 * must not be in the reader's snapshot for n, and what it had assigned before must be. See
 * `docs/semantics/checkpoints.md`, "Split assignment".
 *
 * I1. From the enumerator's snapshot for n on, nothing is sent to a reader until it has taken the
 *     barrier of n, or n has aborted.
 * I2. Splits that are held back when a further snapshot is taken are neither in the enumerator nor
 *     in a reader: they are in the coordinator's part of that snapshot.
 */
import { assert } from "../assert.ts";
import type { Source, Split, SplitEnumerator } from "../connectors/source.ts";
import type { Env } from "../env/env.ts";
import type { CheckpointId } from "../state/barrier.ts";

/** What a coordinator can send to a reader. */
export type ReaderMessage =
  | { readonly kind: "splits"; readonly splits: readonly Split[] }
  | { readonly kind: "no-more-splits" };

export interface SourceCoordinatorOptions {
  readonly env: Env;
  readonly uid: string;
  readonly source: Source<unknown>;
  readonly parallelism: number;
  /**
   * What `snapshot` of an earlier coordinator of this source returned; undefined for a fresh start.
   */
  readonly restored: unknown;
  readonly send: (subtaskIndex: number, message: ReaderMessage) => void;
  readonly fail: (error: unknown) => void;
}

/** Plain data: what a snapshot holds of a source beside its readers' splits. */
interface CoordinatorSnapshot {
  readonly enumerator: unknown;
  readonly held: readonly { readonly subtask: number; readonly splits: readonly Split[] }[];
}

interface ReaderGate {
  /** Checkpoints whose barrier the reader has not taken yet. */
  readonly awaited: Set<CheckpointId>;
  readonly held: ReaderMessage[];
}

/** See the file header. */
export class SourceCoordinator {
  readonly #options: SourceCoordinatorOptions;
  readonly #enumerator: SplitEnumerator<Split>;
  readonly #gates: ReaderGate[];
  readonly #restoredHeld: CoordinatorSnapshot["held"];

  constructor(options: SourceCoordinatorOptions) {
    this.#options = options;
    const { env, uid, source, parallelism, restored } = options;
    const snapshot = restored as CoordinatorSnapshot | undefined;
    this.#restoredHeld = snapshot?.held ?? [];
    this.#gates = Array.from({ length: parallelism }, () => ({ awaited: new Set(), held: [] }));
    this.#enumerator = source.createEnumerator(
      {
        env,
        uid,
        parallelism,
        assign: (subtask, splits) => this.#send(subtask, { kind: "splits", splits }),
        signalNoMoreSplits: (subtask) => this.#send(subtask, { kind: "no-more-splits" }),
        fail: (error) => options.fail(error),
      },
      snapshot?.enumerator,
    );
  }

  /** All readers are there. */
  start(): void {
    this.#guard(() => {
      this.#enumerator.start();
      for (const { subtask, splits } of this.#restoredHeld) {
        this.#enumerator.addSplitsBack(splits, subtask % this.#options.parallelism);
      }
      for (let subtask = 0; subtask < this.#options.parallelism; subtask++) {
        this.#enumerator.addReader(subtask);
      }
    });
  }

  handleSplitRequest(subtaskIndex: number): void {
    this.#guard(() => this.#enumerator.handleSplitRequest(subtaskIndex));
  }

  /**
   * State of the source for a checkpoint; closes the gate of every reader until it has taken the
   * barrier.
   */
  snapshot(checkpointId: CheckpointId): unknown {
    const held = this.#gates.flatMap((gate, subtask) =>
      gate.held.flatMap((message) =>
        message.kind === "splits" ? [{ subtask, splits: message.splits }] : [],
      ),
    );
    const snapshot: CoordinatorSnapshot = {
      enumerator: this.#enumerator.snapshot(checkpointId),
      held,
    };
    for (const gate of this.#gates) gate.awaited.add(checkpointId);
    return snapshot;
  }

  /** The reader has taken the barrier. */
  barrierTaken(subtaskIndex: number, checkpointId: CheckpointId): void {
    this.#release(subtaskIndex, checkpointId);
  }

  aborted(checkpointId: CheckpointId): void {
    for (let subtask = 0; subtask < this.#gates.length; subtask++)
      this.#release(subtask, checkpointId);
  }

  completed(checkpointId: CheckpointId): void {
    this.#guard(() => this.#enumerator.completed?.(checkpointId));
  }

  close(): Promise<void> {
    return this.#enumerator.close();
  }

  #send(subtaskIndex: number, message: ReaderMessage): void {
    const gate = this.#gates[subtaskIndex];
    assert(gate !== undefined, () => `source "${this.#options.uid}" has no reader ${subtaskIndex}`);
    if (gate.awaited.size > 0) gate.held.push(message);
    else this.#options.send(subtaskIndex, message);
  }

  #release(subtaskIndex: number, checkpointId: CheckpointId): void {
    const gate = this.#gates[subtaskIndex];
    if (!gate.awaited.delete(checkpointId) || gate.awaited.size > 0) return;
    for (const message of gate.held.splice(0)) this.#options.send(subtaskIndex, message);
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#options.fail(error);
    }
  }
}
