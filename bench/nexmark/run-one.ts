/*
 * One run of one contestant over one query, in a process of its own: `node run-one.ts '{…}'`.
 * Prints its figures as JSON. The first `warmup` events are not counted.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { runJob } from "oxbow";
import { eventOf } from "./events.ts";
import { nexmarkJob } from "./job.ts";
import type { NexmarkSettings } from "./job.ts";
import { loopOf } from "./loops.ts";
import { batchesOf } from "./batches.ts";
import { results } from "./results.ts";
import { clocks, SteadyMark } from "./steady-mark.ts";

/** What to run. */
export interface NexmarkRun {
  /** `generator`: events are made and dropped. */
  readonly contestant: "oxbow" | "loop" | "generator";
  readonly query: string;
  /** Events that count. */
  readonly events: number;
  /** Events before them. */
  readonly warmup: number;
  readonly parallelism: number;
  readonly checkpointInterval?: string;
}

/** What came of it. */
export interface NexmarkFigures {
  readonly wallMs: number;
  /** Of all threads of the process. */
  readonly cpuMs: number;
  /** Most that the process had in memory. */
  readonly peakRssMb: number;
  /** Checkpoints that were completed, warm-up included. */
  readonly checkpoints: number;
}

const run = JSON.parse(process.argv[2] ?? "{}") as NexmarkRun;
const directory = mkdtempSync(path.join(tmpdir(), "oxbow-nexmark-"));
try {
  process.stdout.write(`${JSON.stringify(await measure())}\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function measure(): Promise<NexmarkFigures> {
  const mark = new SteadyMark(path.join(directory, "steady.json"));
  const checkpoints = run.contestant === "oxbow" ? await runOxbow() : runLoop(mark);
  const end = clocks();
  const start = mark.read();
  return {
    wallMs: end.wallMs - start.wallMs,
    cpuMs: end.cpuMs - start.cpuMs,
    peakRssMb: (process.resourceUsage().maxRSS * 1024) / 1e6,
    checkpoints,
  };
}

function runLoop(mark: SteadyMark): number {
  const all = run.warmup + run.events;
  const make = (index: number): ReturnType<typeof eventOf> => {
    if (index === run.warmup) mark.note();
    return eventOf(index);
  };
  const loop = run.contestant === "loop" ? loopOf(run.query) : results.take;
  for (const batch of batchesOf(all, make)) loop(batch);
  if (run.contestant === "loop") loop(undefined);
  return 0;
}

async function runOxbow(): Promise<number> {
  const settings: NexmarkSettings = {
    query: run.query,
    events: run.warmup + run.events,
    splits: run.parallelism,
    steady: { from: run.warmup, file: path.join(directory, "steady.json") },
    ...(run.checkpointInterval === undefined ? {} : { checkpointInterval: run.checkpointInterval }),
  };
  let checkpoints = 0;
  const isThreaded = run.parallelism > 1 || run.checkpointInterval !== undefined;
  await runJob(isThreaded ? new URL("./job.ts", import.meta.url) : nexmarkJob(settings), {
    args: [JSON.stringify(settings)],
    parallelism: run.parallelism,
    ...(run.checkpointInterval === undefined
      ? {}
      : { checkpointDirectory: path.join(directory, "runs") }),
    onEvent: ({ kind }) => {
      if (kind === "checkpoint") checkpoints += 1;
    },
  });
  return checkpoints;
}
