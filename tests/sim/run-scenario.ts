/*
 * run-scenario: a scenario from its first process to its judgement: run after run, and process
 * after process, on one simulated machine until the story is over; after each run the files against
 * the reference.
 *
 * I1. The same scenario gives the same trace hash (unless the engine itself was tampered with).
 */
import { SimWorld } from "../../packages/core/src/testing/sim-env.ts";
import { sourceFile } from "./build-job.ts";
import { Checkers } from "./checkers.ts";
import { ContentsReader } from "./contents.ts";
import { noCounts } from "./counts.ts";
import type { Counts } from "./counts.ts";
import { Faults } from "./faults.ts";
import { judgeEnd } from "./judge-end.ts";
import { FIRST_START, NextRun } from "./next-run.ts";
import { RunLife } from "./run-life.ts";
import type { Scenario } from "./scenario.ts";
import { stackOf } from "./sim-process.ts";
import { putOffSlices } from "./slices.ts";
import { Trace } from "./trace.ts";

/** What came of a scenario. `problems` is empty if all is well. */
export interface Outcome {
  readonly problems: readonly string[];
  readonly traceHash: number;
  readonly eventsCount: number;
  readonly runsCount: number;
  readonly processesCount: number;
  readonly virtualMs: number;
  readonly counts: Readonly<Counts>;
  readonly trace: Trace;
}

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
  readonly #contents: ContentsReader;
  readonly #nextRun: NextRun;
  readonly #counts: Counts = noCounts();
  readonly #problems: string[] = [];
  #runsCount = 0;
  #processesCount = 0;
  #life: RunLife | undefined;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    const { faults, seed } = scenario;
    this.#world = new SimWorld({ seed, latencyScale: faults.latencyScale });
    this.#trace = new Trace(() => this.#world.scheduler.nowMs);
    this.#checkers = new Checkers(this.#world);
    this.#faults = new Faults(faults, this.#world, {
      trace: this.#trace,
      onEvent: (label) => this.#checkers.onEvent(label),
      onIntruder: () => this.#life?.intrude(),
    });
    this.#contents = new ContentsReader(this.#checkers.view, scenario);
    this.#nextRun = new NextRun({
      scenario,
      world: this.#world,
      view: this.#checkers.view,
      trace: this.#trace,
      counts: this.#counts,
    });
  }

  async run(): Promise<Outcome> {
    try {
      await this.#writeInputs();
      await this.#runStory();
    } catch (error) {
      this.#problems.push(`the simulation broke: ${stackOf(error)}`);
    }
    const { scheduler } = this.#world;
    return {
      problems: [...new Set([...this.#checkers.violations, ...this.#problems])],
      traceHash: scheduler.traceHash,
      eventsCount: scheduler.deliveredCount,
      runsCount: this.#runsCount,
      processesCount: this.#processesCount,
      virtualMs: scheduler.nowMs,
      counts: this.#counts,
      trace: this.#trace,
    };
  }

  async #runStory(): Promise<void> {
    let start = FIRST_START;
    for (const [index, spec] of this.#scenario.runs.entries()) {
      this.#runsCount++;
      const life = new RunLife({
        scenario: this.#scenario,
        spec,
        start,
        index,
        world: this.#world,
        trace: this.#trace,
        checkers: this.#checkers,
        faults: this.#faults,
        contents: this.#contents,
        nextRun: this.#nextRun,
        counts: this.#counts,
      });
      this.#life = life;
      const end = await life.run();
      this.#life = undefined;
      this.#processesCount += life.processesCount;
      this.#problems.push(...life.problems);
      this.#faults.detach();
      if (end === undefined) return;
      this.#trace.say(`run ${index} is over: ${end.kind}`);
      this.#problems.push(
        ...judgeEnd(end, {
          scenario: this.#scenario,
          index,
          start,
          contents: this.#contents,
          checkers: this.#checkers,
        }),
      );
      if (this.#problems.length + this.#checkers.violations.length > 0) return;
      const next = this.#scenario.runs[index + 1]?.beginning;
      if (next === undefined) return;
      const snapshot = end.kind === "finished" ? undefined : end.snapshot;
      const chosen = await this.#nextRun.choose(next, index + 1, { snapshot, start });
      if (chosen === undefined) return;
      start = chosen;
    }
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
}
