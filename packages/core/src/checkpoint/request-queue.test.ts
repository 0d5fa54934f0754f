import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RequestQueue, compareRequests } from "./request-queue.ts";
import type { AdmissionSituation, CheckpointRequest } from "./request-queue.ts";

let sequence = 0;

function request(more: Partial<CheckpointRequest> = {}): CheckpointRequest {
  return {
    kind: "checkpoint",
    isPeriodic: false,
    isForced: false,
    isFull: false,
    target: undefined,
    stop: undefined,
    sequence: sequence++,
    settle: () => {},
    ...more,
  };
}

const FREE: AdmissionSituation = {
  isTriggering: false,
  pendingCount: 0,
  cleaningCount: 0,
  maxConcurrent: 1,
  pauseLeftMs: 0,
};

test("savepoints go first, then forced, then a user's, then periodic requests", () => {
  const periodic = request({ isPeriodic: true });
  const mine = request();
  const mineLater = request();
  const forced = request({ isForced: true });
  const savepoint = request({ kind: "savepoint" });
  const queue = new RequestQueue();
  for (const each of [periodic, mineLater, mine, forced, savepoint]) queue.offer(each);
  assert.deepEqual(queue.drain(), [savepoint, forced, mine, mineLater, periodic]);
});

test("what starts, waits or comes too early is a table", () => {
  const cases: readonly (readonly [
    Partial<CheckpointRequest>,
    Partial<AdmissionSituation>,
    string,
  ])[] = [
    [{}, {}, "start"],
    [{}, { isTriggering: true }, "wait"],
    [{ isForced: true }, { isTriggering: true }, "wait"],
    [{}, { pendingCount: 1 }, "wait"],
    [{ isForced: true }, { pendingCount: 1 }, "start"],
    [{}, { pendingCount: 1, maxConcurrent: 2 }, "start"],
    [{}, { cleaningCount: 1 }, "start"],
    [{}, { cleaningCount: 2 }, "wait"],
    [{ isForced: true }, { cleaningCount: 2 }, "wait"],
    [{ isPeriodic: true }, { pauseLeftMs: 1 }, "tooEarly"],
    [{ isPeriodic: true }, { pauseLeftMs: 0 }, "start"],
    [{ isPeriodic: true, isForced: true }, { pauseLeftMs: 1 }, "start"],
    [{ isPeriodic: true }, { pauseLeftMs: 1, pendingCount: 1 }, "wait"],
    [{}, { pauseLeftMs: 1 }, "start"],
  ];
  for (const [wish, situation, expected] of cases) {
    const queue = new RequestQueue();
    queue.offer(request(wish));
    const admission = queue.choose({ ...FREE, ...situation });
    assert.equal(admission.kind, expected, JSON.stringify([wish, situation]));
    assert.equal(queue.size, expected === "wait" ? 1 : 0);
  }
});

test("a full queue gives up its periodic request for a user's, else refuses the new one", () => {
  const queue = new RequestQueue(2);
  const periodic = request({ isPeriodic: true });
  assert.equal(queue.offer(periodic), undefined);
  assert.equal(queue.offer(request()), undefined);
  assert.equal(queue.offer(request()), periodic);
  const refused = request({ kind: "savepoint" });
  assert.equal(queue.offer(refused), refused);
});

test("only one periodic request waits", () => {
  const queue = new RequestQueue();
  queue.offer(request({ isPeriodic: true }));
  const second = request({ isPeriodic: true });
  assert.equal(queue.offer(second), second);
});

test("the queue keeps its order and its bound, and loses nothing", () => {
  const wish = fc.record({
    kind: fc.constantFrom("checkpoint" as const, "savepoint" as const),
    isPeriodic: fc.boolean(),
    isForced: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(wish, { maxLength: 40 }),
      fc.integer({ min: 1, max: 10 }),
      (wishes, max) => {
        const queue = new RequestQueue(max);
        const offered = wishes.map((each) => request(each));
        const refused = offered.flatMap((each) => queue.offer(each) ?? []);
        const left = queue.drain();
        assert.ok(left.length <= max);
        assert.deepEqual(left, left.toSorted(compareRequests));
        assert.equal(new Set([...refused, ...left]).size, offered.length);
      },
    ),
  );
});
