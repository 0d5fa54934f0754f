/**
 * InputGate: all input channels of a subtask as one stream of gate events, in an order that keeps
 * event time and checkpoints right.
 *
 * Owns: fairness between channels, alignment of barriers (`docs/semantics/checkpoints.md`), the
 * minimum of the watermarks and the status over the channels, the end of inputs, how much may be
 * queued (`debloater.ts`). Does not own: what the task does with an event.
 *
 * I1. Exactly-once: from a channel that has delivered the barrier of the current checkpoint nothing
 *     more is taken until all channels have delivered it or it was aborted.
 * I2. At-least-once: no channel is ever blocked; the barrier passes when the last channel has
 *     delivered it.
 * I3. One barrier event per checkpoint at most; ids of barrier events only grow. A barrier of an
 *     aborted checkpoint is swallowed.
 * I4. A channel stays open after its end of data, for barriers.
 */
import { assert } from "../assert.ts";
import type { Batch } from "../columns/batch.ts";
import type { Clock } from "../env/env.ts";
import type { InputChannel } from "../exchange/channel.ts";
import type { Barrier, CheckpointId } from "../state/barrier.ts";
import {
  STATUS_CHANGED,
  WATERMARK_CHANGED,
  WatermarkCombiner,
} from "../time/watermark-combiner.ts";
import { Debloater } from "./debloater.ts";

/** What the gate hands to the task. */
export type GateEvent =
  | { readonly kind: "batch"; readonly batch: Batch; readonly input: number }
  /** Watermark and status of the task have changed; read them off the gate. */
  | { readonly kind: "time" }
  | { readonly kind: "barrier"; readonly barrier: Barrier; readonly alignmentMs: number }
  /** A newer barrier came before this one was aligned. */
  | { readonly kind: "superseded"; readonly checkpointId: CheckpointId }
  | { readonly kind: "end-input"; readonly input: number };

/** One channel and the operator input that it feeds. */
export interface GateChannel {
  readonly channel: InputChannel;
  readonly input: number;
}

export interface InputGateOptions {
  readonly channels: readonly GateChannel[];
  readonly isExactlyOnce: boolean;
  readonly clock: Clock;
  /** See `DEBLOAT_TARGET_MS`. */
  readonly debloatTargetMs: number;
}

interface Alignment {
  readonly barrier: Barrier;
  readonly startedMs: number;
  arrivedCount: number;
}

/** Aborted checkpoints whose barriers may still come; more cannot be in flight. */
const ABORTED_COUNT_MAX = 64;
/** Alignments that at-least-once tracks at once (Flink's limit). */
const TRACKED_COUNT_MAX = 50;

/** See the file header. */
export class InputGate {
  readonly #channels: readonly GateChannel[];
  readonly #isExactlyOnce: boolean;
  readonly #clock: Clock;
  readonly #combiner: WatermarkCombiner;
  readonly #debloater: Debloater;
  /** 1: delivered the barrier of the current alignment (exactly-once). */
  readonly #isBlocked: Uint8Array;
  readonly #hasEnded: Uint8Array;
  /** Open channels per operator input. */
  readonly #openCounts: number[] = [];
  /** By checkpoint, oldest first; exactly-once has one at most. */
  readonly #alignments = new Map<CheckpointId, Alignment>();
  readonly #aborted = new Set<CheckpointId>();
  #lastId: CheckpointId = 0;
  #nextIndex = 0;

  constructor(options: InputGateOptions) {
    assert(options.channels.length > 0, "a gate has channels");
    this.#channels = options.channels;
    this.#isExactlyOnce = options.isExactlyOnce;
    this.#clock = options.clock;
    this.#combiner = new WatermarkCombiner(options.channels.length);
    this.#debloater = new Debloater(
      options.channels.map(({ channel }) => channel),
      options.debloatTargetMs,
    );
    this.#isBlocked = new Uint8Array(options.channels.length);
    this.#hasEnded = new Uint8Array(options.channels.length);
    for (const { input } of options.channels) {
      this.#openCounts[input] = (this.#openCounts[input] ?? 0) + 1;
    }
  }

  /** The task's watermark; see `WatermarkCombiner`. */
  get watermark(): number {
    return this.#combiner.watermark;
  }

  get isIdle(): boolean {
    return this.#combiner.isIdle;
  }

  /** Whether all channels have delivered their end of data. */
  get hasEnded(): boolean {
    return this.#openCounts.every((count) => count === 0);
  }

  /** Start from the watermark of a snapshot. */
  restoreWatermark(watermark: number): void {
    this.#combiner.restore(watermark);
  }

  /** Whether a channel that may be read has anything. Does not ask to be woken. */
  hasInput(): boolean {
    for (let index = 0; index < this.#channels.length; index++) {
      if (this.#isBlocked[index] === 0 && this.#channels[index].channel.hasElement()) return true;
    }
    return false;
  }

  /** The next event, or undefined if no channel that may be read has anything. */
  poll(): GateEvent | undefined {
    const nowMs = this.#clock.monotonicMs();
    this.#debloater.beforeLook(nowMs);
    const event = this.#next();
    if (event === undefined) this.#debloater.foundNothing(nowMs);
    else if (event.kind === "batch") this.#debloater.countRecords(event.batch.count);
    return event;
  }

  #next(): GateEvent | undefined {
    const count = this.#channels.length;
    for (let tried = 0; tried < count;) {
      const index = this.#nextIndex;
      if (this.#isBlocked[index] === 0) {
        const taken = this.#channels[index].channel.poll();
        if (taken !== undefined) {
          const event = this.#take(index, taken);
          if (event !== undefined) {
            this.#nextIndex = index + 1 === count ? 0 : index + 1;
            return event;
          }
          // What was taken may have released a channel that was looked at before.
          tried = 0;
          continue;
        }
      }
      this.#nextIndex = index + 1 === count ? 0 : index + 1;
      tried += 1;
    }
    this.#nextIndex = 0;
    return undefined;
  }

  /** The checkpoint was aborted: release what it blocks and swallow its later barriers. */
  abort(checkpointId: CheckpointId): void {
    if (checkpointId <= this.#lastId && !this.#alignments.has(checkpointId)) return;
    this.#aborted.add(checkpointId);
    if (this.#aborted.size > ABORTED_COUNT_MAX) {
      const [oldest] = this.#aborted;
      this.#aborted.delete(oldest);
    }
    if (this.#alignments.delete(checkpointId) && this.#isExactlyOnce) this.#isBlocked.fill(0);
  }

  #take(
    index: number,
    element: NonNullable<ReturnType<InputChannel["poll"]>>,
  ): GateEvent | undefined {
    switch (element.kind) {
      case "data":
        return { kind: "batch", batch: element.batch, input: this.#channels[index].input };
      case "watermark":
        return timeEvent(this.#combiner.update(index, element.timestamp));
      case "status":
        return timeEvent(this.#combiner.setIdle(index, element.isIdle));
      case "barrier":
        return this.#onBarrier(index, element.barrier);
      case "cancel-barrier":
        this.abort(element.checkpointId);
        return undefined;
      case "end-of-data":
        return this.#onEnd(index);
      case "end-of-partition":
        return undefined;
    }
  }

  #onEnd(index: number): GateEvent | undefined {
    assert(this.#hasEnded[index] === 0, "a channel ends once");
    this.#hasEnded[index] = 1;
    const { input } = this.#channels[index];
    const open = this.#openCounts[input] - 1;
    this.#openCounts[input] = open;
    return open === 0 ? { kind: "end-input", input } : undefined;
  }

  #onBarrier(index: number, barrier: Barrier): GateEvent | undefined {
    if (this.#aborted.has(barrier.id) || barrier.id <= this.#lastId) return undefined;
    let alignment = this.#alignments.get(barrier.id);
    let superseded: CheckpointId | undefined;
    if (alignment === undefined) {
      // The notice that it was aborted is still on its way to this task.
      if (this.#isExactlyOnce && this.#isAligningBeyond(barrier.id)) return undefined;
      superseded = this.#supersede(barrier.id);
      alignment = { barrier, startedMs: this.#clock.monotonicMs(), arrivedCount: 0 };
      this.#alignments.set(barrier.id, alignment);
    }
    alignment.arrivedCount += 1;
    if (alignment.arrivedCount === this.#channels.length) {
      this.#alignments.delete(barrier.id);
      this.#lastId = barrier.id;
      if (this.#isExactlyOnce) this.#isBlocked.fill(0);
      const alignmentMs = this.#clock.monotonicMs() - alignment.startedMs;
      return { kind: "barrier", barrier, alignmentMs };
    }
    if (this.#isExactlyOnce) this.#isBlocked[index] = 1;
    return superseded === undefined ? undefined : { kind: "superseded", checkpointId: superseded };
  }

  #isAligningBeyond(checkpointId: CheckpointId): boolean {
    for (const id of this.#alignments.keys()) if (id > checkpointId) return true;
    return false;
  }

  /**
   * A newer barrier ends an older alignment (exactly-once), or the oldest of too many
   * (at-least-once).
   */
  #supersede(by: CheckpointId): CheckpointId | undefined {
    const [oldest] = this.#alignments.keys();
    if (oldest === undefined) return undefined;
    if (!this.#isExactlyOnce && this.#alignments.size < TRACKED_COUNT_MAX) return undefined;
    assert(oldest < by, "barriers of one channel come in the order of their ids");
    this.abort(oldest);
    return oldest;
  }
}

function timeEvent(changes: number): GateEvent | undefined {
  return (changes & (WATERMARK_CHANGED | STATUS_CHANGED)) === 0 ? undefined : TIME_EVENT;
}

const TIME_EVENT: GateEvent = Object.freeze({ kind: "time" });
