/*
 * arguments: how the repository's own commands read their command line: `--help` prints the usage,
 * and what cannot be understood ends with 2, a sentence and the usage instead of a stack.
 */
import { parseArgs } from "node:util";
import type { ParseArgsConfig } from "node:util";

const EXIT_USAGE = 2;

/** `parseArgs` on the arguments of this process. Does not return where there is nothing to run. */
export function readArguments<C extends ParseArgsConfig>(
  usage: string,
  config: C,
): ReturnType<typeof parseArgs<C>> {
  const args = process.argv.slice(2);
  if (asksForHelp(args)) {
    process.stdout.write(usage);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    // Of Node's sentences only the first is about the user's line.
    return refuseArguments(usage, (error as Error).message.split(". ")[0]);
  }
}

/** Whether `--help` or `-h` stands among the options. */
export function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end < 0 ? args.length : end).some((arg) => arg === "--help" || arg === "-h");
}

/** Ends the process with 2. */
export function refuseArguments(usage: string, reason: string): never {
  process.stderr.write(`${reason.replace(/\.$/, "")}.\n\n${usage}`);
  process.exit(EXIT_USAGE);
}

/** A whole number of at least `least`, or the process ends. */
export function readCount(usage: string, option: string, text: string, least: number): number {
  const count = /^\d{1,15}$/.test(text) ? Number(text) : -1;
  if (count >= least) return count;
  return refuseArguments(usage, `${option} takes a whole number from ${least}, not "${text}"`);
}
