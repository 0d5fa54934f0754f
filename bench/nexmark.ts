/*
 * npm run bench -- nexmark [--queries q0,q5] [--peers flink,loop] [--events N] [--warmup N]
 *                          [--parallelism P] [--checkpoint-interval MS] [--backend hashmap|rocksdb]
 *                          [--runs N] [--json FILE]
 *
 * Nexmark on Oxbow, on a hand-written loop and on Apache Flink, on this machine. A contestant whose
 * results are not those of `nexmark/reference.ts` on the first events is not measured.
 *
 * A round is one run of each contestant, and of what only makes the events. On one core they run at
 * once and take turns (`turns.ts`), as long each as the whole run of each takes, which a trial
 * finds out before; on several cores, or where the clock matters (checkpoints, q12), one runs after
 * the other. Medians of the rounds are shown, and of their ratios.
 *
 * Time is that of whole processes, all threads: compilers, collectors and I/O included. `warmup`
 * events are not counted: Oxbow and the loop go on from them, Flink runs them before in the same
 * JVM. Ratios are those of CPU time per event, with and without what making the events costs each
 * contestant (`generator`). Not measured: reading from and writing to other systems, networks, more
 * than one machine.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { readArguments, readCount, refuseArguments } from "../scripts/arguments.ts";
import { CONTESTANTS, resultLine } from "./nexmark/result-lines.ts";
import type { Contestant, Result } from "./nexmark/result-lines.ts";
import { QUERIES } from "./nexmark/queries.ts";
import { finalRows, QUERIES as COMPARED, referenceRows } from "./nexmark/reference.ts";
import type { QueryName } from "./nexmark/reference.ts";
import { resultRows } from "./nexmark/result-rows.ts";
import type { NexmarkFigures, NexmarkRun } from "./nexmark/run-one.ts";
import { flinkCommand, flinkFigures, flinkPeer, runFlink } from "./peers/flink.ts";
import type { FlinkQuery } from "./peers/flink.ts";
import { canTakeTurns, median, runRounds } from "./turns.ts";
import type { Entrant } from "./turns.ts";

interface Options {
  readonly queries: readonly string[];
  readonly contestants: readonly Contestant[];
  readonly events: number;
  readonly warmup: number;
  readonly parallelism: number;
  /** 0: no checkpoints. */
  readonly checkpointIntervalMs: number;
  readonly backend: "hashmap" | "rocksdb";
  readonly runs: number;
}

/** Events on which results are compared before anything is measured. */
const COMPARED_EVENTS = 200_000;

/** Windows of processing time: who stands still has more of them. */
const BY_CLOCK = new Set(["q12"]);

const USAGE = `Usage: npm run bench -- nexmark [options]

Runs Nexmark's queries on Oxbow and, beside it, by hand and on Apache Flink.

  --queries q0,q5,…          default: all: ${Object.keys(QUERIES).join(", ")}
  --peers flink,loop         contestants besides Oxbow; default: both
  --events N                 events that are measured (default: 4000000)
  --warmup N                 events before them (default: 4000000)
  --parallelism P            of Oxbow and Flink (default: 1)
  --checkpoint-interval MS   of Oxbow and Flink; 0 is none (default: 0)
  --backend hashmap|rocksdb  where Flink keeps its state (default: hashmap)
  --runs N                   rounds, of which the median is shown (default: 3)
  --json FILE                writes the figures there too
`;

await main();

async function main(): Promise<void> {
  const { options, json } = readOptions();
  const results: Result[] = [];
  for (const query of options.queries) {
    const contestants = await rightOnes(query, options);
    const found = await measure(query, contestants, options);
    results.push(...found);
    for (const result of found) process.stdout.write(`${resultLine(result, found)}\n`);
  }
  const machine = { cpus: os.cpus().length, model: os.cpus()[0]?.model, node: process.version };
  const text = JSON.stringify({ machine, options, results }, undefined, 2);
  if (json !== undefined) writeFileSync(json, `${text}\n`);
}

function readOptions(): { readonly options: Options; readonly json: string | undefined } {
  const text = (value: string) => ({ type: "string", default: value }) as const;
  const { values } = readArguments(USAGE, {
    options: {
      queries: text(Object.keys(QUERIES).join(",")),
      peers: text("loop,flink"),
      events: text("4000000"),
      warmup: text("4000000"),
      parallelism: text("1"),
      "checkpoint-interval": text("0"),
      backend: text("hashmap"),
      runs: text("3"),
      json: { type: "string" },
    },
  });
  const queries = values.queries.split(",");
  const unknown = queries.find((query) => !(query in QUERIES));
  if (unknown !== undefined) refuseArguments(USAGE, `There is no query ${unknown}`);
  const peers = values.peers.split(",").filter((peer) => peer !== "");
  const stranger = peers.find((peer) => !(CONTESTANTS as readonly string[]).includes(peer));
  if (stranger !== undefined) refuseArguments(USAGE, `There is no peer ${stranger}`);
  const { backend } = values;
  if (backend !== "hashmap" && backend !== "rocksdb") {
    refuseArguments(USAGE, `--backend takes hashmap or rocksdb, not "${backend}"`);
  }
  const count = (name: "events" | "warmup" | "parallelism" | "runs", least: number): number =>
    readCount(USAGE, `--${name}`, values[name], least);
  const interval = values["checkpoint-interval"];
  const options: Options = {
    queries,
    contestants: present(CONTESTANTS.filter((name) => name === "oxbow" || peers.includes(name))),
    events: count("events", 1),
    warmup: count("warmup", 0),
    parallelism: count("parallelism", 1),
    checkpointIntervalMs: readCount(USAGE, "--checkpoint-interval", interval, 0),
    backend,
    runs: count("runs", 1),
  };
  return { options, json: values.json };
}

/** Without Java there is no Flink, and that is said. */
function present(contestants: readonly Contestant[]): readonly Contestant[] {
  if (!contestants.includes("flink")) return contestants;
  const peer = flinkPeer();
  if (!("absent" in peer)) return contestants;
  process.stdout.write(`flink is absent: ${peer.absent}\n`);
  return contestants.filter((contestant) => contestant !== "flink");
}

/** Those whose results are right. A loop's results are not compared: it is no engine. */
async function rightOnes(query: string, options: Options): Promise<readonly Contestant[]> {
  if (!(COMPARED as readonly string[]).includes(query)) return options.contestants;
  const name = query as QueryName;
  const isOrdered = options.parallelism === 1;
  const expected = referenceRows(name, COMPARED_EVENTS, { isOrdered }).join("\n");
  const right: Contestant[] = [];
  for (const contestant of options.contestants) {
    const rows = contestant === "loop" ? undefined : await rowsOf(contestant, name, options);
    const isRight =
      rows === undefined || finalRows(name, rows, { isOrdered }).join("\n") === expected;
    if (isRight) right.push(contestant);
    else process.stdout.write(`${query}: the results of ${contestant} are wrong; not measured\n`);
  }
  return right;
}

async function rowsOf(
  contestant: "oxbow" | "flink",
  query: QueryName,
  { parallelism, backend }: Options,
): Promise<readonly string[]> {
  const run = { query, events: COMPARED_EVENTS, parallelism };
  if (contestant === "oxbow") return resultRows({ ...run, checkpointInterval: "500ms" });
  const directory = mkdtempSync(path.join(os.tmpdir(), "oxbow-flink-"));
  const outputFile = path.join(directory, "rows");
  try {
    runFlink({ ...run, backend, checkpointIntervalMs: 500, warmupEvents: 0, outputFile });
    return readFileSync(outputFile, "utf8").trimEnd().split("\n");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** See the file header. */
async function measure(
  query: string,
  contestants: readonly Contestant[],
  options: Options,
): Promise<readonly Result[]> {
  const entrants = contestants.map((contestant) => entrantOf(contestant, query, options));
  const { events, warmup } = options;
  const ours = ownEntrant({ contestant: "generator", query, events, warmup, parallelism: 1 });
  const makers = contestants.map((contestant) =>
    contestant === "flink" ? flinkEntrant("generator", options) : ours,
  );
  const all = [...entrants, ...new Set(makers)];
  const followsClock = options.checkpointIntervalMs > 0 || BY_CLOCK.has(query);
  const areTurns = canTakeTurns() && options.parallelism === 1 && !followsClock;
  const rounds = await runRounds(all, { rounds: options.runs, areTurns });
  return contestants.map((contestant, at) => {
    const own = rounds.map((round) => round[at]);
    const making = rounds.map((round) => round[all.indexOf(makers[at])]);
    const middle = (figures: readonly NexmarkFigures[], name: keyof NexmarkFigures): number =>
      median(figures.map((figure) => figure[name]));
    return {
      ...{ query, contestant, events },
      ...(areTurns ? {} : { wallMs: middle(own, "wallMs") }),
      cpuMs: middle(own, "cpuMs"),
      generatorCpuMs: middle(making, "cpuMs"),
      peakRssMb: middle(own, "peakRssMb"),
      rounds: own.map(({ cpuMs }, round) => ({ cpuMs, generatorCpuMs: making[round].cpuMs })),
    };
  });
}

function entrantOf(
  contestant: Contestant,
  query: string,
  options: Options,
): Entrant<NexmarkFigures> {
  const { events, warmup, parallelism, checkpointIntervalMs } = options;
  if (contestant === "flink") return flinkEntrant(query as FlinkQuery, options);
  return ownEntrant({
    contestant,
    query,
    events,
    warmup,
    parallelism,
    ...(checkpointIntervalMs === 0 ? {} : { checkpointInterval: `${checkpointIntervalMs}ms` }),
  });
}

function ownEntrant(run: NexmarkRun): Entrant<NexmarkFigures> {
  const file = path.join(import.meta.dirname, "nexmark/run-one.ts");
  const args = [...process.execArgv, file, JSON.stringify(run)];
  return {
    command: { command: process.execPath, args },
    figuresOf: (stdout) => JSON.parse(stdout) as NexmarkFigures,
  };
}

function flinkEntrant(query: FlinkQuery, options: Options): Entrant<NexmarkFigures> {
  const settings = { ...options, warmupEvents: options.warmup };
  return {
    command: flinkCommand([query], settings),
    figuresOf: (stdout) => {
      const [{ wallMs, cpuMs, rssMb, checkpoints }] = flinkFigures(stdout, settings);
      return { wallMs, cpuMs, peakRssMb: rssMb, checkpoints };
    },
  };
}
