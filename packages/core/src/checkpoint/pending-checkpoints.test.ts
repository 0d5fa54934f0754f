import assert from "node:assert/strict";
import { test } from "node:test";
import { errorCode, oxbowError } from "../errors.ts";
import { drainPromises } from "../testing/sim-scheduler.ts";
import type { CheckpointOutcome } from "./coordinator-host.ts";
import { CHECKPOINT_FAILURE_REASONS, DECLINE_REASONS } from "./failure-reason.ts";
import { EPOCH_MS, ScriptedHost } from "./scripted-host.fixture.ts";

/** Periodic checkpoints at 100, 200, … ms (the random delay is 0, minPause is 0, so also at 0). */
const EVERY_100 = { interval: 100, tolerableFailures: "unlimited" } as const;

function reasonOf(outcome: CheckpointOutcome): string {
  return outcome.kind === "failed" ? outcome.reason : outcome.kind;
}

test("an acknowledgement is a success, duplicate, unknown or discarded", async () => {
  const host = await new ScriptedHost({ ...EVERY_100, interval: 1_000 }).start();
  await host.pass(0);
  const { coordinator } = host;
  host.log();
  assert.equal(coordinator.acknowledge(host.ackOf(1, 0)), "success");
  assert.equal(coordinator.acknowledge(host.ackOf(1, 0)), "duplicate");
  assert.equal(coordinator.acknowledge(host.ackOf(1, 7)), "unknown");
  assert.equal(coordinator.acknowledge(host.ackOf(1, 1, 99)), "unknown");
  assert.equal(coordinator.acknowledge(host.ackOf(5, 0)), "discarded");
  const expected =
    "register 1/0, register 1/0, register 1/7, drop 1/7, register 1/1, drop 1/1, " +
    "register 5/0, drop 5/0";
  assert.equal(host.log(), expected, "shared segments are registered whatever the fate");
  assert.equal(coordinator.acknowledge(host.ackOf(1, 1)), "success");
  await drainPromises();
  assert.equal(coordinator.acknowledge(host.ackOf(1, 1)), "discarded");
  assert.equal(host.completedNotices.length, 1);
});

test("a savepoint's shared segments are not registered", async () => {
  const host = await new ScriptedHost().start();
  void host.coordinator.trigger({ kind: "savepoint" });
  await drainPromises();
  await host.ackAll(1);
  assert.equal(host.log(), "enumerators 1, trigger 1, finalize 1");
});

test("late messages are told apart: the last 16 expired ids are remembered", async () => {
  const host = await new ScriptedHost({ ...EVERY_100, timeout: 50 }).start();
  await host.pass(1_950);
  host.coordinator.acknowledge(host.ackOf(4, 0));
  host.coordinator.acknowledge(host.ackOf(5, 0));
  await host.decline(20);
  const late = host.events.filter((event) => event.kind === "late");
  assert.deepEqual(
    late.map((event) => [event.checkpointId, event.hadExpired]),
    [
      [4, false],
      [5, true],
      [20, true],
    ],
  );
});

test("all acknowledgements may come inside triggerSources", async () => {
  const host = new ScriptedHost(EVERY_100);
  host.onTrigger = ({ id }) => {
    host.coordinator.acknowledge(host.ackOf(id, 0));
    host.coordinator.acknowledge(host.ackOf(id, 1));
  };
  await host.start();
  await host.pass(0);
  assert.deepEqual(host.stored, [1]);
});

test("a decline inside triggerSources aborts, and the next trigger may start", async () => {
  const host = new ScriptedHost(EVERY_100);
  host.onTrigger = ({ id }) => {
    if (id === 1) void host.decline(id);
  };
  await host.start();
  await host.pass(100);
  await host.ackAll(2);
  assert.deepEqual(host.stored, [2]);
});

for (const reason of DECLINE_REASONS) {
  test(`a decline with ${reason} aborts, discards and tells all`, async () => {
    const host = await new ScriptedHost(EVERY_100).start();
    await host.pass(0);
    await host.ackAll(1);
    await host.pass(100);
    host.log();
    assert.equal(await host.decline(2, reason), true);
    assert.equal(host.log(), `discard 2, aborted 2 ${reason}`);
    const notice = { checkpointId: 2, attempt: 1, latestCompletedId: 1, reason };
    assert.deepEqual(host.abortedNotices, [notice]);
    assert.equal(await host.decline(2, reason), false);
    const [record] = host.coordinator.statistics().history;
    assert.equal(record?.failureMessage, CHECKPOINT_FAILURE_REASONS[reason].message);
  });
}

test("a failure in any step of the trigger ends the request", async () => {
  for (const [call, reason] of [
    ["reserveId", "IO_EXCEPTION"],
    ["prepareStorage", "IO_EXCEPTION"],
    ["snapshotEnumerators", "TRIGGER_CHECKPOINT_FAILURE"],
  ] as const) {
    const host = new ScriptedHost({ tolerableFailures: "unlimited" });
    host.held.add(call);
    await host.start();
    const outcome = host.coordinator.trigger();
    await drainPromises();
    await host.take(call).reject(new Error("no"));
    assert.equal(reasonOf(await outcome), reason);
    assert.equal(host.coordinator.statistics().counts.failed, 1);
    host.held.clear();
    const next = host.coordinator.trigger();
    await drainPromises();
    await host.ackAll(host.lastId);
    assert.equal(reasonOf(await next), "completed", "the next one is free to go");
  }
  const host = await new ScriptedHost().start();
  host.onTrigger = () => {
    throw new Error("a worker is gone");
  };
  assert.equal(reasonOf(await host.coordinator.trigger()), "TRIGGER_CHECKPOINT_FAILURE");
});

test("completion: stored, older pending ones subsumed, then told; savepoints survive", async () => {
  const host = await new ScriptedHost({ interval: 100, maxConcurrent: 3 }).start();
  await host.pass(0);
  const savepoint = host.coordinator.trigger({ kind: "savepoint" });
  await host.pass(100);
  host.log();
  await host.ackAll(3);
  assert.equal(
    host.log(),
    "register 3/0, register 3/1, finalize 3, add 3, " +
      "discard 1, aborted 1 CHECKPOINT_SUBSUMED, completed 3",
  );
  await host.ackAll(2);
  assert.equal(reasonOf(await savepoint), "completed");
  assert.equal(host.log(), "finalize 2", "a savepoint is neither stored nor told nor subsuming");
  assert.deepEqual(host.failures, []);
});

test("the notice of a completion names the newest checkpoint that went for it", async () => {
  const host = await new ScriptedHost(EVERY_100).start();
  for (const id of [1, 2]) {
    await host.pass(100);
    await host.ackAll(id);
  }
  assert.deepEqual(host.completedNotices, [
    { checkpointId: 1, attempt: 1, lastSubsumedId: undefined, isFinal: false },
    { checkpointId: 2, attempt: 1, lastSubsumedId: 1, isFinal: false },
  ]);
});

test("a barrier's base is the newest completed checkpoint, never a savepoint", async () => {
  const host = await new ScriptedHost({ ...EVERY_100, maxConcurrent: 2 }).start();
  await host.pass(100);
  await host.ackAll(1);
  await host.pass(100);
  await host.ackAll(2);
  void host.coordinator.trigger({ kind: "savepoint" });
  await drainPromises();
  await host.ackAll(4);
  void host.coordinator.trigger();
  void host.coordinator.trigger({ isFull: true });
  await host.pass(1_000);
  await host.decline(3);
  const bases = host.barriers.map((barrier) => [barrier.id, barrier.base]);
  assert.deepEqual(bases.slice(0, 5), [
    [1, undefined],
    [2, undefined],
    [3, 1],
    [4, undefined],
    [5, 2],
  ]);
  assert.deepEqual(bases[5], [6, undefined], "asked to be full");
});

test("bases of pending checkpoints are pinned when an older one completes", async () => {
  const host = await new ScriptedHost({ ...EVERY_100, maxConcurrent: 3 }).start();
  await host.pass(0);
  await host.ackAll(1);
  await host.pass(300);
  await host.ackAll(2);
  await host.ackAll(4);
  assert.deepEqual(host.pins, [[], [1], []]);
});

test("no base without incremental, nor after a restore that does not own", async () => {
  const never = await new ScriptedHost({ ...EVERY_100, incremental: false }).start();
  await never.pass(0);
  await never.ackAll(1);
  await never.pass(100);
  assert.equal(never.barriers[1].base, undefined);

  const host = new ScriptedHost({ ...EVERY_100 });
  host.lastId = 7;
  await host.start({ id: 7, kind: "checkpoint", location: "/other", mustBeFull: true });
  await host.pass(0);
  await host.decline(8);
  void host.coordinator.trigger({ kind: "savepoint" });
  await drainPromises();
  await host.ackAll(9);
  await host.pass(100);
  await host.ackAll(10);
  await host.pass(100);
  const bases = host.barriers.map((barrier) => barrier.base);
  assert.deepEqual(bases, [undefined, undefined, undefined, 10]);
});

test("finalizing is serial, and who completes first subsumes older ones that wait", async () => {
  const host = await new ScriptedHost({ ...EVERY_100, maxConcurrent: 2 }).start();
  host.held.add("finalize");
  await host.pass(100);
  await host.ackAll(2);
  await host.ackAll(1);
  assert.deepEqual(
    host.open.map((open) => open.id),
    [2],
  );
  await host.take("finalize").resolve();
  assert.deepEqual(host.open, []);
  assert.deepEqual(host.stored, [2]);
  assert.equal(host.abortedNotices[0]?.reason, "CHECKPOINT_SUBSUMED");
});

test("nobody hears of a completion before finalize has resolved; its failure aborts", async () => {
  const host = await new ScriptedHost(EVERY_100).start();
  host.held.add("finalize");
  await host.pass(0);
  await host.ackAll(1);
  assert.deepEqual(host.completedNotices, []);
  assert.equal(await host.decline(1), false, "too late to decline");
  await host.take("finalize").reject(new Error("disk full"));
  assert.equal(host.abortedNotices[0]?.reason, "FINALIZE_CHECKPOINT_FAILURE");
  assert.deepEqual([host.completedNotices, host.stored], [[], []]);
});

test("stopping ends all that waits or is pending, but not what is finalizing", async () => {
  const host = await new ScriptedHost({ ...EVERY_100, maxConcurrent: 2 }).start();
  host.held.add("finalize");
  await host.pass(100);
  await host.ackAll(1);
  const waiting = host.coordinator.trigger();
  let isSettled = false;
  host.coordinator.stopScheduler();
  const settled = host.coordinator.settled().then(() => (isSettled = true));
  assert.equal(reasonOf(await waiting), "CHECKPOINT_COORDINATOR_SUSPEND");
  assert.deepEqual(
    host.abortedNotices.map((notice) => notice.checkpointId),
    [2],
  );
  assert.equal(isSettled, false);
  await host.take("finalize").resolve();
  await settled;
  assert.deepEqual(host.stored, [1]);
  await host.pass(1_000);
  assert.equal(host.barriers.length, 2);
});

test("where nobody knows whether a checkpoint is complete, all stops for good", async () => {
  const host = await new ScriptedHost({ ...EVERY_100, maxConcurrent: 2 }).start();
  host.held.add("finalize");
  await host.pass(100);
  await host.ackAll(1);
  await host.ackAll(2);
  host.log();
  const uncertain = oxbowError("CHECKPOINT_UNCERTAIN", "is it there?");
  await host.take("finalize").reject(uncertain);
  assert.deepEqual(host.failures, [uncertain], "the error itself, whatever is tolerated");
  assert.equal(host.log(), "failJob");
  host.coordinator.stopScheduler();
  assert.equal(host.log(), "", "nothing is discarded, and nobody is told");
  await assert.rejects(host.coordinator.settled(), uncertain);
  assert.throws(() =>
    host.coordinator.startAttempt({ attempt: 2, subtasks: [], restored: undefined }),
  );
  assert.equal(reasonOf(await host.coordinator.trigger()), "CHECKPOINT_COORDINATOR_SUSPEND");
  await assert.rejects(host.coordinator.shutdown(), uncertain);
});

test("a failed discard is reported and fails nothing", async () => {
  const host = await new ScriptedHost({ ...EVERY_100 }).start();
  host.held.add("discard");
  await host.pass(0);
  await host.decline(1);
  await host.take("discard").reject(new Error("no permission"));
  assert.deepEqual(host.failures, []);
  assert.equal(host.events.at(-1)?.kind, "discardFailed");
});

test("stopping while the id is being reserved gives the request up and burns the id", async () => {
  const host = new ScriptedHost({ ...EVERY_100 });
  host.held.add("reserveId");
  await host.start();
  const outcome = host.coordinator.trigger();
  await drainPromises();
  host.coordinator.stopScheduler();
  assert.equal(reasonOf(await outcome), "CHECKPOINT_COORDINATOR_SUSPEND");
  await host.take("reserveId").resolve();
  host.held.clear();
  await host.restart();
  await host.pass(0);
  assert.deepEqual(
    host.barriers.map((barrier) => barrier.id),
    [2],
  );
});

test("a new attempt builds on what it was restored from, and hears no older one", async () => {
  const host = await new ScriptedHost({ ...EVERY_100 }).start();
  await host.pass(0);
  await host.ackAll(1);
  await host.pass(100);
  await host.restart();
  await host.pass(0);
  assert.deepEqual(host.barriers.at(-1), {
    id: 3,
    kind: "checkpoint",
    timestamp: EPOCH_MS + 100,
    base: 1,
    target: undefined,
    stop: undefined,
  });
  assert.equal(host.coordinator.acknowledge(host.ackOf(3, 0, 1)), "unknown");
  assert.equal(host.coordinator.acknowledge(host.ackOf(2, 0, 1)), "discarded");
  const stale = { attempt: 1, checkpointId: 3, vertex: 0, subtask: 0, error: undefined };
  assert.equal(host.coordinator.decline(stale), false);
  assert.equal(host.coordinator.statistics().counts.restored, 1);
});

test("after shutdown everything is refused", async () => {
  const host = await new ScriptedHost({ ...EVERY_100 }).start();
  await host.pass(0);
  const waiting = host.coordinator.trigger();
  await host.coordinator.shutdown();
  assert.equal(reasonOf(await waiting), "CHECKPOINT_COORDINATOR_SHUTDOWN");
  assert.equal(host.abortedNotices[0]?.reason, "CHECKPOINT_COORDINATOR_SHUTDOWN");
  assert.equal(reasonOf(await host.coordinator.trigger()), "CHECKPOINT_COORDINATOR_SHUTDOWN");
});

test("the final checkpoint is taken at once, and nothing comes after it", async () => {
  const host = await new ScriptedHost({ interval: 1_000, minPause: 1_000 }).start();
  await host.pass(1_000);
  await host.ackAll(1);
  const final = host.coordinator.triggerFinal();
  await drainPromises();
  assert.equal(host.barriers.at(-1)?.id, 2);
  await host.ackAll(2);
  assert.equal(reasonOf(await final), "completed");
  assert.deepEqual(
    host.completedNotices.map((notice) => notice.isFinal),
    [false, true],
  );
  await host.pass(10_000);
  assert.equal(host.barriers.length, 2);
});

test("what was under way when all ended is not final; a later tick may be", async () => {
  const host = await new ScriptedHost({ ...EVERY_100 }).start();
  await host.pass(0);
  const final = host.coordinator.triggerFinal();
  await host.ackAll(1);
  await host.decline(2);
  await host.pass(100);
  await host.ackAll(3);
  const outcome = await final;
  assert.equal(outcome.kind === "completed" && outcome.checkpoint.id, 3);
  assert.deepEqual(
    host.completedNotices.map((notice) => [notice.checkpointId, notice.isFinal]),
    [
      [1, false],
      [3, true],
    ],
  );
});

test("the final checkpoint ends as failed when the job leaves RUNNING", async () => {
  const host = await new ScriptedHost({ ...EVERY_100 }).start();
  const final = host.coordinator.triggerFinal();
  host.coordinator.stopScheduler();
  assert.equal(reasonOf(await final), "CHECKPOINT_COORDINATOR_SUSPEND");
});

test("a failure too many fails the job with Flink's words", async () => {
  const host = await new ScriptedHost({ interval: 100, tolerableFailures: 1, timeout: 50 }).start();
  await host.pass(60);
  assert.deepEqual(host.failures, []);
  await host.pass(100);
  assert.equal(errorCode(host.failures[0]), "CHECKPOINT_FAILURES_EXCEEDED");
  assert.match(
    String(host.failures[0]),
    /Exceeded checkpoint .* due to Checkpoint expired before completing\./,
  );
});

test("statistics: counts, figures per subtask, history of ten, newest first", async () => {
  const host = await new ScriptedHost(EVERY_100).start();
  for (let id = 1; id <= 13; id++) {
    await host.pass(id === 1 ? 0 : 60);
    if (id % 4 === 0) await host.decline(id);
    else await host.ackAll(id);
    await host.pass(40);
  }
  await host.pass(60);
  const { counts, history, latest, summary } = host.coordinator.statistics();
  assert.deepEqual(counts, { total: 14, inProgress: 1, completed: 10, failed: 3, restored: 0 });
  assert.deepEqual(
    history.map((record) => record.id),
    [14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4],
  );
  assert.equal(latest.completed?.id, 13);
  assert.equal(latest.failed?.id, 12);
  const record = history[1];
  assert.equal(record?.status, "COMPLETED");
  assert.equal(record.stateSizeBytes, 200);
  assert.equal(record.checkpointedSizeBytes, 20);
  assert.equal(record.alignmentDurationMs, 4);
  assert.deepEqual(
    record.subtasks.map((part) => [part.subtask, part.alignmentMs, part.startDelayMs]),
    [
      [0, 3, 4],
      [1, 4, 4],
    ],
  );
  assert.deepEqual(summary.stateSizeBytes, { min: 200, avg: 200, max: 200 });
  assert.deepEqual(structuredClone(host.coordinator.statistics()), host.coordinator.statistics());
});
