/*
 * Channel: a bounded, ordered way from one producer subtask to one consumer subtask of one edge.
 * The two ends may be on the same thread (`local-channel.ts`) or on two (`ring-channel.ts`); tasks
 * cannot tell. One conformance suite covers all implementations.
 *
 * Flow control: the producer's task asks `hasRoom` on all its outputs before it takes an input
 * batch; then it pushes whatever that batch gives. So `push` never refuses, and a channel may
 * overrun by one batch's amplification. There is room while the channel's memory has some and fewer
 * records are queued than the consumer has allowed (`limit`); batches get smaller with that limit,
 * since a batch is the least that can be queued.
 *
 * What is queued stays whole elements in order on both ends, so that capturing and injecting it
 * (unaligned checkpoints) needs no other form than frames.
 *
 * I1. Elements come out in the order in which they went in, each exactly once, whole.
 * I2. No call blocks, waits or calls a doorbell of its own side.
 * I3. No wake-up is lost: after `peekKind` said undefined, the next push rings the consumer's
 *     doorbell; after `hasRoom` or `drain` said false, the producer's is rung when that may have
 *     changed. Doorbells may also ring for nothing.
 */
import { BATCH_COUNT } from "../columns/batch.ts";
import type { Element, ElementKind } from "./element.ts";

/** The limit of a channel whose memory alone bounds what is queued. */
export const NO_LIMIT = 0x7fff_ffff;

/**
 * Batches that the limit of a channel is cut into: few enough for the consumer not to stand still
 * between two, many enough for what overruns the limit, a batch or two, to be a part of it.
 */
const LIMIT_BATCHES_COUNT = 4;

/** Records that a batch should have at most in a channel with this limit. */
export function batchCountWithin(limitCount: number): number {
  return Math.min(BATCH_COUNT, Math.ceil(limitCount / LIMIT_BATCHES_COUNT));
}

/** Wakes whoever drives one end of a channel. Rung from the other end, possibly another thread. */
export interface Doorbell {
  /** Cheap, idempotent, never calls back into a channel. */
  ring(): void;
}

/** The producer's end. */
export interface OutputChannel {
  /** Whether the producer may take another input batch. */
  hasRoom(): boolean;
  /**
   * Appends. Never refuses; a batch must not be changed afterwards. Not after `end-of-partition`.
   */
  push(element: Element): void;
  /** Records that a batch should have at most now, from 1 to `BATCH_COUNT`. */
  batchCountMax(): number;
  /**
   * Moves what overran the channel's memory on towards the consumer; true when nothing is left. A
   * task must not finish before all its outputs are drained. `hasRoom` and `push` do the same by
   * the way.
   */
  drain(): boolean;
  /** Bytes (local: batches' estimate) queued and not yet taken; for metrics. */
  queuedSizeBytes(): number;
}

/** The consumer's end. */
export interface InputChannel {
  /**
   * Whether an element, or a part of one, is there now. Other than `peekKind` it does not ask for
   * the doorbell.
   */
  hasElement(): boolean;
  /** Kind of the next element; undefined when none is there. */
  peekKind(): ElementKind | undefined;
  /** Takes the next element; undefined when none is there. */
  poll(): Element | undefined;
  /**
   * From now on the producer has no room while so many records are queued, from 1 to `NO_LIMIT`,
   * which every channel begins with. What is queued already stays.
   */
  limit(recordsCount: number): void;
}
