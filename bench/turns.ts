/*
 * Processes that take turns: each runs for a part of a second while the others stand still
 * (SIGSTOP), all on one core, until all have ended. A machine whose cores others use, too, is
 * slower by half for seconds, and not on all cores at once; so everyone gets the same share.
 *
 * Not for processes that need more than one core, or whose work follows the clock: there each runs
 * to its end before the next one begins (`turnsMs` undefined).
 */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";

/** What to run. */
export interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

/** What came of it. */
export interface Ended {
  readonly stdout: string;
  /** For which it was not standing still. */
  readonly ranMs: number;
}

/** A contestant: its process, and how what that prints is read. */
export interface Entrant<F> {
  readonly command: Command;
  readonly figuresOf: (stdout: string) => F;
}

/** Rounds of all entrants, in turns or one after the other; figures by round, then entrant. */
export async function runRounds<F>(
  entrants: readonly Entrant<F>[],
  { rounds, areTurns }: { readonly rounds: number; readonly areTurns: boolean },
): Promise<readonly (readonly F[])[]> {
  const commands = entrants.map(({ command }) => command);
  const turnsMs = areTurns ? await turnsFor(commands) : undefined;
  const all: (readonly F[])[] = [];
  for (let round = 0; round < rounds; round++) {
    const ended = await takeTurns(commands, turnsMs);
    all.push(ended.map(({ stdout }, at) => entrants[at].figuresOf(stdout)));
  }
  return all;
}

/** The value in the middle; of an even number of them the mean of the two there. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Whether processes can be stopped and kept on one core here. */
export function canTakeTurns(): boolean {
  return process.platform === "linux" && spawnSync("taskset", ["--version"]).status === 0;
}

/**
 * Runs all, each for its `turnsMs` at a time, in their order. Throws what one that fails has said,
 * and ends the others.
 */
export async function takeTurns(
  commands: readonly Command[],
  turnsMs: readonly number[] | undefined,
): Promise<readonly Ended[]> {
  const runs = commands.map(
    (command) => new Run(turnsMs === undefined ? command : pinned(command)),
  );
  const killAll = (): void => runs.forEach((run) => run.kill());
  process.on("exit", killAll);
  for (const signal of SIGNALS) process.on(signal, leave);
  try {
    while (runs.some((run) => !run.hasEnded)) {
      for (const [at, run] of runs.entries()) {
        await run.goOn(turnsMs?.[at]);
        const error = runs.map((each) => each.error).find((each) => each !== undefined);
        if (error !== undefined) throw error;
      }
    }
    return runs.map(({ stdout, ranMs }) => ({ stdout, ranMs }));
  } finally {
    killAll();
    process.off("exit", killAll);
    for (const signal of SIGNALS) process.off(signal, leave);
  }
}

/** Turns of a trial, ms; of those that follow from it the shortest, and none longer than that. */
const TRIAL_TURN_MS = 50;
const SHORTEST_TURN_MS = 100;
const LONGEST_TURN_MS = 600;

/** Turns with which all end at about the same time, found out by a trial. */
async function turnsFor(commands: readonly Command[]): Promise<readonly number[]> {
  const trial = commands.map(() => TRIAL_TURN_MS);
  return fairTurns((await takeTurns(commands, trial)).map(({ ranMs }) => ranMs));
}

/** The same, given how long each runs. */
export function fairTurns(ranMs: readonly number[]): readonly number[] {
  const shortest = SHORTEST_TURN_MS / Math.min(...ranMs);
  const longest = LONGEST_TURN_MS / Math.max(...ranMs);
  return ranMs.map((ms) => Math.round(ms * Math.min(shortest, longest)));
}

/** Those who stand still would not hear of them. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function leave(signal: NodeJS.Signals): void {
  process.exit(128 + os.constants.signals[signal]);
}

function pinned({ command, args }: Command): Command {
  return { command: "taskset", args: ["--cpu-list", lastCore(), command, ...args] };
}

/** Of those that this process may use. */
function lastCore(): string {
  const status = readFileSync("/proc/self/status", "utf8");
  return /^Cpus_allowed_list:.*?(\d+)$/m.exec(status)?.[1] ?? "0";
}

class Run {
  readonly #command: Command;
  #child: ChildProcess | undefined;
  #stderr = "";
  #onEnd: () => void = () => undefined;
  error: Error | undefined;
  stdout = "";
  ranMs = 0;
  hasEnded = false;

  constructor(command: Command) {
    this.#command = command;
  }

  /** Starts or goes on, for `ms` or to the end. */
  async goOn(ms: number | undefined): Promise<void> {
    if (this.hasEnded) return;
    const start = performance.now();
    await new Promise<void>((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#onEnd = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#child === undefined) this.#start();
      else this.#child.kill("SIGCONT");
    });
    this.ranMs += performance.now() - start;
    if (!this.hasEnded) this.#child?.kill("SIGSTOP");
  }

  #start(): void {
    const { command, args } = this.#command;
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    child.on("error", (error) => this.#end(error));
    child.on("close", (code) => this.#end(code === 0 ? undefined : this.#failure(code)));
  }

  #end(error: Error | undefined): void {
    this.hasEnded = true;
    this.error = error;
    this.#onEnd();
  }

  #failure(code: number | null): Error {
    const { command, args } = this.#command;
    const said = `${this.stdout}${this.#stderr}`.slice(-4_000);
    return new Error(`${command} ${args.join(" ")} ended with ${code}:\n${said}`);
  }

  kill(): void {
    if (!this.hasEnded) this.#child?.kill("SIGKILL");
  }
}
