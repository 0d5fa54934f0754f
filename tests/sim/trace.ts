/*
 * The trace of a simulation in plain words: the last things that happened, for whoever reads about
 * a failure. The hash that tells runs apart is the scheduler's.
 */

/** Lines that are kept. */
const LINES_MAX = 2_000;

/** See the file header. */
export class Trace {
  readonly #lines: string[] = [];
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  say(text: string): void {
    if (this.#lines.length >= LINES_MAX) this.#lines.shift();
    this.#lines.push(`${this.#nowMs().toFixed(2).padStart(9)} ms  ${text}`);
  }

  /** The last lines, oldest first. */
  last(count: number): readonly string[] {
    return this.#lines.slice(-count);
  }
}
