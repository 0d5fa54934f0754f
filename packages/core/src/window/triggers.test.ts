import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_WATERMARK } from "../time/timestamp.ts";
import { t } from "../types/t.ts";
import { global, session, tumbling } from "./assigner.ts";
import { canMerge, CONTINUE, FIRE, FIRE_AND_PURGE } from "./trigger.ts";
import type { Trigger, TriggerContext } from "./trigger.ts";
import { defaultTrigger, trigger } from "./triggers.ts";

/** One window of one key, with its timers and its trigger's state in the open. */
class Bench implements TriggerContext {
  window = { start: 0, end: 100 };
  currentWatermark = NO_WATERMARK;
  currentProcessingTime = 0;
  readonly state: Record<string, unknown> = {};
  readonly event = new Set<number>();
  readonly processing = new Set<number>();
  readonly #trigger: Trigger<never>;

  constructor(of: Trigger<never>) {
    this.#trigger = of;
    for (const [name, { initial }] of Object.entries(of.state)) this.state[name] = initial;
  }

  record(timestamp = 0, record?: unknown): number {
    return this.#trigger.onRecord(record as never, timestamp, this);
  }

  onEventTime(timestamp: number): number {
    return this.#trigger.onEventTime(timestamp, this);
  }

  onProcessingTime(timestamp: number): number {
    return this.#trigger.onProcessingTime(timestamp, this);
  }

  clear(): void {
    this.#trigger.clear(this);
  }

  registerEventTimeTimer(timestamp: number): void {
    this.event.add(timestamp);
  }

  deleteEventTimeTimer(timestamp: number): void {
    this.event.delete(timestamp);
  }

  registerProcessingTimeTimer(timestamp: number): void {
    this.processing.add(timestamp);
  }

  deleteProcessingTimeTimer(timestamp: number): void {
    this.processing.delete(timestamp);
  }
}

test("event time: one timer at the last timestamp; late records fire at once", () => {
  const bench = new Bench(trigger.eventTime());
  assert.equal(bench.record(), CONTINUE);
  assert.equal(bench.record(), CONTINUE);
  assert.deepEqual([...bench.event], [99]);
  assert.equal(bench.onEventTime(98), CONTINUE);
  assert.equal(bench.onEventTime(99), FIRE);
  bench.currentWatermark = 99;
  assert.equal(bench.record(), FIRE);
  bench.clear();
  assert.equal(bench.event.size, 0);
});

test("processing time: fires by the clock only", () => {
  const bench = new Bench(trigger.processingTime());
  assert.equal(bench.record(), CONTINUE);
  assert.deepEqual([...bench.processing], [99]);
  assert.equal(bench.onEventTime(99), CONTINUE);
  assert.equal(bench.onProcessingTime(99), FIRE);
  bench.clear();
  assert.equal(bench.processing.size, 0);
});

test("count: fires at every n-th record and starts over", () => {
  const bench = new Bench(trigger.count(3));
  const results = [1, 2, 3, 4, 5, 6].map(() => bench.record());
  assert.deepEqual(results, [CONTINUE, CONTINUE, FIRE, CONTINUE, CONTINUE, FIRE]);
  assert.equal(bench.onEventTime(99), CONTINUE);
  assert.throws(() => trigger.count(0), /WINDOW_INVALID|no whole number/);
});

test("purging: what fires also empties", () => {
  const bench = new Bench(trigger.purging(trigger.count(2)));
  assert.deepEqual([bench.record(), bench.record()], [CONTINUE, FIRE_AND_PURGE]);
  assert.equal(trigger.purging(trigger.count(2)).description, "purging count 2");
});

test("never: nothing fires", () => {
  const bench = new Bench(trigger.never());
  assert.deepEqual([bench.record(), bench.onEventTime(99)], [CONTINUE, CONTINUE]);
});

test("continuous event time: fires at each multiple of the interval and at the end", () => {
  const bench = new Bench(trigger.continuousEventTime(30));
  assert.equal(bench.record(35), CONTINUE);
  assert.deepEqual([...bench.event], [99, 60]);
  assert.equal(bench.record(65), CONTINUE, "one firing is armed already");
  assert.equal(bench.onEventTime(50), CONTINUE);
  assert.equal(bench.onEventTime(60), FIRE);
  assert.ok(bench.event.has(90));
  assert.equal(bench.onEventTime(90), FIRE);
  assert.equal(bench.onEventTime(99), FIRE);
  bench.currentWatermark = 99;
  assert.equal(bench.record(98), FIRE);
  bench.clear();
  assert.ok(!bench.event.has(99));
});

test("continuous event time before 1970 arms the next multiple", () => {
  const bench = new Bench(trigger.continuousEventTime(30));
  bench.window = { start: -100, end: 0 };
  bench.record(-35);
  assert.deepEqual([...bench.event], [-1, -30]);
});

test("continuous processing time: fires every interval of the clock while records come", () => {
  const bench = new Bench(trigger.continuousProcessingTime(10));
  bench.currentProcessingTime = 14;
  assert.equal(bench.record(), CONTINUE);
  assert.deepEqual([...bench.processing], [20]);
  assert.equal(bench.onProcessingTime(20), FIRE);
  assert.ok(bench.processing.has(30));
  assert.equal(bench.onEventTime(30), CONTINUE);
});

test("custom: declared state, and functions that are left out continue", () => {
  const bench = new Bench(
    trigger.custom({
      state: { total: { type: t.float64, initial: 0 } },
      onRecord: (order: { amount: number }, _timestamp, { state }) => {
        state.total += order.amount;
        return state.total > 100 ? FIRE_AND_PURGE : CONTINUE;
      },
    }),
  );
  assert.equal(bench.record(0, { amount: 60 }), CONTINUE);
  assert.equal(bench.onEventTime(5), CONTINUE);
  assert.equal(bench.record(0, { amount: 60 }), FIRE_AND_PURGE);
  assert.equal(bench.state.total, 120);
  bench.clear();
});

test("a trigger merges if all its states do and it says what to do then", () => {
  for (const of of [
    trigger.eventTime(),
    trigger.processingTime(),
    trigger.count(2),
    trigger.purging(trigger.count(2)),
    trigger.continuousEventTime(5),
    trigger.never(),
  ]) {
    assert.equal(canMerge(of), true, of.description);
  }
  const state = { n: { type: t.int32, initial: 0 } };
  assert.equal(canMerge(trigger.custom({})), false);
  assert.equal(canMerge(trigger.custom({ onMerge: () => {} })), true);
  assert.equal(canMerge(trigger.custom({ state, onMerge: () => {} })), false);
  assert.equal(canMerge(trigger.purging(trigger.custom({ state }))), false);
});

test("default triggers are Flink's", () => {
  assert.equal(defaultTrigger(tumbling("1h")).kind, "event-time");
  assert.equal(defaultTrigger(session("1h", { time: "processing" })).kind, "processing-time");
  assert.equal(defaultTrigger(global()).kind, "never");
});
