/**
 * Chain: the operators of one subtask and the record writers behind them, driven by the task. It is
 * the part of a task that a foreign host can drive without a gate.
 *
 * Owns: handing batches from operator to operator by reference; event and processing time as
 * resumable work; the order in which operators flush before a barrier and end. Does not own: input,
 * snapshots, threads.
 *
 * I1. Operators stand in an order in which each comes after the one that feeds it, so work that
 *     goes through them by index emits into operators that have not had their turn yet.
 * I2. While `hasWork`, no batch, barrier or later time is given to the chain.
 * I3. A watermark leaves through the writers after its last firing, in all operators.
 * I4. Half-built batches leave after as many records have come in as fill one for each channel, of
 *     the size that channels ask for now. A rare stream would else stay behind, and what a join has
 *     for it to meet go past it.
 */
import { assert } from "../assert.ts";
import { oxbowError } from "../errors.ts";
import { BATCH_COUNT } from "../columns/batch.ts";
import type { Batch } from "../columns/batch.ts";
import { END_OF_DATA, STATUS_ACTIVE, STATUS_IDLE, watermarkElement } from "../exchange/element.ts";
import type { RecordWriter } from "../exchange/record-writer.ts";
import { FIRE_BUDGET } from "../operators/operator.ts";
import type { Operator } from "../operators/operator.ts";
import type { Output } from "../operators/output.ts";
import { MAX_WATERMARK, NO_WATERMARK } from "../time/timestamp.ts";
import { freezeDeep } from "../types/freeze-deep.ts";

/**
 * One operator in its chain. The head of a source chain has no operator: the source head emits into
 * `output`.
 */
export interface ChainMember {
  readonly uid: string;
  readonly operator: Operator | undefined;
  readonly output: ChainOutput;
}

/** Who counts what passes an output. */
export interface OutputCounters {
  /** Records that the operator has emitted. */
  countRecordsOut(count: number): void;
  /** Those of them that leave the subtask. */
  countRecordsSent(count: number): void;
}

/** An output of a chained operator: to chained operators, to writers, to both or to nothing. */
export class ChainOutput implements Output {
  readonly #operators: { operator: Operator; input: number }[] = [];
  readonly #writers: RecordWriter[] = [];
  readonly #counters: OutputCounters;
  readonly #freezes: boolean;
  /** The one operator behind it, if that is all: the usual case, kept apart for speed. */
  #only: Operator | undefined;

  /** `freezes`: records are made immutable on their way, to find who changes them. */
  constructor(counters: OutputCounters, freezes: boolean) {
    this.#counters = counters;
    this.#freezes = freezes;
  }

  connect(operator: Operator, input: number): void {
    this.#operators.push({ operator, input });
    this.#only =
      this.#operators.length === 1 && this.#writers.length === 0 && input === 0
        ? operator
        : undefined;
  }

  /** The one operator behind it, if that is all. */
  get only(): Operator | undefined {
    return this.#only;
  }

  /** Where the operator behind it has taken over what it would be given. */
  countRecordsOut(count: number): void {
    this.#counters.countRecordsOut(count);
  }

  connectWriter(writer: RecordWriter): void {
    this.#writers.push(writer);
    this.#only = undefined;
  }

  emit(batch: Batch): void {
    if (batch.count === 0) return;
    this.#counters.countRecordsOut(batch.count);
    if (this.#freezes) freezeRecords(batch);
    if (this.#only !== undefined) {
      this.#only.processBatch(batch, 0);
      return;
    }
    for (const { operator, input } of this.#operators) operator.processBatch(batch, input);
    if (this.#writers.length === 0) return;
    this.#counters.countRecordsSent(batch.count);
    for (const writer of this.#writers) writer.emit(batch);
  }
}

/** Freezes plain objects and arrays deeply; typed arrays cannot be frozen. */
function freezeRecords(batch: Batch): void {
  if (batch.isColumnar) return;
  const records = batch.records();
  for (let index = 0; index < batch.count; index++) freezeDeep(records[index]);
}

type Work =
  | { readonly kind: "watermark"; readonly timestamp: number; index: number }
  | { readonly kind: "processing-time"; readonly now: number; index: number };

/** See the file header. */
export class Chain {
  readonly members: readonly ChainMember[];
  readonly writers: readonly RecordWriter[];
  readonly #fireBudget: number;
  /** Channels of the widest writer. */
  readonly #width: number;
  /** Records that a batch should have at most in any channel, as of the last `isReady`. */
  #batchCountMax = BATCH_COUNT;
  /** Records that have come in since the last flush. */
  #gatheredCount = 0;
  #work: Work | undefined;
  #watermark = NO_WATERMARK;

  /** `fireBudget`: firings per slice of work. */
  constructor(
    members: readonly ChainMember[],
    writers: readonly RecordWriter[],
    fireBudget: number = FIRE_BUDGET,
  ) {
    assert(members.length > 0, "a chain has operators");
    this.members = members;
    this.writers = writers;
    this.#fireBudget = fireBudget;
    this.#width = Math.max(1, ...writers.map(({ width }) => width));
  }

  /** The last watermark that passed the whole chain. */
  get watermark(): number {
    return this.#watermark;
  }

  get hasWork(): boolean {
    return this.#work !== undefined;
  }

  /**
   * Whether every output has room for what one more batch may emit, and every operator can take
   * one.
   */
  isReady(): boolean {
    let countMax = BATCH_COUNT;
    for (const writer of this.writers) {
      if (!writer.hasRoom()) return false;
      countMax = Math.min(countMax, writer.batchCountMax);
    }
    this.#batchCountMax = countMax;
    for (const { operator } of this.members)
      if (operator !== undefined && !operator.isReady()) return false;
    return true;
  }

  /** Opens all operators at the watermark that they start from (`NO_WATERMARK` for none). */
  open(watermark: number): void {
    this.#watermark = watermark;
    for (const { operator } of this.members) operator?.open(watermark);
  }

  /**
   * Tells the watermark that the chain was opened at: channels are new after a restore, and what
   * has ended or has nothing more to say would hold its consumers back for ever.
   */
  resume(): void {
    if (this.#watermark === NO_WATERMARK) return;
    for (const writer of this.writers) writer.emitControl(watermarkElement(this.#watermark));
  }

  /** Gives a batch to the head. */
  processBatch(batch: Batch, input: number): void {
    assert(this.#work === undefined, "a chain takes no batch while it has work");
    const head = this.members[0].operator;
    assert(head !== undefined, "only a chain with an operator at its head takes batches");
    head.processBatch(batch, input);
    this.noteInput(batch.count);
  }

  /** So many records have gone through the chain. */
  noteInput(count: number): void {
    this.#gatheredCount += count;
    if (this.#gatheredCount >= this.#batchCountMax * this.#width) this.flush();
  }

  /** Event time of the whole chain reaches `timestamp`; the firings are work. */
  advanceWatermark(timestamp: number): void {
    assert(this.#work === undefined, "a chain takes no watermark while it has work");
    if (timestamp <= this.#watermark) return;
    this.#work = { kind: "watermark", timestamp, index: -1 };
  }

  /**
   * Before the end of input: what came after the end of event time (where the others were idle) has
   * no later watermark to wait for.
   */
  repeatLastWatermark(): void {
    assert(this.#work === undefined, "a chain takes no watermark while it has work");
    if (this.#watermark < MAX_WATERMARK) return;
    this.#work = { kind: "watermark", timestamp: MAX_WATERMARK, index: -1 };
  }

  /** Starts what is due in processing time, if anything. */
  advanceProcessingTime(now: number): void {
    assert(this.#work === undefined, "a chain has one work at a time");
    if (this.nextProcessingTimer() <= now) this.#work = { kind: "processing-time", now, index: -1 };
  }

  /** The earliest processing-time timer of any operator; Infinity for none. */
  nextProcessingTimer(): number {
    let next = Infinity;
    for (const { operator } of this.members) {
      if (operator !== undefined) next = Math.min(next, operator.nextProcessingTimer());
    }
    return next;
  }

  /** Does one bounded slice of the work. */
  continueWork(): void {
    const work = this.#work;
    assert(work !== undefined, "there is work");
    if (work.index >= 0) {
      const operator = this.members[work.index].operator;
      if (operator !== undefined && !operator.fire(this.#fireBudget)) return;
    }
    while (work.index + 1 < this.members.length) {
      const operator = this.members[work.index + 1].operator;
      // What those before it have emitted into it comes first.
      if (operator !== undefined && !operator.isReady()) return;
      work.index += 1;
      if (operator === undefined) continue;
      if (work.kind === "watermark") operator.advanceWatermark(work.timestamp);
      else operator.advanceProcessingTime(work.now);
      if (!operator.fire(this.#fireBudget)) return;
    }
    this.#work = undefined;
    if (work.kind === "watermark" && work.timestamp > this.#watermark) {
      this.#watermark = work.timestamp;
      for (const writer of this.writers) {
        writer.emitControl(watermarkElement(work.timestamp));
      }
    }
  }

  emitStatus(isIdle: boolean): void {
    for (const writer of this.writers) writer.emitControl(isIdle ? STATUS_IDLE : STATUS_ACTIVE);
  }

  /** An input of the head has ended; the other operators end with their only input. */
  endInput(input: number, isLast: boolean): void {
    this.members[0].operator?.endInput(input);
    if (!isLast) return;
    for (const { operator } of this.members.slice(1)) operator?.endInput(0);
  }

  /** No record will follow. */
  emitEndOfData(): void {
    for (const writer of this.writers) writer.emitControl(END_OF_DATA);
  }

  /** Everything that is held back goes out before the barrier. */
  prepareBarrier(checkpointId: number, isEnd: boolean): void {
    for (const { operator } of this.members) operator?.prepareBarrier(checkpointId, isEnd);
  }

  /** Half-built batches leave: before a barrier, when the task is about to go idle, and by I4. */
  flush(): void {
    this.#gatheredCount = 0;
    for (const writer of this.writers) writer.flush();
  }

  /** What operators have under way since `prepareBarrier`. */
  flushed(): Promise<void>[] {
    return this.members.flatMap(({ operator }) => operator?.flushed() ?? []);
  }

  completed(checkpointId: number): Promise<void>[] {
    return this.members.flatMap(({ operator }) => operator?.completed(checkpointId) ?? []);
  }

  aborted(checkpointId: number): void {
    for (const { operator } of this.members) operator?.aborted(checkpointId);
  }

  /** Closes all operators even if some fail; the first failure is thrown. */
  async close(): Promise<void> {
    const results = await Promise.allSettled(
      this.members.map(async ({ operator }) => operator?.close()),
    );
    const failed = results.find((result) => result.status === "rejected");
    if (failed === undefined) return;
    throw oxbowError(
      "OPERATOR_CLOSE_FAILED",
      "An operator could not be closed.",
      {},
      failed.reason,
    );
  }
}
