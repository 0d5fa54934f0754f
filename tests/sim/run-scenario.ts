/*
 * run-scenario: a scenario from its first process to its judgement: process after process on one
 * simulated machine until the job is over, then the files against the reference.
 *
 * I1. The same scenario gives the same trace hash (unless the engine itself was tampered with).
 */
import { buildJob } from "../../packages/core/src/driver/build-job.ts";
import type { JobGraph } from "../../packages/core/src/graph/job-graph.ts";
import { SimWorld } from "../../packages/core/src/testing/sim-env.ts";
import type { SimProcess } from "../../packages/core/src/testing/sim-env.ts";
import { scenarioJob, sinkDirectory, sourceFile } from "./build-job.ts";
import { Checkers } from "./checkers.ts";
import { Faults } from "./faults.ts";
import { intrude } from "./intruder.ts";
import { judge } from "./judge.ts";
import { evaluate } from "./reference.ts";
import { LONG_TIMEOUT_MS } from "./scenario.ts";
import type { Scenario } from "./scenario.ts";
import { CHECKPOINT_DIRECTORY, isExpected, noCounts, runProcess, stackOf } from "./sim-process.ts";
import type { Counts, ProcessEnd } from "./sim-process.ts";
import { putOffSlices } from "./slices.ts";
import { Trace } from "./trace.ts";

/** What came of a scenario. `problems` is empty if all is well. */
export interface Outcome {
  readonly problems: readonly string[];
  readonly traceHash: number;
  readonly eventsCount: number;
  readonly processesCount: number;
  readonly virtualMs: number;
  readonly counts: Readonly<Counts>;
  readonly trace: Trace;
}

/** Events within which a job must end when nothing goes wrong any more. */
const EVENTS_AFTER_FAULTS_MAX = 400_000;
/** Events without a fault after which the user raises a short timeout of checkpoints. */
const PATIENCE_EVENTS = 60_000;
/** Virtual ms between the end of a process and the start of the next. */
const PAUSE_MS = 15;
/** Processes after which a scenario is given up. */
const PROCESSES_MAX = 500;

/** Runs a scenario; never rejects. One at a time. */
export async function runScenario(scenario: Scenario): Promise<Outcome> {
  const unhandled: string[] = [];
  const note = (error: unknown): void => {
    unhandled.push(`a rejection was not handled: ${stackOf(error)}`);
  };
  process.on("unhandledRejection", note);
  const restore = putOffSlices(scenario);
  try {
    const outcome = await new Simulation(scenario).run();
    return { ...outcome, problems: [...outcome.problems, ...unhandled] };
  } finally {
    restore();
    process.off("unhandledRejection", note);
  }
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #world: SimWorld;
  readonly #trace: Trace;
  readonly #checkers: Checkers;
  readonly #faults: Faults;
  readonly #job: JobGraph;
  readonly #counts: Counts = noCounts();
  readonly #problems: string[] = [];
  #processesCount = 0;
  #eventsAfterFaults = 0;
  #isOver = false;
  #timeoutMs: number;
  /** The process that holds the run, as far as it lives. */
  #holder: SimProcess | undefined;
  #intruders: SimProcess[] = [];

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#timeoutMs = scenario.checkpoint.timeoutMs;
    const { faults, seed } = scenario;
    this.#world = new SimWorld({ seed, latencyScale: faults.latencyScale });
    this.#trace = new Trace(() => this.#world.scheduler.nowMs);
    this.#checkers = new Checkers(this.#world);
    this.#faults = new Faults(faults, this.#world, {
      trace: this.#trace,
      onEvent: (label) => this.#checkers.onEvent(label),
      onIntruder: () => this.#intrude(),
    });
    const job = scenarioJob(scenario, {
      seen: (uid) => this.#faults.seen(uid),
      watermark: (uid, subtask, watermark) => this.#checkers.watermark(uid, subtask, watermark),
      violation: (text) => this.#checkers.violation(text),
    });
    this.#job = buildJob(job, { args: [], configuration: {}, parallelism: undefined }).job;
  }

  async run(): Promise<Outcome> {
    try {
      await this.#writeInputs();
      await this.#runProcesses();
      if (this.#isOver) this.#judge();
    } catch (error) {
      this.#problems.push(`the simulation broke: ${stackOf(error)}`);
    }
    const { scheduler } = this.#world;
    return {
      problems: [...new Set([...this.#checkers.violations, ...this.#problems])],
      traceHash: scheduler.traceHash,
      eventsCount: scheduler.deliveredCount,
      processesCount: this.#processesCount,
      virtualMs: scheduler.nowMs,
      counts: this.#counts,
      trace: this.#trace,
    };
  }

  async #runProcesses(): Promise<void> {
    for (;;) {
      if (this.#processesCount++ >= PROCESSES_MAX) {
        this.#problems.push(`the job is not over after ${PROCESSES_MAX} processes`);
        return;
      }
      for (const intruder of this.#intruders.splice(0)) intruder.kill();
      const process = this.#world.startProcess();
      this.#faults.attach(process);
      const end = await this.#live(process);
      process.kill();
      if (this.#problems.length + this.#checkers.violations.length > 0) return;
      if (end?.kind === "over" || (end?.kind === "ended" && end.end.status === "FINISHED")) {
        const mayHaveCheckpoints = end.kind === "over" || this.#counts.warnings > 0;
        this.#checkers.finished(end.runDirectory, mayHaveCheckpoints);
        this.#isOver = true;
        return;
      }
      const { scheduler } = this.#world;
      await scheduler.advanceTo(scheduler.nowMs + PAUSE_MS);
    }
  }

  /** Until the process ends or dies; undefined if it died or could not start. */
  async #live(process: SimProcess): Promise<ProcessEnd | undefined> {
    const work = runProcess({
      scenario: this.#scenario,
      job: this.#job,
      env: process.env,
      faults: this.#faults,
      checkers: this.#checkers,
      trace: this.#trace,
      counts: this.#counts,
      timeoutMs: this.#timeoutMs,
      onHeld: (isHeld) => {
        this.#holder = isHeld ? process : undefined;
      },
    });
    let end: ProcessEnd | undefined;
    let failure: { readonly error: unknown } | undefined;
    work.then(
      (result) => (end = result),
      (error: unknown) => (failure = { error }),
    );
    while (end === undefined && failure === undefined && process.isAlive) {
      if (!(await this.#step(process))) return undefined;
    }
    if (failure !== undefined) this.#onFailure(failure.error);
    if (end?.kind === "ended" && end.end.status === "FAILED") this.#onFailure(end.end.error);
    return end;
  }

  /** A timeout that is too short for every checkpoint is the user's mistake, not the engine's. */
  #onImpatience(process: SimProcess): void {
    if (this.#scenario.checkpoint.timeoutMs >= LONG_TIMEOUT_MS) return;
    this.#trace.say("the user stops the process and raises the timeout of checkpoints");
    this.#timeoutMs = LONG_TIMEOUT_MS;
    process.kill();
  }

  #intrude(): void {
    const holder = this.#holder;
    if (holder?.isAlive !== true) return;
    this.#trace.say("FAULT a second process tries to take the run over");
    const intruder = intrude({
      world: this.#world,
      checkpointDirectory: CHECKPOINT_DIRECTORY,
      jobName: this.#job.graph.jobName,
      isHeld: () => holder.isAlive && this.#holder === holder,
      violation: (text) => this.#checkers.violation(text),
    });
    this.#intruders.push(intruder);
  }

  /** One event; false if the simulation is given up. */
  async #step(process: SimProcess): Promise<boolean> {
    const progressed = await this.#world.scheduler.runNext();
    if (!progressed) this.#problems.push("nothing will happen any more, and the job is not over");
    if (this.#faults.areOver) this.#eventsAfterFaults += 1;
    if (this.#eventsAfterFaults === PATIENCE_EVENTS) this.#onImpatience(process);
    const isEndless = this.#eventsAfterFaults > EVENTS_AFTER_FAULTS_MAX;
    if (isEndless) {
      this.#problems.push(
        `the job is not over ${EVENTS_AFTER_FAULTS_MAX} events after the last fault`,
      );
    }
    return progressed && !isEndless && this.#checkers.violations.length === 0;
  }

  #onFailure(error: unknown): void {
    this.#trace.say(`the process ends: ${error instanceof Error ? error.message : String(error)}`);
    if (!isExpected(error)) this.#problems.push(`a process failed by itself: ${stackOf(error)}`);
  }

  async #writeInputs(): Promise<void> {
    const process = this.#world.startProcess();
    const { files } = process.env;
    const write = async (): Promise<void> => {
      await files.createDirectory("/in");
      await files.createDirectory("/out");
      for (const { uid, operator } of this.#scenario.nodes) {
        if (operator.kind !== "source" || operator.form !== "files") continue;
        const file = await files.create(sourceFile(uid));
        const lines = operator.records.map((record) => `${JSON.stringify(record)}\n`);
        await file.write(Buffer.from(lines.join("")));
        await file.sync();
        await file.close();
      }
      await files.syncDirectory("/in");
      await files.syncDirectory("/");
    };
    await this.#world.scheduler.runUntil(write());
    process.kill();
  }

  #judge(): void {
    const committed = new Map<string, unknown[]>();
    for (const { uid, operator } of this.#scenario.nodes) {
      if (operator.kind !== "sink") continue;
      committed.set(uid, this.#recordsOf(sinkDirectory(uid)));
    }
    this.#problems.push(...judge(this.#scenario, evaluate(this.#scenario), committed));
  }

  #recordsOf(directory: string): unknown[] {
    return this.#checkers.filesBelow(directory).flatMap((path) => {
      if (path.includes("/.oxbow-pending/")) return [];
      const node = this.#world.disk.find(path);
      if (node?.kind !== "file") return [];
      const text = Buffer.from(node.bytes.subarray(0, node.sizeBytes)).toString("utf8");
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line): unknown => JSON.parse(line));
    });
  }
}
