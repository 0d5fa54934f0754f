/*
 * How one part of the test run is carried out and judged: either a tool that must end with 0, or
 * test files under Node's test runner (a process per file). Says every failure with its place and
 * error, and every skip with its reason; passing tests are counted, not listed.
 *
 * I1. A part that exceeds its budget fails, and its processes are ended.
 * I2. A file without tests fails.
 * I3. Under CI=true a skip without a reason fails: CI must know what it did not prove.
 */
import { spawn } from "node:child_process";
import type { EventData } from "node:test";
import { run } from "node:test";
import type { TestEvent } from "node:test/reporters";
import path from "node:path";
import { availableParallelism } from "node:os";
import { inspect } from "node:util";

/** What a part found: tests, or for a tool the tool itself as one. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** A part of the run; `budgetMs` is wall-clock time on the machine of CI (two cores). */
export type Part = {
  readonly name: string;
  readonly budgetMs: number;
} & (
  | { readonly kind: "tool"; readonly args: readonly string[] }
  | { readonly kind: "tests"; readonly files: readonly string[] }
);

const PASSED: Counts = { passed: 1, failed: 0, skipped: 0 };
const FAILED: Counts = { passed: 0, failed: 1, skipped: 0 };
const PROPERTY_SEED = new URL("./property-seed.ts", import.meta.url).href;
/** Between asking a tool to end and ending it. */
const GRACE_MS = 5_000;

/** Runs `part` in `root` to its end, prints what it found, and returns the counts. */
export async function runPart(part: Part, root: string): Promise<Counts> {
  return part.kind === "tool" ? runTool(part, root) : runTests(part, root);
}

async function runTool(part: Part & { kind: "tool" }, root: string): Promise<Counts> {
  const child = spawn(process.execPath, part.args, { cwd: root, stdio: "inherit" });
  let isLate = false;
  const deadline = setTimeout(() => {
    isLate = true;
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), GRACE_MS).unref();
  }, part.budgetMs);
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.on("error", reject);
  child.on("exit", resolve);
  const code = await promise.finally(() => clearTimeout(deadline));
  if (isLate) console.log(budgetText(part));
  return code === 0 && !isLate ? PASSED : FAILED;
}

async function runTests(part: Part & { kind: "tests" }, root: string): Promise<Counts> {
  if (part.files.length === 0) {
    console.log("no such tests in this version");
    return { passed: 0, failed: 0, skipped: 0 };
  }
  const late = AbortSignal.timeout(part.budgetMs);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const events = run({
    files: part.files.map((file) => path.resolve(root, file)),
    concurrency: availableParallelism(),
    execArgv: process.env["OXBOW_SEED"] === undefined ? [] : [`--import=${PROPERTY_SEED}`],
    signal: late,
  });
  for await (const event of events as AsyncIterable<TestEvent>) {
    switch (event.type) {
      case "test:pass":
        countPass(event.data, counts, root);
        break;
      case "test:fail":
        countFailure(event.data, counts, root);
        break;
      case "test:stdout":
      case "test:stderr":
        process.stdout.write(event.data.message);
        break;
      default:
    }
  }
  if (late.aborted) {
    console.log(budgetText(part));
    counts.failed++;
  }
  return counts;
}

type Tally = { -readonly [K in keyof Counts]: Counts[K] };

function countPass(data: EventData.TestPass, counts: Tally, root: string): void {
  if (data.details.type === "suite") return;
  if (data.name === data.file) {
    // The runner reports a file without tests as a test that passed.
    counts.failed++;
    console.log(`✖ ${placeOf({ file: data.name }, root)} has no tests`);
    return;
  }
  const { skip } = data;
  if (skip === undefined || skip === false) {
    counts.passed++;
    return;
  }
  const reason = typeof skip === "string" && skip !== "" ? skip : undefined;
  const isFault = reason === undefined && process.env["CI"] === "true";
  if (isFault) counts.failed++;
  else counts.skipped++;
  const place = placeOf(data, root);
  console.log(`- skipped: ${data.name} (${place}): ${reason ?? "no reason given"}`);
}

function countFailure(data: EventData.TestFail, counts: Tally, root: string): void {
  const { error } = data.details;
  const cause = error.cause ?? error;
  // A suite fails because of tests that have been counted.
  const isEcho = "failureType" in error && error.failureType === "subtestsFailed";
  if (isEcho) return;
  counts.failed++;
  console.log(`✖ ${data.name} (${placeOf(data, root)})`);
  const text = typeof cause === "string" ? cause : inspect(cause);
  console.log(text.replace(/^/gm, "    "));
}

function placeOf(data: { file?: string; line?: number }, root: string): string {
  const file = data.file === undefined ? "" : path.relative(root, data.file);
  return data.line === undefined ? file : `${file}:${data.line}`;
}

function budgetText(part: Part): string {
  return `✖ ${part.name} took longer than its budget of ${part.budgetMs / 1000} s and was ended`;
}
