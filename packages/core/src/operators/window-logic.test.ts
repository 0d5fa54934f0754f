// Windows of all kinds through the public API, in every mode.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataStream } from "../api/data-stream.ts";
import { emits } from "../api/stream-base.ts";
import type { KeyedStream } from "../api/keyed-stream.ts";
import type { WindowedStream } from "../api/windowed-stream.ts";
import { step, verifyOperator } from "../testing.ts";
import type { OperatorStep } from "../testing.ts";
import { t } from "../types/t.ts";
import { avg, count, sum } from "../window/aggregates.ts";
import { global, session, sliding, tumbling } from "../window/assigner.ts";
import { CONTINUE, FIRE, FIRE_AND_PURGE, customTrigger } from "../window/trigger.ts";
import { trigger } from "../window/triggers.ts";
import { sideOutput } from "./process-function.ts";

interface Click {
  readonly user: string;
  readonly at: number;
  readonly n: number;
}

/** Out of order within 40 ms, watermarks 60 ms behind now and then: nothing is late. */
const CLICKS: readonly Click[] = Array.from({ length: 60 }, (_, index) => ({
  user: `u${(index * 3) % 5}`,
  at: index * 10 + ((index * 17) % 5) * 10 - 20,
  n: index,
}));

const INPUT: readonly OperatorStep[] = CLICKS.flatMap((click, index) => [
  step.record(click, click.at),
  ...(index % 6 === 5 ? [step.watermark(index * 10 - 60)] : []),
  ...(index % 9 === 8 ? [step.processingTime(index * 10)] : []),
]);

/** The windows `[start, end)` of a click, and per window and user the clicks in them. */
function contents(windowsOf: (at: number) => readonly (readonly [number, number])[]) {
  const found = new Map<string, { key: string; start: number; end: number; clicks: Click[] }>();
  for (const click of CLICKS) {
    for (const [start, end] of windowsOf(click.at)) {
      const id = `${click.user} ${start}`;
      const entry = found.get(id) ?? { key: click.user, start, end, clicks: [] };
      found.set(id, entry);
      entry.clicks.push(click);
    }
  }
  return [...found.values()];
}

function aligned(size: number, slide: number, offset = 0) {
  return (at: number): [number, number][] => {
    const windows: [number, number][] = [];
    const last = Math.floor((at - offset) / slide) * slide + offset;
    for (let start = last; start > at - size; start -= slide) windows.push([start, start + size]);
    return windows;
  };
}

function keyed(clicks: DataStream<Click>): KeyedStream<Click, string> {
  return clicks.keyBy("user");
}

for (const [name, assigner, windowsOf] of [
  ["tumbling", tumbling(100), aligned(100, 100)],
  ["tumbling with offset", tumbling(100, { offset: 30 }), aligned(100, 100, 30)],
  ["sliding", sliding(100, 20), aligned(100, 20)],
  ["sliding with offset, uneven", sliding(100, 30, { offset: 10 }), aligned(100, 30, 10)],
] as const) {
  test(`${name} windows give each aggregate once, with the end as timestamp`, async () => {
    const { timestamps, records } = await verifyOperator({
      build: (clicks: DataStream<Click>) =>
        keyed(clicks)
          .window(assigner)
          .aggregate("w", { clicks: count(), n: sum("n"), m: avg("n") }),
      input: INPUT,
      expect: contents(windowsOf).map(({ key, start, end, clicks }) => {
        const n = clicks.reduce((all, click) => all + click.n, 0);
        return { key, window: { start, end }, clicks: clicks.length, n, m: n / clicks.length };
      }),
    });
    assert.deepEqual(
      timestamps,
      records.map(({ window }) => window.end - 1),
    );
  });

  test(`${name} windows with a function over all records, which sees them all`, async () => {
    await verifyOperator({
      build: (clicks: DataStream<Click>) =>
        keyed(clicks)
          .window(assigner)
          .process(
            "w",
            (all, { key, window, currentWatermark }, emit) => {
              assert.ok(currentWatermark >= window.end - 1);
              emit(
                `${key} ${window.start} ${[...all]
                  .map(({ n }) => n)
                  .sort((a, b) => a - b)
                  .join()}`,
              );
              if (all.length > 2) emit(`${key} ${window.start} many`);
            },
            emits<string>(),
          ),
      input: INPUT,
      expect: contents(windowsOf).flatMap(({ key, start, clicks }) => [
        `${key} ${start} ${clicks
          .map(({ n }) => n)
          .sort((a, b) => a - b)
          .join()}`,
        ...(clicks.length > 2 ? [`${key} ${start} many`] : []),
      ]),
    });
  });
}

test("sessions merge while records come closer than the gap, also out of order", async () => {
  await verifyOperator({
    build: (events: DataStream<{ user: string }>) =>
      events.keyBy("user").window(session(30)).aggregate("s", { events: count() }),
    input: [
      step.record({ user: "a" }, 0),
      step.record({ user: "b" }, 5),
      step.record({ user: "a" }, 60),
      step.record({ user: "a" }, 30),
      step.record({ user: "a" }, 130),
      step.watermark(80),
      step.record({ user: "b" }, 90),
      step.record({ user: "a" }, 155),
    ],
    expect: [
      { key: "a", window: { start: 0, end: 90 }, events: 3 },
      { key: "a", window: { start: 130, end: 185 }, events: 2 },
      { key: "b", window: { start: 5, end: 35 }, events: 1 },
      { key: "b", window: { start: 90, end: 120 }, events: 1 },
    ],
  });
});

const LATE: readonly OperatorStep[] = [
  step.record({ user: "a", n: 1 }, 10),
  step.record({ user: "b", n: 2 }, 20),
  step.watermark(120),
  step.record({ user: "a", n: 4 }, 50),
  step.watermark(150),
  step.record({ user: "a", n: 8 }, 60),
  step.record({ user: "b", n: 16 }, 130),
  step.watermark(400),
  step.record({ user: "b", n: 32 }, 10),
];

test("late records are counted and dropped, or go to the late output, or fire again", async () => {
  const result = (key: string, start: number, n: number) => ({
    key,
    window: { start, end: start + 100 },
    n,
  });
  const windowed = (stream: DataStream<{ user: string; n: number }>) =>
    stream.keyBy("user").window(tumbling(100));
  const onTime = [result("a", 0, 1), result("b", 0, 2), result("b", 100, 16)];
  const dropped = await verifyOperator({
    build: (stream: DataStream<{ user: string; n: number }>) =>
      windowed(stream).aggregate("w", { n: sum("n") }),
    input: LATE,
    expect: onTime,
  });
  assert.equal(dropped.lateRecordsDroppedCount, 3);
  const late = sideOutput<{ user: string; n: number }>("late");
  const aside = await verifyOperator({
    build: (stream: DataStream<{ user: string; n: number }>) =>
      windowed(stream)
        .lateOutput(late)
        .aggregate("w", { n: sum("n") }),
    input: LATE,
    expect: onTime,
    sideOutputs: {
      late: [
        { user: "a", n: 4 },
        { user: "a", n: 8 },
        { user: "b", n: 32 },
      ],
    },
  });
  assert.equal(aside.lateRecordsDroppedCount, 0);
  const allowed = await verifyOperator({
    build: (stream: DataStream<{ user: string; n: number }>) =>
      windowed(stream)
        .allowedLateness(100)
        .lateOutput(late)
        .aggregate("w", { n: sum("n") }),
    input: LATE,
    expect: [...onTime, result("a", 0, 5), result("a", 0, 13)],
    sideOutputs: { late: [{ user: "b", n: 32 }] },
  });
  assert.equal(allowed.lateRecordsDroppedCount, 0);
});

test("processing-time windows fire by the clock", async () => {
  await verifyOperator({
    build: (stream: DataStream<{ user: string }>) =>
      stream
        .keyBy("user")
        .window(tumbling(100, { time: "processing" }))
        .aggregate("w", { n: count() }),
    input: [
      step.record({ user: "a" }),
      step.record({ user: "a" }),
      step.processingTime(50),
      step.record({ user: "b" }),
      step.processingTime(100),
      step.record({ user: "a" }),
      step.processingTime(350),
    ],
    expect: [
      { key: "a", window: { start: 0, end: 100 }, n: 2 },
      { key: "b", window: { start: 0, end: 100 }, n: 1 },
      { key: "a", window: { start: 100, end: 200 }, n: 1 },
    ],
  });
});

const FIRINGS: readonly [
  name: string,
  build: (clicks: DataStream<Click>) => WindowedStream<Click, string>,
][] = [
  ["count", (clicks) => keyed(clicks).window(global()).trigger(trigger.count(3))],
  [
    "purging count",
    (clicks) =>
      keyed(clicks)
        .window(global())
        .trigger(trigger.purging(trigger.count(3))),
  ],
  ["never", (clicks) => keyed(clicks).window(tumbling(100)).trigger(trigger.never())],
  [
    "continuous event time",
    (clicks) => keyed(clicks).window(tumbling(300)).trigger(trigger.continuousEventTime(50)),
  ],
  [
    "continuous processing time",
    (clicks) => keyed(clicks).window(global()).trigger(trigger.continuousProcessingTime(70)),
  ],
  ["count in sessions", (clicks) => keyed(clicks).window(session(40)).trigger(trigger.count(2))],
  [
    "sessions with a gap of each record",
    (clicks) => keyed(clicks).window(session((click: Click) => 20 + (click.n % 3) * 20)),
  ],
  [
    "custom",
    (clicks) =>
      keyed(clicks)
        .window(tumbling(200))
        .trigger(
          customTrigger({
            description: "each second record and the end",
            state: { seen: { type: t.int32, initial: 0 } },
            onRecord: (_click: Click, _timestamp, context) => {
              context.registerEventTimeTimer(context.window.end - 1);
              context.state.seen += 1;
              return context.state.seen % 2 === 0 ? FIRE : CONTINUE;
            },
            onEventTime: () => FIRE_AND_PURGE,
            clear: (context) => context.deleteEventTimeTimer(context.window.end - 1),
          }),
        ),
  ],
];

test("a count trigger fires by number of records, and purges if it is told to", async () => {
  const sums = (isPurging: boolean): Promise<unknown> => {
    const inner = trigger.count(2);
    return verifyOperator({
      build: (stream: DataStream<{ user: string; n: number }>) =>
        stream
          .keyBy("user")
          .window(global())
          .trigger(isPurging ? trigger.purging(inner) : inner)
          .aggregate("w", { n: sum("n") }, ({ n }, _info, emit) => emit(n), emits<number>()),
      input: [1, 2, 4, 8, 16].map((n) => step.record({ user: "a", n }, n)),
      expect: isPurging ? [3, 12] : [3, 15],
    });
  };
  await sums(false);
  await sums(true);
});

for (const [name, build] of FIRINGS) {
  test(`windows with ${name} give the same in every mode, as aggregates and as lists`, async () => {
    const aggregated = await verifyOperator({
      build: (clicks: DataStream<Click>) =>
        build(clicks).aggregate(
          "w",
          { clicks: count(), n: sum("n") },
          ({ clicks: clicksCount, n }, { key, window }, emit) =>
            emit(`${key} ${window.start} ${window.end} ${clicksCount} ${n}`),
          emits<string>(),
        ),
      input: INPUT,
      orderedBy: (text: string) => text.split(" ")[0],
    });
    await verifyOperator({
      build: (clicks: DataStream<Click>) =>
        build(clicks).process(
          "w",
          (all, { key, window }, emit) =>
            emit(
              `${key} ${window.start} ${window.end} ${all.length} ` +
                `${all.reduce((sumOf, { n }) => sumOf + n, 0)}`,
            ),
          emits<string>(),
        ),
      input: INPUT,
      expect: aggregated.records,
    });
  });
}

test("reduce in windows, with and without a function for the result", async () => {
  const combine = (a: Click, b: Click): Click => ({ ...a, n: a.n + b.n });
  const reduced = contents(aligned(100, 100)).map(({ key, clicks }) => {
    return { key, n: clicks.reduce((all, { n }) => all + n, 0) };
  });
  const { records } = await verifyOperator({
    build: (clicks: DataStream<Click>) => keyed(clicks).window(tumbling(100)).reduce("w", combine),
    input: INPUT,
  });
  const bySum = (a: { n: number }, b: { n: number }): number => a.n - b.n;
  assert.deepEqual(
    records.map(({ user, n }) => ({ key: user, n })).sort(bySum),
    [...reduced].sort(bySum),
  );
  await verifyOperator({
    build: (clicks: DataStream<Click>) =>
      keyed(clicks)
        .window(tumbling(100))
        .reduce("w", combine, ({ n }, { key }, emit) => emit({ key, n }), emits<object>()),
    input: INPUT,
    expect: reduced,
  });
});
