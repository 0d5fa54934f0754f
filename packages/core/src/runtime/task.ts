/**
 * Task: one subtask of a vertex as a state machine. `step` is synchronous and bounded; it takes one
 * thing at a time from its head (an input gate or a source reader), drives the chain with it, and
 * copies a slice of the snapshots in flight.
 *
 * Owns: the order of these things. Does not own: threads, waiting, messages (`worker-host.ts`),
 * what operators do.
 *
 * I1. A batch is taken only while every output has room and the chain has no work left (design:
 *     flow control).
 * I2. The sequence of a barrier is atomic with respect to records: flush operators, send the
 *     barrier on, freeze state.
 * I3. After the end of its input a task stays and takes barriers, until it is closed.
 * I4. Behind the barrier of a stop a task does nothing but copy, until it is closed or the
 *     savepoint is aborted.
 */
import { assert } from "../assert.ts";
import type { Env } from "../env/env.ts";
import { barrierElement } from "../exchange/element.ts";
import type { Barrier, CheckpointId } from "../state/barrier.ts";
import { MAX_WATERMARK, NO_WATERMARK } from "../time/timestamp.ts";
import type { Chain } from "./chain.ts";
import type { InputGate } from "./input-gate.ts";
import type { StepResult, SubtaskMetrics } from "./subtask-metrics.ts";
import type { SourceHead } from "./source-head.ts";
import type { TaskSnapshots } from "./task-snapshots.ts";
import type { WatermarksOperator } from "./watermarks-operator.ts";

export type TaskHead =
  | {
      readonly kind: "gate";
      readonly gate: InputGate;
      /** Makes the watermarks of this chain instead of the gate, if it begins with it. */
      readonly watermarks: WatermarksOperator | undefined;
    }
  | { readonly kind: "source"; readonly source: SourceHead };

/** What a task tells its host. */
export interface TaskEvents {
  /** The task's input has ended and everything was emitted. */
  ended(): void;
  /** After `finish`: everything is committed. */
  finished(): void;
  /** A newer barrier came while this checkpoint was being aligned. */
  superseded(checkpointId: CheckpointId): void;
  /** Something failed outside of `step`. */
  failed(error: unknown): void;
}

export interface TaskOptions {
  readonly env: Env;
  readonly name: string;
  readonly head: TaskHead;
  readonly chain: Chain;
  readonly snapshots: TaskSnapshots;
  readonly metrics: SubtaskMetrics;
  readonly events: TaskEvents;
  /** Watermark of the snapshot that the task starts from. */
  readonly restoredWatermark: number | undefined;
  /** The snapshot was taken after the end of the input: operators have been told of it before. */
  readonly hadEnded: boolean;
}

/** Rows copied out per step while a snapshot is in flight: about half a millisecond. */
const SNAPSHOT_ROWS_PER_STEP = 4096;
/** Barriers that wait for the chain's work; more cannot be in flight. */
const TRIGGERS_COUNT_MAX = 16;

/** See the file header. */
export class Task {
  readonly name: string;
  readonly #options: TaskOptions;
  readonly #chain: Chain;
  readonly #head: TaskHead;
  /** Barriers that a source has still to take, in the order of their ids; none was aborted. */
  #triggers: Barrier[] = [];
  readonly #aborted = new Set<CheckpointId>();
  /** Commits under way; `finish` waits for them. */
  readonly #commits = new Set<Promise<void>>();
  /** The status last sent on, of a gate. */
  #lastStatus = false;
  /** IDLE is told behind the watermark under work: that of an idle channel would not count. */
  #isFallingIdle = false;
  #endWatermarkDone = false;
  #hasEnded = false;
  #isBlocked = false;
  /** The last input of a gate has ended; what that makes due is fired before the chain is told. */
  #lastInput: number | undefined;
  /** The watermark of the snapshot has been told downstream. */
  #isResumed = false;
  /** The savepoint with which the job stops; see I4. */
  #stoppedBy: CheckpointId | undefined;
  /** Monotonic ms at which a source wants to be looked at again. */
  #nextTickMs: number;

  constructor(options: TaskOptions) {
    this.#options = options;
    this.name = options.name;
    this.#chain = options.chain;
    this.#head = options.head;
    const isTicking = options.head.kind === "source" || options.head.watermarks !== undefined;
    this.#nextTickMs = isTicking ? 0 : Infinity;
    const { restoredWatermark } = options;
    if (restoredWatermark !== undefined && options.head.kind === "gate") {
      options.head.gate.restoreWatermark(restoredWatermark);
    }
  }

  /** Whether the input has ended and all that follows from it was emitted. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * Processing time, ms, at which the task wants to be stepped even if nothing else happens;
   * Infinity for never.
   */
  nextDeadline(): number {
    // What is blocked is woken when there is room; looking at the clock would only spin.
    if (this.#hasEnded || this.#isBlocked || this.#stoppedBy !== undefined) return Infinity;
    const timer = this.#chain.nextProcessingTimer();
    const { clock } = this.#options.env;
    return Math.min(timer, clock.now() + Math.max(0, this.#nextTickMs - clock.monotonicMs()));
  }

  /** Whether anything lies in a channel of its gate; of a source: false. Changes nothing. */
  hasInput(): boolean {
    return this.#head.kind === "gate" && this.#head.gate.hasInput();
  }

  /** One bounded step; see `StepResult`. */
  step(): StepResult {
    const copied = this.#options.snapshots.copySlice(SNAPSHOT_ROWS_PER_STEP);
    const result = this.#stepHead();
    if (result === "idle") this.#chain.flush();
    this.#noteBlocked(result === "blocked");
    return copied ? "progressed" : result;
  }

  #stepHead(): StepResult {
    const chain = this.#chain;
    if (!chain.isReady() || this.#stoppedBy !== undefined) return "blocked";
    if (chain.hasWork) {
      chain.continueWork();
      if (!chain.hasWork) this.#onWorkDone();
      return "progressed";
    }
    if (!this.#isResumed) {
      this.#isResumed = true;
      chain.resume();
    }
    if (this.#takeTrigger()) return "progressed";
    if (!this.#hasEnded) {
      chain.advanceProcessingTime(this.#options.env.clock.now());
      if (chain.hasWork) return "progressed";
    }
    return this.#head.kind === "source"
      ? this.#stepSource(this.#head.source)
      : this.#stepGate(this.#head);
  }

  #onWorkDone(): void {
    this.#options.metrics.setOutputWatermark(this.#chain.watermark);
    if (!this.#isFallingIdle) return;
    this.#isFallingIdle = false;
    this.#chain.emitStatus(true);
  }

  #stepGate({ gate, watermarks }: Extract<TaskHead, { kind: "gate" }>): StepResult {
    if (this.#lastInput !== undefined) {
      this.#endInput(this.#lastInput, true);
      this.#lastInput = undefined;
      return "progressed";
    }
    if (watermarks !== undefined) this.#tick(watermarks);
    const event = gate.poll();
    if (event === undefined) return this.#onGenerated(gate, true) ? "progressed" : "idle";
    switch (event.kind) {
      case "batch":
        this.#chain.processBatch(event.batch, event.input);
        this.#onGenerated(gate, false);
        break;
      case "time":
        if (watermarks === undefined) this.#onTime(gate.watermark, gate.isIdle);
        else this.#onGenerated(gate, false);
        break;
      case "barrier":
        this.#takeBarrier(event.barrier, event.alignmentMs);
        break;
      case "superseded":
        this.#options.events.superseded(event.checkpointId);
        break;
      case "end-input":
        if (gate.hasEnded) this.#lastInput = event.input;
        else this.#endInput(event.input, false);
        if (gate.hasEnded) this.#chain.repeatLastWatermark();
        break;
    }
    return "progressed";
  }

  /** Watermark and status that the chain's own generator makes; whether there was any. */
  #onGenerated(gate: InputGate, isPressing: boolean): boolean {
    if (this.#head.kind !== "gate" || this.#head.watermarks === undefined) return false;
    const { watermarks } = this.#head;
    const watermark = watermarks.takeWatermark(gate.watermark, isPressing);
    if (watermark !== undefined) {
      this.#chain.advanceWatermark(watermark);
      this.#options.metrics.setInputWatermark(watermark);
    }
    const status = watermarks.takeStatus();
    if (status !== undefined) this.#emitStatus(status);
    return watermark !== undefined || status !== undefined;
  }

  #stepSource(source: SourceHead): StepResult {
    if (source.hasEnded) return this.#endSource();
    this.#tick(source);
    const result = source.poll();
    this.#chain.noteInput(source.takeEmittedCount());
    const watermark = source.takeWatermark(result !== "more");
    if (watermark !== undefined) this.#onTime(watermark, false);
    const status = source.takeStatus();
    if (status !== undefined) this.#emitStatus(status);
    if (this.#chain.hasWork) return "progressed";
    return result === "idle" ? "idle" : "progressed";
  }

  /** After its last record a source goes to the end of event time, and then ends. */
  #endSource(): StepResult {
    if (this.#hasEnded) return "idle";
    if (!this.#endWatermarkDone) {
      this.#endWatermarkDone = true;
      this.#chain.advanceWatermark(MAX_WATERMARK);
      return "progressed";
    }
    this.#endInput(0, true);
    return "progressed";
  }

  #tick(head: SourceHead | WatermarksOperator): void {
    const { clock } = this.#options.env;
    if (this.#nextTickMs > clock.monotonicMs()) return;
    this.#nextTickMs = clock.monotonicMs() + head.tick();
  }

  #onTime(watermark: number, isIdle: boolean): void {
    if (watermark > NO_WATERMARK) this.#chain.advanceWatermark(watermark);
    if (this.#head.kind === "gate") this.#emitGateStatus(isIdle);
    this.#options.metrics.setInputWatermark(watermark);
  }

  #emitGateStatus(isIdle: boolean): void {
    if (isIdle === this.#lastStatus) return;
    this.#lastStatus = isIdle;
    this.#emitStatus(isIdle);
  }

  #emitStatus(isIdle: boolean): void {
    if (isIdle && this.#chain.hasWork) this.#isFallingIdle = true;
    else this.#chain.emitStatus(isIdle);
  }

  #endInput(input: number, isLast: boolean): void {
    if (!this.#options.hadEnded) this.#chain.endInput(input, isLast);
    if (!isLast) return;
    this.#hasEnded = true;
    this.#chain.emitEndOfData();
    this.#options.events.ended();
  }

  /** The job stops and drains: a source reads no further, as if its input had ended. */
  drain(): void {
    assert(this.#head.kind === "source", "only sources are drained");
    this.#head.source.end();
  }

  /** The job master asks a source for a barrier. */
  trigger(barrier: Barrier): void {
    assert(this.#head.kind === "source", "only sources are triggered");
    if (this.#aborted.has(barrier.id)) return;
    assert(this.#triggers.length < TRIGGERS_COUNT_MAX, "too many checkpoints wait in a source");
    this.#triggers.push(barrier);
  }

  #takeTrigger(): boolean {
    const barrier = this.#triggers.shift();
    if (barrier === undefined) return false;
    this.#takeBarrier(barrier, 0);
    return true;
  }

  #takeBarrier(barrier: Barrier, alignmentMs: number): void {
    const chain = this.#chain;
    chain.prepareBarrier(barrier.id, this.#hasEnded);
    for (const writer of chain.writers) writer.emitControl(barrierElement(barrier));
    if (barrier.stop !== undefined) this.#stoppedBy = barrier.id;
    this.#options.snapshots.begin({
      barrier,
      alignmentMs,
      watermark: chain.watermark === NO_WATERMARK ? undefined : chain.watermark,
      // Operators are told of the end once, also if it comes again only after this barrier.
      hasEnded: this.#hasEnded || this.#options.hadEnded,
    });
  }

  /** The checkpoint is complete; sinks commit. */
  completed(checkpointId: CheckpointId): void {
    if (this.#head.kind === "source") this.#head.source.completed(checkpointId);
    for (const commit of this.#chain.completed(checkpointId)) this.#track(commit);
  }

  /** The checkpoint will not complete; `latestCompletedId` has, whether it was heard of or not. */
  aborted(checkpointId: CheckpointId, latestCompletedId: CheckpointId | undefined): void {
    if (latestCompletedId !== undefined) this.completed(latestCompletedId);
    // A source that is blocked for long takes none of the checkpoints that expire meanwhile.
    this.#triggers = this.#triggers.filter(({ id }) => id !== checkpointId);
    this.#aborted.add(checkpointId);
    if (this.#aborted.size > TRIGGERS_COUNT_MAX * 4) {
      const [oldest] = this.#aborted;
      this.#aborted.delete(oldest);
    }
    if (this.#stoppedBy === checkpointId) this.#stoppedBy = undefined;
    if (this.#head.kind === "gate") this.#head.gate.abort(checkpointId);
    this.#options.snapshots.abort(checkpointId);
    this.#chain.aborted(checkpointId);
  }

  /**
   * Everything has ended or is stopped. Without checkpoints the sinks commit now; with them they
   * did on the last one.
   */
  async finish(hasCheckpoints: boolean): Promise<void> {
    assert(
      this.#hasEnded || this.#stoppedBy !== undefined,
      "only a task that has ended or is stopped finishes",
    );
    if (!hasCheckpoints) {
      this.#chain.prepareBarrier(MAX_WATERMARK, true);
      await Promise.all(this.#chain.flushed());
      for (const commit of this.#chain.completed(MAX_WATERMARK)) this.#track(commit);
    }
    await Promise.all(this.#commits);
    this.#options.events.finished();
  }

  /** Aborts snapshots and closes operators and reader. */
  async close(): Promise<void> {
    this.#options.snapshots.close();
    await Promise.all([
      this.#chain.close(),
      this.#head.kind === "source" ? this.#head.source.close() : undefined,
    ]);
  }

  #track(commit: Promise<void>): void {
    const tracked = commit.then(
      () => void this.#commits.delete(tracked),
      (error: unknown) => this.#options.events.failed(error),
    );
    this.#commits.add(tracked);
  }

  #noteBlocked(isBlocked: boolean): void {
    if (isBlocked === this.#isBlocked) return;
    this.#isBlocked = isBlocked;
    if (this.#head.kind === "source") this.#head.source.setBlocked(isBlocked);
    else this.#head.watermarks?.setBlocked(isBlocked);
  }
}
