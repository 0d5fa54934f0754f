// Failures around a job: sinks that cannot commit, storage that fails, at-least-once.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamEnvironment } from "../api/environment.ts";
import { collect } from "../connectors/collect.ts";
import type { CollectSink } from "../connectors/collect.ts";
import { collection } from "../connectors/collection.ts";
import type { Sink } from "../connectors/sink.ts";
import { errorCode } from "../errors.ts";
import { t } from "../types/t.ts";
import { count } from "../window/aggregates.ts";
import { JobBench } from "./job.fixture.ts";

const KEPT = { checkpointDirectory: "/runs" };
const NUMBERS = Array.from({ length: 3000 }, (_, n) => n);
const COUNTS = NUMBERS.map((n) => Math.floor(n / 5) + 1);

function sorted(numbers: readonly number[]): number[] {
  return [...numbers].sort((a, b) => a - b);
}

/** Counts per key, with a checkpoint every few ms. */
function counting(out: Sink<number>) {
  return (env: StreamEnvironment): void =>
    env
      .checkpoint({ interval: 10, tolerableFailures: "unlimited" })
      .restart({ kind: "fixed-delay", attempts: 1000, delay: 5 })
      .source("numbers", collection(NUMBERS))
      .keyBy((n) => n % 5, t.int32)
      .aggregate("counts", { count: count() })
      .map((each) => each.count)
      .sink("out", out);
}

/** Commits fail as often as `failures` says, half of them after they have happened. */
function unreliable(out: CollectSink<number>, failures: number): Sink<number> {
  let left = failures;
  return {
    ...out,
    createCommitter: (context) => {
      const inner = out.createCommitter?.(context);
      assert.ok(inner !== undefined);
      return {
        ...inner,
        commit: async (committables) => {
          const isFailing = left > 0;
          if (isFailing && left-- % 2 === 0) throw new Error("not committed");
          await inner.commit(committables);
          if (isFailing) throw new Error("committed, but nobody knows");
        },
      };
    },
  };
}

test("a commit that fails is made up after the restart, and nothing is doubled", async () => {
  for (const options of [KEPT, { ...KEPT, parallelism: 2 }]) {
    const bench = new JobBench();
    const out = collect<number>();
    const end = await bench.run(counting(unreliable(out, 6)), options);
    assert.equal(end.status, "FINISHED");
    assert.ok(end.attemptsCount > 1);
    assert.deepEqual(sorted(out.records()), sorted(COUNTS));
  }
});

test("a sink that can never commit fails the job with its cause", async () => {
  const bench = new JobBench();
  const out = collect<number>();
  const end = await bench.run((env) => {
    counting(unreliable(out, Infinity))(env);
    env.restart({ kind: "fixed-delay", attempts: 2, delay: 1 });
  }, KEPT);
  assert.equal(end.status, "FAILED");
  assert.equal(errorCode(end.error), "JOB_FAILED");
  assert.match((end.error as Error).message, /committed/);
});

test("storage that fails now and then costs attempts and checkpoints, never records", async () => {
  let startsCount = 0;
  for (let seed = 0; seed < 12; seed++) {
    const bench = new JobBench(`storage ${seed}`, 0.04);
    const out = collect<number>();
    let status = "";
    for (let start = 0; start < 50 && status !== "FINISHED"; start++) {
      startsCount += 1;
      try {
        const started = await bench.start(counting(out), KEPT);
        // Over: the end was noted, although noting it seemed to fail.
        if (started.kind === "over") status = started.status.toUpperCase();
        else status = (await bench.world.scheduler.runUntil(started.job.ended)).status;
      } catch (error) {
        assert.equal(errorCode(error), "FILE_IO", String(error));
      }
      if (status !== "FINISHED") bench.restart();
    }
    assert.equal(status, "FINISHED");
    assert.deepEqual(sorted(out.records()), sorted(COUNTS), `seed ${seed}`);
  }
  assert.ok(startsCount > 12, "some runs had to be started again");
});

test("at-least-once counts every record at least once, and goes on after a failure", async () => {
  const bench = new JobBench();
  const out = collect<number>();
  let failuresLeft = 3;
  const end = await bench.run(
    (env) => {
      env
        .checkpoint({ interval: 10, mode: "at-least-once" })
        .restart({ kind: "fixed-delay", attempts: 100, delay: 1 })
        .source("numbers", collection(NUMBERS, { splits: 3 }))
        .map((n) => {
          if (n % 1000 === 900 && failuresLeft-- > 0) throw new Error("again");
          return n;
        })
        .rebalance()
        .sink("out", out);
    },
    { ...KEPT, parallelism: 3 },
  );
  assert.equal(end.status, "FINISHED");
  assert.equal(end.attemptsCount, 4);
  assert.deepEqual(new Set(out.records()), new Set(NUMBERS));
});
