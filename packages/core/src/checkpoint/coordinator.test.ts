import assert from "node:assert/strict";
import { test } from "node:test";
import { drainPromises } from "../testing/sim-scheduler.ts";
import type { CheckpointOutcome } from "./coordinator-host.ts";
import { MAX_QUEUED_REQUESTS } from "./request-queue.ts";
import { EPOCH_MS, ScriptedHost } from "./scripted-host.fixture.ts";

/** Periodic checkpoints at 100, 200, … ms (the random delay is 0, minPause is 0, so also at 0). */
const EVERY_100 = { interval: 100, tolerableFailures: "unlimited" } as const;

function reasonOf(outcome: CheckpointOutcome): string {
  return outcome.kind === "failed" ? outcome.reason : outcome.kind;
}

test("the first tick comes after a random delay in [minPause, interval]", async () => {
  for (const [drawn, delayMs] of [
    [0, 30],
    [0.5, 65],
    [0.999_999, 100],
  ] as const) {
    const host = new ScriptedHost({ interval: 100, minPause: 30 }, { random: () => drawn });
    await host.start();
    await host.pass(delayMs - 1);
    assert.equal(host.log(), "");
    await host.pass(1);
    assert.equal(host.log(), "enumerators 1, trigger 1");
  }
});

test("ticks keep to the planned times, at max(interval, minPause)", async () => {
  const host = await new ScriptedHost({ interval: 100, minPause: 250 }).start();
  const times: number[] = [];
  host.onTrigger = (barrier) => {
    times.push(barrier.timestamp - EPOCH_MS);
    host.calls.length = 0;
  };
  for (let i = 0; i < 10; i++) {
    await host.pass(100);
    if (host.barriers.length > 0) await host.ackAll(host.barriers.at(-1)!.id);
  }
  assert.deepEqual(times, [250, 550, 850].slice(0, times.length));
  assert.equal(times.length, 3);
});

test("no ticks without an interval, before RUNNING or after it", async () => {
  const without = await new ScriptedHost().start();
  await without.pass(1_000_000_000);
  assert.equal(without.log(), "");
  const host = new ScriptedHost(EVERY_100);
  host.coordinator.startAttempt({
    attempt: 1,
    subtasks: [{ vertex: 0, subtask: 0 }],
    restored: undefined,
  });
  await host.pass(1_000);
  assert.equal(host.log(), "");
  host.coordinator.startScheduler();
  host.coordinator.stopScheduler();
  await host.pass(1_000);
  assert.equal(host.log(), "");
});

test("a trigger goes in order: id, storage, enumerators, sources", async () => {
  const host = new ScriptedHost(EVERY_100);
  for (const call of ["reserveId", "prepareStorage", "snapshotEnumerators"] as const) {
    host.held.add(call);
  }
  await host.start();
  await host.pass(0);
  for (const call of ["reserveId", "prepareStorage", "snapshotEnumerators"] as const) {
    assert.deepEqual(
      host.open.map((open) => open.call),
      [call],
    );
    assert.equal(host.barriers.length, 0);
    await host.take(call).resolve();
  }
  assert.equal(host.log(), "enumerators 1, trigger 1");
  await host.ackAll(1);
  assert.equal(host.log(), "register 1/0, register 1/1, finalize 1, add 1, completed 1");
  assert.deepEqual(host.contents[0].enumerators, { source: 1 });
});

test("nothing starts, forced or not, while another is in its triggering phase", async () => {
  const host = new ScriptedHost({ ...EVERY_100, maxConcurrent: 5 });
  host.held.add("snapshotEnumerators");
  await host.start();
  await host.pass(350);
  void host.coordinator.trigger({ isForced: true });
  await drainPromises();
  assert.equal(host.log(), "enumerators 1");
  await host.take("snapshotEnumerators").resolve();
  assert.equal(host.log(), "trigger 1, enumerators 2");
});

test("at most maxConcurrent checkpoints are pending; a forced head may exceed it", async () => {
  const host = await new ScriptedHost({ ...EVERY_100, maxConcurrent: 2 }).start();
  await host.pass(500);
  assert.deepEqual(
    host.barriers.map((barrier) => barrier.id),
    [1, 2],
  );
  void host.coordinator.trigger({ isForced: true });
  await drainPromises();
  assert.deepEqual(
    host.barriers.map((barrier) => barrier.id),
    [1, 2, 3],
  );
});

test("a tick while a periodic request waits adds nothing to it", async () => {
  const host = await new ScriptedHost(EVERY_100).start();
  await host.pass(1_050);
  await host.ackAll(1);
  await host.ackAll(2);
  assert.deepEqual(
    host.barriers.map((barrier) => barrier.id),
    [1, 2],
  );
  await host.pass(50);
  assert.deepEqual(
    host.barriers.map((barrier) => barrier.id),
    [1, 2, 3],
  );
});

test("the pause runs from the completion, and the next tick comes when it is over", async () => {
  const host = await new ScriptedHost({ interval: 100, minPause: 100 }).start();
  await host.pass(100);
  await host.pass(60);
  await host.ackAll(1);
  await host.pass(99);
  assert.equal(host.barriers.length, 1);
  await host.pass(1);
  assert.equal(host.barriers.length, 2);
  assert.equal(host.barriers[1].timestamp - EPOCH_MS, 260);
});

test("a user's request ignores the pause; a savepoint's completion starts it too", async () => {
  const host = await new ScriptedHost({ interval: 1_000, minPause: 1_000 }).start();
  void host.coordinator.trigger();
  await drainPromises();
  await host.ackAll(1);
  void host.coordinator.trigger({ kind: "savepoint" });
  await drainPromises();
  await host.pass(900);
  await host.ackAll(2);
  await host.pass(999);
  assert.equal(host.barriers.length, 2);
  await host.pass(1);
  assert.equal(host.barriers.length, 3);
});

test("more than maxConcurrent checkpoints being deleted hold back triggers", async () => {
  const host = await new ScriptedHost({ ...EVERY_100, maxConcurrent: 2 }).start();
  host.cleaning = 3;
  await host.pass(250);
  assert.equal(host.barriers.length, 0);
  host.cleaning = 2;
  host.coordinator.cleaningProgressed();
  await drainPromises();
  assert.equal(host.barriers.length, 1);
});

test("discards of aborted checkpoints count as deletions", async () => {
  const host = await new ScriptedHost(EVERY_100).start();
  host.held.add("discard");
  await host.pass(0);
  await host.decline(1);
  await host.pass(100);
  await host.decline(2);
  await host.pass(500);
  assert.deepEqual(
    host.barriers.map((barrier) => barrier.id),
    [1, 2],
  );
  await host.take("discard").resolve();
  assert.deepEqual(
    host.barriers.map((barrier) => barrier.id),
    [1, 2, 3],
  );
});

test("too many requests are refused; a user's request evicts a periodic one", async () => {
  const host = new ScriptedHost(EVERY_100);
  host.held.add("snapshotEnumerators");
  await host.start();
  await host.pass(0);
  const outcomes = Array.from({ length: MAX_QUEUED_REQUESTS + 1 }, () =>
    host.coordinator.trigger(),
  );
  assert.equal(reasonOf(await outcomes.at(-1)!), "TOO_MANY_CHECKPOINT_REQUESTS");
});

test("without all tasks running a request fails before it has an id", async () => {
  const host = await new ScriptedHost().start();
  host.areRunning = false;
  const outcome = await host.coordinator.trigger();
  assert.equal(reasonOf(outcome), "NOT_ALL_REQUIRED_TASKS_RUNNING");
  assert.equal(host.lastId, 0);
  assert.equal(host.coordinator.statistics().counts.total, 0);
});

test("the timeout runs from the creation, enumerators included", async () => {
  const host = new ScriptedHost({ ...EVERY_100, interval: 10_000, timeout: 500 });
  host.held.add("snapshotEnumerators");
  await host.start();
  await host.pass(499);
  assert.equal(host.log(), "enumerators 1");
  await host.pass(1);
  assert.equal(host.log(), "discard 1, aborted 1 CHECKPOINT_EXPIRED");
  await host.take("snapshotEnumerators").resolve();
  assert.equal(host.log(), "", "the late answer triggers nothing");
});
