/*
 * Interrupts: Ctrl-C and requests to end, as the process gets them, and what each asks for.
 *
 * - Ctrl-C while a run is kept: stop with a savepoint; then cancel; then end at once.
 * - Everything else: cancel; then end at once.
 */
import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A process that has not died of a signal after that long does not. */
const DEATH_MS = 100;

/** A signal that asks the process to end. */
export type InterruptSignal = (typeof SIGNALS)[number];

/** What a signal asks for. */
export type Interruption = "stop" | "cancel" | "end";

/** The exit code of a process that ended because of `signal`. */
export function exitCodeOfSignal(signal: InterruptSignal): number {
  return 128 + constants.signals[signal];
}

/** What the signals of one process ask for, one after another; see the file header. */
export class InterruptLadder {
  readonly #isKept: boolean;
  #asked: Interruption | undefined;

  /** `isKept`: the run can be stopped with a savepoint. */
  constructor(isKept: boolean) {
    this.#isKept = isKept;
  }

  next(signal: InterruptSignal): Interruption {
    const isStop = this.#isKept && signal === "SIGINT" && this.#asked === undefined;
    const isCancel = this.#asked === undefined || this.#asked === "stop";
    this.#asked = isStop ? "stop" : isCancel ? "cancel" : "end";
    return this.#asked;
  }
}

/**
 * Calls `onSignal` with every signal and what it asks for, but for `end`, which ends the process at
 * once, by that signal. Call the result to stop listening.
 */
export function onInterrupt(
  ladder: InterruptLadder,
  onSignal: (asked: Exclude<Interruption, "end">, signal: InterruptSignal) => void,
): () => void {
  const listeners = SIGNALS.map((signal) => {
    const listener = (): void => {
      const asked = ladder.next(signal);
      if (asked === "end") endBy(signal);
      else onSignal(asked, signal);
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
