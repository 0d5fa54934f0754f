// What becomes of a restore from a snapshot whose files were damaged: a job whose output shows all
// of its state, images of machines with snapshots of it, and the judgement.
import assert from "node:assert/strict";
import type { StreamEnvironment } from "../api/environment.ts";
import { job } from "../api/job.ts";
import { collect } from "../connectors/collect.ts";
import { generator } from "../connectors/generator.ts";
import { OxbowError } from "../errors.ts";
import { listState, mapState, valueState } from "../state/descriptors.ts";
import { t } from "../types/t.ts";
import { count } from "../window/aggregates.ts";
import { tumbling } from "../window/assigner.ts";
import { differences, imageOf, putOn } from "./disk-image.fixture.ts";
import type { DiskImage } from "./disk-image.fixture.ts";
import { JobBench } from "./job.fixture.ts";
import { startJob } from "./run-job.ts";
import type { RunOptions } from "./run-job.ts";

/** Numbers of the job; a hundred in a second. */
const COUNT = 90;
/** Events of the machine that a start, and the rest of the job, may take. */
const EVENTS_MAX = 20_000;

/** A machine with a snapshot, how the job goes on from it, and what it then gives. */
export interface Damageable {
  readonly image: DiskImage;
  readonly options: RunOptions;
  /** Files that the restore rests on. */
  readonly files: readonly string[];
  readonly expected: readonly string[];
}

/** How a start went: the output of the job to its end, or the error with which it was refused. */
export type Outcome =
  | { readonly kind: "ran"; readonly output: readonly string[] }
  | { readonly kind: "refused"; readonly error: unknown; readonly changed: readonly string[] };

/** Keyed state of three kinds, timers, windows, a source and a sink; the output tells all of it. */
export function telling(out = collect<unknown>()) {
  return (env: StreamEnvironment): void => {
    const numbers = env
      .checkpoint({ interval: 200, retain: { count: 2, onCancellation: "keep" } })
      .restart({ kind: "none" })
      .source("numbers", generator({ count: COUNT, make: (index) => index, ratePerSecond: 100 }))
      .watermarks({ timestamp: (n) => n * 10, outOfOrderness: 0 })
      .keyBy((n) => n % 2, t.int32);
    numbers
      .process("keep", {
        state: {
          sum: valueState(t.int64, { default: 0 }),
          last: listState(t.string),
          seen: mapState(t.int32, t.float64),
        },
        process(n, { key, state, timers, emit }) {
          state.sum.set(state.sum.get() + n);
          state.last.add(`n${n}`);
          state.seen.set(n % 5, n / 2);
          timers.registerEventTime(n * 10 + 95);
          const entries = [...state.seen.entries()].sort(([a], [b]) => a - b);
          emit({ key, sum: state.sum.get(), last: [...state.last.get()], seen: entries });
        },
        onTimer({ timestamp }, { key, state, emit }) {
          if (timestamp % 200 < 100) state.last.clear();
          emit({ key, timestamp });
        },
      })
      .sink("out", out);
    numbers.window(tumbling(300)).aggregate("windows", { n: count() }).sink("fired", out);
  };
}

/** Stopped with a savepoint, from which another run has begun and noted that. */
export async function savepointImage(): Promise<Damageable> {
  const bench = new JobBench("damage savepoint");
  const handle = await bench.running(telling(), { checkpointDirectory: "/runs" });
  await bench.advance(450);
  const { location } = await bench.world.scheduler.runUntil(handle.stop());
  const from = { path: location, sinks: "commit" } as const;
  const other = await bench.running(telling(), { checkpointDirectory: "/runs", restore: from });
  await bench.world.scheduler.runUntil(other.cancel());
  const options = { checkpointDirectory: "/others", restore: from };
  return damageable(bench, options, (path) => path.startsWith(location));
}

/** Killed with two checkpoints, of which the newest builds on the older. */
async function killed(seed: string) {
  const bench = new JobBench(seed);
  const handle = await bench.running(telling(), { checkpointDirectory: "/runs" });
  await bench.until(() => bench.count("checkpoint") === 2);
  await bench.advance(50);
  bench.restart();
  const directory = handle.runDirectory!;
  const newest = bench.world.disk
    .paths()
    .filter((path) => path.endsWith("/_metadata"))
    .sort()
    .at(-1)!;
  return { bench, directory, newest: newest.slice(0, newest.lastIndexOf("/")) };
}

/** Another run begins from the checkpoint of a killed one. */
export async function checkpointImage(): Promise<Damageable> {
  const { bench, directory, newest } = await killed("damage checkpoint");
  const options = {
    checkpointDirectory: "/others",
    restore: { path: newest, sinks: "commit" },
  } as const;
  return damageable(bench, options, (path) => isRestedOn(path, directory, newest));
}

/** The killed run itself goes on. */
export async function resumeImage(): Promise<Damageable> {
  const { bench, directory, newest } = await killed("damage resume");
  const options = { checkpointDirectory: "/runs" };
  return damageable(bench, options, (path) => isRestedOn(path, directory, newest));
}

function isRestedOn(path: string, directory: string, newest: string): boolean {
  return (
    path.startsWith(newest) ||
    path.startsWith(`${directory}/shared/`) ||
    path.startsWith(`${directory}/lock/`) ||
    path === `${directory}/run.json`
  );
}

async function damageable(
  bench: JobBench,
  options: RunOptions,
  isNeeded: (path: string) => boolean,
): Promise<Damageable> {
  const image = imageOf(bench.world.disk);
  const outcome = await restore(image, options);
  assert.equal(outcome.kind, "ran", outcome.kind === "refused" ? String(outcome.error) : "");
  const files = [...image.keys()].filter(isNeeded);
  return { image, options, files, expected: outcome.kind === "ran" ? outcome.output : [] };
}

/** Starts the job on a machine with these files. */
export async function restore(image: DiskImage, options: RunOptions): Promise<Outcome> {
  const bench = new JobBench("damaged");
  putOn(bench.world.disk, image);
  const out = collect<unknown>();
  let end: Outcome | undefined;
  const refused = (error: unknown): void => {
    const changed = differences(image, imageOf(bench.world.disk));
    end = { kind: "refused", error, changed };
  };
  const ended = runToEnd(telling(out), { ...options, env: bench.process.env });
  ended.then((error) => {
    if (error === undefined) end = { kind: "ran", output: shown(out.records()) };
    else refused(error);
  }, refused);
  await bench.until(() => end !== undefined, EVENTS_MAX);
  return end!;
}

/** The error of a job that failed; undefined: it is FINISHED. Rejects where it is not started. */
async function runToEnd(
  build: (env: StreamEnvironment) => void,
  options: RunOptions,
): Promise<unknown> {
  const start = await startJob(job("test", build), options);
  assert.equal(start.kind, "started");
  const end = start.kind === "started" ? await start.job.ended : undefined;
  return end?.error;
}

function shown(records: readonly unknown[]): string[] {
  return records.map((record) => JSON.stringify(record)).sort();
}

/** Codes of damage, with what details they have. */
const CODES: Readonly<Record<string, readonly string[]>> = {
  METADATA_CORRUPTED: ["file", "offset"],
  SEGMENT_CORRUPTED: ["file", "offset"],
  METADATA_VERSION_UNSUPPORTED: ["file", "version"],
  SEGMENT_VERSION_UNSUPPORTED: ["file", "version"],
  SNAPSHOT_NOT_FOUND: ["path"],
};

/** Errors of which the cause tells the damage. */
const WRAPPERS = new Set(["JOB_FAILED", "CHECKPOINT_UNREADABLE"]);

/**
 * A start from damaged files is refused with the file and the place and leaves all as it was, or it
 * gives what it would have given without the damage. Returns which.
 */
export async function judge(
  damageable: Damageable,
  damaged: DiskImage,
  what: string,
): Promise<string> {
  const outcome = await restore(damaged, damageable.options);
  if (outcome.kind === "ran") {
    const isSame = outcome.output.join("\n") === damageable.expected.join("\n");
    assert.ok(isSame, `${what}: it went on with another state`);
    return "harmless";
  }
  const error = outcome.error as OxbowError;
  assert.ok(error instanceof OxbowError, `${what}: ${String(error)}`);
  const found = WRAPPERS.has(error.code) ? (error.cause as OxbowError) : error;
  const wanted = CODES[found.code];
  assert.ok(wanted !== undefined, `${what}: ${found.code} ${found.message}`);
  for (const name of wanted) {
    assert.ok(found.details[name] !== undefined, `${what}: ${found.code} has no ${name}`);
  }
  const { file } = found.details;
  if (typeof file === "string") {
    assert.ok(error.message.includes(file), `${what}: ${error.message}`);
  }
  const isOwn = damageable.options.restore === undefined;
  // A run that goes on notes that it tried, and that it failed.
  const changed = outcome.changed.filter((path) => !isOwn || !/\/(lock\/|run\.json)/u.test(path));
  assert.deepEqual(changed, [], `${what}: something was left behind`);
  return error.code === "JOB_FAILED" ? found.code : error.code;
}
