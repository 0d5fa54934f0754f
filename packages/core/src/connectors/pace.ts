/*
 * Pace: how many records may be emitted by now, at a rate.
 *
 * I1. Record k is not emitted before k / rate seconds after the start; what was missed while held
 *     up is made good at full speed, but no more than `MAX_CREDIT_MS` of it.
 */
import type { ReaderContext } from "./source.ts";

/** Time that may be caught up on after being held up, ms. */
export const MAX_CREDIT_MS = 1_000;

/** See the file header. */
export class Pace {
  readonly #context: Pick<ReaderContext, "env" | "wake">;
  readonly #ratePerMs: number;
  #spentCount = 0;
  #startedAt: number;
  #cancel: (() => void) | undefined;

  constructor(context: Pick<ReaderContext, "env" | "wake">, recordsPerSecond: number) {
    this.#context = context;
    this.#ratePerMs = recordsPerSecond / 1_000;
    this.#startedAt = context.env.clock.monotonicMs();
  }

  /** How many records may go now; if none, a wake-up is scheduled. */
  credit(): number {
    const now = this.#context.env.clock.monotonicMs();
    const credit = Math.floor((now - this.#startedAt) * this.#ratePerMs) - this.#spentCount;
    const creditLimit = Math.max(1, Math.floor(MAX_CREDIT_MS * this.#ratePerMs));
    if (credit > creditLimit) {
      this.#startedAt = now - creditLimit / this.#ratePerMs;
      this.#spentCount = 0;
      return creditLimit;
    }
    if (credit <= 0) this.#wakeWhenEarned(now);
    return Math.max(0, credit);
  }

  /** So many went; more than there was credit for are paid back by waiting. */
  spend(count: number): void {
    this.#spentCount += count;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #wakeWhenEarned(now: number): void {
    if (this.#cancel !== undefined) return;
    const dueAt = this.#startedAt + (this.#spentCount + 1) / this.#ratePerMs;
    // At high rates a timer per record would cost more than the record.
    const delayMs = Math.max(1, dueAt - now);
    this.#cancel = this.#context.env.clock.schedule(delayMs, () => {
      this.#cancel = undefined;
      this.#context.wake();
    });
  }
}
