/*
 * npm run bench -- savepoint [--keys N] [--seconds S]
 *
 * What a savepoint of a large state costs: a job with about 100 bytes per key updates them at
 * random on one worker thread; a savepoint is taken meanwhile; then it is stopped with another one,
 * and goes on from that at parallelism 1 and at 2. Prints JSON. One process: memory is of all of
 * it. Throughput before and during is compared within the run.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startJob } from "oxbow";
import type { JobHandle, RunOptions } from "oxbow";
import type { Notes, SavepointSettings } from "./savepoint-job.ts";

const { values } = parseArgs({
  options: {
    keys: { type: "string", default: "10000000" },
    seconds: { type: "string", default: "10" },
  },
});
const keys = Number(values.keys);
const measureMs = Number(values.seconds) * 1_000;
const directory = mkdtempSync(path.join(tmpdir(), "oxbow-savepoint-"));
const notesFile = path.join(directory, "notes.json");
const MB = 1e6;

try {
  process.stdout.write(`${JSON.stringify(await measure(), undefined, 2)}\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function measure(): Promise<Record<string, unknown>> {
  const handle = await start({ parallelism: 1 });
  await until(() => notes().index > keys * 1.05);
  const stateMb = process.memoryUsage().rss / MB;
  const before = await throughput(measureMs);
  const memory = watchMemory();
  const beganAt = notes();
  const beganMs = Date.now();
  const savepoint = await handle.savepoint();
  const endedMs = Date.now();
  const peakMb = memory();
  await sleep(1_500);
  const during = between(beganAt, notes(), { beganMs, endedMs });
  const stopped = await timed(() => handle.stop());
  const restoreMs = await msToRunning(stopped.value.location, 1);
  const rescaleMs = await msToRunning(stopped.value.location, 2);
  return {
    keys,
    rssMb: Math.round(stateMb),
    savepointMb: Math.round(sizeOf(savepoint.location) / MB),
    savepointSeconds: savepoint.durationMs / 1_000,
    recordsPerSecondBefore: Math.round(before),
    recordsPerSecondDuring: Math.round(during.recordsPerSecond),
    throughputDuring: during.recordsPerSecond / before,
    pausesDuring: during.pauses,
    extraMemoryMb: Math.round(peakMb - stateMb),
    stopSeconds: stopped.ms / 1_000,
    restoreSeconds: restoreMs / 1_000,
    stopToRunningSeconds: (stopped.ms + restoreMs) / 1_000,
    rescaleSeconds: rescaleMs / 1_000,
  };
}

async function start(options: RunOptions): Promise<JobHandle> {
  rmSync(notesFile, { force: true });
  const started = await startJob(new URL("./savepoint-job.ts", import.meta.url), {
    args: [JSON.stringify({ keys, notesFile } satisfies SavepointSettings)],
    checkpointDirectory: path.join(directory, "runs"),
    newRun: true,
    ...options,
  });
  if (started.kind === "over") throw new Error("the run is over");
  void started.job.ended.then((end) => {
    if (end.status === "FAILED") throw end.error;
  });
  return started.job;
}

/** Starts from a savepoint; ms until the first record is made, which is when all is loaded. */
async function msToRunning(location: string, parallelism: number): Promise<number> {
  const beganMs = performance.now();
  const handle = await start({ parallelism, restore: { path: location } });
  await until(() => notes().index >= 0);
  const ms = performance.now() - beganMs;
  void sleep(0).then(() => handle.cancel());
  await handle.ended;
  return ms;
}

function notes(): Notes {
  try {
    return JSON.parse(readFileSync(notesFile, "utf8")) as Notes;
  } catch {
    return { index: -1, atMs: Date.now(), gaps: [], gapsCount: 0 };
  }
}

async function throughput(ms: number): Promise<number> {
  const from = notes();
  await sleep(ms);
  const to = notes();
  return ((to.index - from.index) / (to.atMs - from.atMs)) * 1_000;
}

function between(
  from: Notes,
  to: Notes,
  span: { readonly beganMs: number; readonly endedMs: number },
): { recordsPerSecond: number; pauses: Record<string, number> } {
  const gaps = to.gaps
    .filter(([atMs]) => atMs >= span.beganMs && atMs <= span.endedMs)
    .map(([, gapMs]) => gapMs)
    .sort((a, b) => b - a);
  const gapsCount = to.gapsCount - from.gapsCount;
  const at = (part: number): number => gaps[Math.floor(gapsCount * (1 - part))] ?? 1;
  return {
    recordsPerSecond: ((to.index - from.index) / (to.atMs - from.atMs)) * 1_000,
    pauses: { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: gaps[0] ?? 0 },
  };
}

/** Watches the memory of the process; call the result for its peak in MB. */
function watchMemory(): () => number {
  let peakMb = 0;
  const look = (): void => void (peakMb = Math.max(peakMb, process.memoryUsage().rss / MB));
  const timer = setInterval(look, 50);
  return () => {
    clearInterval(timer);
    look();
    return peakMb;
  };
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const beganMs = performance.now();
  const value = await work();
  return { value, ms: performance.now() - beganMs };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(10);
}

function sizeOf(location: string): number {
  return readdirSync(location).reduce(
    (sum, name) => sum + statSync(path.join(location, name)).size,
    0,
  );
}
