/*
 * PeriodicTicks: the timer of periodic checkpoints.
 *
 * I1. A tick is planned one interval after the previous *planned* one, so that delays do not add
 *     up; a clock that stood still (a suspended machine) gives one tick for all it missed.
 * I2. No tick after `stop`.
 */
import { assert } from "../assert.ts";
import type { Clock } from "../env/env.ts";

export class PeriodicTicks {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #tick: () => void;
  #plannedMs = 0;
  #cancel: (() => void) | undefined;

  /** Calls `tick` every `intervalMs` (> 0) once started. */
  constructor(clock: Clock, intervalMs: number, tick: () => void) {
    assert(intervalMs > 0, "an interval is positive");
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#tick = tick;
  }

  get isRunning(): boolean {
    return this.#cancel !== undefined;
  }

  /** The next tick comes after `delayMs`, the ones after it at the interval from there. */
  startAfter(delayMs: number): void {
    this.stop();
    this.#plannedMs = this.#clock.monotonicMs() + delayMs;
    this.#schedule();
  }

  /** Idempotent. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #schedule(): void {
    const delayMs = Math.max(0, this.#plannedMs - this.#clock.monotonicMs());
    this.#cancel = this.#clock.schedule(delayMs, () => {
      const lateMs = Math.max(0, this.#clock.monotonicMs() - this.#plannedMs);
      this.#plannedMs += (Math.floor(lateMs / this.#intervalMs) + 1) * this.#intervalMs;
      this.#schedule();
      this.#tick();
    });
  }
}
