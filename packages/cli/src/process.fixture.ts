/* The `oxbow` command as a process of its own, for tests. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import path from "node:path";

/** The script of the command. */
export const BIN = path.join(import.meta.dirname, "../bin/oxbow.js");
/** The file with the jobs, relative to `import.meta.dirname`. */
export const JOBS = "jobs.fixture.ts";

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that runs. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when the output so far matches; rejects when the process ends without. */
  says(pattern: RegExp): Promise<void>;
}

/** Starts `oxbow` with these arguments. */
export function startOxbow(args: readonly string[]): Running {
  return startProcess(process.execPath, [BIN, ...args]);
}

/** Starts a process that runs Oxbow from the sources. */
export function startProcess(command: string, args: readonly string[]): Running {
  const child = spawn(command, args, {
    cwd: import.meta.dirname,
    env: { ...process.env, NODE_OPTIONS: "--conditions=oxbow-source", NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const texts = { stdout: "", stderr: "" };
  const looks = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8");
    child[name].on("data", (text: string) => {
      texts[name] += text;
      for (const look of looks) look();
    });
  }
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  child.on("error", reject);
  child.on("close", (code, signal) => resolve({ code, signal, ...texts }));
  const says = async (pattern: RegExp): Promise<void> => {
    const said = Promise.withResolvers<void>();
    const look = (): void => {
      if (pattern.test(texts.stdout + texts.stderr)) said.resolve();
    };
    looks.add(look);
    look();
    const never = promise.then(() => {
      look();
      throw new Error(`it ended without saying ${pattern}: ${texts.stdout}${texts.stderr}`);
    });
    await Promise.race([said.promise, never]);
    looks.delete(look);
  };
  return { child, ended: promise, says };
}

/** Runs `oxbow` to its end. */
export function oxbow(...args: readonly string[]): Promise<Ended> {
  return startOxbow(args).ended;
}
