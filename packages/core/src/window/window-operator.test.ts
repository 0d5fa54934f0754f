import assert from "node:assert/strict";
import { test } from "node:test";
import { t } from "../types/t.ts";
import type { AggregateSpec } from "./aggregate.ts";
import { count, sum } from "./aggregates.ts";
import { global, session, sliding, tumbling } from "./assigner.ts";
import { collect } from "./record-aggregates.ts";
import { trigger } from "./triggers.ts";
import { WindowHarness } from "./window-harness.fixture.ts";
import type { HarnessRecord } from "./window-harness.fixture.ts";
import { windowPlan } from "./window-plan.ts";
import type { WindowSettings } from "./window-plan.ts";

interface Reading extends HarnessRecord {
  readonly key: string;
  readonly n?: number;
}

type Settings = Omit<WindowSettings<Reading, string, unknown, unknown>, "uid" | "aggregate">;

function harness(
  settings: Settings,
  aggregate: AggregateSpec<Reading> = { n: count(), total: sum("n") },
): WindowHarness {
  const plan = windowPlan<Reading, string, unknown, unknown>({ uid: "w", aggregate, ...settings });
  return new WindowHarness(plan, t.string);
}

function at(key: string, time: number, n = 1): Reading {
  return { key, at: time, n };
}

/** `key[start,end)=n/total@timestamp`, in order of emission. */
function shown(of: WindowHarness): string[] {
  return of.results.splice(0).map(({ record, timestamp }) => {
    const { key, window, n, total } = record as {
      readonly key: string;
      readonly window: { readonly start: number; readonly end: number };
      readonly n: number;
      readonly total: number;
    };
    return `${key}[${window.start},${window.end})=${n}/${total}@${timestamp}`;
  });
}

test("tumbling: a window fires once the watermark reaches its last timestamp", () => {
  const of = harness({ assigner: tumbling(10) });
  of.process([at("a", 1, 5), at("b", 9), at("a", 10), at("a", 3)]);
  of.advance(8);
  assert.deepEqual(shown(of), []);
  of.advance(9);
  assert.deepEqual(shown(of).sort(), ["a[0,10)=2/6@9", "b[0,10)=1/1@9"]);
  of.process([at("a", 9), at("a", 11)]);
  assert.equal(of.lateDroppedCount, 1);
  of.advance(100);
  assert.deepEqual(shown(of), ["a[10,20)=2/2@19"]);
  assert.equal(of.rowsCount, 0);
});

test("tumbling with lateness: a late record fires its window again, until that is over", () => {
  const of = harness({ assigner: tumbling(10), allowedLateness: 5, hasLateOutput: true });
  of.process([at("a", 1)]);
  of.advance(9);
  assert.deepEqual(shown(of), ["a[0,10)=1/1@9"]);
  of.process([at("a", 2), at("b", 3), at("a", 4)]);
  assert.deepEqual(shown(of), ["a[0,10)=2/2@9", "b[0,10)=1/1@9", "a[0,10)=3/3@9"]);
  of.advance(13);
  of.process([at("a", 5)]);
  assert.deepEqual(shown(of), ["a[0,10)=4/4@9"]);
  of.advance(14);
  of.process([at("a", 5)]);
  assert.deepEqual(shown(of), []);
  assert.deepEqual(
    of.late.map(({ record, timestamp }) => [(record as Reading).key, timestamp]),
    [["a", 5]],
  );
  assert.equal(of.lateDroppedCount, 0);
  assert.equal(of.rowsCount, 0);
});

test("sliding: windows share panes and fire by end, ascending", () => {
  const of = harness({ assigner: sliding(10, 5) });
  of.process([at("a", 1, 1), at("a", 6, 2), at("a", 12, 4)]);
  of.advance(100, 1);
  assert.deepEqual(shown(of), [
    "a[-5,5)=1/1@4",
    "a[0,10)=2/3@9",
    "a[5,15)=2/6@14",
    "a[10,20)=1/4@19",
  ]);
  assert.equal(of.rowsCount, 0);
});

test("sliding with lateness: a late record fires each fired window that contains it", () => {
  const of = harness({ assigner: sliding(10, 5), allowedLateness: 8 });
  of.process([at("a", 1, 1), at("a", 6, 2)]);
  of.advance(12);
  shown(of);
  of.process([at("a", 4, 4), at("b", 7, 8)]);
  // [-5,5) is past its lateness at 12; [5,15) has not fired.
  assert.deepEqual(shown(of), ["a[0,10)=3/7@9", "b[0,10)=1/8@9"]);
  of.advance(17);
  assert.deepEqual(shown(of).sort(), ["a[5,15)=1/2@14", "b[5,15)=1/8@14"]);
  of.process([at("a", 4, 100)]);
  assert.equal(of.lateDroppedCount, 1);
  of.process([at("a", 7, 16)]);
  assert.deepEqual(shown(of), ["a[5,15)=2/18@14"]);
});

test("sliding with a slide longer than the size: records between windows belong to none", () => {
  const of = harness({ assigner: sliding(3, 10) });
  of.process([at("a", 2), at("a", 5), at("a", 12)]);
  of.advance(50);
  assert.deepEqual(shown(of), ["a[0,3)=1/1@2", "a[10,13)=1/1@12"]);
  assert.equal(of.lateDroppedCount, 0);
  of.process([at("a", 45)]);
  assert.equal(of.lateDroppedCount, 1, "late by its own timestamp");
});

test("sessions: records closer than the gap are together, touching too; a bridge merges", () => {
  const of = harness({ assigner: session(10) });
  of.process([at("a", 0, 1), at("a", 10, 2), at("a", 25, 4), at("b", 3, 1)]);
  of.process([at("a", 17, 8)]);
  of.advance(33);
  assert.deepEqual(shown(of), ["b[3,13)=1/1@12"]);
  of.advance(34);
  assert.deepEqual(shown(of), ["a[0,35)=4/15@34"]);
  assert.equal(of.rowsCount, 0);
});

test("sessions with lateness: late records fire again, extend and merge what has fired", () => {
  const of = harness({ assigner: session(10), allowedLateness: 20 });
  of.process([at("a", 0, 1), at("a", 30, 2)]);
  of.advance(12);
  assert.deepEqual(shown(of), ["a[0,10)=1/1@9"]);
  of.process([at("a", 2, 4)]);
  assert.deepEqual(shown(of), ["a[0,12)=2/5@11"]);
  of.process([at("a", 9, 8)]);
  assert.deepEqual(shown(of), [], "its end is ahead of the watermark again");
  of.advance(18);
  assert.deepEqual(shown(of), ["a[0,19)=3/13@18"]);
  of.process([at("a", 20, 16), at("a", 10, 32)]);
  of.advance(45);
  assert.deepEqual(shown(of), ["a[0,40)=6/63@39"]);
  of.advance(59);
  assert.equal(of.rowsCount, 0);
});

test("sessions: a record that merges with none and is past is late", () => {
  const of = harness({ assigner: session(10) });
  of.advance(100);
  of.process([at("a", 92), at("a", 90)]);
  assert.equal(of.lateDroppedCount, 0, "[90,100) touches [92,102), which is not past");
  of.process([at("a", 79), at("b", 91)]);
  assert.equal(of.lateDroppedCount, 2);
  of.advance(200);
  assert.deepEqual(shown(of), ["a[90,102)=2/2@101"]);
});

test("sessions: what one batch begins, extends, bridges and is late for comes in its order", () => {
  const of = harness({ assigner: session(10) }, { all: collect(({ n }: Reading) => n) });
  of.advance(100);
  of.process([
    at("a", 120, 1), // begins
    at("a", 121, 2),
    at("b", 20, 3), // late: nothing of its key is open
    at("a", 140, 4), // begins a second one
    at("a", 122, 5), // the first of two
    at("a", 131, 6), // bridges them
    at("a", 149, 7),
    at("a", 111, 8), // begins before, and touches
    at("a", 95, 9), // not past by itself
    at("a", 80, 10), // past by itself
  ]);
  assert.equal(of.lateDroppedCount, 2);
  of.advance(200);
  const all = of.results.map(({ record }) => record);
  assert.deepEqual(all, [
    { key: "a", window: { start: 95, end: 105 }, all: [9] },
    { key: "a", window: { start: 111, end: 159 }, all: [1, 2, 5, 4, 6, 7, 8] },
  ]);
});

test("sessions: a snapshot has none of what comes while it is copied", () => {
  const of = harness({ assigner: session(10) });
  of.process([at("a", 0, 1), at("b", 0, 1), at("c", 0, 1), at("c", 15, 1)]);
  const state = of.snapshot(() => {
    of.process([at("a", 5, 2), at("b", 30, 2), at("c", 8, 2), at("d", 0, 2)]);
  });
  assert.ok(state !== undefined);
  of.restore(state);
  of.advance(100);
  assert.deepEqual(shown(of).toSorted(), [
    "a[0,10)=1/1@9",
    "b[0,10)=1/1@9",
    "c[0,10)=1/1@9",
    "c[15,25)=1/1@24",
  ]);
});

test("sessions: many that come and go, and merge, leave nothing behind", () => {
  const of = harness({ assigner: session(10) });
  for (let round = 0; round < 5; round++) {
    const from = round * 100_000;
    // Two sessions each, every fifth of them bridged: timers of what was merged are stale.
    for (let key = 0; key < 1500; key++) {
      of.process([at(`k${key}`, from), at(`k${key}`, from + 20)]);
      of.process([at(`k${key}`, from + 10), at(`k${key}`, from + 60)]);
    }
    of.advance(from + 50_000, 7);
    assert.equal(of.results.length, 3000);
    assert.ok(of.results.every(({ timestamp }) => timestamp > from && timestamp < from + 70));
    of.results.length = 0;
    assert.equal(of.rowsCount, 0);
  }
});

test("processing time: windows fire when the clock passes their end", () => {
  const of = harness({ assigner: tumbling(10, { time: "processing" }) });
  of.now = 3;
  of.process([at("a", 1_000)]);
  assert.equal(of.nextProcessingTime, 10);
  of.advanceClock(9);
  assert.deepEqual(shown(of), []);
  of.process([at("a", -1_000)]);
  of.advanceClock(10);
  assert.deepEqual(shown(of), ["a[0,10)=2/2@9"]);
  assert.equal(of.nextProcessingTime, Number.POSITIVE_INFINITY);
  of.advance(5_000);
  assert.deepEqual(shown(of), []);
});

test("processing-time sessions end when the clock has moved on by the gap", () => {
  const of = harness({ assigner: session(10, { time: "processing" }) });
  of.now = 0;
  of.process([at("a", 0)]);
  of.advanceClock(5);
  of.process([at("a", 0)]);
  of.advanceClock(14);
  assert.deepEqual(shown(of), []);
  of.advanceClock(15);
  assert.deepEqual(shown(of), ["a[0,15)=2/2@14"]);
  assert.equal(of.rowsCount, 0);
});

test("global with a count trigger gives a running result; purging starts over", () => {
  const running = harness({ assigner: global(), trigger: trigger.count(2) });
  running.process([at("a", 0), at("b", 0), at("a", 0), at("a", 0), at("a", 0)]);
  assert.deepEqual(
    shown(running).map((text) => text.replace(/\[.*\)/, "").replace(/@.*/, "")),
    ["a=2/2", "a=4/4"],
  );
  const purging = harness({ assigner: global(), trigger: trigger.purging(trigger.count(2)) });
  purging.process([at("a", 0), at("b", 0), at("a", 0), at("a", 0), at("a", 0)]);
  assert.deepEqual(
    shown(purging).map((text) => text.replace(/\[.*\)/, "").replace(/@.*/, "")),
    ["a=2/2", "a=2/2"],
  );
  assert.equal(purging.rowsCount, 1, "only b waits; a costs nothing");
});

test("count trigger on tumbling windows fires early and not at the end", () => {
  const of = harness({ assigner: tumbling(10), trigger: trigger.count(2) });
  of.process([at("a", 1), at("a", 2), at("a", 3)]);
  assert.deepEqual(shown(of), ["a[0,10)=2/2@9"]);
  of.advance(50);
  assert.deepEqual(shown(of), []);
  assert.equal(of.rowsCount, 0);
});

test("continuous event time fires while the window is open, and at its end", () => {
  const of = harness({ assigner: tumbling(100), trigger: trigger.continuousEventTime(30) });
  of.process([at("a", 10)]);
  of.advance(30);
  assert.deepEqual(shown(of), ["a[0,100)=1/1@99"]);
  of.process([at("a", 40)]);
  of.advance(200, 1);
  assert.deepEqual(shown(of), ["a[0,100)=2/2@99", "a[0,100)=2/2@99", "a[0,100)=2/2@99"]);
  assert.equal(of.rowsCount, 0);
});

test("sessions with a count trigger add up their counts when they merge", () => {
  const of = harness({ assigner: session(10), trigger: trigger.count(3) });
  of.process([at("a", 0), at("a", 15)]);
  assert.deepEqual(shown(of), []);
  of.process([at("a", 8)]);
  assert.deepEqual(shown(of), ["a[0,25)=3/3@24"]);
  of.advance(100);
  assert.deepEqual(shown(of), []);
  assert.equal(of.rowsCount, 0);
});

test("sessions with a purging event-time trigger keep their timers through merges", () => {
  const of = harness({ assigner: session(10), trigger: trigger.purging(trigger.eventTime()) });
  of.process([at("a", 0), at("a", 15), at("a", 8), at("a", 40)]);
  of.advance(100, 1);
  assert.deepEqual(shown(of), ["a[0,25)=3/3@24", "a[40,50)=1/1@49"]);
  assert.equal(of.rowsCount, 0);
});

test("settings that contradict each other are refused with operator and remedy", () => {
  assert.throws(
    () => harness({ assigner: tumbling(10, { time: "processing" }), allowedLateness: 1 }),
    /"w": allowedLateness has no meaning/,
  );
  assert.throws(
    () => harness({ assigner: session(10), trigger: trigger.custom({}) }),
    /"w": sessions merge, and the trigger "custom" does not say how/,
  );
  const key = { uid: "w", assigner: tumbling(10), aggregate: { key: count() } };
  assert.throws(() => windowPlan(key), /output "key" has the name/);
});

test("a snapshot of windows of another size is refused, and says what to do", () => {
  const plan = (size: number, slide?: number): Settings => ({
    assigner: slide === undefined ? tumbling(size) : sliding(size, slide),
  });
  const cases: readonly (readonly [Settings, Settings])[] = [
    [plan(10), plan(20)],
    [plan(10), { assigner: tumbling(10, { offset: 5 }) }],
    [plan(10, 5), plan(12, 4)],
    [
      { ...plan(10), trigger: trigger.count(5) },
      { ...plan(15), trigger: trigger.count(5) },
    ],
  ];
  for (const [before, after] of cases) {
    const of = harness(before);
    of.process([at("a", 12)]);
    const state = of.snapshot();
    assert.ok(state !== undefined);
    assert.throws(() => harness(after).restore(state), /the snapshot has contents for/);
    harness(before).restore(state);
  }
});
