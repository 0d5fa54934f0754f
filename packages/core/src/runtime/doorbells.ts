/**
 * Doorbells as one worker sees them: how it wakes others, and how it parks until somebody wakes it.
 *
 * I1. No ring is lost: `observe` is called before the last look at the channels, and `park` returns
 *     at once if the bell has rung since.
 */
import type { Doorbell } from "../exchange/channel.ts";
import { SharedDoorbell } from "../exchange/doorbell.ts";

/** The bells of all workers of an attempt. */
export interface DoorbellPanel {
  /** The bell of a worker. */
  bell(workerIndex: number): Doorbell;
  /** Notes how often the own bell has rung so far. */
  observe(): void;
  /** Calls `onRing` once when the own bell rings or has rung since `observe`. */
  park(onRing: () => void): void;
}

/** Bells in shared memory, for workers on threads of their own. */
export function sharedDoorbells(memory: SharedArrayBuffer, ownIndex: number): DoorbellPanel {
  const own = new SharedDoorbell(memory, ownIndex);
  let observed = own.count();
  let isWaiting = false;
  return {
    bell: (workerIndex) => new SharedDoorbell(memory, workerIndex),
    observe: () => {
      observed = own.count();
    },
    park: (onRing) => {
      if (isWaiting) return;
      const waiting = own.wait(observed);
      if (waiting === undefined) {
        onRing();
        return;
      }
      isWaiting = true;
      void waiting.then(() => {
        isWaiting = false;
        onRing();
      });
    },
  };
}

/** Bells of workers that share one thread: a ring wakes the worker directly. */
export function localDoorbells(wake: (workerIndex: number) => void): DoorbellPanel {
  return {
    bell: (workerIndex) => ({ ring: () => wake(workerIndex) }),
    observe: () => undefined,
    park: () => undefined,
  };
}
