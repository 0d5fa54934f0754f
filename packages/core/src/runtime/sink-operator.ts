/**
 * SinkOperator: a sink's writer, its pending transactions and its committer as one operator.
 *
 * Transactions (`connectors/sink.ts`): prepared before a barrier, kept in operator state until
 * their checkpoint is complete, then committed in order. A completion covers all earlier ones, so
 * one that was never heard of is made up by the next.
 *
 * I1. A committable is in every snapshot from the one that prepared it until it has been committed.
 * I2. Commits run one after another, in the order of their checkpoints.
 */
import { assert } from "../assert.ts";
import type { Batch } from "../columns/batch.ts";
import type { Committable, Committer, Sink, SinkIdentity, SinkWriter } from "../connectors/sink.ts";
import { StatelessOperator } from "../operators/operator.ts";
import type { OperatorContext } from "../operators/operator.ts";
import type { CheckpointId } from "../state/barrier.ts";
import { OperatorStateBackend, operatorListState } from "../state/operator-state.ts";
import type { OperatorStateDescriptors } from "../state/operator-state.ts";
import { codecOf, decodeValue } from "../types/codec.ts";
import { t } from "../types/t.ts";

const WRITER_STATE = "writer";
/** Operator state that holds the transactions of a sink that wait for their checkpoint. */
export const PENDING_STATE = "pending";

/** A transaction that waits for its checkpoint. */
interface Pending {
  readonly checkpointId: CheckpointId;
  readonly committable: Committable;
}

export interface SinkOperatorOptions {
  readonly context: OperatorContext;
  readonly sink: Sink<unknown>;
  readonly run: Pick<SinkIdentity, "runId" | "epoch" | "attempt">;
  readonly hasCheckpoints: boolean;
  /** Elements of `PENDING_STATE` in all retained checkpoints, of all subtasks. */
  readonly retained: readonly Uint8Array[];
  /**
   * Restored transactions are left to the run that prepared them: neither committed nor removed,
   * since that run may still commit them.
   */
  readonly isDiscarding: boolean;
}

/** See the file header. */
export class SinkOperator extends StatelessOperator {
  override readonly states: OperatorStateBackend<OperatorStateDescriptors>;
  readonly #options: SinkOperatorOptions;
  readonly #context: OperatorContext;
  #writer: SinkWriter | undefined;
  #committer: Committer | undefined;
  #pending: Pending[] = [];
  #flushed: Promise<void> | undefined;
  #commits: Promise<void> = Promise.resolve();

  constructor(options: SinkOperatorOptions) {
    super();
    this.#options = options;
    this.#context = options.context;
    this.states = new OperatorStateBackend(options.context.uid, {
      [WRITER_STATE]: operatorListState(t.any),
      [PENDING_STATE]: operatorListState(t.any),
    });
  }

  /** Whether a snapshot taken now holds transactions. */
  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  override open(): void {
    const { sink, run, hasCheckpoints, retained, isDiscarding } = this.#options;
    const { env, uid, subtaskIndex, parallelism } = this.#context;
    const identity: SinkIdentity = { ...run, env, uid, subtaskIndex, parallelism };
    const restored = this.states.handles[PENDING_STATE].get() as readonly Pending[];
    // Those of several old subtasks come one subtask after the other (I2).
    const inOrder = restored.toSorted((a, b) => a.checkpointId - b.checkpointId);
    this.#pending = isDiscarding ? [] : inOrder;
    this.#committer = sink.createCommitter?.(identity);
    this.#writer = sink.createWriter({
      ...identity,
      restored: this.states.handles[WRITER_STATE].get(),
      pending: this.#pending.map(({ committable }) => committable),
      retained: retained.map(decodePending).map(({ committable }) => committable),
      hasCheckpoints,
      wake: () => this.#context.wake(),
      fail: (error) => this.#context.fail(error),
    });
    this.#writer.open();
  }

  processBatch(batch: Batch): void {
    this.#context.metrics.countRecordsIn(batch.count);
    this.#opened.write(batch);
  }

  override isReady(): boolean {
    return this.#opened.isReady();
  }

  override prepareBarrier(checkpointId: CheckpointId, isEnd: boolean): void {
    const writer = this.#opened;
    const prepared = writer.prepareCommit(checkpointId, isEnd);
    assert(
      prepared.length === 0 || this.#committer !== undefined,
      "a sink with committables has a committer",
    );
    for (const committable of prepared) this.#pending.push({ checkpointId, committable });
    const state = writer.snapshot(checkpointId);
    this.states.handles[WRITER_STATE].update(state === undefined ? [] : [state]);
    this.states.handles[PENDING_STATE].update(this.#pending);
    this.#flushed = writer.flushed();
    // A rejection is reported by whoever waits for the snapshot; without one it must not be
    // unhandled.
    this.#flushed.catch(() => undefined);
  }

  override flushed(): Promise<void> | undefined {
    return this.#flushed;
  }

  override completed(checkpointId: CheckpointId): Promise<void> | undefined {
    const due = this.#pending.filter((pending) => pending.checkpointId <= checkpointId);
    if (due.length === 0) return undefined;
    const committer = this.#committer;
    assert(committer !== undefined, "a sink with committables has a committer");
    this.#commits = this.#commits.then(async () => {
      const open = due.filter((pending) => this.#pending.includes(pending));
      if (open.length === 0) return;
      await committer.commit(open.map(({ committable }) => committable));
      this.#pending = this.#pending.filter((pending) => !open.includes(pending));
    });
    return this.#commits;
  }

  override async close(): Promise<void> {
    // A commit that fails now fails again after the restart, and is told there.
    await this.#commits.catch(() => undefined);
    await this.#writer?.close();
  }

  get #opened(): SinkWriter {
    assert(this.#writer !== undefined, "a sink is opened before it is used");
    return this.#writer;
  }
}

function decodePending(element: Uint8Array): Pending {
  return decodeValue(codecOf(t.any), element) as Pending;
}
