/*
 * The micro benchmarks as Oxbow jobs. They read their settings from `env.args`, so that the same
 * module serves the master and worker threads.
 */
import { writeFileSync } from "node:fs";
import {
  count,
  discard,
  emits,
  forEach,
  generator,
  job,
  sliding,
  t,
  tumbling,
  valueState,
} from "oxbow";
import type { Job } from "oxbow";
import { SteadyMark } from "./nexmark/steady-mark.ts";
import {
  Pauses,
  makeFilling,
  makeInteger,
  makeString,
  makeWide,
  prepareNames,
  sink,
} from "./records.ts";

/** Settings of one run; JSON in the first argument. */
export interface MicroSettings {
  readonly name: MicroName;
  /** Records that count. */
  readonly records: number;
  /** Records before them, which warm up; default none. */
  readonly warmup?: number;
  /** Where it is noted when the first record that counts is made. */
  readonly steadyFile?: string;
  readonly keys: number;
  /** Operators that each get all records; default 1. */
  readonly operators?: number;
  /** Keys 0, 1, 2, … one after another instead of spread: fills the tables. */
  readonly isFilling?: boolean;
  /** Where the worker writes its figures at the end. */
  readonly figuresFile?: string;
  readonly checkpointInterval?: string;
}

export type MicroName =
  | "chain"
  | "keyed-count"
  | "keyed-count-string"
  | "tumbling-count"
  | "sliding-count"
  | "operators-process"
  /** Process functions that do nothing. */
  | "operators-stateless"
  | "operators-aggregate"
  | "exchange"
  /** The same without the exchange. */
  | "exchange-making"
  /** A microsecond of arithmetic per record. */
  | "heavy";

export default job("micro", (env) => {
  const settings = JSON.parse(env.args[0] ?? "{}") as MicroSettings;
  if (settings.checkpointInterval !== undefined) {
    env.checkpoint({ interval: settings.checkpointInterval, timeout: "60s" });
  }
  build(env, settings);
});

/** The job of one benchmark. */
export function microJob(settings: MicroSettings): Job {
  return job("micro", (env) => build(env, settings));
}

type Environment = Parameters<Job["build"]>[0];

function build(env: Environment, settings: MicroSettings): void {
  const { keys } = settings;
  const records = settings.records + (settings.warmup ?? 0);
  const make = marked(settings, (index) =>
    settings.isFilling === true ? makeFilling(index) : makeInteger(index, keys),
  );
  switch (settings.name) {
    case "chain":
      env
        .source("records", generator({ count: records, make }))
        .map((r) => ({ count: r.value * 2, key: r.key }))
        .filter((r) => (r.key & 1) === 0)
        .sink("out", forEach(sink.take));
      return;
    case "keyed-count":
      env
        .source("records", generator({ count: records, make }))
        .keyBy("key")
        .aggregate("counts", { count: count() })
        .sink("out", forEach(sink.take));
      return;
    case "keyed-count-string":
      prepareNames(keys);
      env
        .source(
          "records",
          generator({ count: records, make: marked(settings, (i) => makeString(i, keys)) }),
        )
        .keyBy("key")
        .aggregate("counts", { count: count() })
        .sink("out", forEach(sink.take));
      return;
    case "tumbling-count":
      env
        .source("records", generator({ count: records, make }))
        .watermarks({ timestamp: "timestamp", outOfOrderness: 0 })
        .keyBy("key")
        .window(tumbling("1m"))
        .aggregate("counts", { count: count() })
        .sink("out", forEach(sink.take));
      return;
    case "sliding-count":
      env
        .source("records", generator({ count: records, make }))
        .watermarks({ timestamp: "timestamp", outOfOrderness: 0 })
        .keyBy("key")
        .window(sliding("5m", "1m"))
        .aggregate("counts", { count: count() })
        .sink("out", forEach(sink.take));
      return;
    case "operators-process":
    case "operators-stateless":
    case "operators-aggregate":
      buildOperators(env, settings);
      return;
    case "heavy":
      env
        .source("records", generator({ count: records, make }))
        .map(({ key, value }) => ({ count: heavy(key ^ value) }))
        .sink("out", forEach(sink.take));
      return;
    case "exchange":
    case "exchange-making": {
      // Half of the records cross to the other worker; the sinks only count.
      prepareNames(keys);
      const wide = env.source(
        "records",
        generator({
          count: records,
          make: marked(settings, (index) => makeWide(index, keys)),
          splits: 2,
        }),
      );
      (settings.name === "exchange" ? wide.rebalance() : wide)
        .filter(({ value }) => value >= 0)
        .sink(
          "out",
          forEach((r) => sink.take({ count: r.value })),
        );
      return;
    }
  }
}

/** About a microsecond. */
function heavy(seed: number): number {
  let x = seed | 1;
  for (let round = 0; round < 150; round++) x = Math.imul(x, 1664525) + 1013904223;
  return x | 0;
}

/** Operators of one kind beside each other; without any, what feeding them costs. */
function buildOperators(env: Environment, settings: MicroSettings): void {
  const { records, keys, operators = 1 } = settings;
  const make = marked(settings, (index) => makeInteger(index, keys));
  const source = env.source("records", generator({ count: records, make }));
  if (operators === 0) source.sink("out", discard());
  const keyed = source.keyBy("key");
  for (let number = 0; number < operators; number++) {
    if (settings.name === "operators-aggregate") {
      keyed.aggregate(`counts ${number}`, { count: count() }).sink(`out ${number}`, discard());
      continue;
    }
    if (settings.name === "operators-stateless") {
      keyed
        .process(`counts ${number}`, { process: NOTHING[number] }, emits<never>())
        .sink(`out ${number}`, discard());
      continue;
    }
    keyed
      .process(
        `counts ${number}`,
        {
          state: { count: valueState(t.int32, { default: 0 }) },
          process: COUNTING[number],
        },
        emits<never>(),
      )
      .sink(`out ${number}`, discard());
  }
}

type Counting = (
  record: unknown,
  context: { readonly state: { readonly count: { get(): number; set(value: number): void } } },
) => void;

/** Functions with code of their own, as twelve operators of a program have. */
const COUNTING: readonly Counting[] = [
  (_, { state: { count } }) => count.set(count.get() + 1),
  (_, { state: { count } }) => count.set(count.get() + 1),
  (_, { state: { count } }) => count.set(count.get() + 1),
  (_, { state: { count } }) => count.set(count.get() + 1),
  (_, { state: { count } }) => count.set(count.get() + 1),
  (_, { state: { count } }) => count.set(count.get() + 1),
  (_, { state: { count } }) => count.set(count.get() + 1),
  (_, { state: { count } }) => count.set(count.get() + 1),
  (_, { state: { count } }) => count.set(count.get() + 1),
  (_, { state: { count } }) => count.set(count.get() + 1),
  (_, { state: { count } }) => count.set(count.get() + 1),
  (_, { state: { count } }) => count.set(count.get() + 1),
];

const NOTHING: readonly (() => void)[] = COUNTING.map((_, number) => () => void number);

/** Makes records; notes when the first that counts is made, and pauses between batches. */
function marked<T>(settings: MicroSettings, make: (index: number) => T): (index: number) => T {
  const { records, warmup = 0, steadyFile, figuresFile } = settings;
  if (steadyFile === undefined && figuresFile === undefined) return make;
  const mark = steadyFile === undefined ? undefined : new SteadyMark(steadyFile);
  const pauses = figuresFile === undefined ? undefined : new Pauses();
  return (index) => {
    if (index === warmup) {
      mark?.note();
      pauses?.begin();
    }
    pauses?.mark(index);
    if (figuresFile !== undefined && index === warmup + records - 1) {
      writeFileSync(figuresFile, JSON.stringify({ pauses: pauses?.figures() }));
    }
    return make(index);
  };
}
