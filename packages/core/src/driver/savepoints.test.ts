// Savepoints of jobs: taking them, stopping with one, and going on from there.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamEnvironment } from "../api/environment.ts";
import { collect } from "../connectors/collect.ts";
import type { CollectSink } from "../connectors/collect.ts";
import { generator } from "../connectors/generator.ts";
import { errorCode } from "../errors.ts";
import { readMetadata } from "../snapshot/metadata-file.ts";
import { t } from "../types/t.ts";
import { count } from "../window/aggregates.ts";
import { tumbling } from "../window/assigner.ts";
import { JobBench } from "./job.fixture.ts";
import type { JobHandle, RunOptions } from "./run-job.ts";

const KEPT = { checkpointDirectory: "/runs" };
const COUNT = 1_000;

interface Counted {
  readonly key: number;
  readonly n: number;
}

/** Counts numbers per key and per window of a second; a hundred numbers in a second. */
function counting(
  running: CollectSink<Counted>,
  windows: CollectSink<unknown>,
  total: number = COUNT,
) {
  return (env: StreamEnvironment): void => {
    const numbers = env
      .checkpoint({ interval: "1s" })
      .source("numbers", generator({ count: total, make: (index) => index, ratePerSecond: 100 }))
      .watermarks({ timestamp: (n) => n * 10, outOfOrderness: 0 })
      .keyBy((n) => n % 3, t.int32);
    numbers.aggregate("counts", { n: count() }).sink("running", running);
    numbers.window(tumbling("1s")).aggregate("windows", { n: count() }).sink("fired", windows);
  };
}

/** Runs `counting` without an interruption. */
async function straight(total: number = COUNT): Promise<{ running: string[]; windows: string[] }> {
  const out = sinks();
  await new JobBench().run(counting(out.running, out.windows, total), KEPT);
  return contents(out);
}

function sinks() {
  return { running: collect<Counted>(), windows: collect<unknown>() };
}

function contents(out: ReturnType<typeof sinks>) {
  const sorted = (pick: "running" | "windows"): string[] =>
    out[pick]
      .records()
      .map((record) => JSON.stringify(record))
      .sort();
  return { running: sorted("running"), windows: sorted("windows") };
}

/** Starts `counting` and lets it come to the middle. */
async function half(bench: JobBench, out: ReturnType<typeof sinks>, options: RunOptions = KEPT) {
  const handle = await bench.running(counting(out.running, out.windows), options);
  await bench.advance(4_321);
  return handle;
}

const stop = (bench: JobBench, handle: JobHandle, drain = false) =>
  bench.world.scheduler.runUntil(handle.stop({ drain }));

test("a stopped job goes on from its savepoint as if nothing had happened", async () => {
  const bench = new JobBench();
  const out = sinks();
  const handle = await half(bench, out);
  const savepoint = await stop(bench, handle);
  assert.match(savepoint.location, /^\/runs\/savepoints\/savepoint-[0-9a-f]{6}-[0-9a-f]{12}$/);
  assert.ok(savepoint.location.includes(`savepoint-${handle.runId.slice(0, 6)}-`));
  assert.equal((await handle.ended).status, "FINISHED");
  const before = out.running.records().length;
  assert.ok(before > 400, `the stop commits what came before it, ${before}`);
  bench.restart();
  const end = await bench.run(counting(out.running, out.windows), {
    ...KEPT,
    restore: { path: savepoint.location },
  });
  assert.equal(end.status, "FINISHED");
  assert.deepEqual(contents(out), await straight());
});

test("the same command says that the run was stopped, and with which savepoint", async () => {
  const bench = new JobBench();
  const out = sinks();
  const savepoint = await stop(bench, await half(bench, out));
  bench.restart();
  const again = await bench.start(counting(out.running, out.windows), KEPT);
  assert.deepEqual(
    [again.kind, again.kind === "over" && again.status, again.kind === "over" && again.stoppedWith],
    ["over", "finished", savepoint.location],
  );
});

test("a drained job has fired all windows, and its savepoint says so", async () => {
  const bench = new JobBench();
  const out = sinks();
  const handle = await half(bench, out);
  const savepoint = await stop(bench, handle, true);
  const seen = out.running.records().length;
  const expected = await straight(seen);
  assert.deepEqual(contents(out), expected, `${seen} numbers as if there were no more`);
  const metadata = await bench.world.scheduler.runUntil(
    readMetadata(bench.process.env.files, savepoint.location),
  );
  assert.deepEqual([metadata.kind, metadata.stop], ["savepoint", "drain"]);
});

test("a drained job that goes on reads what it had not read, in event time", async () => {
  const bench = new JobBench();
  const out = sinks();
  const { location } = await stop(bench, await half(bench, out), true);
  const seen = out.running.records().length;
  const build = counting(out.running, out.windows);
  await bench.run(build, { ...KEPT, restore: { path: location } });
  const expected = await straight();
  assert.deepEqual(contents(out).running, expected.running);
  // The window that was cut by the end of time is there in two parts; all others are whole.
  const cut = Math.floor(seen / 100) * 1_000;
  const others = (texts: string[]): string[] => texts.filter((text) => !text.includes(`:${cut},`));
  assert.deepEqual(others(contents(out).windows), others(expected.windows));
});

test("savepoints change nothing for the job, and several jobs begin from one", async () => {
  const bench = new JobBench();
  const [first, left, right] = [sinks(), sinks(), sinks()];
  const handle = await half(bench, first);
  const taken = await bench.world.scheduler.runUntil(
    Promise.all([handle.savepoint(), handle.savepoint({ target: "/elsewhere" })]),
  );
  assert.notEqual(taken[0].checkpointId, taken[1].checkpointId);
  assert.match(taken[1].location, /^\/elsewhere\/savepoint-/);
  assert.equal((await bench.world.scheduler.runUntil(handle.ended)).status, "FINISHED");
  assert.deepEqual(contents(first), await straight());
  const { location } = taken[0];
  for (const out of [left, right]) {
    bench.restart();
    await bench.run(counting(out.running, out.windows), {
      ...KEPT,
      newRun: true,
      restore: { path: location, sinks: "discard" },
    });
  }
  assert.deepEqual(contents(left), contents(right));
  const rest = contents(left).running.length;
  assert.ok(rest > 400 && rest < 600, `only what comes after the savepoint, ${rest}`);
});

test("a savepoint is not restored from by itself, nor does it commit", async () => {
  const bench = new JobBench();
  const out = sinks();
  const build = (env: StreamEnvironment): void => {
    counting(out.running, out.windows)(env);
    env.checkpoint({ interval: "1h" });
  };
  const handle = await bench.running(build, KEPT);
  await bench.advance(3_000);
  await bench.world.scheduler.runUntil(handle.savepoint());
  await bench.advance(500);
  assert.equal(out.running.records().length, 0);
  bench.restart();
  bench.events.length = 0;
  await bench.running(build, KEPT);
  const attempt = bench.events.find((event) => event.kind === "attempt");
  assert.equal(attempt?.restoredId, undefined);
});

test("a savepoint that fails leaves no directory, and the job running", async () => {
  const bench = new JobBench();
  const out = sinks();
  const handle = await half(bench, out);
  const { files } = bench.process.env;
  await bench.world.scheduler.runUntil((async () => (await files.create("/occupied")).close())());
  for (const take of [handle.savepoint, handle.stop]) {
    await assert.rejects(
      bench.world.scheduler.runUntil(take({ target: "/occupied/below" })),
      (error: Error) => errorCode(error) === "SAVEPOINT_FAILED" && /occupied/.test(error.message),
    );
    assert.equal(handle.status, "RUNNING");
  }
  assert.equal((await bench.world.scheduler.runUntil(handle.ended)).status, "FINISHED");
  assert.deepEqual(contents(out), await straight());
});

test("who asked for a savepoint is told why a task could not write its part", async () => {
  const bench = new JobBench();
  const handle = await half(bench, sinks());
  bench.process.env.files.inject({ kind: "io", operation: "write", path: /savepoint-.*\.seg/ });
  await assert.rejects(
    bench.world.scheduler.runUntil(handle.savepoint()),
    (error: Error) =>
      errorCode(error) === "SAVEPOINT_FAILED" &&
      errorCode(error.cause) === "FILE_IO" &&
      /savepoint-[^/]+\/.*\.seg/.test(error.message),
  );
});

test("a job is stopped once at a time, and not when it is over", async () => {
  const bench = new JobBench();
  const handle = await half(bench, sinks());
  const [first, second] = await bench.world.scheduler.runUntil(
    Promise.allSettled([handle.stop(), handle.stop()]),
  );
  assert.equal(first.status, "fulfilled");
  assert.equal(second.status === "rejected" && errorCode(second.reason), "STOP_IN_PROGRESS");
  await assert.rejects(handle.stop(), (error) => errorCode(error) === "JOB_NOT_RUNNING");
});

test("a job that is still being started says so where it is to be stopped", async () => {
  const bench = new JobBench();
  const out = sinks();
  const handle = await bench.running(counting(out.running, out.windows), KEPT);
  await assert.rejects(bench.world.scheduler.runUntil(handle.stop()), (error: Error) => {
    assert.equal(errorCode(error), "JOB_NOT_RUNNING");
    return /is still being started/.test(error.message);
  });
  await bench.world.scheduler.runUntil(handle.cancel());
});

test("without a checkpoint directory no savepoint is possible", async () => {
  const bench = new JobBench();
  const handle = await half(bench, sinks(), {});
  await assert.rejects(
    handle.savepoint(),
    (error) => errorCode(error) === "SAVEPOINT_NOT_POSSIBLE",
  );
  await bench.world.scheduler.runUntil(handle.cancel());
});

test("no checkpoint is taken of a job that is being drained", async () => {
  const bench = new JobBench();
  const handle = await half(bench, sinks());
  const counts = () => handle.checkpoints()!.counts;
  await bench.until(() => counts().inProgress > 0);
  const stopped = stop(bench, handle, true);
  assert.equal(counts().inProgress, 0, "the pending one is aborted at once");
  for (const take of [handle.checkpoint, handle.savepoint]) {
    await assert.rejects(take(), (error) => errorCode(error) === "STOP_IN_PROGRESS");
  }
  const before = counts().total;
  await stopped;
  assert.equal(counts().total, before + 1, "only the savepoint");
});

test("killed at any event of a stop, nothing is lost or doubled", async () => {
  const expected = await straight();
  let restartedCount = 0;
  let resumedCount = 0;
  for (let eventsCount = 1; eventsCount < 200; eventsCount += 7) {
    const bench = new JobBench(`stop ${eventsCount}`);
    const out = sinks();
    const handle = await half(bench, out);
    handle.stop().catch(() => undefined);
    for (let event = 0; event < eventsCount; event++) await bench.world.scheduler.runNext();
    bench.restart();
    const build = counting(out.running, out.windows);
    const again = await bench.start(build, KEPT);
    if (again.kind === "started") {
      restartedCount += 1;
      await bench.world.scheduler.runUntil(again.job.ended);
    } else {
      assert.ok(again.stoppedWith !== undefined, "it is over because it was stopped");
      await bench.run(build, { ...KEPT, restore: { path: again.stoppedWith } });
      resumedCount += 1;
    }
    assert.deepEqual(contents(out), expected, `killed after ${eventsCount} events`);
  }
  assert.ok(restartedCount > 3 && resumedCount > 3, `${restartedCount} and ${resumedCount}`);
});
