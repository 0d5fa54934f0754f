/*
 * SimWorld: a simulated machine, and SimEnv: the Env of one process on it. Time is virtual, chance
 * comes from one seed, the disk can lose what was not synced, and a process can die at any event.
 *
 *     const world = new SimWorld({ seed: 7 });
 *     const process = world.startProcess();
 *     await world.scheduler.runUntil(work(process.env));
 *     world.crashMachine();
 *
 * I1. The same seed and the same program give the same trace (`scheduler.traceHash`).
 * I2. A dead process gets no event; its promises never settle. What it started is dropped.
 */
import { assert } from "../assert.ts";
import type { Clock, Env, Random } from "../env/env.ts";
import { seededRandom } from "../env/random.ts";
import { SimDisk } from "./sim-disk.ts";
import { SimFiles } from "./sim-files.ts";
import { SimScheduler } from "./sim-scheduler.ts";

/** Wall clock at the start of every simulation: 2026-01-01T00:00:00Z. */
export const SIM_EPOCH_MS = 1_767_225_600_000;

/** Pids are few, so that they are reused as on a busy machine. */
const PIDS_COUNT = 8;

/** A turn of the event loop takes up to so long, ms. */
const TURN_MS_MAX = 0.2;

/** Settings of a simulated machine. */
export interface SimWorldOptions {
  readonly seed: string | number;
  /** Chance of FILE_IO per file operation; default 0. */
  readonly failureRate?: number;
  /** Scales the latency of storage; default 1. */
  readonly latencyScale?: number;
}

/** The Env of a simulated process, with the simulated parts visible. */
export interface SimEnv extends Env {
  readonly files: SimFiles;
}

/** A running (or dead) simulated process. */
export interface SimProcess {
  readonly env: SimEnv;
  readonly isAlive: boolean;
  /** kill -9: what is on its way is dropped or half done; what was written stays. */
  kill(): void;
}

/** See the file header. */
export class SimWorld {
  readonly scheduler: SimScheduler;
  readonly disk = new SimDisk();
  readonly random: Random;
  readonly #options: SimWorldOptions;
  readonly #alive = new Map<number, LiveProcess>();
  #startedCount = 0;
  #clockOffsetMs = SIM_EPOCH_MS;

  constructor(options: SimWorldOptions) {
    this.#options = options;
    this.scheduler = new SimScheduler(options.seed);
    this.random = seededRandom(options.seed);
  }

  /** Sets the wall clock forward or (negative) back, as an administrator or NTP does. */
  jumpWallClock(byMs: number): void {
    this.#clockOffsetMs += byMs;
  }

  /** Starts a process with a free pid. At most `PIDS_COUNT` live at a time. */
  startProcess(): SimProcess {
    const name = `process-${this.#startedCount++}`;
    const random = this.random.fork(name);
    let pid = 100 + random.int(PIDS_COUNT);
    assert(this.#alive.size < PIDS_COUNT, "too many simulated processes");
    while (this.#alive.has(pid)) pid = 100 + ((pid - 99) % PIDS_COUNT);
    const process = new LiveProcess(this, { pid, name, random, options: this.#options });
    this.#alive.set(pid, process);
    return process;
  }

  /** Power loss: all processes die, storage keeps what is durable and some of the rest. */
  crashMachine(): void {
    for (const process of [...this.#alive.values()]) process.kill();
    this.disk.loseUnsynced(this.random.fork(`crash-${this.scheduler.deliveredCount}`));
  }

  /** Wall clock in ms. */
  now(): number {
    return Math.floor(this.#clockOffsetMs + this.scheduler.nowMs);
  }

  isAlive(pid: number, startToken: string): boolean {
    return this.#alive.get(pid)?.env.process.startToken === startToken;
  }

  forget(process: SimProcess): void {
    this.#alive.delete(process.env.process.pid);
  }
}

interface ProcessSeed {
  readonly pid: number;
  readonly name: string;
  readonly random: Random;
  readonly options: SimWorldOptions;
}

class LiveProcess implements SimProcess {
  readonly env: SimEnv;
  readonly #world: SimWorld;
  readonly #turns: Random;
  #isAlive = true;

  constructor(world: SimWorld, seed: ProcessSeed) {
    this.#world = world;
    this.#turns = seed.random.fork("turns");
    const files = new SimFiles({
      disk: world.disk,
      scheduler: world.scheduler,
      random: seed.random.fork("files"),
      now: () => world.now(),
      failureRate: seed.options.failureRate ?? 0,
      latencyScale: seed.options.latencyScale ?? 1,
    });
    this.env = Object.freeze({
      clock: this.#clock(),
      random: seed.random.fork("engine"),
      files,
      process: {
        pid: seed.pid,
        startToken: seed.name,
        isAlive: (pid: number, startToken: string) => world.isAlive(pid, startToken),
      },
      verify: true,
    });
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.env.files.die();
    this.#world.scheduler.cancelOwner(this);
    this.#world.scheduler.cancelOwner(this.env.files);
    this.#world.forget(this);
  }

  #clock(): Clock {
    const world = this.#world;
    return {
      now: () => world.now(),
      monotonicMs: () => world.scheduler.nowMs,
      schedule: (delayMs, callback) => {
        if (!this.#isAlive) return () => undefined;
        const request = { delayMs, label: "timer", owner: this, run: callback };
        return world.scheduler.schedule(request);
      },
      soon: (callback) => {
        if (!this.#isAlive) return;
        const delayMs = this.#turns.next() * TURN_MS_MAX;
        world.scheduler.schedule({ delayMs, label: "turn", owner: this, run: callback });
      },
    };
  }
}
