/**
 * Sink: the contract of a connector that takes records out. A *writer* per subtask, and for
 * exactly-once a *committer*.
 *
 * Life of a transaction (Flink's SinkWriter and Committer): before a barrier passes, the engine
 * calls `prepareCommit`; the committables it returns go into the snapshot. The task acknowledges
 * only after `flushed()` has resolved. When the checkpoint is complete (its `_metadata` is durable
 * and was read back), the engine calls `commit` for all committables of that and of earlier
 * checkpoints, in order; after a restore it calls it again for all restored ones. So `commit` must
 * be idempotent. A restore that discards transactions leaves them alone: the run that prepared them
 * commits them.
 *
 * I1. Writer methods run on the task's thread, never re-entrantly, and return without waiting.
 * I2. `write` never refuses: the engine asks `isReady` before it takes an input batch, and the
 *     writer buffers one batch beyond.
 * I3. What a dead attempt left pending and no snapshot names is removed by the next attempt's
 *     writers (`open`), never what others wrote.
 */
import type { Batch } from "../columns/batch.ts";
import type { Env } from "../env/env.ts";

/** One pending transaction; plain data that goes into snapshots. */
export type Committable = Readonly<Record<string, unknown>>;

export interface Sink<T> {
  readonly kind: "sink";
  /** Name of the connector, for messages and metrics. */
  readonly connector: string;
  /** What the sink guarantees when checkpoints are on. */
  readonly guarantee: "exactly-once" | "at-least-once" | "none";
  /** Keeps `T` a part of the type. */
  readonly accepts?: (record: T) => void;
  /** Fails early, before the job starts, on settings that cannot work. */
  validate?(): void;
  createWriter(context: WriterContext): SinkWriter;
  /** Present if and only if the writer returns committables. */
  createCommitter?(context: CommitterContext): Committer;
}

/** Identifies a run's attempt, so that no two ever write the same name. */
export interface SinkIdentity {
  readonly env: Env;
  readonly uid: string;
  /** Id of the run (job id). */
  readonly runId: string;
  /** Grows with every start of the process for this run. */
  readonly epoch: number;
  /** Grows with every attempt within an epoch, from 1. */
  readonly attempt: number;
  readonly subtaskIndex: number;
  readonly parallelism: number;
}

export interface WriterContext extends SinkIdentity {
  /**
   * The writer's own state, one entry per earlier writer whose share this one takes over; see
   * `SinkWriter.snapshot`.
   */
  readonly restored: readonly unknown[];
  /**
   * Committables restored from the snapshot that fell to this subtask; they are committed or
   * discarded by the engine, the writer must not touch them.
   */
  readonly pending: readonly Committable[];
  /**
   * Committables that any retained snapshot of the run still names, of all subtasks; undefined
   * where the engine does not know. Only with it may a writer remove what earlier attempts had
   * prepared; what they had not prepared is in no snapshot and may always go.
   */
  readonly retained?: readonly Committable[] | undefined;
  /**
   * Whether checkpoints are on; without them all committables are committed at the end of the job.
   */
  readonly hasCheckpoints: boolean;
  /** Tells the task that `isReady` may have changed. */
  wake(): void;
  fail(error: unknown): void;
}

/**
 * Call order: `open`; then `write`, `prepareCommit`, `snapshot`, `flushed` in any order; `close`
 * last.
 */
export interface SinkWriter {
  open(): void;
  /** False while buffers are full; the engine then gives no batch until `wake`. */
  isReady(): boolean;
  write(batch: Batch): void;
  /**
   * Closes the current transactions; called right before a barrier passes and once more at the end
   * of input (`isEnd`).
   */
  prepareCommit(checkpointId: number, isEnd: boolean): readonly Committable[];
  /**
   * Plain data to be given to a later writer as `restored`; undefined for none. Called right after
   * `prepareCommit`.
   */
  snapshot(checkpointId: number): unknown;
  /** Resolves when everything that was written before the last `prepareCommit` is durable. */
  flushed(): Promise<void>;
  /** Releases resources; leaves no half-written visible output. Idempotent. */
  close(): Promise<void>;
}

export interface CommitterContext extends SinkIdentity {}

export interface Committer {
  /**
   * Makes the transactions visible, in order. Idempotent: what was committed before is left alone;
   * what can never be committed throws.
   */
  commit(committables: readonly Committable[]): Promise<void>;
}
