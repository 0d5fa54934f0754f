/*
 * The program whose snapshots are kept for later versions: every kind of state, timers, windows of
 * every kind, lists of operators, types of keys and values, a source with two splits, sinks with
 * transactions. Its output tells what it finds in its state before it changes it.
 *
 * It never changes once a version has written snapshots with it: what is new goes into a program
 * of its own beside it.
 */
import type { StreamEnvironment } from "../../packages/core/src/api/environment.ts";
import type { DataStream } from "../../packages/core/src/api/data-stream.ts";
import { emits } from "../../packages/core/src/api/stream-base.ts";
import type { CollectSink } from "../../packages/core/src/connectors/collect.ts";
import { generator } from "../../packages/core/src/connectors/generator.ts";
import * as state from "../../packages/core/src/state/descriptors.ts";
import { operatorListState, unionListState } from "../../packages/core/src/state/operator-state.ts";
import { t } from "../../packages/core/src/types/t.ts";
import type { Type } from "../../packages/core/src/types/type.ts";
import * as aggregates from "../../packages/core/src/window/aggregates.ts";
import { global, session, sliding, tumbling } from "../../packages/core/src/window/assigner.ts";
import { trigger } from "../../packages/core/src/window/triggers.ts";

/** Numbers in all; a hundred in a second. */
export const COUNT = 40;
type Numbers = DataStream<number>;
type Out = CollectSink<unknown>;

/** The whole program; all it tells goes into `out`. */
export function program(out: Out) {
  return (env: StreamEnvironment): void => {
    const numbers = env
      .checkpoint({ interval: "1h" })
      .restart({ kind: "none" })
      .source(
        "numbers",
        generator({ count: COUNT, make: (index) => index, ratePerSecond: 100, splits: 2 }),
      )
      .watermarks({ timestamp: (n) => n * 10, outOfOrderness: 0 });
    values(numbers, out);
    kinds(numbers, out);
    keys(numbers, out);
    lists(numbers, out);
    running(numbers, out);
    windows(numbers, out);
  };
}

/** A value of every type. */
const VALUES: Readonly<Record<string, readonly [Type<unknown>, (n: number) => unknown]>> = {
  bool: [t.bool, (n) => n % 2 === 0],
  int32: [t.int32, (n) => -n],
  int64: [t.int64, (n) => n * 2 ** 40],
  bigint64: [t.bigint64, (n) => BigInt(n) << 40n],
  float64: [t.float64, (n) => (n === 0 ? Number.NaN : n / 3)],
  timestamp: [t.timestamp, (n) => 1_767_225_600_000 + n],
  string: [t.string, (n) => `Zürich ${n} \u{1f409}`],
  bytes: [t.bytes, (n) => Uint8Array.of(n, 255)],
  any: [t.any, (n) => ({ n, list: [n, "x", null], at: new Date(n) })],
  enum: [t.enum("even", "odd"), (n) => (n % 2 === 0 ? "even" : "odd")],
  optional: [t.optional(t.int32), (n) => n],
  list: [t.list(t.string), (n) => [`${n}`, ""]],
  map: [t.map(t.string, t.int32), (n) => new Map([["k", n]])],
  struct: [
    t.struct({ a: t.int32, in: t.struct({ b: t.optional(t.string), c: t.list(t.int32) }) }),
    (n) => ({ a: n, in: { b: `b${n}`, c: [n, n] } }),
  ],
  union: [
    t.union("kind", { one: { a: t.int32 }, two: { b: t.string } }),
    (n) => (n % 2 === 0 ? { kind: "one", a: n } : { kind: "two", b: `${n}` }),
  ],
};

/** Handles of which only the name of the state is known. */
type AnyHandles = Readonly<Record<string, { get(): unknown; set(value: unknown): void }>>;

function values(numbers: Numbers, out: Out): void {
  const descriptors = Object.fromEntries(
    Object.entries(VALUES).map(([name, [type]]) => [name, state.valueState(type)]),
  );
  numbers
    .keyBy((n) => n % 2, t.int32)
    .process(
      "values",
      {
        state: descriptors,
        process(n, context) {
          const handles = context.state as unknown as AnyHandles;
          const told = Object.keys(VALUES).map((name) => [name, handles[name].get()]);
          context.emit({ values: n, ...Object.fromEntries(told) });
          for (const [name, [, make]] of Object.entries(VALUES)) handles[name].set(make(n));
        },
      },
      emits<unknown>(),
    )
    .sink("values-out", out);
}

const SPAN = t.struct({ from: t.int32, to: t.int32 });

function kinds(numbers: Numbers, out: Out): void {
  numbers
    .keyBy((n) => n % 2, t.int32)
    .process(
      "kinds",
      {
        state: {
          list: state.listState(t.struct({ n: t.int32 })),
          map: state.mapState(t.string, t.float64),
          reducing: state.reducingState(t.int64, (a, b) => a + b),
          aggregating: state.aggregatingState(SPAN, {
            create: () => ({ from: 1_000, to: 0 }),
            add: (span, n: number) => ({ from: Math.min(span.from, n), to: Math.max(span.to, n) }),
            result: ({ from, to }) => to - from,
          }),
          lasting: state.valueState(t.int32, { ttl: { ttlMs: 3_600_000 } }),
        },
        process(n, { key, state: { list, map, reducing, aggregating, lasting }, timers, emit }) {
          const told = { list: [...list.get()], map: [...map.entries()].sort(byName) };
          const rest = [reducing.get(), aggregating.get(), lasting.get()];
          emit({ kinds: n, ...told, rest });
          if (n % 10 > 7) list.clear();
          list.add({ n });
          map.set(`k${n % 3}`, n / 2);
          reducing.add(n);
          aggregating.add(n);
          lasting.set(n);
          timers.registerEventTime(n * 10 + 85);
          if (n < 2) timers.registerProcessingTime(1_767_225_600_000 + 380 + key);
        },
        onTimer({ timestamp, time }, { key, emit }) {
          emit({ timer: time === "event" ? timestamp : "processing", key });
        },
      },
      emits<unknown>(),
    )
    .sink("kinds-out", out);
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

/** A running count under a key of every type. */
const KEYS: Readonly<Record<string, readonly [Type<unknown>, (n: number) => unknown]>> = {
  string: [t.string, (n) => `é${n % 2}`],
  int64: [t.int64, (n) => (n % 2) * 2 ** 40],
  bigint64: [t.bigint64, (n) => BigInt(n % 2)],
  bool: [t.bool, (n) => n % 2 === 0],
  enum: [t.enum("even", "odd"), (n) => (n % 2 === 0 ? "even" : "odd")],
  struct: [t.struct({ a: t.int32, b: t.string }), (n) => ({ a: n % 2, b: "x" })],
};

function keys(numbers: Numbers, out: Out): void {
  for (const [name, [type, keyOf]] of Object.entries(KEYS)) {
    numbers
      .keyBy(keyOf, type)
      .aggregate(`key-${name}`, { n: aggregates.count() })
      .sink(`key-${name}-out`, out);
  }
}

function lists(numbers: Numbers, out: Out): void {
  numbers
    .process(
      "lists",
      {
        operatorState: { own: operatorListState(t.int32), all: unionListState(t.string) },
        process(n, { operatorState: { own, all }, emit }) {
          emit({ lists: n, own: [...own.get()], all: [...all.get()] });
          if (n % 8 === 0) own.add(n);
          all.update([`${n}`]);
        },
      },
      emits<unknown>(),
    )
    .sink("lists-out", out);
}

const N = (n: number): number => n;

function running(numbers: Numbers, out: Out): void {
  const keyed = numbers.keyBy((n) => n % 2, t.int32);
  keyed
    .aggregate("running", {
      n: aggregates.count(),
      sum: aggregates.sum(N),
      min: aggregates.min(N),
      max: aggregates.max(N),
      avg: aggregates.avg(N),
    })
    .sink("running-out", out);
  keyed
    .reduce("reduce", (a, b) => a * 2 + b, { type: t.float64 })
    .map((reduced) => ({ reduced }))
    .sink("reduce-out", out);
}

function windows(numbers: Numbers, out: Out): void {
  const keyed = numbers.keyBy((n) => n % 2, t.int32);
  const of = { n: aggregates.count(), sum: aggregates.sum(N) };
  keyed
    .window(tumbling(150, { offset: 20 }))
    .aggregate("tumbling", of)
    .sink("tumbling-out", out);
  keyed.window(sliding(200, 100)).aggregate("sliding", of).sink("sliding-out", out);
  keyed.window(session(60)).aggregate("session", of).sink("session-out", out);
  keyed
    .window(global())
    .trigger(trigger.purging(trigger.count(7)))
    .aggregate("global", of)
    .sink("global-out", out);
  keyed
    .window(tumbling(150))
    .process(
      "buffered",
      (records, _info, emit) => emit({ buffered: [...records] }),
      emits<unknown>(),
    )
    .sink("buffered-out", out);
}
