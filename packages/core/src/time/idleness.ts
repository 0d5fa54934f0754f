/*
 * IdlenessTimer: decides when a split (or a source without splits) counts as idle.
 *
 * It measures only time in which records could have come: while the reader is blocked by
 * backpressure or by watermark alignment the timer stands still (Flink 2.0, FLINK-35886). It holds
 * no clock; every call brings the monotonic time.
 *
 * I1. Idle means: `idleAfterMs` of unblocked time went by since the last record.
 * I2. A record ends idleness at once.
 */
import { assert } from "../assert.ts";

/** See the file header. Times are monotonic ms. */
export class IdlenessTimer {
  readonly #idleAfterMs: number;
  /** Unblocked time that had gone by until `#since`. */
  #quietMs = 0;
  /** Since when the timer runs; undefined while it stands still. */
  #since: number | undefined;
  /** Reasons that block; the timer runs only when there is none. */
  #blockedCount = 0;

  constructor(idleAfterMs: number, nowMs: number) {
    assert(idleAfterMs > 0, "an idle timeout is positive");
    this.#idleAfterMs = idleAfterMs;
    this.#since = nowMs;
  }

  /** A record came. */
  onActivity(nowMs: number): void {
    this.#quietMs = 0;
    if (this.#since !== undefined) this.#since = nowMs;
  }

  /** From now on no record can come, for one more reason. */
  pause(nowMs: number): void {
    this.#blockedCount += 1;
    if (this.#since === undefined) return;
    this.#quietMs += nowMs - this.#since;
    this.#since = undefined;
  }

  /** One of the reasons is gone. */
  resume(nowMs: number): void {
    assert(this.#blockedCount > 0, "an idleness timer is resumed as often as it was paused");
    this.#blockedCount -= 1;
    if (this.#blockedCount === 0) this.#since = nowMs;
  }

  /** Whether the split is idle at `nowMs`. */
  isIdle(nowMs: number): boolean {
    return this.#quietAt(nowMs) >= this.#idleAfterMs;
  }

  /**
   * Ms until it becomes idle if nothing comes; undefined while it stands still; 0 when it is idle.
   */
  remainingMs(nowMs: number): number | undefined {
    const restMs = Math.max(0, this.#idleAfterMs - this.#quietAt(nowMs));
    return this.#since === undefined && restMs > 0 ? undefined : restMs;
  }

  #quietAt(nowMs: number): number {
    return this.#quietMs + (this.#since === undefined ? 0 : nowMs - this.#since);
  }
}
