/* The `oxbow` command from the sources, as processes. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import path from "node:path";

/** The script of the command. */
export const OXBOW = path.join(import.meta.dirname, "../../../packages/cli/bin/oxbow.js");

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a process, of Node unless told otherwise. */
export function startProcess(
  args: readonly string[],
  command = process.execPath,
): { readonly child: ChildProcess; readonly ended: Promise<ProcessEnd> } {
  const child = spawn(command, args, {
    env: { ...process.env, NODE_OPTIONS: "--conditions=oxbow-source" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const { promise, resolve, reject } = Promise.withResolvers<ProcessEnd>();
  child.on("error", reject);
  child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  return { child, ended: promise };
}

/** Runs one to its end. */
export function runProcess(args: readonly string[], command?: string): Promise<ProcessEnd> {
  return startProcess(args, command).ended;
}
