/**
 * Env: everything that the engine does not own. Clocks, randomness, files and threads reach the
 * engine through this one interface, so that the same engine code runs on worker threads, on one
 * thread, in the deterministic simulator and in a foreign host. `node-env.ts` is the real one;
 * `sim-env.ts` (in `testing`) the simulated one.
 *
 * I1. No other folder of the engine reads a clock, draws a random number, sets a timer, opens a
 *     file or starts a thread.
 * I2. Callbacks are never called from inside the call that registered them.
 */
import type { Files } from "./files.ts";
import type { LocalSockets } from "./sockets.ts";

/** Processing time and waiting. */
export interface Clock {
  /** Processing time, ms since the epoch; may jump either way as the machine's clock is set. */
  now(): number;
  /** Ms (fractions allowed) since an arbitrary start; never goes back. For durations only. */
  monotonicMs(): number;
  /**
   * Calls `callback` once, not before `delayMs` (≥ 0) from now. The function returned cancels it;
   * calling that twice is harmless.
   */
  schedule(delayMs: number, callback: () => void): () => void;
  /**
   * Calls `callback` once in a later turn of the event loop, after I/O that is ready has had its
   * turn. Cannot be canceled.
   */
  soon(callback: () => void): void;
}

/** A stream of random numbers. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, end). `end` in [1, 2^31]. */
  int(end: number): number;
  /** An independent stream; the same name and parent give the same stream in the simulator. */
  fork(name: string): Random;
}

/** What identifies this process to others on the same machine; see the run lock in `checkpoint`. */
export interface ProcessIdentity {
  /** Process id. */
  readonly pid: number;
  /** Changes whenever a pid is reused: start time of the process in an opaque form. */
  readonly startToken: string;
  /** Whether a process with this pid and token runs now. */
  isAlive(pid: number, startToken: string): boolean;
}

/** A place for text that a person reads; standard output in the real Env. */
export interface TextOutput {
  /** Takes the text as it is, in order; never waits. */
  write(text: string): void;
}

/** See the file header. */
export interface Env {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly process: ProcessIdentity;
  /**
   * True in tests and in the simulator: expensive checks (frozen records, deep invariants) are on.
   */
  readonly verify: boolean;
  /**
   * Absolute, with `/` between parts: what relative paths of the user start from. Without it they
   * are refused.
   */
  readonly workingDirectory?: string;
  /** Where the `print` sink writes. Without it there is no such sink. */
  readonly output?: TextOutput;
  /** Without them runs have no control channel. */
  readonly sockets?: LocalSockets;
}
