/*
 * The flights example on worker threads against a computation without the engine, line by line: all
 * three million flights, and a slice of them as JSON lines.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createWriteStream, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { runJob } from "oxbow";
import { ExpectedFlights, readFlights } from "./flights/expected-flights.ts";
import type { FlightResults } from "./flights/expected-flights.ts";

const JOB = new URL("../../examples/flights/job.ts", import.meta.url);
const MAIN = path.join(import.meta.dirname, "../../examples/flights/main.ts");
const SINKS = ["departures", "worst-routes", "airport-delays"] as const;
/** Days of January in the slice. */
const SLICE_END = Date.UTC(2001, 0, 8);

let directory = "";
let all: FlightResults;
let slice: FlightResults;

before(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "oxbow-flights-"));
  const expected = new ExpectedFlights();
  const expectedOfSlice = new ExpectedFlights();
  const file = createWriteStream(path.join(directory, "slice.jsonl"));
  for await (const flight of readFlights()) {
    expected.add(flight);
    if (flight.date >= SLICE_END) continue;
    expectedOfSlice.add(flight);
    file.write(`${JSON.stringify(flight)}\n`);
  }
  file.end();
  await once(file, "finish");
  assert.equal(expected.count, 3_000_000);
  all = expected.results();
  slice = expectedOfSlice.results();
});

after(() => rmSync(directory, { recursive: true, force: true }));

for (const parallelism of [1, 2]) {
  test(`all results are right to the last line, parallelism ${parallelism}`, async () => {
    assertSame(await run(`all-${parallelism}`, parallelism, {}), all);
  });

  test(`results over a week of JSON lines are right, parallelism ${parallelism}`, async () => {
    const input = path.join(directory, "slice.jsonl");
    const found = await run(`slice-${parallelism}`, parallelism, { "flights.input": input });
    assertSame(found, slice);
  });
}

test("npm start goes on after kill -9 and after Ctrl-C, and ends right", async () => {
  const killed = await runMain({ until: /checkpoints [1-9]/, signal: "SIGKILL" });
  assert.equal(killed.signal, "SIGKILL");
  const stopped = await runMain({ until: /records, [1-9].*checkpoints [1-9]/, signal: "SIGINT" });
  assert.equal(stopped.code, 130, stopped.output);
  assert.match(stopped.output, /goes on from checkpoint [1-9]/);
  const [, savepoint = ""] = /npm start -- -s (\S+) --out/.exec(stopped.output) ?? [];
  assert.match(savepoint, /\/savepoints\/savepoint-[0-9a-f]{6}-[0-9a-f]{12}$/);
  const again = await runMain({});
  assert.equal(again.code, 0);
  assert.ok(again.output.includes(`npm start -- -s ${savepoint} `), again.output);
  const finished = await runMain({ args: ["-s", savepoint] });
  assert.equal(finished.code, 0, finished.output);
  assert.match(finished.output, /goes on from checkpoint [1-9]/);
  assert.match(finished.output, /departures: 424259 lines in \d+ files/);
  assert.match(finished.output, /another terminal can look at it, take a savepoint, or stop it/);
  assertSame(readResults(path.join(directory, "main", "run-1")), all);
  const over = await runMain({ args: ["-s", savepoint] });
  assert.equal(over.code, 0);
  assert.match(over.output, /This run has finished before; npm start -- --new-run begins another/);
});

interface MainEnd {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
}

interface MainRun {
  readonly args?: readonly string[];
  readonly until?: RegExp;
  readonly signal?: NodeJS.Signals;
}

/** Runs `npm start` without a terminal; sends `signal` once its output matches `until`. */
async function runMain({ args = [], ...interrupt }: MainRun): Promise<MainEnd> {
  const out = path.join(directory, "main");
  const child = spawn(process.execPath, [MAIN, "--out", out, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let isSent = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (isSent || interrupt.until?.test(output) !== true) return;
      isSent = true;
      child.kill(interrupt.signal);
    });
  }
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  return { code, signal, output };
}

async function run(
  name: string,
  parallelism: number,
  configuration: Readonly<Record<string, string>>,
): Promise<FlightResults> {
  const out = path.join(directory, name);
  const end = await runJob(JOB, {
    parallelism,
    configuration: { ...configuration, "flights.out": out, "restart-strategy.type": "none" },
    checkpointDirectory: path.join(out, "checkpoints"),
  });
  assert.deepEqual([end.status, end.attemptsCount], ["FINISHED", 1]);
  return readResults(out);
}

function readResults(out: string): FlightResults {
  const [departures, worstRoutes, airportDelays] = SINKS.map((sink) =>
    readLines(path.join(out, sink)),
  );
  return { departures, "worst-routes": worstRoutes, "airport-delays": airportDelays };
}

function readLines(sinkDirectory: string): string[] {
  const files = globSync(path.join(sinkDirectory, "*.jsonl"));
  return files.flatMap((file) => readFileSync(file, "utf8").trimEnd().split("\n")).toSorted();
}

function assertSame(actual: FlightResults, expected: FlightResults): void {
  for (const sink of SINKS) {
    assert.ok(expected[sink].length > 0, `there is nothing expected of ${sink}`);
    const at = expected[sink].findIndex((line, index) => line !== actual[sink][index]);
    assert.equal(actual[sink][at], expected[sink][at], `${sink}, line ${at} of the sorted ones`);
    assert.equal(actual[sink].length, expected[sink].length, `number of lines of ${sink}`);
  }
}
