/*
 * npm run bench -- backpressure [--record-ms M] [--checkpoints N] [--parallelism P]
 *
 * How long a checkpoint takes where an operator is slow and all channels before it are full: the
 * barrier waits for what was sent before it. Prints JSON: seconds from trigger to completion, of
 * the first (after the first batch) and of later ones, and how fast records go meanwhile.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startJob } from "oxbow";
import type { JobHandle } from "oxbow";
import { readArguments, readCount } from "../scripts/arguments.ts";
import type { BackpressureSettings } from "./backpressure-job.ts";

const USAGE = `Usage: npm run bench -- backpressure [options]

Measures checkpoints behind a slow operator.

  --record-ms M     what it takes per record, ms (default: 1)
  --checkpoints N   how many are taken (default: 5)
  --parallelism P   worker threads (default: 2)
`;

/** Between one checkpoint and the next, ms. */
const PAUSE_MS = 2_000;

await main();

async function main(): Promise<void> {
  const { values } = readArguments(USAGE, {
    options: {
      "record-ms": { type: "string", default: "1" },
      checkpoints: { type: "string", default: "5" },
      parallelism: { type: "string", default: "2" },
    },
  });
  const recordMs = readCount(USAGE, "--record-ms", values["record-ms"], 1);
  const parallelism = readCount(USAGE, "--parallelism", values.parallelism, 1);
  const count = readCount(USAGE, "--checkpoints", values.checkpoints, 2);
  const directory = mkdtempSync(path.join(tmpdir(), "oxbow-backpressure-"));
  try {
    const settings: BackpressureSettings = { recordMs };
    const started = await startJob(new URL("./backpressure-job.ts", import.meta.url), {
      args: [JSON.stringify(settings)],
      checkpointDirectory: directory,
      parallelism,
    });
    if (started.kind === "over") throw new Error("the run is over");
    void started.job.ended.then(({ status, error }) => {
      if (status === "FAILED") throw error;
    });
    const figures = await measure(started.job, count);
    process.stdout.write(
      `${JSON.stringify({ recordMs, parallelism, ...figures }, undefined, 2)}\n`,
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(handle: JobHandle, count: number): Promise<Record<string, unknown>> {
  while (recordsOf(handle) === 0) await sleep(10);
  const first = await secondsOf(handle);
  const later: number[] = [];
  const before = { atMs: performance.now(), records: recordsOf(handle) };
  while (later.length < count - 1) {
    await sleep(PAUSE_MS);
    later.push(await secondsOf(handle));
  }
  const ms = performance.now() - before.atMs;
  const recordsPerSecond = Math.round(((recordsOf(handle) - before.records) * 1_000) / ms);
  void sleep(0).then(() => handle.cancel());
  await handle.ended;
  return { first, later, recordsPerSecond };
}

async function secondsOf(handle: JobHandle): Promise<number> {
  const beganMs = performance.now();
  await handle.checkpoint();
  return Math.round(performance.now() - beganMs) / 1_000;
}

/** Records that the slow operator has used up. */
function recordsOf(handle: JobHandle): number {
  return handle
    .metrics()
    .filter(({ scope }) => scope.kind === "operator" && scope.uid === "slow")
    .reduce((sum, { values }) => sum + values.numRecordsOut, 0);
}
