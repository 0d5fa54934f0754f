/*
 * Processes that take turns: each runs for some ms while the others stand still (SIGSTOP), all on
 * one core, until all have ended. A machine whose cores others use, too, is slower by half for
 * seconds, and not on all cores at once; so everyone gets the same share of that.
 *
 * Not for processes that need more than one core, or whose work follows the clock: there each runs
 * to its end before the next one begins (`turnsMs` undefined).
 */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
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
  process.on("SIGINT", interrupt);
  try {
    while (runs.some((run) => !run.hasEnded)) {
      for (const [at, run] of runs.entries()) await run.goOn(turnsMs?.[at]);
    }
    return runs.map(({ stdout, ranMs }) => ({ stdout, ranMs }));
  } finally {
    killAll();
    process.off("exit", killAll);
    process.off("SIGINT", interrupt);
  }
}

/** Turns of a trial, ms, and the shortest of those that follow from it. */
const TRIAL_TURN_MS = 50;
const LEAST_TURN_MS = 100;

/** Turns with which all end at about the same time, found out by a trial. */
export async function turnsFor(commands: readonly Command[]): Promise<readonly number[]> {
  const trial = commands.map(() => TRIAL_TURN_MS);
  const ranMs = (await takeTurns(commands, trial)).map((ended) => ended.ranMs);
  const shortest = Math.min(...ranMs);
  return ranMs.map((ms) => (LEAST_TURN_MS * ms) / shortest);
}

/** Who is stopped does not hear of it. */
function interrupt(): void {
  process.exit(130);
}

function pinned({ command, args }: Command): Command {
  return { command: "taskset", args: ["-c", String(os.cpus().length - 1), command, ...args] };
}

class Run {
  readonly #command: Command;
  #child: ChildProcess | undefined;
  #stderr = "";
  #onEnd: () => void = () => undefined;
  #error: Error | undefined;
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
    if (this.#error !== undefined) throw this.#error;
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
    this.#error = error;
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
