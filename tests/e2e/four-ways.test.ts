/*
 * Every golden job and a slice of the flights: straight, killed and restored at other parallelisms,
 * and redeployed from a savepoint at another one; worker threads, real files, real kills. There is
 * one expected output. (Killed and restored at the same parallelism: kill.test.ts.)
 */
import assert from "node:assert/strict";
import { createWriteStream, readdirSync } from "node:fs";
import { once } from "node:events";
import path from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { oxbow, startOxbow } from "../../packages/cli/src/process.fixture.ts";
import { readFlights } from "./flights/expected-flights.ts";
import {
  checkpointAfter,
  committedLines,
  newestCheckpoint,
  pendingFiles,
  temporaryDirectory,
} from "./golden/golden.fixture.ts";
import { GOLDEN_JOBS } from "./golden/jobs.ts";

const JOBS = path.join(import.meta.dirname, "golden/jobs.ts");
const FLIGHTS = path.join(import.meta.dirname, "../../examples/flights/job.ts");
const RECORDS = 20_000;
/** Slow enough to be met while it runs. */
const RATE = 1_000;
/** First hours of the flights. */
const SLICE_END = Date.UTC(2001, 0, 3);

/** How to run something, in a directory, as fast as it can or slowly. */
type Command = (directory: string, isSlow: boolean, ...options: string[]) => string[];

const CASES: Readonly<Record<string, (context: TestContext) => Promise<Command>>> = {
  ...Object.fromEntries(
    GOLDEN_JOBS.map((job) => [
      job,
      () =>
        Promise.resolve<Command>((directory, isSlow, ...options) => [
          ...["run", JOBS, "--checkpoint-dir", path.join(directory, "runs"), ...options, "--"],
          ...[job, path.join(directory, "out"), String(RECORDS), String(isSlow ? RATE : 0)],
        ]),
    ]),
  ),
  flights: async (context) => {
    const place = temporaryDirectory((clean) => context.after(clean));
    const input = path.join(place, "slice.jsonl");
    const file = createWriteStream(input);
    for await (const flight of readFlights()) {
      if (flight.date >= SLICE_END) break;
      file.write(`${JSON.stringify(flight)}\n`);
    }
    file.end();
    await once(file, "finish");
    return (directory, isSlow, ...options) => [
      ...["run", FLIGHTS, "--checkpoint-dir", path.join(directory, "runs"), ...options],
      ...["-D", `flights.input=${input}`, "-D", `flights.out=${path.join(directory, "out")}`],
      ...["-D", "execution.checkpointing.interval=500ms"],
      ...(isSlow ? ["-D", "flights.rate=2000"] : []),
    ];
  },
};

/** Runs it to its end. */
async function finish(line: readonly string[]): Promise<void> {
  const { code, stderr } = await oxbow(...line);
  assert.equal(code, 0, stderr);
}

/** The directory of the one run below a directory. */
function runOf(directory: string): string {
  const runs = path.join(directory, "runs");
  const [run] = readdirSync(runs).filter((name) => name !== "savepoints");
  return path.join(runs, run);
}

for (const [name, prepare] of Object.entries(CASES)) {
  test(`${name}: rescaled by kills or redeployed from a savepoint, one output`, async (context) => {
    const command = await prepare(context);
    const [straight, rescaled, redeployed] = [1, 2, 3].map(() =>
      temporaryDirectory((clean) => context.after(clean)),
    );
    await finish(command(straight, false, "-p", "2"));
    const expected = committedLines(straight);
    assert.ok(expected.length > 100, "the job has output");

    for (const parallelism of ["2", "3"]) {
      const before = newestCheckpoint(rescaled);
      const running = startOxbow(command(rescaled, true, "-p", parallelism));
      context.after(() => running.child.kill("SIGKILL"));
      await checkpointAfter(rescaled, before, running.ended);
      running.child.kill("SIGKILL");
      assert.equal((await running.ended).signal, "SIGKILL");
    }
    await finish(command(rescaled, false, "-p", "1"));
    assert.deepEqual(committedLines(rescaled), expected, "rescaled");
    assert.deepEqual(pendingFiles(rescaled), []);

    const running = startOxbow(command(redeployed, true, "-p", "2"));
    context.after(() => running.child.kill("SIGKILL"));
    await checkpointAfter(redeployed, 0, running.ended);
    const stopped = await oxbow("stop", runOf(redeployed));
    assert.equal(stopped.code, 0, stopped.stderr);
    await running.ended;
    await finish(command(redeployed, false, "-p", "3", "-s", stopped.stdout.trimEnd()));
    assert.deepEqual(committedLines(redeployed), expected, "redeployed");
    assert.deepEqual(pendingFiles(redeployed), []);
  });
}
