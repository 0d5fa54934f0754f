// Windows that go on with other aggregates, another lateness or another gap than they had.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chunkReader } from "../state/chunk-reader.ts";
import { HashMapBackend } from "../state/hashmap-backend.ts";
import type { RowColumns } from "../state/row-chunk.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import type { AggregateSpec } from "./aggregate.ts";
import { avg, count, max, min, sum } from "./aggregates.ts";
import { session, sliding, tumbling } from "./assigner.ts";
import { aggregateFunction } from "./function-aggregates.ts";
import { collect, countDistinct, maxBy, topN } from "./record-aggregates.ts";
import { trigger } from "./triggers.ts";
import { WindowHarness } from "./window-harness.fixture.ts";
import type { HarnessRecord } from "./window-harness.fixture.ts";
import { windowPlan } from "./window-plan.ts";
import type { WindowSettings } from "./window-plan.ts";

interface Reading extends HarnessRecord {
  readonly key: string;
  readonly n: number;
}

type Settings = Omit<WindowSettings<Reading, string, unknown, unknown>, "uid" | "aggregate">;

function harness(settings: Settings, aggregate: AggregateSpec<Reading>): WindowHarness {
  const plan = windowPlan<Reading, string, unknown, unknown>({ uid: "w", aggregate, ...settings });
  return new WindowHarness(plan, t.string);
}

function at(key: string, time: number, n = 1): Reading {
  return { key, at: time, n };
}

/** What came out for a key, without key and window, of the last window. */
function lastOf(of: WindowHarness, key: string): Record<string, unknown> {
  const records = of.results.map(({ record }) => record as Record<string, unknown>);
  const { key: _, window: __, ...outputs } = records.findLast((record) => record.key === key) ?? {};
  return outputs;
}

/** A new operator that goes on with what another has. */
function goOn(before: WindowHarness, after: WindowHarness): WindowHarness {
  const state = before.snapshot();
  assert.ok(state !== undefined);
  after.restore(state);
  return after;
}

const KEPT: readonly [what: string, settings: Settings][] = [
  ["tumbling windows", { assigner: tumbling(100) }],
  ["tumbling windows with lateness", { assigner: tumbling(100), allowedLateness: 5 }],
  ["sliding windows over shared panes", { assigner: sliding(100, 50) }],
  ["sliding windows with a trigger", { assigner: sliding(100, 50), trigger: trigger.count(4) }],
  ["windows with a trigger", { assigner: tumbling(100), trigger: trigger.count(4) }],
  ["sessions", { assigner: session(30) }],
  ["sessions with a trigger", { assigner: session(30), trigger: trigger.count(4) }],
];

for (const [what, settings] of KEPT) {
  test(`${what}: aggregates that came begin afresh, those that stayed go on`, () => {
    const before = harness(settings, {
      gone: sum("n"),
      n: count(),
      who: countDistinct("n"),
      lost: countDistinct("key"),
      least: min("n"),
    });
    before.process([at("a", 51, 5), at("a", 52, 7), at("b", 51, 9)]);
    const after = goOn(
      before,
      harness(settings, {
        worst: max("n"),
        n: count(),
        mean: avg("n"),
        who: countDistinct("n"),
        fresh: countDistinct("n"),
        all: collect<Reading, number>((reading) => reading.n, t.int32),
        top: topN<Reading>(1, (reading) => reading.n),
        best: maxBy<Reading>((reading) => reading.n),
        least: min("n"),
      }),
    );
    after.process([at("a", 53, 1), at("a", 54, 7)]);
    after.advance(1000);
    const seventh = at("a", 54, 7);
    assert.deepEqual(lastOf(after, "a"), {
      worst: 7,
      n: 4,
      mean: 4,
      who: 3,
      fresh: 2,
      all: [1, 7],
      top: [seventh],
      best: seventh,
      least: 1,
    });
    if (settings.trigger === undefined) {
      const { worst, n, mean, who, fresh, all, top, best, least } = lastOf(after, "b");
      assert.deepEqual([n, who, least], [1, 1, 9]);
      assert.deepEqual([worst, mean, best, fresh], [undefined, undefined, undefined, 0]);
      assert.deepEqual([all, top], [[], []]);
    }
    assert.equal(after.rowsCount, 0, "what was lost is gone too");
  });

  test(`${what}: a changed operator can be snapshotted and go on again`, () => {
    const before = harness(settings, { n: count() });
    before.process([at("a", 51), at("a", 52)]);
    const spec = { n: count(), total: sum("n") };
    const middle = goOn(before, harness(settings, spec));
    middle.process([at("a", 53, 3)]);
    const after = goOn(middle, harness(settings, spec));
    after.process([at("a", 54, 4)]);
    after.advance(1000);
    assert.deepEqual(lastOf(after, "a"), { n: 4, total: 7 });
  });
}

test("accumulators of other types go on by the rules", () => {
  const settings = { assigner: tumbling(100) };
  const typed: Type<unknown> = t.struct({ key: t.string, at: t.timestamp, n: t.int32 });
  const more = t.struct({
    key: t.string,
    at: t.timestamp,
    n: t.float64,
    unit: t.withDefault(t.string, "min"),
  });
  const spec = { total: sum("n"), best: maxBy<Reading>((reading) => reading.n) };
  const before = harness({ ...settings, recordType: typed as Type<Reading> }, spec);
  before.process([at("a", 1, 5)]);
  const after = goOn(
    before,
    harness({ ...settings, recordType: more as Type<unknown> as Type<Reading> }, spec),
  );
  after.process([{ ...at("a", 2, 0.5), unit: "s" } as Reading]);
  after.advance(1000);
  assert.deepEqual(lastOf(after, "a"), {
    total: 5.5,
    best: { key: "a", at: 1, n: 5, unit: "min" },
  });
});

test("an accumulator that cannot go on is refused with its name and both types", () => {
  const settings = { assigner: tumbling(100) };
  const joined = (type: Type<never>): AggregateSpec<Reading> => ({
    f: aggregateFunction<Reading, never, unknown>({
      create: () => 0 as never,
      add: (accumulator) => accumulator,
      result: (accumulator) => accumulator,
      type,
    }),
  });
  const before = harness(settings, joined(t.int32 as Type<never>));
  before.process([at("a", 1)]);
  assert.throws(() => goOn(before, harness(settings, joined(t.string as Type<never>))), {
    code: "STATE_MISMATCH",
    message: /state "f\.accumulator" of operator "w": int32, now declared as string/,
  });
});

test("sessions and panes never become each other, nor lists of sessions those of panes", () => {
  const spec = { all: collect<Reading>() };
  const kinds = [tumbling(100), session(30)];
  for (const from of kinds) {
    for (const to of kinds) {
      const before = harness({ assigner: from }, spec);
      before.process([at("a", 1)]);
      const run = (): unknown => goOn(before, harness({ assigner: to }, spec));
      if (from === to) run();
      else assert.throws(run, { code: "STATE_MISMATCH", message: /"(panes|sessions)"/ });
    }
  }
});

test("a lateness that is shorter ends the windows that it kept, a longer one begins now", () => {
  const spec = { n: count() };
  const short = { assigner: tumbling(10) };
  const long = { ...short, allowedLateness: 50 };
  const kept = harness(long, spec);
  kept.process([at("a", 1)]);
  kept.advance(12);
  const shorter = goOn(kept, harness(short, spec));
  shorter.process([at("a", 2), at("a", 15)]);
  assert.equal(shorter.lateDroppedCount, 1);
  shorter.advance(100);
  assert.deepEqual(lastOf(shorter, "a"), { n: 1 });
  assert.equal(shorter.rowsCount, 0);

  const open = harness(short, spec);
  open.process([at("a", 1)]);
  const longer = goOn(open, harness(long, spec));
  longer.advance(12);
  longer.process([at("a", 2)]);
  assert.deepEqual(lastOf(longer, "a"), { n: 2 });
  longer.advance(100);
  assert.equal(longer.rowsCount, 0);
});

/** A timer of key "a" as a snapshot holds it. */
function storedTimer(timestamp: number, id: number): RowColumns[] {
  const place = { keyType: t.string, maxParallelism: 128, keyGroupStart: 0, keyGroupEnd: 128 };
  const backend = new HashMapBackend({ ...place, uid: "w", states: {}, clockNow: () => 0 });
  backend.setCurrentKey("a");
  backend.eventTimers.register(timestamp, { start: id, end: id });
  const snapshot = backend.freeze({ id: 1, kind: "savepoint", timestamp: 0, base: undefined });
  const rows: RowColumns[] = [];
  const emit = (chunk: Parameters<ReturnType<typeof chunkReader>>[0]): void => {
    rows.push(chunkReader(snapshot.layouts[chunk.layoutIndex], 128)(chunk));
  };
  while (!snapshot.copySlice(1024, { emit, hasRoom: () => true }));
  return rows;
}

for (const [what, settings] of KEPT.slice(-2)) {
  test(`${what}: timers that version 0.1 stored beside them are let go of`, () => {
    const before = harness(settings, { n: count() });
    before.process([at("a", 1), at("a", 2)]);
    const state = before.snapshot();
    assert.ok(state !== undefined);
    const timers = storedTimer(30, 1);
    assert.deepEqual(
      timers.map(({ table, count: n }) => [table, n]),
      [["$timers.event", 1]],
    );
    const after = harness(settings, { n: count() });
    after.restore({ ...state, rows: [...state.rows, ...timers] });
    after.process([at("a", 20), at("a", 20)]);
    after.advance(30);
    const counts = (): unknown[] => after.results.map(({ record }) => (record as { n: number }).n);
    assert.deepEqual(counts(), settings.trigger === undefined ? [] : [4]);
    after.advance(50);
    assert.deepEqual(counts(), [4]);
    assert.equal(after.rowsCount, 0, "neither sessions nor timers stay");
  });
}

test("a new gap holds for sessions from their next record on", () => {
  const before = harness({ assigner: session(10) }, { n: count() });
  before.process([at("a", 1), at("b", 1)]);
  const after = goOn(before, harness({ assigner: session(50) }, { n: count() }));
  after.process([at("a", 5)]);
  after.advance(11);
  assert.deepEqual(lastOf(after, "b"), { n: 1 });
  assert.deepEqual(lastOf(after, "a"), {});
  after.advance(54);
  assert.deepEqual(lastOf(after, "a"), { n: 2 });
  assert.equal(after.rowsCount, 0);
});
