/*
 * npm run bench [-- case …] [-- --runs N] [-- --json FILE]: the micro benchmarks of the engine.
 *
 * A round is a run of each contestant, in a process of its own; medians of the rounds and of their
 * ratios are shown. Where one core is enough, the contestants of a case run at once and take turns
 * (`turns.ts`); else one runs after the other. `M/s` is by wall clock, `M/s/core` by CPU time of
 * all threads of the process. It does not measure: start of the process, connectors to other
 * systems, more than one machine. Timings depend on what else the machine does; compare within one
 * table only.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { readArguments, readCount, refuseArguments } from "../scripts/arguments.ts";
import type { MicroSettings } from "./micro-jobs.ts";
import { flinkCommand, flinkFigures, flinkPeer } from "./peers/flink.ts";
import type { Figures, OneRun } from "./run-one.ts";
import { canTakeTurns, median, runRounds } from "./turns.ts";
import type { Entrant } from "./turns.ts";

interface Row {
  readonly name: string;
  /** Of Flink only settings and parallelism are looked at. */
  readonly run: OneRun | FlinkRun;
  /** Rows that are compared with it: their speed as a part of this one's. */
  readonly against?: readonly string[];
  /** The row of the same job without operators: what is beyond it is told per operator. */
  readonly beyond?: string;
  /** The row of the same job without the exchange: what the records cost beside it. */
  readonly making?: string;
}

const M = 1_000_000;
const hasFlink = !process.argv.includes("--no-flink") && !("absent" in flinkPeer());

interface FlinkRun {
  readonly contestant: "flink";
  readonly settings: MicroSettings & { readonly name: FlinkCase };
  readonly parallelism?: number;
}

/** What the peer has, too. */
type FlinkCase = "keyed-count" | "tumbling-count" | "sliding-count";

/** Ours, by hand, and, where Flink has it and is there, on Flink. */
function micro(
  name: MicroSettings["name"],
  keys: number,
  { records, warmup = 4 * M }: { readonly records: number; readonly warmup?: number },
): Row[] {
  const label = `${name} ${keysText(keys)}`;
  const settings = { name, keys, records, warmup };
  const rows: Row[] = [
    { name: `${label} loop`, run: { contestant: "loop", driver: "local", settings } },
    {
      name: label,
      run: { contestant: "oxbow", driver: "local", settings },
      against: [`${label} loop`, `${label} flink`],
    },
  ];
  if (!hasFlink || !isFlinkCase(settings)) return rows;
  return [...rows, { name: `${label} flink`, run: { contestant: "flink", settings } }];
}

function isFlinkCase(settings: MicroSettings): settings is FlinkRun["settings"] {
  return ["keyed-count", "tumbling-count", "sliding-count"].includes(settings.name);
}

/** Windows beside the running count over as many keys. */
function windows(): Row[] {
  const size = { records: 4 * M };
  const counts = micro("keyed-count", 10_000, size).filter(({ run }) => run.contestant === "oxbow");
  const own = counts.map(({ name }) => name);
  const rows = [...micro("tumbling-count", 10_000, size), ...micro("sliding-count", 10_000, size)];
  return [...counts, ...rows].map((row) =>
    row.run.contestant === "oxbow" && !own.includes(row.name)
      ? { ...row, against: [...own, ...(row.against ?? [])] }
      : row,
  );
}

/** One worker and two. */
function scaling(): Row[] {
  return (["heavy", "keyed-count"] as const).flatMap((name) => {
    const settings = { name, keys: M, records: 8 * M, warmup: 2 * M };
    const run = { contestant: "oxbow", driver: "threads", settings } as const;
    const [one, two] = [`${name} 1 worker`, `${name} 2 workers`];
    return [
      { name: one, run: { ...run, parallelism: 1 } },
      { name: two, run: { ...run, parallelism: 2 }, against: [one] },
    ];
  });
}

/** Records that half of the time go to the other worker, and the same records that stay. */
function exchanging(): Row[] {
  const settings = { keys: 10_000, records: 20 * M, warmup: 4 * M } as const;
  const run = { contestant: "oxbow", driver: "threads", parallelism: 2 } as const;
  const making = "making the records only";
  return [
    { name: making, run: { ...run, settings: { ...settings, name: "exchange-making" } } },
    {
      name: "exchange 2 workers",
      run: { ...run, settings: { ...settings, name: "exchange" } },
      making,
    },
  ];
}

/** By size of the state. */
function checkpointing(): Row[] {
  return [10_000, M, 10 * M].flatMap((keys) => {
    const settings = { name: "keyed-count", keys, records: 40 * M, warmup: 2 * keys } as const;
    const run = { contestant: "oxbow", driver: "threads", parallelism: 1 } as const;
    const off = `${keysText(keys)}, no checkpoints`;
    return [
      { name: off, run: { ...run, settings } },
      {
        name: `${keysText(keys)}, every second`,
        run: { ...run, settings: { ...settings, checkpointInterval: "1s" } },
        against: [off],
      },
    ];
  });
}

/** What an operator costs each record, alone and as one of twelve, and its state alone. */
function operators(): Row[] {
  const run = { contestant: "oxbow", driver: "local" } as const;
  const of = (
    kind: "process" | "aggregate" | "stateless",
    count: number,
  ): { readonly run: OneRun } => {
    const settings = { keys: 10_000, records: 4 * M, name: `operators-${kind}` } as const;
    return { run: { ...run, settings: { ...settings, operators: count } } };
  };
  const none = "no operators";
  const idle = "process without state × 12";
  return [
    { name: none, ...of("process", 0) },
    ...(["process", "aggregate"] as const).flatMap((kind) =>
      [1, 12].map((count) => ({ name: `${kind} × ${count}`, ...of(kind, count), beyond: none })),
    ),
    { name: idle, ...of("stateless", 12), beyond: none },
    { name: "process × 12, its state", ...of("process", 12), beyond: idle },
  ];
}

/** Each a few groups of rows that are compared with one another. */
const CASES: Readonly<Record<string, () => Row[][]>> = {
  chain: () => [micro("chain", 10_000, { records: 20 * M })],
  "keyed-count": () => [
    micro("keyed-count", 10_000, { records: 10 * M }),
    micro("keyed-count", M, { records: 10 * M }),
    micro("keyed-count", 10 * M, { records: 10 * M, warmup: 20 * M }),
  ],
  "keyed-count-string": () => [
    micro("keyed-count-string", 10_000, { records: 10 * M }),
    micro("keyed-count-string", M, { records: 10 * M }),
  ],
  windows: () => [windows()],
  scale: () => [scaling()],
  operators: () => [operators()],
  exchange: () => [exchanging()],
  checkpoint: () => [checkpointing()],
  fill: () => [
    [
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
  ],
};

/** Studies that are programs of their own, with options of their own. */
const STUDIES = [
  "nexmark",
  "latency",
  "state",
  "pauses",
  "savepoint",
  "restore",
  "backpressure",
] as const;

const USAGE = `Usage: npm run bench [-- case …] [-- --runs N] [-- --json FILE]
       npm run bench -- ${STUDIES.join("|")} [options]

Measures the engine; without cases, all of them: ${Object.keys(CASES).join(", ")}.

  --runs N      rounds, of which the median is shown (default: 3)
  --json FILE   writes the medians there too
  --no-flink    leaves Apache Flink out
`;

await main();

async function main(): Promise<void> {
  const study = STUDIES.find((name) => name === process.argv[2]);
  if (study === undefined) await measureCases();
  else process.exitCode = runStudy(study);
}

function runStudy(name: string): number {
  const file = path.join(import.meta.dirname, `${name}.ts`);
  const args = [...process.execArgv, file, ...process.argv.slice(3)];
  return spawnSync(process.execPath, args, { stdio: "inherit" }).status ?? 1;
}

async function measureCases(): Promise<void> {
  const { values, positionals } = readArguments(USAGE, {
    allowPositionals: true,
    options: {
      runs: { type: "string", default: "3" },
      json: { type: "string" },
      "no-flink": { type: "boolean" },
    },
  });
  const names = positionals.length === 0 ? Object.keys(CASES) : positionals;
  const unknown = names.filter((name) => CASES[name] === undefined);
  if (unknown.length > 0) refuseArguments(USAGE, `There is no case ${unknown.join(", ")}`);
  const runs = readCount(USAGE, "--runs", values.runs, 1);
  const results: Record<string, Partial<Figures>> = {};
  for (const group of names.flatMap((name) => CASES[name]())) {
    Object.assign(results, await runGroup(group, runs));
  }
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
}

/** Rounds of all rows; prints the table and returns the medians. */
async function runGroup(
  rows: readonly Row[],
  runs: number,
): Promise<Record<string, Partial<Figures>>> {
  const areTurns = canTakeTurns() && rows.every(({ run }) => needsOneCore(run));
  const entrants = rows.map(({ run }) => entrantOf(run));
  const all = await runRounds(entrants, { rounds: runs, areTurns });
  const rounds = Object.fromEntries(
    rows.map(({ name }, at) => [name, all.map((round) => round[at])]),
  );
  for (const row of rows) process.stdout.write(`${line(row, { rounds, areTurns })}\n`);
  return Object.fromEntries(
    rows.map(({ name }) => {
      const { wallMs, recordsPerSecond, ...others } = runInTheMiddle(rounds[name], areTurns);
      return [name, areTurns ? others : { wallMs, recordsPerSecond, ...others }];
    }),
  );
}

/** Neither threads nor a clock are part of the run. */
function needsOneCore(run: OneRun | FlinkRun): boolean {
  return run.contestant === "flink" ? (run.parallelism ?? 1) === 1 : run.driver === "local";
}

function entrantOf(run: OneRun | FlinkRun): Entrant<Figures> {
  if (run.contestant === "flink") return flinkEntrant(run);
  const file = path.join(import.meta.dirname, "run-one.ts");
  const args = [...process.execArgv, file, JSON.stringify(run)];
  return {
    command: { command: process.execPath, args },
    figuresOf: (stdout) => JSON.parse(stdout) as Figures,
  };
}

function flinkEntrant({ settings, parallelism = 1 }: FlinkRun): Entrant<Figures> {
  const { name, keys, records, warmup = 0 } = settings;
  const of = {
    ...{ keys, events: records, warmupEvents: warmup, parallelism },
    ...({ checkpointIntervalMs: 0, backend: "hashmap" } as const),
  };
  return {
    command: flinkCommand([name], of),
    figuresOf: (stdout) => {
      const [figures] = flinkFigures(stdout, of);
      return { ...figures, checkpointMs: 0, checkpointBytes: 0, checksum: figures.outputs };
    },
  };
}

/** The run in the middle: by wall clock, or by CPU time where it had to stand still at times. */
function runInTheMiddle(figures: readonly Figures[], areTurns: boolean): Figures {
  const by = areTurns ? "cpuMs" : "wallMs";
  const sorted = figures.toSorted((a, b) => a[by] - b[by]);
  return sorted[(sorted.length - 1) >> 1];
}

/** What the rows of a group came to. */
interface Measured {
  readonly rounds: Readonly<Record<string, readonly Figures[]>>;
  /** They stood still at times: nothing by the clock means anything. */
  readonly areTurns: boolean;
}

function line(row: Row, { rounds, areTurns }: Measured): string {
  const own = runInTheMiddle(rounds[row.name], areTurns);
  const { records } = row.run.settings;
  const parts = [
    row.name.padEnd(32),
    ...(areTurns ? [] : [`${(own.recordsPerSecond / M).toFixed(2)} M/s`.padStart(11)]),
    `${(records / (own.cpuMs / 1000) / M).toFixed(2)} M/s/core`.padStart(15),
    `${own.rssMb.toFixed(0)} MB`.padStart(8),
  ];
  if (own.pauses !== undefined) {
    const { p50, p99, max } = own.pauses;
    parts.push(` pauses p50 ${p50.toFixed(2)} p99 ${p99.toFixed(1)} max ${max.toFixed(1)} ms`);
  }
  if (own.checkpoints > 0) {
    const seconds = (own.checkpointMs / 1000).toFixed(2);
    const size = (own.checkpointBytes / M).toFixed(1);
    parts.push(` ${own.checkpoints} checkpoints of ${seconds} s, ${size} MB`);
  }
  /** Median over the rounds of something about this row and another. */
  const beside = (other: string, of: (theirs: Figures, ours: Figures) => number): number =>
    median(rounds[row.name].map((ours, round) => of(rounds[other][round], ours)));
  for (const name of row.against ?? []) {
    if (rounds[name] === undefined) continue;
    const cpu = `cpu ${beside(name, (theirs, ours) => theirs.cpuMs / ours.cpuMs).toFixed(2)} ×`;
    const wall = beside(name, (theirs, ours) => theirs.wallMs / ours.wallMs).toFixed(2);
    parts.push(areTurns ? ` ${cpu} ${name}` : ` ${wall} × (${cpu}) ${name}`);
  }
  const nsBeyond = (other: string): number =>
    (beside(other, (theirs, ours) => ours.cpuMs - theirs.cpuMs) * M) / records;
  if (row.beyond !== undefined) parts.push(perOperator(row, nsBeyond(row.beyond)));
  if (row.making !== undefined) parts.push(withoutMaking(nsBeyond(row.making)));
  return parts.join("");
}

function perOperator({ run }: Row, ns: number): string {
  const { operators = 1 } = run.settings;
  return ` ${(ns / operators).toFixed(1)} ns of CPU per record and operator`;
}

function withoutMaking(ns: number): string {
  return (
    `  without making ${(1000 / ns).toFixed(2)} M/s/core:` +
    ` ${ns.toFixed(0)} ns of CPU per record, ${(ns * 2).toFixed(0)} ns per one that crosses`
  );
}

function keysText(keys: number): string {
  return keys >= M ? `${keys / M}M keys` : `${keys / 1000}k keys`;
}
