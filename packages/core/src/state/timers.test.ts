import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { t } from "../types/t.ts";
import { HashMapBackend } from "./hashmap-backend.ts";
import { TimerHeap } from "./timer-heap.ts";

const SEED = process.env["OXBOW_SEED"];
const PARAMETERS = SEED === undefined ? {} : { seed: Number(SEED) };

function backendOf() {
  return new HashMapBackend({
    uid: "op",
    keyType: t.string,
    maxParallelism: 8,
    keyGroupStart: 0,
    keyGroupEnd: 8,
    states: {},
    clockNow: () => 0,
  });
}

test("a timer deleted and its row used again for a later one does not fire early", () => {
  const backend = backendOf();
  const timers = backend.eventTimers;
  backend.setCurrentKey("a");
  timers.register(10);
  timers.register(20);
  timers.delete(10);
  timers.register(50);
  const fired: number[] = [];
  timers.popDue(30, 100, (timestamp) => fired.push(timestamp));
  assert.deepEqual(fired, [20]);
  assert.equal(timers.nextTimestamp(), 50);
});

test("a timer is there once per key, namespace and time, and fires with its key current", () => {
  const backend = backendOf();
  const timers = backend.processingTimers;
  for (const key of ["a", "b", "a"]) {
    backend.setCurrentKey(key);
    timers.register(5);
    timers.register(5, { start: 1, end: 2 });
  }
  assert.equal(timers.size, 4);
  const fired: string[] = [];
  timers.popDue(5, 100, (timestamp, { start, end }) =>
    fired.push(`${String(backend.currentKey())}@${timestamp}[${start},${end})`),
  );
  assert.deepEqual(fired.toSorted(), ["a@5[0,0)", "a@5[1,2)", "b@5[0,0)", "b@5[1,2)"]);
  assert.equal(backend.memory().rowsCount, 0, "keys without timers leave nothing");
});

test("timers registered while firing for a time that is due fire in the same call", () => {
  const backend = backendOf();
  const timers = backend.eventTimers;
  backend.setCurrentKey("a");
  timers.register(1);
  const fired: number[] = [];
  const count = timers.popDue(5, 100, (timestamp) => {
    fired.push(timestamp);
    timers.register(timestamp + 2);
  });
  assert.deepEqual(fired, [1, 3, 5]);
  assert.equal(count, 3);
  assert.equal(timers.nextTimestamp(), 7);
});

test("firing is bounded and goes on where it stopped; NaN is refused", () => {
  const backend = backendOf();
  const timers = backend.eventTimers;
  for (let n = 0; n < 10; n++) {
    backend.setCurrentKey(`${n}`);
    timers.register(n);
  }
  const fired: number[] = [];
  const fire = (timestamp: number): void => void fired.push(timestamp);
  assert.equal(timers.popDue(100, 4, fire), 4);
  assert.equal(timers.popDue(100, 100, fire), 6);
  assert.deepEqual(fired, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.throws(() => timers.register(NaN), { code: "INVALID_ARGUMENT" });
});

test("a timer that is moved a million times does not grow the heap", () => {
  const backend = backendOf();
  const timers = backend.eventTimers;
  backend.setCurrentKey("session");
  for (let n = 0; n < 1_000_000; n++) {
    if (n > 0) timers.delete(n - 1);
    timers.register(n);
  }
  assert.equal(timers.size, 1);
  assert.ok(timers.sizeBytes < 100_000, `${timers.sizeBytes} bytes`);
});

test("the heap gives its entries by timestamp", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true })), (timestamps) => {
      const heap = new TimerHeap();
      for (const [index, timestamp] of timestamps.entries()) heap.push(timestamp, index + 1);
      const popped: number[] = [];
      while (heap.count > 0) {
        assert.ok(Object.is(timestamps[heap.firstRow - 1], heap.firstTimestamp));
        popped.push(heap.firstTimestamp);
        heap.pop();
      }
      assert.deepEqual(
        popped.map((n) => n + 0),
        timestamps.toSorted((a, b) => a - b).map((n) => n + 0),
      );
    }),
    PARAMETERS,
  );
});
