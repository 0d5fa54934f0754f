// What a run that has ended says to the next start.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamEnvironment } from "../api/environment.ts";
import { collect } from "../connectors/collect.ts";
import type { RetainOptions } from "../graph/checkpoint-options.ts";
import { collection } from "../connectors/collection.ts";
import { discard } from "../connectors/for-each.ts";
import { takeRunLock } from "../snapshot/run-lock.ts";
import { t } from "../types/t.ts";
import { count } from "../window/aggregates.ts";
import { JobBench, endless } from "./job.fixture.ts";

const NUMBERS = Array.from({ length: 5000 }, (_, n) => n);
const KEPT = { checkpointDirectory: "/runs" };

/** A job that commits, and fails when it is told to. */
function failing(retain: RetainOptions, isTold: () => boolean) {
  const committed = collect<number>();
  const build = (env: StreamEnvironment): void => {
    env.checkpoint({ interval: "1s", retain });
    env.restart({ kind: "none" });
    env
      .source("numbers", endless())
      .map((n) => {
        if (isTold()) throw new Error("as told");
        return n;
      })
      .sink("out", committed);
  };
  return { build, committed };
}

test("a failed run whose checkpoints were deleted is over: nothing is repeated", async () => {
  const bench = new JobBench();
  let isTold = false;
  const { build, committed } = failing({ onFailure: "delete" }, () => isTold);
  const running = await bench.running(build, KEPT);
  await bench.until(() => committed.records().length > 0);
  isTold = true;
  const end = await bench.world.scheduler.runUntil(running.ended);
  assert.equal(end.status, "FAILED");
  const again = await bench.start(build, KEPT);
  assert.deepEqual([again.kind, again.kind === "over" && again.status], ["over", "failed"]);
});

test("a failed run that never committed begins again, whatever is kept", async () => {
  const bench = new JobBench();
  const { build, committed } = failing({ onFailure: "delete" }, () => true);
  const end = await bench.run(build, KEPT);
  assert.equal(end.status, "FAILED");
  assert.equal((await bench.start(build, KEPT)).kind, "started");
  assert.deepEqual(committed.records(), []);
});

for (const ending of ["cancel", "fail"] as const) {
  test(`killed while it ends (${ending}), a run never begins again behind a commit`, async () => {
    for (let eventsCount = 1; eventsCount < 100; eventsCount++) {
      const bench = new JobBench();
      let isTold = false;
      const { build, committed } = failing({ onFailure: "delete" }, () => isTold);
      const running = await bench.running(build, KEPT);
      await bench.until(() => committed.records().length > 0);
      if (ending === "cancel") void running.cancel();
      else isTold = true;
      for (let count = 0; count < eventsCount; count++) await bench.world.scheduler.runNext();
      bench.restart();
      bench.events.length = 0;
      isTold = false;
      const again = await bench.start(build, KEPT);
      if (again.kind === "over") continue;
      await bench.until(() => bench.statuses().includes("RUNNING"));
      const attempt = bench.events.find((event) => event.kind === "attempt");
      assert.notEqual(attempt?.restoredId, undefined, `after ${eventsCount} events`);
    }
  });
}

for (const ending of ["finish", "cancel"] as const) {
  test(`killed while it ends (${ending}), the next start leaves no checkpoint behind`, async () => {
    let leftCount = 0;
    for (let eventsCount = 0; eventsCount < 60; eventsCount++) {
      const bench = new JobBench(`${ending} ${eventsCount}`);
      const isLimited = ending === "finish";
      const build = (env: StreamEnvironment): void => {
        env.checkpoint({ interval: 10 });
        const numbers = isLimited
          ? env.source("numbers", collection(NUMBERS))
          : env.source("numbers", endless());
        numbers
          .keyBy((n) => n % 5, t.int32)
          .aggregate("counts", { count: count() })
          .sink("out", discard());
      };
      const { disk, scheduler } = bench.world;
      const running = await bench.running(build, KEPT);
      const recordPath = `${running.runDirectory}/run.json`;
      await bench.until(() => bench.count("checkpoint") > 0);
      if (!isLimited) void running.cancel();
      await bench.until(() =>
        /"(finished|canceled)"/.test(new TextDecoder().decode(disk.content(recordPath))),
      );
      for (let events = 0; events < eventsCount; events++) await scheduler.runNext();
      bench.restart();
      const isCheckpoint = (path: string): boolean => /chk-|shared\/./.test(path);
      if (disk.paths().some(isCheckpoint)) leftCount += 1;
      const again = await bench.start(build, KEPT);
      assert.equal(again.kind, "over", `after ${eventsCount} events`);
      assert.deepEqual(disk.paths().filter(isCheckpoint), [], `after ${eventsCount} events`);
    }
    assert.ok(leftCount > 0, "some were killed before everything was deleted");
  });
}

test("a checkpoint that another run began from outlives the run that left it behind", async () => {
  const { bench, build, left } = await leftBehind();
  const begun = await bench.running(build, { ...KEPT, jobId: "other", restore: { path: left } });
  await bench.until(() => bench.statuses().includes("RUNNING"));
  assert.equal((await bench.start(build, KEPT)).kind, "over");
  assert.notEqual(bench.world.disk.find(`${left}/_metadata`), undefined);
  await bench.world.scheduler.runUntil(begun.cancel());
});

test("what is left behind stays while another process holds the run", async () => {
  const { bench, build, left, runDirectory } = await leftBehind();
  const { process } = bench;
  const lock = await bench.world.scheduler.runUntil(takeRunLock(process.env, runDirectory));
  bench.process = bench.world.startProcess();
  assert.equal((await bench.start(build, KEPT)).kind, "over");
  assert.notEqual(bench.world.disk.find(`${left}/_metadata`), undefined);
  await bench.world.scheduler.runUntil(lock.release());
  await bench.start(build, KEPT);
  assert.equal(bench.world.disk.find(`${left}/_metadata`), undefined);
});

/** A run that was noted as canceled, and whose checkpoint was not deleted. */
async function leftBehind() {
  const bench = new JobBench();
  const build = (env: StreamEnvironment): void => {
    env.checkpoint({ interval: 10 });
    env.source("numbers", endless()).sink("out", discard());
  };
  const { disk } = bench.world;
  const running = await bench.running(build, KEPT);
  const runDirectory = running.runDirectory ?? "";
  await bench.until(() => bench.count("checkpoint") > 0);
  void running.cancel();
  await bench.until(() =>
    /"canceled"/.test(new TextDecoder().decode(disk.content(`${runDirectory}/run.json`))),
  );
  bench.restart();
  bench.events.length = 0;
  const metadata = disk.paths().find((path) => path.endsWith("/_metadata")) ?? "";
  return { bench, build, runDirectory, left: metadata.slice(0, -"/_metadata".length) };
}
