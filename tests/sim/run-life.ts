/*
 * RunLife: one run of a story, from its first process on: process after process until the job has
 * ended, was stopped, or its user gives it up.
 */
import { buildJob } from "../../packages/core/src/driver/build-job.ts";
import type { BuiltJob } from "../../packages/core/src/driver/build-job.ts";
import type { JobMaster } from "../../packages/core/src/runtime/job-master.ts";
import type { CheckpointMetadata } from "../../packages/core/src/snapshot/metadata.ts";
import type { RunRecord } from "../../packages/core/src/snapshot/run-record.ts";
import type { SimProcess, SimWorld } from "../../packages/core/src/testing/sim-env.ts";
import { seededRandom } from "../../packages/core/src/env/random.ts";
import { JOB_NAME, scenarioJob } from "./build-job.ts";
import type { Checkers } from "./checkers.ts";
import type { ContentsReader } from "./contents.ts";
import type { Counts } from "./counts.ts";
import { scenarioUid } from "./disk-view.ts";
import type { Faults } from "./faults.ts";
import { intrude } from "./intruder.ts";
import type { KnownSnapshot, NextRun, RunStart } from "./next-run.ts";
import { nodesOfRun } from "./operator-changes.ts";
import { upgraded } from "./upgrade.ts";
import { rescaled } from "./rescaling.ts";
import { LONG_TIMEOUT_MS } from "./scenario.ts";
import type { NodeSpec, Scenario } from "./scenario.ts";
import { CHECKPOINT_DIRECTORY, isExpected, runProcess, stackOf } from "./sim-process.ts";
import type { ProcessEnd } from "./sim-process.ts";
import type { RunSpec } from "./story.ts";
import type { Trace } from "./trace.ts";
import { User } from "./user.ts";

/** How a run ended. */
export type RunEnd =
  | { readonly kind: "finished" }
  /** With a savepoint; `isClean`: the sinks have committed all that it holds. */
  | {
      readonly kind: "suspended" | "drained";
      readonly snapshot: KnownSnapshot;
      readonly isClean: boolean;
    }
  /** Given up by its user; the newest checkpoint. */
  | { readonly kind: "left"; readonly snapshot: KnownSnapshot };

export interface RunLifeParts {
  readonly scenario: Scenario;
  readonly spec: RunSpec;
  readonly start: RunStart;
  /** Of the run in its story. */
  readonly index: number;
  readonly world: SimWorld;
  readonly trace: Trace;
  readonly checkers: Checkers;
  readonly faults: Faults;
  readonly contents: ContentsReader;
  readonly nextRun: NextRun;
  readonly counts: Counts;
}

/** Events within which a run must end when nothing goes wrong any more. */
const EVENTS_AFTER_FAULTS_MAX = 400_000;
/** Events without a fault after which the user raises a short timeout of checkpoints. */
const PATIENCE_EVENTS = 60_000;
/** Virtual ms between the end of a process and the start of the next. */
const PAUSE_MS = 15;
/** Processes after which a run is given up. */
const PROCESSES_MAX = 500;

/** See the file header. */
export class RunLife {
  readonly problems: string[] = [];
  processesCount = 0;
  readonly #parts: RunLifeParts;
  /** Of the newest process. */
  #nodes: readonly NodeSpec[];
  readonly #user: User;
  #timeoutMs: number;
  #eventsAfterFaults = 0;
  #directory: string | undefined;
  /** The process that holds the run, as far as it lives, and its job. */
  #holder: SimProcess | undefined;
  #master: JobMaster | undefined;
  /** The process that the user would kill. */
  #process: SimProcess | undefined;
  #isLeft = false;
  #intruders: SimProcess[] = [];

  constructor(parts: RunLifeParts) {
    this.#parts = parts;
    const { scenario, checkers, world, trace, counts, index } = parts;
    this.#timeoutMs = scenario.checkpoint.timeoutMs;
    this.#nodes = scenario.nodes;
    const { deaths, storage, fullDisks, throws } = scenario.faults;
    const faultsCount = deaths.length + storage.length + fullDisks.length + throws.length;
    const master = (): JobMaster | undefined =>
      this.#holder?.isAlive === true ? this.#master : undefined;
    const kill = (): void => this.#onUserKill();
    const mayFail = faultsCount > 0 || this.#timeoutMs < LONG_TIMEOUT_MS;
    this.#user = new User({ world, trace, counts, checkers, master, kill, mayFail }, index);
  }

  /** Undefined where the run did not come to an end; `problems` says why. */
  async run(): Promise<RunEnd | undefined> {
    const { spec, start, checkers } = this.#parts;
    const { origin, command } = start;
    checkers.runBegins(
      origin && {
        directory: origin.directory,
        isClaimed: command.restore?.claimMode === "CLAIM",
        isDeletedByUser: () => origin.isGone && command.restore?.claimMode !== "CLAIM",
      },
    );
    this.#user.begin(spec.acts);
    try {
      return await this.#runProcesses();
    } finally {
      this.#user.end();
      checkers.runEnds();
      for (const intruder of this.#intruders) intruder.kill();
    }
  }

  /** The time for a second process has come. */
  intrude(): void {
    const holder = this.#holder;
    if (holder?.isAlive !== true) return;
    const { trace, world, checkers, start } = this.#parts;
    trace.say("FAULT a second process tries to take the run over");
    const intruder = intrude({
      world,
      checkpointDirectory: CHECKPOINT_DIRECTORY,
      jobName: JOB_NAME,
      command: start.command,
      isHeld: () => holder.isAlive && this.#holder === holder,
      violation: (text) => checkers.violation(text),
    });
    this.#intruders.push(intruder);
  }

  async #runProcesses(): Promise<RunEnd | undefined> {
    const { world, faults, checkers, spec } = this.#parts;
    const { scheduler } = world;
    while (this.processesCount++ < PROCESSES_MAX) {
      for (const intruder of this.#intruders.splice(0)) intruder.kill();
      const process = world.startProcess();
      this.#process = process;
      faults.attach(process);
      const end = await this.#live(process);
      const hasDied = !process.isAlive;
      process.kill();
      if (this.problems.length + checkers.violations.length > 0) return undefined;
      if (!hasDied && this.#isLost()) return undefined;
      const over = end && this.#overOf(end, hasDied);
      if (over !== undefined) return over;
      if (hasDied && (this.#isLeft || spec.isLeftAtDeath)) {
        const left = this.#leave();
        if (left !== undefined) return left;
      }
      await scheduler.advanceTo(scheduler.nowMs + PAUSE_MS);
    }
    this.problems.push(`the run is not over after ${PROCESSES_MAX} processes`);
    return undefined;
  }

  /** Until the process ends or dies; undefined if it died or could not start. */
  async #live(process: SimProcess): Promise<ProcessEnd | undefined> {
    const work = this.#runProcess(process);
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

  #runProcess(process: SimProcess): Promise<ProcessEnd> {
    const { scenario, spec, start, faults, checkers, trace, counts } = this.#parts;
    this.#nodes = this.#nodesOfProcess();
    checkers.processBegins(this.#nodes);
    return runProcess({
      scenario,
      built: this.#build(),
      command: start.command,
      env: process.env,
      faults,
      checkers,
      trace,
      counts,
      timeoutMs: this.#timeoutMs,
      tell: {
        isAlive: () => process.isAlive,
        held: ({ directory, store, begunFrom }) => {
          this.#holder = process;
          this.#directory = directory.directory;
          const restored = store.latest ?? begunFrom?.metadata;
          if (restored !== undefined) this.#countChanges(restored);
          if (begunFrom !== undefined && spec.upgrade.generation > 0) counts.upgraded++;
          for (const metadata of store.completed) this.#parts.contents.note(metadata);
        },
        master: (master) => (this.#master = master),
        released: () => {
          this.#holder = undefined;
          this.#master = undefined;
        },
        snapshot: ({ kind, location }) => this.#onSnapshot(kind, location),
      },
    });
  }

  #nodesOfProcess(): readonly NodeSpec[] {
    const { scenario, spec, index } = this.#parts;
    const random = seededRandom(scenario.seed).fork(`run/${index}`);
    const nodes = upgraded(nodesOfRun(scenario, index), spec.upgrade, {
      index,
      random: random.fork("upgrade"),
    });
    if (spec.rescaling === "never") return nodes;
    const which = spec.rescaling === "once" ? 0 : this.processesCount;
    return rescaled(nodes, scenario.maxParallelism, random.fork(`rescaling/${which}`));
  }

  #countChanges({ operators }: CheckpointMetadata): void {
    const { counts } = this.#parts;
    const before = new Map(
      operators.map(({ uid, parallelism }) => [scenarioUid(uid), parallelism]),
    );
    const now = new Map(this.#nodes.map(({ uid, parallelism }) => [uid, parallelism]));
    const isOther = (uid: string): boolean => before.get(uid) !== (now.get(uid) ?? before.get(uid));
    if ([...before.keys()].some(isOther)) counts.rescaled++;
    if ([...before.keys()].some((uid) => !now.has(uid) && !uid.includes("-detour-"))) {
      counts.shrunk++;
    }
    if (this.#parts.start.history.missed.size > 0) counts.grown++;
  }

  #build(): BuiltJob {
    const { scenario, start, faults, checkers } = this.#parts;
    const hooks = {
      seen: (uid: string) => faults.seen(uid),
      watermark: (uid: string, subtask: number, watermark: number) =>
        checkers.watermark(uid, subtask, watermark),
      violation: (text: string) => checkers.violation(text),
    };
    const job = scenarioJob({ ...scenario, nodes: this.#nodes }, hooks, start.target);
    return buildJob(job, { args: [], configuration: {}, parallelism: undefined });
  }

  /** One event; false if the simulation is given up. */
  async #step(process: SimProcess): Promise<boolean> {
    const { world, faults, checkers } = this.#parts;
    const progressed = await world.scheduler.runNext();
    if (!progressed) this.problems.push("nothing will happen any more, and the job is not over");
    if (faults.areOver) this.#eventsAfterFaults += 1;
    if (this.#eventsAfterFaults === PATIENCE_EVENTS) this.#onImpatience(process);
    const isEndless = this.#eventsAfterFaults > EVENTS_AFTER_FAULTS_MAX;
    if (isEndless) {
      this.problems.push(
        `the job is not over ${EVENTS_AFTER_FAULTS_MAX} events after the last fault`,
      );
    }
    return progressed && !isEndless && checkers.violations.length === 0;
  }

  /** A timeout that is too short for every checkpoint is the user's mistake, not the engine's. */
  #onImpatience(process: SimProcess): void {
    if (this.#parts.scenario.checkpoint.timeoutMs >= LONG_TIMEOUT_MS) return;
    this.#parts.trace.say("the user stops the process and raises the timeout of checkpoints");
    this.#timeoutMs = LONG_TIMEOUT_MS;
    process.kill();
  }

  #onFailure(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.#parts.trace.say(`the process ends: ${text}`);
    if (this.#isLost()) return;
    if (!isExpected(error)) this.problems.push(`a process failed by itself: ${stackOf(error)}`);
  }

  /** What the run was to begin from has gone with the power before anybody could keep it. */
  #isLost(): boolean {
    const { start, checkers } = this.#parts;
    const { origin } = start;
    if (origin === undefined || this.#directory !== undefined) return false;
    return !checkers.view.has(`${origin.directory}/_metadata`);
  }

  #onUserKill(): void {
    if (this.#process?.isAlive !== true) return;
    this.#parts.trace.say("the user kills the process");
    this.#isLeft = true;
    this.#process.kill();
  }

  #onSnapshot(kind: "checkpoint" | "savepoint", location: string): void {
    const { spec, start, checkers, nextRun, contents } = this.#parts;
    if (kind === "savepoint") {
      const { metadata } = this.#know(location);
      checkers.savepointCompleted(metadata, location);
      return;
    }
    contents.note(checkers.view.snapshot(location)!);
    const { origin, command } = start;
    const { claimMode } = command.restore ?? {};
    if (origin === undefined || origin.isGone || claimMode === "CLAIM") return;
    if (spec.beginning?.isDeleted === true) nextRun.delete(origin);
  }

  /** How the run ended; undefined: it goes on in another process. */
  #overOf(end: ProcessEnd, hasDied: boolean): RunEnd | undefined {
    const { record, runDirectory } = end;
    const isFinished = end.kind === "over" || end.end.status === "FINISHED";
    if (!isFinished) return undefined;
    const { checkers, counts } = this.#parts;
    const { stoppedWith, status } = record;
    const isClean = status === "finished";
    // A power loss in the last moment may bring an empty directory back.
    const mayHaveCheckpoints = end.kind === "over" || hasDied || counts.warnings > 0;
    if (isClean) checkers.finished(runDirectory, mayHaveCheckpoints);
    return stoppedWith === null ? { kind: "finished" } : this.#stoppedEnd(stoppedWith, isClean);
  }

  #stoppedEnd(
    { path, isDrained }: NonNullable<RunRecord["stoppedWith"]>,
    isClean: boolean,
  ): RunEnd {
    const { counts } = this.#parts;
    if (isDrained) counts.drained++;
    else counts.suspended++;
    if (!isClean) counts.incompleteStops++;
    return { kind: isDrained ? "drained" : "suspended", snapshot: this.#know(path), isClean };
  }

  /** The user gives the run up; undefined if there is nothing to go on from. */
  #leave(): RunEnd | undefined {
    const { checkers, trace, counts, contents } = this.#parts;
    const directory = this.#directory;
    if (directory === undefined) return undefined;
    const { view } = checkers;
    const stoppedWith = view.runRecord(directory)?.stoppedWith;
    if (stoppedWith) return this.#stoppedEnd(stoppedWith, false);
    const ids = view
      .names(directory)
      .filter((name) => name.startsWith("chk-") && view.has(`${directory}/${name}/_metadata`))
      .map((name) => Number(name.slice(4)))
      .sort((left, right) => left - right);
    if (ids.length === 0) return undefined;
    for (const id of ids) contents.note(view.snapshot(`${directory}/chk-${id}`)!);
    const [newest] = ids.map((id) => this.#know(`${directory}/chk-${id}`)).reverse();
    trace.say(`the user gives the run up, whose newest checkpoint is ${newest.directory}`);
    counts.left++;
    return { kind: "left", snapshot: newest };
  }

  /** A snapshot of this run, with what had been given when it was taken. */
  #know(directory: string): KnownSnapshot {
    const { nextRun, checkers, contents, start } = this.#parts;
    const known = nextRun.find(directory);
    if (known !== undefined) return known;
    const metadata = checkers.view.snapshot(directory) as CheckpointMetadata;
    const snapshot: KnownSnapshot = {
      directory,
      metadata,
      history: start.history,
      runDirectory: this.#directory!,
      contents: contents.before(start.history, metadata),
      isGone: false,
      isCommitted: false,
    };
    nextRun.add(snapshot);
    return snapshot;
  }
}
