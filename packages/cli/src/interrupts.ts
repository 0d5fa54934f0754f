/*
 * Interrupts: Ctrl-C and requests to end, as the process gets them. The first asks for a clean end,
 * the second ends at once.
 */
import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A process that has not died of a signal after that long does not. */
const DEATH_MS = 100;

/** A signal that asks the process to end. */
export type InterruptSignal = (typeof SIGNALS)[number];

/** The exit code of a process that ended because of `signal`. */
export function exitCodeOfSignal(signal: InterruptSignal): number {
  return 128 + constants.signals[signal];
}

/**
 * Calls `onFirst` on the first signal; the second ends the process at once, by that signal. Call
 * the result to stop listening.
 */
export function onInterrupt(onFirst: (signal: InterruptSignal) => void): () => void {
  let isFirst = true;
  const listeners = SIGNALS.map((signal) => {
    const listener = (): void => {
      if (!isFirst) return endBy(signal);
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

/**
 * Dies of the signal, as if nobody listened. `process.exit` would wait for worker threads, and one
 * that is in a call to the system may never come back.
 */
function endBy(signal: InterruptSignal): void {
  process.removeAllListeners(signal);
  const exit = (): void => process.exit(exitCodeOfSignal(signal));
  // There a signal would end it with 1, and so not tell what has happened.
  if (process.platform === "win32") return exit();
  process.kill(process.pid, signal);
  // The first process of a container does not die of signals that it sends itself.
  setTimeout(exit, DEATH_MS);
}
