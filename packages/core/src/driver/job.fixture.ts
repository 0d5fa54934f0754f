// Jobs on a simulated machine: started as users start them, with time that only tests move.
import type { StreamEnvironment } from "../api/environment.ts";
import { job } from "../api/job.ts";
import { generator } from "../connectors/generator.ts";
import type { Clock, Env } from "../env/env.ts";
import type { JobEvent } from "../runtime/job-event.ts";
import type { JobEnd } from "../runtime/job-master.ts";
import { SimWorld } from "../testing/sim-env.ts";
import type { SimProcess } from "../testing/sim-env.ts";
import { startJob } from "./run-job.ts";
import type { JobHandle, JobStart, RunOptions } from "./run-job.ts";

/** A machine, the processes on it, and what the jobs on it told. */
export class JobBench {
  readonly world: SimWorld;
  readonly events: JobEvent[] = [];
  process: SimProcess;

  /** `failureRate`: chance that an operation on a file fails. */
  constructor(seed = "jobs", failureRate = 0) {
    this.world = new SimWorld({ seed, failureRate });
    this.process = this.world.startProcess();
  }

  /** Starts a job in the current process. */
  start(build: (env: StreamEnvironment) => void, options: RunOptions = {}): Promise<JobStart> {
    const { world, process, events } = this;
    return world.scheduler.runUntil(
      startJob(job("test", build), {
        env: process.env,
        onEvent: (event) => events.push(event),
        ...options,
      }),
    );
  }

  /** Starts a job that must not be over. */
  async running(
    build: (env: StreamEnvironment) => void,
    options: RunOptions = {},
  ): Promise<JobHandle> {
    const start = await this.start(build, options);
    if (start.kind === "over") throw new Error(`The run is over: ${start.status}`);
    return start.job;
  }

  /** Runs a job to its end. */
  async run(build: (env: StreamEnvironment) => void, options: RunOptions = {}): Promise<JobEnd> {
    const { ended } = await this.running(build, options);
    return this.world.scheduler.runUntil(ended);
  }

  /** The error with which a job is refused before it runs, or fails. */
  async refused(build: (env: StreamEnvironment) => void, options: RunOptions = {}): Promise<Error> {
    let handle: JobHandle;
    try {
      handle = await this.running(build, options);
    } catch (error) {
      return error as Error;
    }
    await this.advance(1_000);
    if (handle.status !== "FAILED") throw new Error(`The job is ${handle.status}`);
    return (await handle.ended).error as Error;
  }

  /** Lets everything happen that happens in the next `ms`. */
  advance(ms: number): Promise<void> {
    return this.world.scheduler.advanceTo(this.world.scheduler.nowMs + ms);
  }

  /** Delivers events until `isSo`. */
  async until(isSo: () => boolean, eventsMax = 100_000): Promise<void> {
    for (let count = 0; !isSo(); count++) {
      if (count === eventsMax || !(await this.world.scheduler.runNext())) {
        throw new Error("what is waited for does not happen");
      }
    }
  }

  /** kill -9, and a new process on the same machine. */
  restart(): void {
    this.process.kill();
    this.process = this.world.startProcess();
  }

  /** The statuses that the job went through. */
  statuses(): string[] {
    return this.events.flatMap((event) => (event.kind === "status" ? [event.status] : []));
  }

  count(kind: JobEvent["kind"]): number {
    return this.events.filter((event) => event.kind === kind).length;
  }
}

/** A clock that what a job does moves on, beside the simulator. */
export class WorkClock {
  /** What it was moved on by, ms. */
  passedMs = 0;

  pass(ms: number): void {
    this.passedMs += ms;
  }

  /** The environment with this clock. */
  envOf(env: Env): Env {
    const clock: Clock = {
      now: () => env.clock.now() + Math.floor(this.passedMs),
      monotonicMs: () => env.clock.monotonicMs() + this.passedMs,
      schedule: (delayMs, callback) => env.clock.schedule(delayMs, callback),
      soon: (callback) => env.clock.soon(callback),
    };
    return { ...env, clock };
  }
}

/** Numbers 0, 1, 2, …, a hundred in a second, for ever. */
export function endless() {
  return generator({ make: (index) => index, ratePerSecond: 100 });
}
