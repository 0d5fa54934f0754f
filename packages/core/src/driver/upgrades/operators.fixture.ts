// Upgrades of operators, sources, sinks, keys and parallelism.
import { emits } from "../../api/stream-base.ts";
import { collect } from "../../connectors/collect.ts";
import { collection } from "../../connectors/collection.ts";
import { discard } from "../../connectors/for-each.ts";
import { fileSink } from "../../connectors/file-sink/file-sink.ts";
import { json } from "../../connectors/formats/json.ts";
import { valueState } from "../../state/descriptors.ts";
import { t } from "../../types/t.ts";
import { count, sum } from "../../window/aggregates.ts";
import { continues, keyed, numbers, refused } from "./upgrade.fixture.ts";
import type { Program, Upgrade } from "./upgrade.fixture.ts";

/** Running totals per key. */
const totals =
  (uid = "totals", aliases: readonly string[] = []): Program =>
  (env, out) => {
    for (const old of aliases) env.aliases(uid, old);
    keyed(env)
      .aggregate(uid, { n: count(), sum: sum((n: number) => n) })
      .sink("out", out);
  };

/** The same, and a second operator with state of which the output does not tell. */
const andMore: Program = (env, out) => {
  const stream = keyed(env);
  stream.aggregate("totals", { n: count(), sum: sum((n: number) => n) }).sink("out", out);
  stream
    .process(
      "more",
      {
        state: { last: valueState(t.int32) },
        process: (n, { state }) => state.last.set(n),
      },
      emits<number>(),
    )
    .sink("unused", discard());
};

const counting: Program = (env, out) =>
  keyed(env)
    .process(
      "totals",
      {
        state: { n: valueState(t.int64, { default: 0 }) },
        process(_n, { key, state, emit }) {
          state.n.set(state.n.get() + 1);
          emit({ key, n: state.n.get() });
        },
      },
      emits<unknown>(),
    )
    .sink("out", out);

/** Totals with steps before and behind them. */
const withSteps =
  (steps: "none" | "map" | "rebalance"): Program =>
  (env, out) => {
    const stream = numbers(env);
    const stepped =
      steps === "none"
        ? stream
        : steps === "map"
          ? stream.map((n) => n + 1).map((n) => n - 1)
          : stream.rebalance();
    const counted = stepped
      .keyBy((n) => n % 3, t.int32)
      .aggregate("totals", { n: count(), sum: sum((n: number) => n) });
    (steps === "rebalance" ? counted.rebalance() : counted).sink("out", out);
  };

export const OPERATORS: readonly Upgrade[] = [
  {
    change: "an operator with state is added",
    before: totals(),
    after: andMore,
    result: continues("It starts empty; the others go on.", { like: totals() }),
  },
  {
    change: "an operator with state is removed",
    before: andMore,
    after: totals(),
    result: refused(
      "Its state would be lost. Leave it behind with `allowNonRestoredState`.",
      /operator "more" has state in savepoint \d+, but the job has no operator with this uid/,
      /3 rows, .* bytes would be lost \("last"\)/,
      /allowNonRestoredState: \["more"\]/,
    ),
  },
  {
    change: "an operator with state is removed, with `allowNonRestoredState: true`",
    before: andMore,
    after: totals(),
    allowNonRestoredState: true,
    result: continues("Its state stays in the snapshot."),
  },
  {
    change: "an operator with state is removed, with `allowNonRestoredState: [its uid]`",
    before: andMore,
    after: totals(),
    allowNonRestoredState: ["more"],
    result: continues("Its state stays in the snapshot."),
  },
  {
    change: "an operator has another uid",
    before: totals("sums"),
    after: totals("totals"),
    result: refused(
      "It is a removed and an added one. Say `env.aliases(new, old)`.",
      /operator "sums" has state in savepoint/,
      /env\.aliases\("<its uid>", "sums"\)/,
    ),
  },
  {
    change: "an operator has another uid, with `env.aliases(new, old)`",
    before: totals("sums"),
    after: totals("totals", ["other", "sums"]),
    result: continues("It goes on from the state under the first of the old uids that is there."),
  },
  {
    change: "the uid of an operator is used by one of another kind",
    before: totals(),
    after: counting,
    result: refused(
      "It cannot read the state. Give it a uid of its own.",
      /operator "totals" was of the kind aggregate in savepoint/,
      /is of the kind keyedProcess now/,
      /Give the new one a uid of its own/,
    ),
  },
  {
    change: "operators without state are added or removed",
    before: withSteps("none"),
    after: withSteps("map"),
    result: continues("All state goes on."),
  },
  {
    change: "operators are chained otherwise (`rebalance`, another parallelism)",
    before: withSteps("map"),
    after: withSteps("rebalance"),
    result: continues("All state goes on."),
  },
];

const withSink =
  (...uids: readonly string[]): Program =>
  (env, out) => {
    const stream = keyed(env).aggregate("totals", { n: count() });
    stream.sink("out", out);
    for (const uid of uids) stream.sink(uid, collect<unknown>());
  };

export const CONNECTORS: readonly Upgrade[] = [
  {
    change: "a sink is added",
    before: withSink(),
    after: withSink("second"),
    result: continues("It gets what comes after the snapshot."),
  },
  {
    change: "a sink is removed that had transactions in the snapshot",
    before: withSink("second"),
    after: withSink(),
    result: refused(
      "They would be lost. Leave them behind with `allowNonRestoredState`.",
      /operator "second" has state in savepoint/,
      /1 transactions that are not committed/,
      /allowNonRestoredState: \["second"\]/,
    ),
  },
  {
    change: "a sink is removed, with `allowNonRestoredState`",
    before: withSink("second"),
    after: withSink(),
    allowNonRestoredState: ["second"],
    result: continues("Its transactions stay in the snapshot."),
  },
  {
    change: "a sink is replaced by one of another connector under its uid",
    before: withSink("second"),
    after: (env, out) => {
      const stream = keyed(env).aggregate("totals", { n: count() });
      stream.sink("out", out);
      stream.sink("second", fileSink("/files", json()));
    },
    result: refused(
      "It can make nothing of the transactions. Give it a uid of its own.",
      /sink "second" was of the connector collect in savepoint \d+ and is of files now/,
      /1 transactions that are not committed/,
      /allowNonRestoredState: \["second"\]/,
    ),
  },
  {
    change: "a source is replaced by one of another connector under its uid",
    before: totals(),
    after: (env, out) =>
      env
        .source("numbers", collection([1, 2, 3]))
        .keyBy((n) => n % 3, t.int32)
        .aggregate("totals", { n: count(), sum: sum((n: number) => n) })
        .sink("out", out),
    result: refused(
      "It can make nothing of the splits. Give it a uid of its own.",
      /source "numbers" was of the connector generator in savepoint \d+ and is of collection now/,
      /allowNonRestoredState: \["numbers"\]/,
    ),
  },
  {
    change: "a source is replaced by one with another uid",
    before: totals(),
    after: (env, out) =>
      env
        .source("others", collection([1, 2, 3]))
        .keyBy((n) => n % 3, t.int32)
        .aggregate("totals", { n: count(), sum: sum((n: number) => n) })
        .sink("out", out),
    result: refused(
      "Its positions would be lost. Leave them behind with `allowNonRestoredState`.",
      /operator "numbers" has state in savepoint \d+, but/,
      /allowNonRestoredState: \["numbers"\]/,
    ),
  },
  {
    change: "a source is replaced by one with another uid, with `allowNonRestoredState`",
    before: totals(),
    after: (env, out) =>
      env
        .source("others", collection([60]))
        .keyBy((n) => n % 3, t.int32)
        .aggregate("totals", { n: count() })
        .filter(({ n }) => n > 5)
        .map(({ n }) => n > 5)
        .sink("out", out),
    allowNonRestoredState: ["numbers"],
    result: continues("The new one begins at its beginning; all else goes on.", { gives: [true] }),
  },
];

const declared =
  (maxParallelism: number | undefined, key: "int32" | "string" = "int32"): Program =>
  (env, out) => {
    if (maxParallelism !== undefined) env.maxParallelism(maxParallelism);
    const stream = numbers(env);
    const sums = { n: count(), sum: sum((n: number) => n) };
    if (key === "int32") {
      stream
        .keyBy((n) => n % 3, t.int32)
        .aggregate("totals", sums)
        .sink("out", out);
    } else {
      stream
        .keyBy((n) => `${n % 3}`, t.string)
        .aggregate("totals", sums)
        .sink("out", out);
    }
  };

export const SCALE: readonly Upgrade[] = [
  {
    change: "the parallelism goes up",
    before: totals(),
    after: totals(),
    parallelism: [1, 3],
    result: continues("State goes with its key groups, lists and splits are dealt out."),
  },
  {
    change: "the parallelism goes down",
    before: totals(),
    after: totals(),
    parallelism: [3, 2],
    result: continues("State goes with its key groups, lists and splits are dealt out."),
  },
  {
    change: "the parallelism goes above max parallelism",
    before: declared(4),
    after: declared(undefined),
    parallelism: [2, 5],
    result: refused(
      "There are no more key groups than max parallelism.",
      /operator "totals" has a parallelism of 5/,
      /in 4 key groups/,
      /at most 4/,
    ),
  },
  {
    change: "max parallelism is declared otherwise",
    before: declared(4),
    after: declared(8),
    result: refused(
      "It decides which key lies where. Declare it as it was, or not at all.",
      /operator "totals" has max parallelism 4 in savepoint \d+, but the job has 8/,
      /env\.maxParallelism\(4\)/,
    ),
  },
  {
    change: "max parallelism is not declared any more",
    before: declared(4),
    after: declared(undefined),
    parallelism: [1, 4],
    result: continues("It is taken from the snapshot."),
  },
  {
    change: "the keys of an operator are of another type",
    before: declared(undefined),
    after: declared(undefined, "string"),
    result: refused(
      "A key would not find its state. Give the operator another uid, to start empty.",
      /keys of the operator "totals" are int32 in savepoint \d+, and are string now/,
      /key by a value of the old type, or give the operator a new uid/,
    ),
  },
];
