/**
 * Source: the contract of a connector that brings records in. It has two halves.
 *
 * - One *split enumerator* per source, in the job master: finds the splits and assigns them, on
 *   demand, in order.
 * - One *source reader* per subtask, in the task: reads the splits that were assigned to it.
 *
 * A *split* is plain data (structured-clonable, JSON-like; `id` unique within the source) that says
 * what to read and from where; a split taken from a reader's snapshot goes on exactly after the
 * last record that the reader had emitted.
 *
 * Exactly-once assignment (Flink's SourceCoordinator): the enumerator is snapshotted before the
 * tasks are; from then on its messages to a reader are held back by the engine until that reader
 * has taken the barrier of the same checkpoint or the checkpoint has aborted. Connectors need not
 * know this.
 *
 * I1. All methods are called on one thread, never re-entrantly, and return without waiting;
 *     asynchronous work tells by `context.wake()` (reader) or by calling the context from its own
 *     callback (enumerator).
 * I2. Throwing, or `context.fail`, fails the attempt; the job restarts from the latest completed
 *     checkpoint.
 */
import type { Batch } from "../columns/batch.ts";
import type { Env } from "../env/env.ts";
import type { Type } from "../types/type.ts";

/** What is read. Connectors extend it with plain data. */
export interface Split {
  /** Unique within the source; ≤ 4096 characters. */
  readonly id: string;
}

export interface Source<T, S extends Split = Split> {
  readonly kind: "source";
  /** Name of the connector, for messages and metrics. */
  readonly connector: string;
  /** A bounded source ends; an unbounded one does not by itself. */
  readonly boundedness: "bounded" | "unbounded";
  /** Declared type of the records, where the connector knows it. */
  readonly recordType: Type<T> | undefined;
  /** Fails early, before the job starts, on settings that cannot work. */
  validate?(): void;
  /** `restored` is what `snapshot` of an earlier enumerator of this source returned. */
  createEnumerator(context: EnumeratorContext<S>, restored: unknown): SplitEnumerator<S>;
  createReader(context: ReaderContext): SourceReader<S>;
}

/** What an enumerator may do. */
export interface EnumeratorContext<S extends Split> {
  readonly env: Env;
  readonly uid: string;
  readonly parallelism: number;
  /** Gives splits to the reader of a subtask. */
  assign(subtaskIndex: number, splits: readonly S[]): void;
  /** Tells a reader that it will get no further split; it ends when it has read what it has. */
  signalNoMoreSplits(subtaskIndex: number): void;
  /** Fails the attempt. */
  fail(error: unknown): void;
}

/**
 * Call order: `start` once; then, any number of times, `addReader` (a reader registered; again
 * after a restart), `handleSplitRequest` (the reader wants a split and may be left waiting),
 * `addSplitsBack`, `snapshot`, `completed`; `close` last.
 */
export interface SplitEnumerator<S extends Split> {
  start(): void;
  addReader(subtaskIndex: number): void;
  handleSplitRequest(subtaskIndex: number): void;
  /**
   * Splits that were assigned after the checkpoint from which a failed reader restarts; assign them
   * again.
   */
  addSplitsBack(splits: readonly S[], subtaskIndex: number): void;
  /**
   * State as plain data: all splits that are known and not assigned yet, and what is needed to find
   * further ones.
   */
  snapshot(checkpointId: number): unknown;
  completed?(checkpointId: number): void;
  close(): Promise<void>;
}

export interface ReaderContext {
  readonly env: Env;
  readonly uid: string;
  readonly subtaskIndex: number;
  readonly parallelism: number;
  /**
   * Asks for a further split; answered by `addSplits` or `noMoreSplits`. At most one request is
   * open at a time.
   */
  requestSplit(): void;
  /**
   * Tells the task that `poll` may have something again. May be called at any time, also
   * needlessly.
   */
  wake(): void;
  fail(error: unknown): void;
  /** Counts a malformed record that was skipped. */
  countMalformed(): void;
}

/**
 * Call order: `open` once; then `addSplits`, `noMoreSplits`, `poll`, `snapshot`,
 * `pauseOrResumeSplits`, `completed` in any order; `close` last.
 */
export interface SourceReader<S extends Split = Split> {
  open(): void;
  addSplits(splits: readonly S[]): void;
  noMoreSplits(): void;
  /**
   * Emits at most about `countMax` records into `output`: as many as the job can use up soon, from
   * 1 to `BATCH_COUNT`. A barrier waits for all that one poll gives. `more`: call again at once.
   * `idle`: nothing now; the reader calls `context.wake()` later. `ended`: no split left and none
   * will come.
   */
  poll(output: ReaderOutput, countMax: number): "more" | "idle" | "ended";
  /**
   * The splits that are not finished, each with the position after its last emitted record. Called
   * between two polls.
   */
  snapshot(checkpointId: number): readonly S[];
  /** Watermark alignment: stops or goes on reading single splits. */
  pauseOrResumeSplits?(pause: readonly string[], resume: readonly string[]): void;
  completed?(checkpointId: number): void;
  close(): Promise<void>;
}

/** Where a reader puts what it read. Records of one split keep their order. */
export interface ReaderOutput {
  /** A batch of records of one split, oldest first; the batch belongs to the engine afterwards. */
  emit(splitId: string, batch: Batch): void;
  /** The split was read to its end; its watermark no longer holds the source back. */
  finishSplit(splitId: string): void;
  /**
   * A record that could not be read, for the side output of malformed records (`MalformedRecord`).
   */
  emitMalformed(record: MalformedRecord): void;
}

/** A record that a format could not read. */
export interface MalformedRecord {
  readonly file: string;
  /** From 1; undefined where the format has no lines. */
  readonly line: number | undefined;
  /** First byte of the record in the (decompressed) file. */
  readonly offset: number;
  readonly reason: string;
  /** The text, cut at 1024 characters. */
  readonly text: string;
}
