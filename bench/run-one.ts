/*
 * One run of one contestant in a process of its own, so that no run warms up or litters another.
 * Prints its figures as JSON.
 *
 *     node bench/run-one.ts '{"contestant":"oxbow","settings":{…},"driver":"local"}'
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { runJob } from "oxbow";
import { microJob } from "./micro-jobs.ts";
import type { MicroSettings } from "./micro-jobs.ts";
import { microLoop } from "./micro-loops.ts";
import { clocks, SteadyMark } from "./nexmark/steady-mark.ts";
import { sink } from "./records.ts";

/** What to run. */
export interface OneRun {
  readonly contestant: "oxbow" | "loop";
  readonly settings: MicroSettings;
  /** `threads`: master, workers and snapshot writer on threads of their own. */
  readonly driver: "local" | "threads";
  readonly parallelism?: number;
}

/** What came of it. */
export interface Figures {
  readonly recordsPerSecond: number;
  readonly wallMs: number;
  /** Of all threads of the process. */
  readonly cpuMs: number;
  readonly rssMb: number;
  /** Gaps between batches of 1 024 records in ms, where they were noted. */
  readonly pauses?: {
    readonly p50: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
  readonly checkpoints: number;
  /** Of the checkpoints, the one in the middle each; 0 without any. */
  readonly checkpointMs: number;
  readonly checkpointBytes: number;
  readonly checksum: number;
}

const run = JSON.parse(process.argv[2] ?? "{}") as OneRun;
const directory = mkdtempSync(path.join(tmpdir(), "oxbow-bench-"));
try {
  process.stdout.write(`${JSON.stringify(await measure())}\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function measure(): Promise<Figures> {
  const figuresFile = path.join(directory, "figures.json");
  const steadyFile = path.join(directory, "steady.json");
  const idleRss = process.memoryUsage().rss;
  const settings: MicroSettings = {
    ...run.settings,
    steadyFile,
    ...(run.driver === "threads" ? { figuresFile } : {}),
  };
  let checkpoints: readonly Taken[] = [];
  const loop = run.contestant === "loop" ? microLoop(settings) : undefined;
  if (loop !== undefined) loop();
  else checkpoints = await runOxbow(settings);
  const end = clocks();
  const start = new SteadyMark(steadyFile).read();
  const wallMs = end.wallMs - start.wallMs;
  const noted = existsSync(figuresFile)
    ? (JSON.parse(readFileSync(figuresFile, "utf8")) as Pick<Figures, "pauses">)
    : {};
  return {
    recordsPerSecond: settings.records / (wallMs / 1000),
    wallMs,
    cpuMs: end.cpuMs - start.cpuMs,
    rssMb: (process.resourceUsage().maxRSS * 1024 - idleRss) / 1e6,
    ...noted,
    checkpoints: checkpoints.length,
    checkpointMs: middle(checkpoints.map(({ durationMs }) => durationMs)),
    checkpointBytes: middle(checkpoints.map(({ sizeBytes }) => sizeBytes)),
    checksum: sink.checksum,
  };
}

/** A checkpoint that was completed. */
interface Taken {
  readonly durationMs: number;
  readonly sizeBytes: number;
}

async function runOxbow(settings: MicroSettings): Promise<readonly Taken[]> {
  const checkpoints: Taken[] = [];
  const isThreaded = run.driver === "threads";
  await runJob(isThreaded ? new URL("./micro-jobs.ts", import.meta.url) : microJob(settings), {
    args: [JSON.stringify(settings)],
    ...(run.parallelism === undefined ? {} : { parallelism: run.parallelism }),
    ...(settings.checkpointInterval === undefined
      ? {}
      : { checkpointDirectory: path.join(directory, "runs") }),
    onEvent: (event) => {
      if (event.kind === "checkpoint") checkpoints.push(event);
    },
  });
  return checkpoints;
}

function middle(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[(numbers.length - 1) >> 1] ?? 0;
}
