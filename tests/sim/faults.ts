/*
 * Faults: carries out a scenario's fault plan on a simulated machine: deaths at chosen events,
 * storage that fails or is slow, jumps of the clock, functions that throw, notices that are lost.
 *
 * I1. After `FaultPlan.endMs` nothing goes wrong any more.
 */
import type { Random } from "../../packages/core/src/env/env.ts";
import type { SimEventRequest } from "../../packages/core/src/testing/sim-scheduler.ts";
import type { SimProcess, SimWorld } from "../../packages/core/src/testing/sim-env.ts";
import type { DeathFault, FaultPlan, StorageFault } from "./fault-plan.ts";
import type { Trace } from "./trace.ts";

/** Text of errors that the plan causes in user functions. */
export const THROWN = "thrown by the scenario";

/** Who hears of what. */
export interface FaultsTell {
  readonly trace: Trace;
  /** Right after each event. */
  readonly onEvent: (label: string) => void;
  /** The time for a second process has come. */
  readonly onIntruder: () => void;
}

/** See the file header. */
export class Faults {
  readonly #plan: FaultPlan;
  readonly #world: SimWorld;
  readonly #trace: Trace;
  readonly #random: Random;
  readonly #deaths: DeathFault[];
  readonly #seenCounts = new Map<string, number>();
  /** Told before a death and right after events: the moment when the disk is looked at. */
  readonly #onEvent: (label: string) => void;
  #process: SimProcess | undefined;
  #armed: DeathFault | undefined;
  #matchedCount = 0;
  #undo: (() => void)[] = [];

  constructor(plan: FaultPlan, world: SimWorld, tell: FaultsTell) {
    this.#plan = plan;
    this.#world = world;
    this.#trace = tell.trace;
    this.#onEvent = tell.onEvent;
    this.#random = world.random.fork("faults");
    this.#deaths = [...plan.deaths];
    this.#tapScheduler();
    this.#schedule("end of faults", plan.endMs, () => this.#end());
    for (const { atMs, byMs } of plan.clockJumps) {
      this.#schedule("clock jump", atMs, () => {
        this.#trace.say(`FAULT the clock jumps by ${byMs} ms`);
        world.jumpWallClock(byMs);
      });
    }
    for (const { atMs, forMs, freeBytes } of plan.fullDisks) {
      this.#schedule("disk full", atMs, () => {
        this.#trace.say(`FAULT the disk has ${freeBytes} bytes left`);
        world.disk.capacityBytes = world.disk.usedBytes + freeBytes;
      });
      this.#schedule("disk has room", atMs + forMs, () => {
        world.disk.capacityBytes = Infinity;
      });
    }
    for (const atMs of plan.intrudersMs) this.#schedule("intruder", atMs, tell.onIntruder);
  }

  get areOver(): boolean {
    return this.#world.scheduler.nowMs >= this.#plan.endMs;
  }

  /** A process has started: the next death is armed, storage faults begin anew. */
  attach(process: SimProcess): void {
    this.#process = process;
    this.#matchedCount = 0;
    this.#armed = this.areOver ? undefined : this.#deaths.shift();
    this.#undo = this.areOver ? [] : this.#plan.storage.map((fault) => inject(process, fault));
  }

  /** No process of the job lives; what users do meanwhile is not disturbed. */
  detach(): void {
    this.#process = undefined;
    this.#armed = undefined;
  }

  /** A function of the job sees a record. */
  seen(uid: string): void {
    const count = this.#seenCounts.get(uid) ?? 0;
    this.#seenCounts.set(uid, count + 1);
    if (this.areOver) return;
    if (!this.#plan.throws.some((fault) => fault.uid === uid && fault.atCount === count)) return;
    this.#trace.say(`FAULT the function of ${uid} throws`);
    throw new Error(THROWN);
  }

  /** Whether a notice of completion gets lost now. */
  losesCompletion(): boolean {
    const { lostCompletionsRate } = this.#plan;
    return lostCompletionsRate > 0 && !this.areOver && this.#random.next() < lostCompletionsRate;
  }

  #end(): void {
    this.#trace.say("no faults from now on");
    this.#world.disk.capacityBytes = Infinity;
    for (const undo of this.#undo) undo();
    this.#armed = undefined;
  }

  /** Every event of the world goes through here. */
  #tapScheduler(): void {
    const { scheduler } = this.#world;
    const schedule = scheduler.schedule.bind(scheduler);
    scheduler.schedule = (request: SimEventRequest) =>
      schedule({ ...request, run: () => this.#run(request) });
  }

  #run({ label, owner, run }: SimEventRequest): void {
    const strikes = owner !== undefined && this.#matches(label) ? this.#armed : undefined;
    if (strikes?.moment === "before") {
      this.#strike(strikes, label);
      return;
    }
    if (label !== "turn" && label !== "timer") this.#trace.say(label);
    run();
    this.#onEvent(label);
    if (strikes !== undefined) this.#strike(strikes, label);
  }

  #matches(label: string): boolean {
    if (this.#armed === undefined || !label.includes(this.#armed.label)) return false;
    this.#matchedCount += 1;
    return this.#matchedCount === this.#armed.count;
  }

  #strike({ kind, moment }: DeathFault, label: string): void {
    const what = kind === "kill" ? "kill -9" : "power loss";
    this.#trace.say(`FAULT ${what} ${moment} "${label}"`);
    this.#armed = undefined;
    if (kind === "kill") this.#process?.kill();
    else this.#world.crashMachine();
  }

  #schedule(label: string, delayMs: number, run: () => void): void {
    this.#world.scheduler.schedule({ delayMs, label, owner: undefined, run });
  }
}

function inject(process: SimProcess, fault: StorageFault): () => void {
  const { kind, operation, path, afterCount, count, delayMs } = fault;
  return process.env.files.inject({
    kind,
    ...(operation === undefined ? {} : { operation }),
    ...(path === "" ? {} : { path: new RegExp(path.replaceAll(".", "\\."), "u") }),
    afterCount,
    count,
    delayMs,
  });
}

/** The plan in words, for reports. */
export function describeFaults(plan: FaultPlan): string[] {
  const lines = plan.deaths.map(
    ({ kind, label, count, moment }) =>
      `${kind === "kill" ? "kill -9" : "power loss"} ${moment} event ${count} with "${label}"`,
  );
  for (const { uid, atCount } of plan.throws) lines.push(`${uid} throws at record ${atCount}`);
  for (const fault of plan.storage) {
    const what = fault.kind === "io" ? "fails" : `is ${fault.delayMs} ms slower`;
    lines.push(
      `${fault.operation ?? "storage"} on "${fault.path}" ${what} ` +
        `${fault.count} times after ${fault.afterCount}`,
    );
  }
  for (const { atMs, byMs } of plan.clockJumps) lines.push(`clock jumps by ${byMs} at ${atMs} ms`);
  for (const { atMs, forMs } of plan.fullDisks) {
    lines.push(`disk full for ${forMs} ms at ${atMs} ms`);
  }
  for (const atMs of plan.intrudersMs) lines.push(`a second process at ${atMs} ms`);
  if (plan.lostCompletionsRate > 0) lines.push(`completions lost: ${plan.lostCompletionsRate}`);
  if (plan.latencyScale !== 1) lines.push(`storage latency x ${plan.latencyScale}`);
  return lines.length === 0 ? ["none"] : lines;
}
