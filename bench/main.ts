/*
 * npm run bench [-- case …] [-- --runs N] [-- --json FILE]: the micro benchmarks of the engine.
 *
 * Contestants take turns (A B A B …), each run in a process of its own; medians are shown. `M/s` is
 * by wall clock, `M/s/core` by CPU time of all threads of the process. It does not measure: start
 * of the process, connectors to other systems, more than one machine. Timings depend on what else
 * the machine does; compare within one table only.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { readArguments, readCount, refuseArguments } from "../scripts/arguments.ts";
import type { Figures, OneRun } from "./run-one.ts";

interface Row {
  readonly name: string;
  readonly run: OneRun;
  /** Rows that are compared with it: their speed as a part of this one's. */
  readonly against?: string;
  /** The row of the same job without operators: what is beyond it is told per operator. */
  readonly beyond?: string;
}

const M = 1_000_000;

function micro(name: OneRun["settings"]["name"], keys: number, records: number): Row[] {
  const label = `${name} ${keysText(keys)}`;
  const settings = { name, keys, records };
  return [
    { name: `${label} loop`, run: { contestant: "loop", driver: "local", settings } },
    {
      name: label,
      run: { contestant: "oxbow", driver: "local", settings },
      against: `${label} loop`,
    },
  ];
}

function checkpointing(): Row[] {
  const settings = { name: "keyed-count", keys: M, records: 40 * M } as const;
  const run = { contestant: "oxbow", driver: "threads", parallelism: 1 } as const;
  return [
    { name: "checkpoint off", run: { ...run, settings } },
    {
      name: "checkpoint every 1s",
      run: { ...run, settings: { ...settings, checkpointInterval: "1s" } },
      against: "checkpoint off",
    },
  ];
}

/** What an operator costs each record, alone and as one of twelve. */
function operators(): Row[] {
  const run = { contestant: "oxbow", driver: "local" } as const;
  const settings = { keys: 10_000, records: 4 * M } as const;
  const none = "no operators";
  return [
    {
      name: none,
      run: { ...run, settings: { ...settings, name: "operators-process", operators: 0 } },
    },
    ...(["process", "aggregate"] as const).flatMap((kind) =>
      [1, 12].map((operators) => ({
        name: `${kind} × ${operators}`,
        run: { ...run, settings: { ...settings, name: `operators-${kind}` as const, operators } },
        beyond: none,
      })),
    ),
  ];
}

const CASES: Readonly<Record<string, () => Row[]>> = {
  chain: () => micro("chain", 10_000, 20 * M),
  "keyed-count": () => [
    ...micro("keyed-count", 10_000, 10 * M),
    ...micro("keyed-count", M, 10 * M),
    ...micro("keyed-count-string", 10_000, 10 * M),
    ...micro("keyed-count-string", M, 10 * M),
  ],
  "tumbling-count": () => micro("tumbling-count", 10_000, 10 * M),
  operators,
  exchange: () => [
    {
      name: "exchange 2 workers",
      run: {
        contestant: "oxbow",
        driver: "threads",
        parallelism: 2,
        settings: { name: "exchange", keys: 10_000, records: 20 * M },
      },
    },
  ],
  checkpoint: checkpointing,
  fill: () => [
    {
      name: "fill 10M keys",
      run: {
        contestant: "oxbow",
        driver: "threads",
        parallelism: 1,
        settings: {
          name: "keyed-count",
          keys: 10 * M,
          records: 10 * M,
          isFilling: true,
          checkpointInterval: "2s",
        },
      },
    },
  ],
};

/** Studies that are programs of their own, with options of their own. */
const STUDIES = ["nexmark", "savepoint"] as const;

const USAGE = `Usage: npm run bench [-- case …] [-- --runs N] [-- --json FILE]
       npm run bench -- ${STUDIES.join("|")} [options]

Measures the engine; without cases, all of them: ${Object.keys(CASES).join(", ")}.

  --runs N      runs of each contestant, of which the median is shown (default: 3)
  --json FILE   writes the medians there too
`;

main();

function main(): void {
  const study = STUDIES.find((name) => name === process.argv[2]);
  if (study === undefined) measureCases();
  else process.exitCode = runStudy(study);
}

function runStudy(name: string): number {
  const file = path.join(import.meta.dirname, `${name}.ts`);
  const args = [...process.execArgv, file, ...process.argv.slice(3)];
  return spawnSync(process.execPath, args, { stdio: "inherit" }).status ?? 1;
}

function measureCases(): void {
  const { values, positionals } = readArguments(USAGE, {
    allowPositionals: true,
    options: { runs: { type: "string", default: "3" }, json: { type: "string" } },
  });
  const names = positionals.length === 0 ? Object.keys(CASES) : positionals;
  const unknown = names.filter((name) => CASES[name] === undefined);
  if (unknown.length > 0) refuseArguments(USAGE, `There is no case ${unknown.join(", ")}`);
  const runs = readCount(USAGE, "--runs", values.runs, 1);
  const results: Record<string, Figures> = {};
  for (const name of names) Object.assign(results, runCase(CASES[name](), runs));
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
}

/** All rows in turn, `runs` times over; prints the table and returns the medians. */
function runCase(rows: readonly Row[], runs: number): Record<string, Figures> {
  const taken = new Map<string, Figures[]>(rows.map((row) => [row.name, []]));
  for (let turn = 0; turn < runs; turn++) {
    for (const row of rows) taken.get(row.name)?.push(runOnce(row.run));
  }
  const medians: Record<string, Figures> = {};
  for (const [name, figures] of taken) medians[name] = median(figures);
  for (const row of rows) process.stdout.write(`${line(row, medians)}\n`);
  return medians;
}

function runOnce(run: OneRun): Figures {
  const child = spawnSync(
    process.execPath,
    [path.join(import.meta.dirname, "run-one.ts"), JSON.stringify(run)],
    {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  if (child.status !== 0)
    throw new Error(`A run failed with exit code ${child.status}: ${JSON.stringify(run)}`);
  return JSON.parse(child.stdout) as Figures;
}

/** The run in the middle by wall clock. */
function median(figures: readonly Figures[]): Figures {
  const sorted = figures.toSorted((a, b) => a.wallMs - b.wallMs);
  return sorted[(sorted.length - 1) >> 1];
}

function line(row: Row, medians: Readonly<Record<string, Figures>>): string {
  const own = medians[row.name];
  const records = (own.recordsPerSecond * own.wallMs) / 1000;
  const parts = [
    row.name.padEnd(32),
    `${(own.recordsPerSecond / M).toFixed(2)} M/s`.padStart(11),
    `${(records / (own.cpuMs / 1000) / M).toFixed(2)} M/s/core`.padStart(15),
    `${own.rssMb.toFixed(0)} MB`.padStart(8),
  ];
  if (own.pauses !== undefined) {
    const { p50, p99, max } = own.pauses;
    parts.push(` pauses p50 ${p50.toFixed(2)} p99 ${p99.toFixed(1)} max ${max.toFixed(1)} ms`);
  }
  if (own.checkpoints > 0) parts.push(` ${own.checkpoints} checkpoints`);
  const other = row.against === undefined ? undefined : medians[row.against];
  if (other !== undefined) {
    const wall = other.wallMs / own.wallMs;
    const cpu = other.cpuMs / own.cpuMs;
    parts.push(` ${wall.toFixed(2)} × (cpu ${cpu.toFixed(2)} ×) ${row.against}`);
  }
  if (row.beyond !== undefined) parts.push(perOperator(row, own, medians[row.beyond]));
  return parts.join("");
}

function perOperator(row: Row, own: Figures, without: Figures): string {
  const { records, operators = 1 } = row.run.settings;
  const ns = ((own.cpuMs - without.cpuMs) * M) / records / operators;
  return ` ${ns.toFixed(1)} ns of CPU per record and operator`;
}

function keysText(keys: number): string {
  return keys >= M ? `${keys / M}M keys` : `${keys / 1000}k keys`;
}
