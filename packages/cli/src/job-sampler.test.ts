import assert from "node:assert/strict";
import { test } from "node:test";
import { collection, discard, job, startJob } from "oxbow";
import { JobSampler } from "./job-sampler.ts";

const JOB = job("sampled", (env) => {
  env
    .source("numbers", collection([1, 2, 3, 4]))
    .watermarks({ timestamp: (n) => n * 1_000 })
    .filter((n) => n > 1, { uid: "large" })
    .keyBy((n) => n % 2)
    .reduce("sums", (a, b) => a + b)
    .sink("out", discard());
});

test("figures are sums over the subtasks, rates the growth between samples", async () => {
  const start = await startJob(JOB, { parallelism: 2 });
  assert.equal(start.kind, "started");
  if (start.kind !== "started") return;
  const sampler = new JobSampler(start.job, 0);
  // Nothing runs before the first turn of the event loop.
  assert.deepEqual(
    sampler.sample(0).operators.map(({ uid, recordsCount }) => [uid, recordsCount]),
    [
      ["numbers", 0],
      ["large", 0],
      ["sums", 0],
      ["out", 0],
    ],
  );
  await start.job.ended;
  const figures = sampler.sample(500);
  assert.deepEqual(
    figures.operators.map(({ uid, isSource, recordsCount, recordsPerSecond, parallelism }) => ({
      uid,
      isSource,
      recordsCount,
      recordsPerSecond,
      parallelism,
    })),
    [
      { uid: "numbers", isSource: true, recordsCount: 4, recordsPerSecond: 8, parallelism: 2 },
      { uid: "large", isSource: false, recordsCount: 4, recordsPerSecond: 8, parallelism: 2 },
      { uid: "sums", isSource: false, recordsCount: 3, recordsPerSecond: 6, parallelism: 2 },
      { uid: "out", isSource: false, recordsCount: 3, recordsPerSecond: 6, parallelism: 2 },
    ],
  );
  assert.equal(figures.status, "FINISHED");
  assert.equal(figures.recordsCount, 4);
  assert.equal(figures.watermark, Number.MAX_SAFE_INTEGER);
  // What happened more than two seconds ago is no part of the rate.
  sampler.sample(2_600);
  assert.equal(sampler.sample(5_000).recordsPerSecond, 0);
});
