/**
 * Debloater: how many records may be queued in front of a subtask, so that using them up takes
 * about a target time, whatever one of them costs (Flink's buffer debloating). A barrier waits for
 * what is queued before it: `docs/adr/0015-debloating.md`.
 *
 * Owns: the measure of the subtask's speed, and the limit of its channels, or of its reader. Does
 * not own: how they keep to it.
 *
 * I1. Time counts while the subtask has something to do, whatever holds it up: its own work, others
 *     on the thread, or full outputs. Waiting for input says nothing about its speed.
 * I2. All channels have the same limit. Each by its own speed would keep a channel slow that once
 *     was, since small batches get a small part of the turns.
 */
import { assert } from "../assert.ts";
import { NO_LIMIT } from "../exchange/channel.ts";
import type { InputChannel } from "../exchange/channel.ts";

/** What a limit is told to: a channel, or whatever else brings records in. */
export type Limited = Pick<InputChannel, "limit">;

/** How long it should take to use up what is queued in all channels of a subtask, ms. */
export const DEBLOAT_TARGET_MS = 300;
/**
 * The least share of a channel of many, ms: less might be used up before the producer, on another
 * thread, has its turn.
 */
const SHARE_MIN_MS = 20;
/** Limit until anything is known: little, since what is known first may be that it is much. */
const FIRST_LIMIT_COUNT = 16;
/** From here on the memory of channels is the tighter bound. */
const LIMIT_COUNT_MAX = 1 << 16;
/** Limits are told when they differ from what was told by more than one part in so many. */
const CHANGE_PARTS = 8;

/** See the file header. */
export class Debloater {
  readonly #channels: readonly Limited[];
  readonly #targetMs: number;
  readonly #shareMs: number;
  /** Within about the last `#targetMs` of busy time: records, and ms. */
  #recordsCount = 0;
  #busyMs = 0;
  /** Monotonic ms of the last look that found something; undefined while there is nothing. */
  #busySinceMs: number | undefined;
  #limitCount = 0;

  /** `targetMs`: see `DEBLOAT_TARGET_MS`. */
  constructor(channels: readonly Limited[], targetMs: number) {
    assert(targetMs > 0, "what is queued may take some time");
    this.#channels = channels;
    this.#targetMs = targetMs;
    this.#shareMs = Math.max(targetMs / channels.length, Math.min(targetMs, SHARE_MIN_MS));
    this.#tell(FIRST_LIMIT_COUNT);
  }

  /** To be called before every look for something to do: what was found before is done. */
  beforeLook(nowMs: number): void {
    if (this.#busySinceMs === undefined) {
      this.#busySinceMs = nowMs;
      return;
    }
    this.#busyMs += nowMs - this.#busySinceMs;
    this.#busySinceMs = nowMs;
    this.#update();
    if (this.#busyMs <= this.#targetMs) return;
    this.#recordsCount *= this.#targetMs / this.#busyMs;
    this.#busyMs = this.#targetMs;
  }

  /** A batch was found. */
  countRecords(count: number): void {
    this.#recordsCount += count;
  }

  /** Nothing more was found, and the look is over. */
  foundNothing(nowMs: number): void {
    this.beforeLook(nowMs);
    this.#busySinceMs = undefined;
  }

  #update(): void {
    if (this.#recordsCount === 0) return;
    // Too short for the clock is as fast as can be.
    const wanted =
      this.#busyMs > 0 ? (this.#recordsCount / this.#busyMs) * this.#shareMs : Infinity;
    const limitCount = wanted < LIMIT_COUNT_MAX ? Math.max(1, Math.round(wanted)) : NO_LIMIT;
    const change = Math.abs(limitCount - this.#limitCount);
    if (change * CHANGE_PARTS > this.#limitCount) this.#tell(limitCount);
  }

  #tell(limitCount: number): void {
    this.#limitCount = limitCount;
    for (const channel of this.#channels) channel.limit(limitCount);
  }
}
