/*
 * Interrupts: Ctrl-C and requests to end, as the process gets them. The first asks for a clean end,
 * the second ends at once.
 */
import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A signal that asks the process to end. */
export type InterruptSignal = (typeof SIGNALS)[number];

/** The exit code of a process that ended because of `signal`. */
export function exitCodeOfSignal(signal: InterruptSignal): number {
  return 128 + constants.signals[signal];
}

/**
 * Calls `onFirst` on the first signal; the second ends the process at once with the code of its
 * signal. Call the result to stop listening.
 */
export function onInterrupt(onFirst: (signal: InterruptSignal) => void): () => void {
  let isFirst = true;
  const listeners = SIGNALS.map((signal) => {
    const listener = (): void => {
      if (!isFirst) process.exit(exitCodeOfSignal(signal));
      isFirst = false;
      onFirst(signal);
    };
    process.on(signal, listener);
    return { signal, listener };
  });
  return () => {
    for (const { signal, listener } of listeners) process.off(signal, listener);
  };
}
