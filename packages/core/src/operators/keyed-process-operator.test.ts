// Keyed process functions in every mode: all kinds of state, both kinds of timers, side outputs.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataStream } from "../api/data-stream.ts";
import { emits } from "../api/stream-base.ts";
import { errorCode } from "../errors.ts";
import {
  aggregatingState,
  listState,
  mapState,
  reducingState,
  valueState,
} from "../state/descriptors.ts";
import { step, verifyOperator } from "../testing.ts";
import type { OperatorStep } from "../testing.ts";
import { t } from "../types/t.ts";
import { sideOutput } from "./process-function.ts";

interface Visit {
  readonly user: string;
  readonly page: string;
  readonly ms: number;
}

interface Stats {
  readonly user: string;
  readonly count: number;
  readonly last: string;
  readonly pages: readonly string[];
  readonly perPage: number;
  readonly pagesCount: number;
  readonly ms: number | undefined;
  readonly mean: number | undefined;
}

const VISITS: readonly Visit[] = Array.from({ length: 60 }, (_, index) => ({
  user: `u${(index * 7) % 11}`,
  page: `/${(index * 3) % 5}`,
  ms: index % 4,
}));

/** With a watermark now and then, a little behind. */
const INPUT: readonly OperatorStep[] = VISITS.flatMap((visit, index) => [
  step.record(visit, index * 10),
  ...(index % 7 === 6 ? [step.watermark(index * 10 - 15)] : []),
  ...(index % 10 === 9 ? [step.processingTime(index)] : []),
]);

test("every kind of keyed state holds what was put into it, in every mode", async () => {
  const seen = new Map<string, Visit[]>();
  const expect = VISITS.map((visit) => {
    const visits = [...(seen.get(visit.user) ?? []), visit];
    seen.set(visit.user, visits);
    const ms = visits.reduce((sum, each) => sum + each.ms, 0);
    return {
      user: visit.user,
      count: visits.length,
      last: visits.at(-2)?.page ?? "none",
      pages: visits.map(({ page }) => page).slice(-4),
      perPage: visits.filter(({ page }) => page === visit.page).length,
      pagesCount: new Set(visits.map(({ page }) => page)).size,
      ms,
      mean: ms / visits.length,
    };
  });
  await verifyOperator({
    build: (visits: DataStream<Visit>) =>
      visits.keyBy("user").process(
        "stats",
        {
          state: {
            stats: valueState(t.struct({ count: t.int32, last: t.string }), {
              default: { count: 0, last: "none" },
            }),
            pages: listState(t.string),
            perPage: mapState(t.string, t.int32),
            ms: reducingState(t.float64, (a, b) => a + b),
            mean: aggregatingState(t.struct({ sum: t.float64, count: t.int32 }), {
              create: () => ({ sum: 0, count: 0 }),
              add: ({ sum, count }, value: number) => ({ sum: sum + value, count: count + 1 }),
              result: ({ sum, count }) => sum / count,
            }),
          },
          process(visit, { state, emit, key }) {
            const { count, last } = state.stats.get();
            state.stats.set({ count: count + 1, last: visit.page });
            const pages = [...state.pages.get(), visit.page].slice(-4);
            state.pages.update(pages);
            const perPage = (state.perPage.get(visit.page) ?? 0) + 1;
            state.perPage.set(visit.page, perPage);
            state.ms.add(visit.ms);
            state.mean.add(visit.ms);
            const pagesCount = state.perPage.size;
            const [ms, mean] = [state.ms.get(), state.mean.get()];
            emit({ user: key, count: count + 1, last, pages, perPage, pagesCount, ms, mean });
          },
        },
        emits<Stats>(),
      ),
    input: INPUT,
    expect,
    orderedBy: ({ user }) => user,
  });
});

test("event timers fire once, in order, after the watermark reached them", async () => {
  const { timestamps, records } = await verifyOperator({
    build: (visits: DataStream<Visit>) =>
      visits.keyBy("user").process<{ user: string; at: number; watermark: boolean }>("timers", {
        process(_visit, { timers, timestamp = 0 }) {
          timers.registerEventTime(Math.ceil((timestamp + 1) / 100) * 100);
          timers.registerEventTime(Math.ceil((timestamp + 1) / 100) * 100);
          timers.registerEventTime(timestamp + 33);
          timers.deleteEventTime(timestamp + 33);
        },
        onTimer({ timestamp, time }, { key, emit, watermark }) {
          assert.equal(time, "event");
          emit({ user: key, at: timestamp, watermark: watermark >= timestamp });
        },
      }),
    input: INPUT,
    expect: [
      ...new Set(
        VISITS.map(({ user }, index) => `${user} ${Math.ceil((index * 10 + 1) / 100) * 100}`),
      ),
    ].map((text) => {
      const [user = "", at = ""] = text.split(" ");
      return { user, at: Number(at), watermark: true };
    }),
    orderedBy: ({ user }) => user,
  });
  assert.deepEqual(
    timestamps,
    records.map(({ at }) => at),
  );
});

test("a timer that a timer registers fires in the same advance if it is due", async () => {
  await verifyOperator({
    build: (numbers: DataStream<number>) =>
      numbers
        .keyBy((n) => n % 5, t.int32)
        .process<string>("chain", {
          process: (_n, { timers, timestamp = 0 }) => timers.registerEventTime(timestamp),
          onTimer({ timestamp }, { key, timers, emit, watermark }) {
            emit(`${key} ${timestamp}`);
            if (timestamp + 10 <= watermark && timestamp < 100) {
              timers.registerEventTime(timestamp + 10);
            }
          },
        }),
    input: [...[0, 1, 2, 3, 4].map((n) => step.record(n, n * 20)), step.watermark(100)],
    expect: [0, 1, 2, 3, 4].flatMap((n) =>
      Array.from({ length: 11 - n * 2 }, (_, index) => `${n} ${n * 20 + index * 10}`),
    ),
    orderedBy: (text) => text.split(" ")[0],
  });
});

test("processing timers fire when the clock reaches them, and have no event time", async () => {
  const { timestamps } = await verifyOperator({
    build: (numbers: DataStream<number>) =>
      numbers
        .keyBy((n) => n % 5, t.int32)
        .process(
          "clock",
          {
            state: { sum: valueState(t.int32, { default: 0 }) },
            process(n, { timers, state, processingTime }) {
              state.sum.set(state.sum.get() + n);
              timers.registerProcessingTime(Math.ceil((processingTime + 1) / 100) * 100);
              timers.registerProcessingTime(7);
              timers.deleteProcessingTime(7);
            },
            onTimer({ timestamp, time }, context) {
              const { key, state, emit } = context;
              assert.equal(context.timestamp, undefined);
              emit(`${key} ${time} ${timestamp} ${state.sum.get()}`);
              state.sum.clear();
            },
          },
          emits<string>(),
        ),
    input: [
      ...[1, 2, 3, 4, 5, 6].map((n) => step.record(n, n)),
      step.processingTime(99),
      step.processingTime(100),
      step.record(7, 7),
      step.processingTime(250),
      step.record(9, 9),
    ],
    expect: [
      "0 processing 100 5",
      "1 processing 100 7",
      "2 processing 100 2",
      "3 processing 100 3",
      "4 processing 100 4",
      "2 processing 200 7",
    ],
  });
  assert.deepEqual(new Set(timestamps), new Set([undefined]));
});

test("side outputs get what is emitted into them, with its timestamp", async () => {
  const odd = sideOutput<number>("odd");
  const unused = sideOutput<number>("unused");
  const { sideOutputs } = await verifyOperator({
    build: (numbers: DataStream<number>) =>
      numbers
        .keyBy((n) => n, t.int32)
        .process<number>("split", {
          process(n, { emit, output }) {
            if (n % 2 === 0) emit(n);
            else output(odd, n);
            if (n > 1000) output(unused, n);
          },
        }),
    input: Array.from({ length: 30 }, (_, n) => step.record(n, n)),
    expect: Array.from({ length: 15 }, (_, n) => n * 2),
    sideOutputs: { odd: Array.from({ length: 15 }, (_, n) => n * 2 + 1) },
  });
  assert.deepEqual(Object.keys(sideOutputs), ["odd"]);
});

test("keys of every kind find their state again", async () => {
  const keys = {
    strings: (n: number) => `k${n % 4}`,
    numbers: (n: number) => (n % 4) / 4,
    booleans: (n: number) => n % 2 === 0,
    bigints: (n: number) => BigInt(n % 4) << 40n,
  };
  for (const keyOf of Object.values(keys) as ((n: number) => unknown)[]) {
    const counts = new Map<unknown, number>();
    const numbers = Array.from({ length: 24 }, (_, n) => n);
    await verifyOperator({
      build: (stream: DataStream<number>) =>
        stream.keyBy(keyOf).process(
          "count",
          {
            state: { count: valueState(t.int32, { default: 0 }) },
            process(_n, { key, state, emit }) {
              state.count.set(state.count.get() + 1);
              emit({ key, count: state.count.get() });
            },
          },
          emits<{ key: unknown; count: number }>(),
        ),
      input: numbers.map((n) => step.record(n)),
      expect: numbers.map((n) => {
        const key = keyOf(n);
        counts.set(key, (counts.get(key) ?? 0) + 1);
        return { key, count: counts.get(key) ?? 0 };
      }),
      orderedBy: ({ key }) => key,
    });
  }
});

test("a composite key is compared by value", async () => {
  await verifyOperator({
    build: (visits: DataStream<Visit>) =>
      visits
        .keyBy(({ user, page }) => ({ user, page }), t.struct({ user: t.string, page: t.string }))
        .process(
          "pairs",
          {
            state: { seen: valueState(t.bool, { default: false }) },
            process(_visit, { key, state, emit }) {
              if (!state.seen.get()) emit(`${key.user} ${key.page}`);
              state.seen.set(true);
            },
          },
          emits<string>(),
        ),
    input: INPUT,
    expect: [...new Set(VISITS.map(({ user, page }) => `${user} ${page}`))],
  });
});

test("a function that throws is named with uid and record, a timer with its key", async () => {
  const failing = (where: "process" | "timer"): Promise<unknown> =>
    verifyOperator({
      build: (numbers: DataStream<number>) =>
        numbers
          .keyBy((n) => n % 2, t.int32)
          .process<number>("mine", {
            process(n, { timers }) {
              if (n === 3 && where === "process") throw new Error("no three");
              timers.registerEventTime(50);
            },
            onTimer() {
              if (where === "timer") throw new Error("no timer");
            },
          }),
      input: [step.record(1, 0), step.record(3, 1000)],
    });
  const causeOf = (pattern: RegExp) => (error: Error) => {
    assert.equal(errorCode(error.cause), "USER_FUNCTION_FAILED");
    assert.match((error.cause as Error).message, pattern);
    return true;
  };
  await assert.rejects(
    failing("process"),
    causeOf(
      /process function of "mine" .* record 2 .* \(counted from 1\) at 1970-01-01T00:00:01.000Z/,
    ),
  );
  await assert.rejects(
    failing("timer"),
    causeOf(/onTimer \(key 1, event time 50\) function of "mine" .*no timer/),
  );
});

test("state that expires is gone after its time to live, also after a restore", async () => {
  await verifyOperator({
    build: (numbers: DataStream<number>) =>
      numbers
        .keyBy((n) => n % 3, t.int32)
        .process(
          "ttl",
          {
            state: { sum: valueState(t.int32, { default: 0, ttl: { ttlMs: 100 } }) },
            process(n, { key, state, emit }) {
              state.sum.set(state.sum.get() + n);
              emit(`${key} ${state.sum.get()}`);
            },
          },
          emits<string>(),
        ),
    input: [
      step.record(1),
      step.record(2),
      step.processingTime(60),
      step.record(4),
      step.processingTime(110),
      step.record(7),
      step.record(5),
      step.processingTime(300),
      step.record(10),
    ],
    expect: ["1 1", "2 2", "1 5", "1 12", "2 5", "1 10"],
    orderedBy: (text) => text.split(" ")[0],
  });
});
