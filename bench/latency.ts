/*
 * npm run bench -- latency [--seconds S] [--json FILE]
 *
 * How long a record takes from where it is made, by key to another worker, through a count, to the
 * sink: at a quarter, half and three quarters of the rate that the job reaches when nothing holds
 * it back. Two workers on one machine; the clock is one for all threads.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { runJob } from "oxbow";
import { readArguments, readCount } from "../scripts/arguments.ts";
import { STEP_MS } from "./latency-job.ts";
import type { LatencySettings, Seen } from "./latency-job.ts";

const USAGE = `Usage: npm run bench -- latency [--seconds S] [--json FILE]

Measures latency at 25, 50 and 75 % of the highest rate, two workers, one exchange.

  --seconds S   how long each rate is kept up (default: 15)
  --json FILE   writes the figures there too
`;

const WARMUP_MS = 4_000;
const MAX_RATE_RECORDS = 40_000_000;

await main();

async function main(): Promise<void> {
  const { values } = readArguments(USAGE, {
    options: { seconds: { type: "string", default: "15" }, json: { type: "string" } },
  });
  const seconds = readCount(USAGE, "--seconds", values.seconds, 1);
  const fastest = await measure({ records: MAX_RATE_RECORDS });
  const highest = fastest.recordsPerSecond;
  if (!(highest > 0)) throw new Error("The fastest run was over before its warm-up.");
  process.stdout.write(`highest rate  ${(highest / 1e6).toFixed(2)} M/s\n`);
  const results: Record<string, unknown> = { highest };
  for (const part of [0.25, 0.5, 0.75]) {
    const ratePerSecond = Math.round(highest * part);
    const records = Math.round(ratePerSecond * (seconds + WARMUP_MS / 1_000));
    const { recordsPerSecond, ...times } = await measure({ records, ratePerSecond });
    results[`at${part * 100}`] = { recordsPerSecond, ...times };
    const { p50, p99, p999, max } = times;
    process.stdout.write(
      `${part * 100} % of it, ${(recordsPerSecond / 1e6).toFixed(2)} M/s  p50 ${p50.toFixed(2)}` +
        ` p99 ${p99.toFixed(2)} p99.9 ${p999.toFixed(2)} max ${max.toFixed(2)} ms\n`,
    );
  }
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
  }
}

interface Latency {
  readonly recordsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

async function measure(rate: Pick<LatencySettings, "records" | "ratePerSecond">): Promise<Latency> {
  const directory = mkdtempSync(path.join(tmpdir(), "oxbow-latency-"));
  try {
    const settings: LatencySettings = { ...rate, directory, warmupMs: WARMUP_MS / 2 };
    await runJob(new URL("./latency-job.ts", import.meta.url), {
      args: [JSON.stringify(settings)],
      parallelism: 2,
    });
    const files = readdirSync(directory).map((name) => path.join(directory, name));
    return latencyOf(files.map((file) => JSON.parse(readFileSync(file, "utf8")) as Seen));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function latencyOf(seen: readonly Seen[]): Latency {
  const counts = seen[0].counts.map((_, step) =>
    seen.reduce((sum, worker) => sum + worker.counts[step], 0),
  );
  const all = counts.reduce((sum, count) => sum + count, 0);
  const at = (part: number): number => {
    let left = all * part;
    const step = counts.findIndex((count) => (left -= count) <= 0);
    return (step + 1) * STEP_MS;
  };
  const perSecond = seen.reduce(
    (sum, { recordsCount, firstMs, lastMs }) => sum + (recordsCount * 1_000) / (lastMs - firstMs),
    0,
  );
  const slowest = counts.findLastIndex((count) => count > 0);
  return {
    recordsPerSecond: perSecond,
    p50: at(0.5),
    p99: at(0.99),
    p999: at(0.999),
    max: (slowest + 1) * STEP_MS,
  };
}
