// Joins and coGroups of two streams in windows, through the public API, in every mode.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataStream } from "../api/data-stream.ts";
import { emits } from "../api/stream-base.ts";
import type { ConnectedWindowedStreams } from "../api/connected-windowed-streams.ts";
import { errorCode } from "../errors.ts";
import { step, verifyOperator } from "../testing.ts";
import type { OperatorStep } from "../testing.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import { global, session, sliding, tumbling } from "../window/assigner.ts";
import type { WindowAssigner } from "../window/assigner.ts";

interface Order {
  readonly id: string;
  readonly at: number;
  readonly n: number;
}

interface Payment {
  readonly order: string;
  readonly at: number;
  readonly paid: number;
}

const ORDER: Type<Order> = t.struct({ id: t.string, at: t.timestamp, n: t.int32 });
const PAYMENT: Type<Payment> = t.struct({ order: t.string, at: t.timestamp, paid: t.float64 });

/** Out of order within 40 ms, watermarks 60 ms behind now and then: nothing is late. */
const ORDERS: readonly Order[] = Array.from({ length: 24 }, (_, index) => ({
  id: `k${(index * 3) % 4}`,
  at: index * 20 + ((index * 17) % 5) * 10 - 20,
  n: index,
}));

/** Of other keys too: `k4` has no orders, `k1` has no payments. */
const PAYMENTS: readonly Payment[] = Array.from({ length: 24 }, (_, index) => ({
  order: `k${[0, 2, 3, 4][(index * 5) % 4]}`,
  at: index * 20 + ((index * 13) % 5) * 10 - 20,
  paid: 100 + index,
}));

const INPUT: readonly OperatorStep[] = ORDERS.flatMap((order, index) => {
  const payment = PAYMENTS[index];
  return [
    step.record(order, order.at),
    step.second(payment, payment.at),
    ...(index % 5 === 4 ? [step.watermark(index * 20 - 60)] : []),
  ];
});

interface Pair {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readonly n: number;
  readonly paid: number;
}

interface Group {
  readonly key: string;
  readonly start: number;
  readonly orders: readonly Order[];
  readonly payments: readonly Payment[];
}

type WindowsOf = (key: string) => readonly (readonly [start: number, end: number])[];

/** All keys and windows that have a record. */
function groupsOf(windowsOf: WindowsOf): Group[] {
  return ["k0", "k1", "k2", "k3", "k4"]
    .flatMap((key) =>
      windowsOf(key).map(([start, end]) => {
        const isIn = ({ at }: { readonly at: number }): boolean => start <= at && at < end;
        const orders = ORDERS.filter((order) => order.id === key && isIn(order));
        const payments = PAYMENTS.filter(({ order, at }) => order === key && isIn({ at }));
        return { key, start, orders, payments };
      }),
    )
    .filter(({ orders, payments }) => orders.length + payments.length > 0);
}

function aligned(size: number, slide: number, offset = 0): WindowsOf {
  return () =>
    Array.from({ length: 200 }, (_, index) => {
      const start = (index - 50) * slide + offset;
      return [start, start + size];
    });
}

/** By the records of both streams. */
function sessions(gap: number): WindowsOf {
  return (key) => {
    const times = [
      ...ORDERS.filter(({ id }) => id === key).map(({ at }) => at),
      ...PAYMENTS.filter(({ order }) => order === key).map(({ at }) => at),
    ].sort((a, b) => a - b);
    const found: [number, number][] = [];
    for (const at of times) {
      const last = found.at(-1);
      if (last !== undefined && at <= last[1]) last[1] = at + gap;
      else found.push([at, at + gap]);
    }
    return found;
  };
}

function windowed(
  orders: DataStream<Order>,
  payments: DataStream<Payment>,
  assigner: WindowAssigner<Order | Payment>,
): ConnectedWindowedStreams<Order, Payment, string> {
  return orders.keyBy("id").connect(payments.keyBy("order")).window(assigner);
}

const ASSIGNERS: readonly (readonly [
  name: string,
  assigner: WindowAssigner<Order | Payment>,
  windowsOf: WindowsOf,
])[] = [
  ["tumbling", tumbling(100), aligned(100, 100)],
  ["tumbling with offset", tumbling(100, { offset: 30 }), aligned(100, 100, 30)],
  ["sliding", sliding(100, 20), aligned(100, 20)],
  ["sliding with gaps", sliding(80, 100), aligned(80, 100)],
  ["session", session(25), sessions(25)],
  ["session with a gap function", session(() => 25), sessions(25)],
];

for (const [name, assigner, windowsOf] of ASSIGNERS) {
  for (const types of [{}, { first: ORDER, second: PAYMENT }]) {
    const how = "first" in types ? "declared" : "unknown";
    test(`${name} windows, ${how} types: all pairs of a key and window, once`, async () => {
      const { records, timestamps, lateRecordsDroppedCount } = await verifyOperator({
        build: (orders: DataStream<Order>, payments: DataStream<Payment>) =>
          windowed(orders, payments, assigner).join(
            "j",
            (order, payment, { key, window, currentWatermark }, emit) => {
              assert.ok(currentWatermark >= window.end - 1);
              emit({ key, ...window, n: order.n, paid: payment.paid });
            },
            emits<Pair>(),
          ),
        types,
        input: INPUT,
      });
      assert.deepEqual(
        records.map(({ key, start, n, paid }) => `${key} ${start} ${n} ${paid}`).sort(),
        groupsOf(windowsOf)
          .flatMap(({ key, start, orders, payments }) =>
            orders.flatMap(({ n }) => payments.map(({ paid }) => `${key} ${start} ${n} ${paid}`)),
          )
          .sort(),
      );
      assert.ok(records.length > 5);
      assert.deepEqual(
        timestamps,
        records.map(({ end }) => end - 1),
      );
      assert.equal(lateRecordsDroppedCount, 0);
    });
  }

  test(`${name} windows: coGroup sees all records of both streams, also of one alone`, async () => {
    const sorted = (numbers: readonly number[]): string => numbers.toSorted((a, b) => a - b).join();
    const expect = groupsOf(windowsOf).map(
      ({ key, start, orders, payments }) =>
        `${key} ${start}: ${sorted(orders.map(({ n }) => n))} / ` +
        sorted(payments.map(({ paid }) => paid)),
    );
    assert.ok(
      expect.some((text) => text.endsWith(" / ")) && expect.some((e) => e.includes(":  /")),
    );
    await verifyOperator({
      build: (orders: DataStream<Order>, payments: DataStream<Payment>) =>
        windowed(orders, payments, assigner).coGroup(
          "g",
          (lefts, rights, { key, window: { start } }, emit) =>
            emit(
              `${key} ${start}: ${sorted(lefts.map(({ n }) => n))} / ` +
                sorted(rights.map(({ paid }) => paid)),
            ),
          emits<string>(),
        ),
      types: { first: ORDER, second: PAYMENT },
      input: INPUT,
      expect,
    });
  });
}

interface Tick {
  readonly k: string;
  readonly n: number;
}

function ticks(
  lefts: DataStream<Tick>,
  rights: DataStream<Tick>,
  assigner: WindowAssigner<Tick>,
): ConnectedWindowedStreams<Tick, Tick, string> {
  return lefts.keyBy("k").connect(rights.keyBy("k")).window(assigner);
}

/** Records of the key `a`. */
function a(n: number): Tick {
  return { k: "a", n };
}

test("pairs come in order of arrival, the left record outermost", async () => {
  const { records } = await verifyOperator({
    build: (lefts: DataStream<Tick>, rights: DataStream<Tick>) =>
      ticks(lefts, rights, tumbling(100)).join(
        "j",
        (left, right, _info, emit) => emit(`${left.n} ${right.n}`),
        { type: t.string },
      ),
    input: [
      step.second(a(7), 50),
      step.record(a(2), 40),
      step.record(a(1), 90),
      step.second(a(9), 10),
      step.record(a(3), 0),
      step.watermark(99),
    ],
    orderedBy: () => 0,
  });
  assert.deepEqual(records, ["2 7", "2 9", "1 7", "1 9", "3 7", "3 9"]);
});

test("a late record fires its key and window again as a whole, and no other", async () => {
  const late = await verifyOperator({
    build: (lefts: DataStream<Tick>, rights: DataStream<Tick>) =>
      ticks(lefts, rights, tumbling(100))
        .allowedLateness(50)
        .join("j", (left, right, _info, emit) => emit(`${left.k}${left.n} ${right.n}`), {
          type: t.string,
        }),
    input: [
      step.record(a(1), 10),
      step.second(a(2), 20),
      step.record({ k: "b", n: 3 }, 10),
      step.watermark(110),
      step.second(a(4), 30),
      step.second({ k: "b", n: 5 }, 30),
      step.watermark(150),
      step.second(a(6), 30),
      step.record(a(7), 40),
      step.record(a(8), 140),
      step.watermark(300),
      step.record(a(9), 140),
    ],
    expect: ["a1 2", "a1 2", "a1 4", "b3 5"],
  });
  assert.equal(late.lateRecordsDroppedCount, 3, "6, 7 and 9");
});

test("windows of processing time join what came in the same span of the clock", async () => {
  await verifyOperator({
    build: (lefts: DataStream<Tick>, rights: DataStream<Tick>) =>
      ticks(lefts, rights, tumbling(100, { time: "processing" })).join(
        "j",
        (left, right, { window: { start } }, emit) => emit(`${start}: ${left.n} ${right.n}`),
        { type: t.string },
      ),
    input: [
      step.record(a(1)),
      step.processingTime(60),
      step.second(a(2)),
      step.processingTime(120),
      step.second(a(3)),
      step.record(a(4)),
      step.processingTime(230),
      step.record(a(5)),
    ],
    expect: ["0: 1 2", "100: 4 3"],
  });
});

test("a session of both streams' records is one that neither would have alone", async () => {
  await verifyOperator({
    build: (lefts: DataStream<Tick>, rights: DataStream<Tick>) =>
      ticks(lefts, rights, session(30)).join(
        "j",
        (left, right, { window: { start, end } }, emit) =>
          emit(`${start}-${end}: ${left.n} ${right.n}`),
        { type: t.string },
      ),
    input: [
      step.record(a(1), 0),
      step.record(a(2), 60),
      step.second(a(3), 30),
      step.watermark(200),
    ],
    expect: ["0-90: 1 3", "0-90: 2 3"],
  });
});

test("what cannot be joined in windows is refused when the graph is built", async () => {
  type Build = (lefts: DataStream<Tick>, rights: DataStream<Tick>) => DataStream<unknown>;
  const none = (): void => {};
  const cases: readonly (readonly [build: Build, code: string, message: RegExp])[] = [
    [
      (lefts, rights) => ticks(lefts, rights, global()).join("j", none),
      "GRAPH_INVALID",
      /window\(global\(\)\) after "first": .* the global window has none; use tumbling/,
    ],
    [
      (lefts, rights) => ticks(lefts, rights, "1h" as never).join("j", none),
      "GRAPH_INVALID",
      /window\(…\) after "first" is given the string "1h" instead of a window/,
    ],
    [
      (lefts, rights) => ticks(lefts, rights, tumbling(1)).join("j", undefined as never),
      "GRAPH_INVALID",
      /join of "j" needs a function, but is given undefined/,
    ],
    [
      (lefts, rights) => ticks(lefts, rights, tumbling(1)).coGroup("g", "fn" as never),
      "GRAPH_INVALID",
      /coGroup of "g" needs a function, but is given the string "fn"/,
    ],
    [
      (lefts, rights) =>
        lefts
          .keyBy("k")
          .connect(rights as never)
          .window(tumbling(1))
          .join("j", none),
      "GRAPH_INVALID",
      /connect\(…\) after "first" is given a stream without keys .*other\.keyBy\(…\)/,
    ],
    [
      (lefts, rights) =>
        lefts
          .keyBy(({ k }) => k, t.string)
          .connect(rights.keyBy(({ n }) => n, t.int32) as never)
          .window(tumbling(1))
          .join("j", none),
      "GRAPH_INVALID",
      /connect\(\): the keys of the first stream are string, those of the second are int32/,
    ],
    [
      (lefts, rights) =>
        ticks(lefts, rights, tumbling(1, { time: "processing" }))
          .allowedLateness(5)
          .join("j", none),
      "WINDOW_INVALID",
      /"j": allowedLateness has no meaning in processing time/,
    ],
  ];
  for (const [build, code, message] of cases) {
    await assert.rejects(verifyOperator({ build, input: [] }), (error) => {
      assert.equal(errorCode(error), code);
      assert.match((error as Error).message, message);
      return true;
    });
  }
});

test("a function that throws is named as what it is, with the operator", async () => {
  await assert.rejects(
    verifyOperator({
      build: (lefts: DataStream<Tick>, rights: DataStream<Tick>) =>
        ticks(lefts, rights, tumbling(100)).coGroup("g", () => {
          throw new Error("broken");
        }),
      input: [step.record(a(1), 0)],
    }),
    /The coGroup function of "g" \(subtask 0\) threw: Error: broken/,
  );
});
