// What a run that has ended says to the next start.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamEnvironment } from "../api/environment.ts";
import { collect } from "../connectors/collect.ts";
import type { RetainOptions } from "../graph/checkpoint-options.ts";
import { JobBench, endless } from "./job.fixture.ts";

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
