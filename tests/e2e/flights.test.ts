/*
 * The flights example on worker threads against a computation without the engine, line by line: all
 * three million flights, and a slice of them as JSON lines.
 */
import assert from "node:assert/strict";
import { createWriteStream, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { runJob } from "oxbow";
import { ExpectedFlights, readFlights } from "./flights/expected-flights.ts";
import type { FlightResults } from "./flights/expected-flights.ts";

const JOB = new URL("../../examples/flights/job.ts", import.meta.url);
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
    assertSame(await run(`slice-${parallelism}`, parallelism, { "flights.input": input }), slice);
  });
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
