import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MAX_WATERMARK } from "../time/timestamp.ts";
import { t } from "../types/t.ts";
import { avg, count, max, min, sum } from "./aggregates.ts";
import { global, session, sliding, tumbling } from "./assigner.ts";
import { collect, countDistinct, topN } from "./record-aggregates.ts";
import { CONTINUE, FIRE, FIRE_AND_PURGE } from "./trigger.ts";
import type { Trigger } from "./trigger.ts";
import { trigger } from "./triggers.ts";
import { WindowHarness } from "./window-harness.fixture.ts";
import type { HarnessState } from "./window-harness.fixture.ts";
import { WindowModel } from "./window-model.fixture.ts";
import { windowPlan } from "./window-plan.ts";
import type { WindowPlan, WindowSettings } from "./window-plan.ts";

interface Reading {
  readonly key: string;
  readonly at: number;
  readonly n: number;
}

const AGGREGATE = {
  count: count(),
  sum: sum((r: Reading) => r.n),
  min: min((r: Reading) => r.n),
  max: max((r: Reading) => r.n),
  avg: avg((r: Reading) => r.n),
  different: countDistinct((r: Reading) => r.n),
  top: topN(2, (r: Reading) => r.n, { ties: (r: Reading) => r.at }),
  all: collect((r: Reading) => r.n),
};

/** The same from all records, without any of the engine. */
function expectedOf(records: readonly Reading[]): Record<string, unknown> {
  const numbers = records.map((r) => r.n);
  const total = numbers.reduce((a, b) => a + b, 0);
  const ranked = [...records].sort((a, b) => b.n - a.n || a.at - b.at);
  return {
    count: records.length,
    sum: total,
    min: Math.min(...numbers),
    max: Math.max(...numbers),
    avg: total / records.length,
    different: new Set(numbers).size,
    top: ranked.slice(0, 2).map((r) => [r.n, r.at]),
    all: [...numbers].sort((a, b) => a - b),
  };
}

/**
 * Records of one session or shared pane come in the order of panes, so `all` is compared sorted.
 */
function normal(record: unknown): Record<string, unknown> {
  const { key, window, all, top, ...rest } = record as {
    readonly key: string;
    readonly window: { readonly start: number; readonly end: number };
    readonly all: readonly number[];
    readonly top: readonly Reading[];
  };
  return {
    id: `${key}[${window.start},${window.end})`,
    ...rest,
    top: top.map((r) => [r.n, r.at]),
    all: [...all].sort((a, b) => a - b),
  };
}

type Step =
  | { readonly kind: "batch"; readonly records: readonly Reading[] }
  | { readonly kind: "watermark"; readonly by: number; readonly rowsMax: number }
  | { readonly kind: "clock"; readonly by: number; readonly rowsMax: number }
  | { readonly kind: "checkpoint" }
  | { readonly kind: "restore" }
  | {
      readonly kind: "restore-while-firing";
      readonly by: number;
      readonly rowsMax: number;
      readonly slices: number;
    };

const rowsMax = fc.integer({ min: 1, max: 6 });
const reading = fc.record({
  key: fc.constantFrom("a", "b", "c", "ü", ""),
  at: fc.integer({ min: -60, max: 60 }),
  n: fc.integer({ min: -4, max: 9 }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("batch" as const),
      records: fc.array(reading, { maxLength: 12 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("watermark" as const),
      by: fc.nat({ max: 25 }),
      rowsMax,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("clock" as const), by: fc.nat({ max: 25 }), rowsMax }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "checkpoint" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "restore" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("restore-while-firing" as const),
      by: fc.nat({ max: 40 }),
      rowsMax,
      slices: fc.integer({ min: 1, max: 8 }),
    }),
  },
);

function planOf(
  settings: Omit<WindowSettings<Reading, string, unknown, unknown>, "uid" | "aggregate">,
): WindowPlan {
  return windowPlan<Reading, string, unknown, unknown>({
    uid: "w",
    aggregate: AGGREGATE,
    hasLateOutput: true,
    ...settings,
  });
}

/** Runs both and compares what came out at every step. */
class Duel {
  readonly of: WindowHarness;
  readonly model: WindowModel<Reading>;
  readonly #checkOrder: boolean;
  #watermark = -70;

  constructor(plan: WindowPlan) {
    this.of = new WindowHarness(plan, t.string);
    this.model = new WindowModel<Reading>(plan);
    this.#checkOrder = plan.trigger.kind === "event-time";
  }

  run(step: Step): void {
    switch (step.kind) {
      case "batch":
        this.of.process(step.records);
        for (const record of step.records) this.model.process(record);
        this.#compare(false);
        return;
      case "watermark":
        this.#watermark += step.by;
        this.of.advance(this.#watermark, step.rowsMax);
        this.model.advanceWatermark(this.#watermark);
        assert.equal(this.of.watermark, this.#watermark);
        this.#compare(this.#checkOrder);
        return;
      case "clock":
        this.of.advanceClock(this.of.now + step.by, step.rowsMax);
        this.model.advanceClock(this.of.now);
        this.#compare(false);
        return;
      case "checkpoint":
        this.#state();
        return;
      case "restore":
        this.of.restore(this.#state());
        return;
      case "restore-while-firing":
        this.#watermark += step.by;
        this.of.begin(this.#watermark);
        this.of.fire(step.rowsMax, step.slices);
        this.of.restore(this.#state());
        this.of.fire(step.rowsMax);
        this.model.advanceWatermark(this.#watermark);
        this.#compare(this.#checkOrder);
        return;
    }
  }

  /** The end of the input. */
  end(): void {
    this.#watermark = MAX_WATERMARK;
    this.of.advance(MAX_WATERMARK, 3);
    this.model.advanceWatermark(MAX_WATERMARK);
    this.#compare(this.#checkOrder);
  }

  #state(): HarnessState {
    for (;;) {
      const state = this.of.snapshot();
      if (state !== undefined) return state;
      this.of.fire(1, 1);
    }
  }

  #compare(isOrdered: boolean): void {
    const ends = this.of.results.map(({ timestamp }) => timestamp);
    if (isOrdered)
      assert.deepEqual(
        ends,
        [...ends].sort((a, b) => a - b),
      );
    const actual = this.of.results.splice(0).map(({ record }) => normal(record));
    const expected = this.model.firings.splice(0).map(({ key, window, records }) => ({
      id: `${key}[${window.start},${window.end})`,
      ...expectedOf(records),
    }));
    assert.deepEqual(sorted(actual), sorted(expected));
    const late = this.of.late.splice(0).map(({ record }) => record);
    assert.deepEqual(sorted(late), sorted(this.model.late.splice(0)));
  }
}

function sorted(values: readonly unknown[]): string[] {
  return values.map((value) => JSON.stringify(value)).sort();
}

function duel(name: string, plan: () => WindowPlan): void {
  test(`${name}: results and late records are the model's, across snapshots and slices`, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const both = new Duel(plan());
        for (const each of steps) both.run(each);
        both.end();
      }),
      { numRuns: 100 },
    );
  });
}

const LATENESS = [0, 7, 40];
for (const allowedLateness of LATENESS) {
  const with_ = `with lateness ${allowedLateness}`;
  duel(`tumbling ${with_}`, () =>
    planOf({ assigner: tumbling(10, { offset: 3 }), allowedLateness }),
  );
  duel(`sliding ${with_}`, () => planOf({ assigner: sliding(15, 6), allowedLateness }));
  duel(`sliding with gaps ${with_}`, () => planOf({ assigner: sliding(4, 9), allowedLateness }));
  duel(`sessions ${with_}`, () => planOf({ assigner: session(5), allowedLateness }));
}

const NO_ALARM = 1_000_000;
const earlier = (a: number, b: number): number => Math.min(a, b);

/** Fires when enough has come, and a while after the first record. */
const enough = trigger.custom({
  description: "enough",
  state: {
    total: { type: t.int32, initial: 0, merge: (a: number, b: number) => a + b },
    alarm: { type: t.timestamp, initial: NO_ALARM, merge: earlier },
  },
  onRecord: (record: Reading, timestamp, context) => {
    const { state } = context;
    state.total += record.n;
    if (state.alarm === NO_ALARM) {
      state.alarm = timestamp + 3;
      context.registerEventTimeTimer(state.alarm);
    }
    if (state.total < 9) return CONTINUE;
    state.total = 0;
    return FIRE_AND_PURGE;
  },
  onEventTime: (timestamp, { state }) => {
    if (timestamp !== state.alarm) return CONTINUE;
    state.alarm = NO_ALARM;
    return FIRE;
  },
  onMerge: (context) => {
    if (context.state.alarm !== NO_ALARM) context.registerEventTimeTimer(context.state.alarm);
  },
  clear: (context) => {
    if (context.state.alarm !== NO_ALARM) context.deleteEventTimeTimer(context.state.alarm);
  },
});

const TRIGGERS: readonly Trigger<Reading>[] = [
  enough,
  trigger.count(3),
  trigger.purging(trigger.count(2)),
  trigger.purging(trigger.eventTime()),
  trigger.continuousEventTime(4),
  trigger.continuousProcessingTime(4),
  trigger.processingTime(),
];
for (const each of TRIGGERS) {
  const name = `trigger ${each.description}`;
  duel(`tumbling, ${name}`, () =>
    planOf({ assigner: tumbling(10), trigger: each, allowedLateness: 7 }),
  );
  duel(`sliding, ${name}`, () => planOf({ assigner: sliding(15, 6), trigger: each }));
  duel(`sessions, ${name}`, () =>
    planOf({ assigner: session(5), trigger: each, allowedLateness: 7 }),
  );
  duel(`global, ${name}`, () => planOf({ assigner: global(), trigger: each }));
}

duel("processing-time tumbling", () => planOf({ assigner: tumbling(10, { time: "processing" }) }));
duel("processing-time sliding", () => planOf({ assigner: sliding(15, 6, { time: "processing" }) }));
duel("processing-time sessions", () => planOf({ assigner: session(5, { time: "processing" }) }));
