// Upgrades: a job is stopped with a savepoint, its program is changed, and it goes on from there,
// or is refused. What a table of such changes consists of, and how one is tried.
import assert from "node:assert/strict";
import type { StreamEnvironment } from "../../api/environment.ts";
import { job } from "../../api/job.ts";
import { collect } from "../../connectors/collect.ts";
import type { CollectSink } from "../../connectors/collect.ts";
import { generator } from "../../connectors/generator.ts";
import { errorCode } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import { t } from "../../types/t.ts";
import { differences, imageOf } from "../disk-image.fixture.ts";
import { JobBench } from "../job.fixture.ts";
import type { RestoreOptions } from "../restore-options.ts";
import { startJob } from "../run-job.ts";
import type { RunOptions } from "../run-job.ts";

/** A program that writes what it shows of its state into `out`. */
export type Program = (env: StreamEnvironment, out: CollectSink<unknown>) => void;

/** One change of a program, and what comes of it. */
export interface Upgrade {
  /** For readers. */
  readonly change: string;
  readonly before: Program;
  readonly after: Program;
  readonly parallelism?: readonly [before: number, after: number];
  readonly allowNonRestoredState?: RestoreOptions["allowNonRestoredState"];
  readonly result: Continues | Refused;
}

/** The job goes on. */
export interface Continues {
  readonly kind: "continues";
  /** For readers. */
  readonly how: string;
  /**
   * What it gives from then on, each record once; undefined: all output together is that of a run
   * of `like` (default: of the changed program) without an interruption.
   */
  readonly gives?: readonly unknown[];
  readonly like?: Program;
}

/** The job does not start, and nothing is left behind. */
export interface Refused {
  readonly kind: "refused";
  /** For readers: why, and what to do. */
  readonly how: string;
  readonly code?: ErrorCode;
  /** All must match the message. */
  readonly says: readonly RegExp[];
}

/** Shorthands of the table. */
export const continues = (how: string, rest: Omit<Continues, "kind" | "how"> = {}): Continues => ({
  kind: "continues",
  how,
  ...rest,
});
export const refused = (how: string, ...says: readonly RegExp[]): Refused => ({
  kind: "refused",
  how,
  says,
});

/** Numbers of every job; a hundred in a second, with event time as they come. */
const COUNT = 60;
/** Events that a job may take. */
const EVENTS_MAX = 50_000;

export function numbers(env: StreamEnvironment) {
  return env
    .checkpoint({ interval: "1h" })
    .restart({ kind: "none" })
    .source(
      "numbers",
      generator({ count: COUNT, make: (index) => index, ratePerSecond: 100, splits: 2 }),
    )
    .watermarks({ timestamp: (n) => n * 10, outOfOrderness: 0 });
}

/** The numbers by their rest of 3. */
export function keyed(env: StreamEnvironment) {
  return numbers(env).keyBy((n) => n % 3, t.int32);
}

const KEPT = { checkpointDirectory: "/runs" };

/** Stops the job in its middle, changes it, and checks what comes of that. */
export async function tryUpgrade(upgrade: Upgrade): Promise<void> {
  const { before, after, result } = upgrade;
  const [parallelismBefore, parallelismAfter] = upgrade.parallelism ?? [1, 1];
  const bench = new JobBench(`upgrade: ${upgrade.change}`);
  const out = collect<unknown>();
  const handle = await bench.running((env) => before(env, out), {
    ...KEPT,
    parallelism: parallelismBefore,
  });
  await bench.advance(310);
  const { location } = await bench.world.scheduler.runUntil(handle.stop());
  const firstCount = out.records().length;
  bench.restart();
  bench.events.length = 0;
  const { allowNonRestoredState = false } = upgrade;
  const options: RunOptions = {
    ...KEPT,
    parallelism: parallelismAfter,
    restore: { path: location, allowNonRestoredState },
  };
  if (result.kind === "refused") return expectRefusal(bench, after, { options, result });
  await finish(bench, (env) => after(env, out), options);
  if (result.gives !== undefined) {
    const given = shown(out.records().slice(firstCount));
    assert.deepEqual([...new Set(given)], shown(result.gives));
    return;
  }
  const straight = await straightRun(result.like ?? after, parallelismAfter);
  assert.deepEqual(shown(out.records()), straight);
}

async function expectRefusal(
  bench: JobBench,
  after: Program,
  { options, result }: { readonly options: RunOptions; readonly result: Refused },
): Promise<void> {
  const image = imageOf(bench.world.disk);
  const error = await errorOf(bench, (env) => after(env, collect<unknown>()), options);
  assert.ok(error !== undefined, "it was not refused");
  assert.equal(errorCode(error), result.code ?? "RESTORE_MISMATCH", error.message);
  for (const text of result.says) assert.match(error.message, text);
  assert.equal(bench.count("attempt"), 0, "it is refused before anything runs");
  assert.deepEqual(differences(image, imageOf(bench.world.disk)), [], "nothing is left behind");
}

async function straightRun(program: Program, parallelism: number): Promise<string[]> {
  const out = collect<unknown>();
  const bench = new JobBench("straight");
  await finish(bench, (env) => program(env, out), { ...KEPT, parallelism });
  return shown(out.records());
}

async function finish(
  bench: JobBench,
  build: (env: StreamEnvironment) => void,
  options: RunOptions,
): Promise<void> {
  const error = await errorOf(bench, build, options);
  if (error !== undefined) throw error;
}

/** With what a job is refused, or fails; undefined: it is FINISHED. */
async function errorOf(
  bench: JobBench,
  build: (env: StreamEnvironment) => void,
  options: RunOptions,
): Promise<Error | undefined> {
  let end: { readonly error: unknown } | undefined;
  const ended = startJob(job("test", build), {
    env: bench.process.env,
    onEvent: (event) => bench.events.push(event),
    ...options,
  }).then(async (start) => (start.kind === "started" ? start.job.ended : undefined));
  ended.then(
    (jobEnd) => (end = { error: jobEnd?.error }),
    (error: unknown) => (end = { error }),
  );
  await bench.until(() => end !== undefined, EVENTS_MAX);
  const error = end?.error as Error | undefined;
  return (errorCode(error) === "JOB_FAILED" ? error?.cause : error) as Error | undefined;
}

function shown(records: readonly unknown[]): string[] {
  return records.map((record) => JSON.stringify(record, jsonValue)).sort();
}

function jsonValue(_name: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Map) return { entries: [...value.entries()] };
  if (value instanceof Uint8Array) return { bytes: [...value] };
  return value;
}
