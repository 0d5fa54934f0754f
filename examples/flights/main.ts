/*
 * Runs the flights job on this machine, shows it while it runs, and says where the results lie;
 * `npm start -- --help` says how. The job is in job.ts. It is a module of its own because every
 * worker thread loads it.
 */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { errorText, exitCodeOf, JobConsole } from "@oxbow/cli";
import { AirportDelays, summary } from "./results.ts";

const JOB = new URL("./job.ts", import.meta.url);
const SINKS = ["departures", "worst-routes", "airport-delays"];
const WORST_COUNT = 5;
/** Airports with fewer flights in all are left out of the view: few flights make long averages. */
const FLIGHTS_MIN = 500;

const USAGE = `Usage: npm start [-- options]

  npm start                   runs it, goes on where it was killed, or says that it is over
  npm start -- -s SAVEPOINT   goes on from a savepoint, which Ctrl-C prints
  npm start -- --new-run      runs it once more, into a directory of its own
  npm start -- -p 1           on one thread (default: 2)
  npm start -- --input FILE   on other flights, as Parquet or JSON lines
  npm start -- --out DIR      with its results there (default: examples/flights/out)
`;

const SAVEPOINTS = `
While it runs, another terminal can look at it, take a savepoint, or stop it with one:
  npm run oxbow -- list
  npm run oxbow -- savepoint flights
  npm run oxbow -- stop flights
  npm start -- -s <the path that stop has printed>`;

const PARALLELISM = "2";
const OUT = path.join(import.meta.dirname, "out");

const values = options();

try {
  process.exitCode = await main();
} catch (error) {
  console.error(errorText(error));
  process.exitCode = exitCodeOf(error);
}

function options() {
  const config = {
    parallelism: { type: "string", short: "p", default: PARALLELISM },
    "from-savepoint": { type: "string", short: "s" },
    input: { type: "string" },
    out: { type: "string", default: OUT },
    "new-run": { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  } as const;
  try {
    const parsed = parseArgs({ options: config }).values;
    if (!parsed.help) return parsed;
    process.stdout.write(USAGE);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

async function main(): Promise<number> {
  const directory = runDirectory();
  const delays = new AirportDelays(path.join(directory, "airport-delays"));
  const screen = new JobConsole({
    jobName: "flights",
    hasPlainLines: true,
    below: () => ["", "  worst airports of late, on disk", ...worstLines(delays)],
  });
  const input = values.input === undefined ? {} : { "flights.input": path.resolve(values.input) };
  const savepoint = values["from-savepoint"];
  const ended = await screen.run(JOB, {
    parallelism: Number(values.parallelism),
    configuration: { "flights.out": directory, ...input },
    checkpointDirectory: path.join(directory, "checkpoints"),
    ...(savepoint === undefined ? {} : { restore: { path: path.resolve(savepoint) } }),
  });
  if (ended.kind === "over") {
    if (ended.stoppedWith === undefined) {
      screen.print(`This run has ${ended.status} before; npm start -- --new-run begins another.`);
    } else sayStopped(ended.stoppedWith);
    sayResults(directory);
    return 0;
  }
  const { end, figures, exitCode } = ended;
  const seconds = (figures.elapsedMs / 1_000).toFixed(1);
  if (end.status === "FAILED") console.error(errorText(end.error));
  else if (end.status === "CANCELED") screen.print("Canceled; npm start goes on from here.");
  else if (ended.savepoint !== undefined) sayStopped(ended.savepoint.path);
  else {
    const count = figures.recordsCount.toLocaleString("en-US");
    screen.print(`\nFinished: ${count} flights in ${seconds} s.`);
    sayResults(directory);
    console.log(SAVEPOINTS);
  }
  return exitCode;
}

/** How to go on from the savepoint with which a run was stopped. */
function sayStopped(savepoint: string): void {
  const { parallelism, input, out } = values;
  const inside = path.relative(process.cwd(), savepoint);
  const place = inside.startsWith("..") ? savepoint : inside;
  const words = [
    ...["-s", place],
    ...(parallelism === PARALLELISM ? [] : ["-p", parallelism]),
    ...(input === undefined ? [] : ["--input", input]),
    ...(out === OUT ? [] : ["--out", out]),
  ];
  console.log(`It was stopped with a savepoint: ${place}`);
  console.log(`To go on from it:\n  npm start -- ${words.join(" ")}`);
}

/** `out/run-1`; with --new-run the next number. */
function runDirectory(): string {
  const names = existsSync(values.out) ? readdirSync(values.out) : [];
  const numbers = names.map((name) => Number(/^run-(\d+)$/.exec(name)?.[1] ?? 0));
  const newest = Math.max(0, ...numbers);
  const number = values["new-run"] ? newest + 1 : Math.max(1, newest);
  return path.resolve(values.out, `run-${number}`);
}

function worstLines(delays: AirportDelays): string[] {
  return delays.worst(WORST_COUNT, FLIGHTS_MIN).map(({ airport, day, smoothedDelay, flights }) => {
    const minutes = smoothedDelay.toFixed(1).padStart(5);
    return `    ${airport}  ${minutes} min  ${String(flights).padStart(7)} flights  ${day}`;
  });
}

function sayResults(directory: string): void {
  for (const sink of SINKS) {
    const place = path.join(directory, sink);
    const { filesCount, linesCount, sample } = summary(place, 3);
    console.log(
      `\n${path.relative(process.cwd(), place)}: ${linesCount} lines in ${filesCount} files`,
    );
    for (const line of sample) console.log(`  ${line}`);
  }
}
