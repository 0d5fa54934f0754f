/*
 * Real processes, real worker threads, real files, kill -9: what exactly-once sinks have committed
 * in the end is what an uninterrupted run commits, to the last byte of the sorted lines.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  committedLines,
  checkpointAfter,
  endOf,
  newestCheckpoint,
  pendingFiles,
  startGolden,
  temporaryDirectory,
} from "./golden/golden.fixture.ts";
import type { GoldenRun } from "./golden/golden.fixture.ts";
import { GOLDEN_JOBS } from "./golden/jobs.ts";

/** Kills per job: thirty in all. */
const KILLS = 6;
const RECORDS = 40_000;
/** Paced so that a run lasts long enough to be killed in the middle. */
const RATE = 8_000;

const seed = Number(process.env["OXBOW_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** Small and good enough to choose moments. */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

for (const [position, job] of GOLDEN_JOBS.entries()) {
  const title = `${job}: killed ${KILLS} times, the output is that of an uninterrupted run`;
  test(title, async (context) => {
    context.diagnostic(`OXBOW_SEED=${seed}`);
    const random = randomFrom(seed + position);
    const straight: GoldenRun = {
      job,
      directory: temporaryDirectory((clean) => context.after(clean)),
      records: RECORDS,
      rate: 0,
      parallelism: 2,
    };
    const { code, text } = await endOf(startGolden(straight));
    assert.equal(code, 0, text);

    const killed = {
      ...straight,
      directory: temporaryDirectory((clean) => context.after(clean)),
      rate: RATE,
    };
    let kills = 0;
    for (; kills < KILLS; kills++) {
      const child = startGolden(killed);
      const ended = endOf(child);
      // One in three is killed early: while it starts, restores or commits again.
      const isEarly = kills % 3 === 2;
      if (!isEarly)
        await checkpointAfter(killed.directory, newestCheckpoint(killed.directory), ended);
      const timer = setTimeout(() => child.kill("SIGKILL"), random() * (isEarly ? 500 : 250));
      const { code: exitCode, text: output } = await ended;
      clearTimeout(timer);
      assert.ok(exitCode === null || exitCode === 0, output);
      if (exitCode === 0) break;
    }
    assert.ok(newestCheckpoint(killed.directory) > 0, "it was killed after checkpoints");
    context.diagnostic(
      `${kills} kills, checkpoint ${newestCheckpoint(killed.directory)} was the last`,
    );
    const last = await endOf(startGolden({ ...killed, rate: 0 }));
    assert.equal(last.code, 0, last.text);

    const expected = committedLines(straight.directory);
    assert.ok(expected.length > 100, "the job has output");
    assert.deepEqual(committedLines(killed.directory), expected);
    assert.deepEqual(pendingFiles(killed.directory), []);
  });
}
