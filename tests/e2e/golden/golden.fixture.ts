/*
 * Runs golden jobs as processes, kills them, and reads what they left.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { GoldenJob } from "./jobs.ts";

/** One job and where it writes. */
export interface GoldenRun {
  readonly job: GoldenJob;
  readonly directory: string;
  readonly records: number;
  /** Records per second; 0: as fast as it can. */
  readonly rate: number;
  readonly parallelism: number;
}

/** A directory that is gone after the test. */
export function temporaryDirectory(after: (clean: () => void) => void): string {
  const directory = mkdtempSync(path.join(tmpdir(), "oxbow-golden-"));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Starts the job; the same call goes on where a killed one was. */
export function startGolden(run: GoldenRun): ChildProcess {
  const script = path.join(import.meta.dirname, "run.ts");
  const args = [
    run.job,
    path.join(run.directory, "out"),
    path.join(run.directory, "runs"),
    String(run.records),
    String(run.rate),
    String(run.parallelism),
  ];
  return spawn(process.execPath, ["--conditions=oxbow-source", script, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Resolves with the exit code and all that was printed. */
export async function endOf(child: ChildProcess): Promise<{ code: number | null; text: string }> {
  let text = "";
  child.stdout?.on("data", (data: Buffer) => (text += data.toString()));
  child.stderr?.on("data", (data: Buffer) => (text += data.toString()));
  const code = await new Promise<number | null>((resolve) => {
    child.on("close", (exitCode) => resolve(exitCode));
  });
  return { code, text };
}

/** All committed lines of all outputs, sorted: `output: line`. */
export function committedLines(directory: string): string[] {
  const out = path.join(directory, "out");
  const lines: string[] = [];
  for (const output of existsSync(out) ? readdirSync(out) : []) {
    for (const file of readdirSync(path.join(out, output))) {
      if (!file.endsWith(".jsonl")) continue;
      const text = readFileSync(path.join(out, output, file), "utf8");
      for (const line of text.split("\n")) if (line !== "") lines.push(`${output}: ${line}`);
    }
  }
  return lines.toSorted();
}

/** Files that a sink has prepared and neither committed nor cleaned up. */
export function pendingFiles(directory: string): string[] {
  const out = path.join(directory, "out");
  return readdirSync(out, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.includes(`.oxbow-pending${path.sep}`),
  );
}

/** Id of the newest complete checkpoint of any run in the directory; 0: none. */
export function newestCheckpoint(directory: string): number {
  const runs = path.join(directory, "runs");
  if (!existsSync(runs)) return 0;
  let newest = 0;
  for (const run of readdirSync(runs)) {
    // The run goes on while we look: what vanishes meanwhile does not count.
    for (const name of existsSync(path.join(runs, run)) ? readdirSync(path.join(runs, run)) : []) {
      const id = Number(/^chk-(\d+)$/.exec(name)?.[1] ?? 0);
      if (existsSync(path.join(runs, run, name, "_metadata"))) newest = Math.max(newest, id);
    }
  }
  return newest;
}

/** Resolves when a checkpoint newer than `id` is complete, or the process has ended. */
export async function checkpointAfter(
  directory: string,
  id: number,
  ended: Promise<unknown>,
): Promise<void> {
  let isOver = false;
  void ended.then(() => (isOver = true));
  while (!isOver && newestCheckpoint(directory) <= id) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
