/*
 * Doorbells between threads: one counter per worker in shared memory. Whoever has news for a worker
 * adds one and notifies; the worker reads the counter, looks at everything, and then waits for it
 * to change.
 */
import type { Doorbell } from "./channel.ts";

/** Bytes of shared memory for the doorbells of `workersCount` workers. */
export function doorbellMemory(workersCount: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workersCount * Int32Array.BYTES_PER_ELEMENT);
}

/** The doorbell of one worker; made on every thread that rings or waits, over the same memory. */
export class SharedDoorbell implements Doorbell {
  readonly #counters: Int32Array;
  readonly #index: number;

  constructor(memory: SharedArrayBuffer, workerIndex: number) {
    this.#counters = new Int32Array(memory);
    this.#index = workerIndex;
  }

  ring(): void {
    Atomics.add(this.#counters, this.#index, 1);
    Atomics.notify(this.#counters, this.#index);
  }

  /** How often it was rung, modulo 2^32. Read it before looking for work. */
  count(): number {
    return Atomics.load(this.#counters, this.#index);
  }

  /**
   * Resolves when it was rung after `count` was read; undefined: it was already. The promise does
   * not keep a process alive by itself.
   */
  wait(count: number): Promise<unknown> | undefined {
    const waiting = Atomics.waitAsync(this.#counters, this.#index, count);
    return waiting.async ? waiting.value : undefined;
  }

  /**
   * As `wait`, but stops the thread, for at most `timeoutMs`. Only where nothing else runs on it.
   */
  block(count: number, timeoutMs: number): void {
    Atomics.wait(this.#counters, this.#index, count, timeoutMs);
  }
}
