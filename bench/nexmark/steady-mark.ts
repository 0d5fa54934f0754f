/*
 * SteadyMark: the moment from which a run counts, when everything is compiled and warm. Whichever
 * thread comes to it writes down the clocks of the process.
 */
import { readFileSync, writeFileSync } from "node:fs";

/** Clocks of the process, ms. */
export interface Clocks {
  readonly wallMs: number;
  /** User and system time of all threads. */
  readonly cpuMs: number;
}

/** What the clocks say. */
export function clocks(): Clocks {
  const { user, system } = process.cpuUsage();
  return { wallMs: performance.timeOrigin + performance.now(), cpuMs: (user + system) / 1000 };
}

/** See the file header. */
export class SteadyMark {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  note(): void {
    writeFileSync(this.#file, JSON.stringify(clocks()));
  }

  /** What was noted. */
  read(): Clocks {
    return JSON.parse(readFileSync(this.#file, "utf8")) as Clocks;
  }
}
