/*
 * The micro benchmarks as Oxbow jobs. They read their settings from `env.args`, so that the same
 * module serves the master and worker threads.
 */
import { writeFileSync } from "node:fs";
import { count, discard, emits, forEach, generator, job, t, tumbling, valueState } from "oxbow";
import type { Job } from "oxbow";
import { Pauses, makeInteger, makeString, prepareNames, sink } from "./records.ts";

/** Settings of one run; JSON in the first argument. */
export interface MicroSettings {
  readonly name: MicroName;
  readonly records: number;
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
  | "operators-process"
  | "operators-aggregate"
  | "exchange";

const FEW_RESULTS = 1 << 20;

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
  const { records, keys } = settings;
  const make = marked(settings);
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
        .source("records", generator({ count: records, make: (i) => makeString(i, keys) }))
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
    case "operators-process":
    case "operators-aggregate":
      buildOperators(env, settings);
      return;
    case "exchange":
      // Half of the records cross to the other worker; the sinks only count.
      env
        .source("records", generator({ count: records, make, splits: 2 }))
        .rebalance()
        .filter((r) => (r.value & (FEW_RESULTS - 1)) < 1024)
        .sink(
          "out",
          forEach((r) => sink.take({ count: r.value })),
        );
      return;
  }
}

/** Operators of one kind beside each other; without any, what feeding them costs. */
function buildOperators(env: Environment, settings: MicroSettings): void {
  const { records, operators = 1 } = settings;
  const source = env.source("records", generator({ count: records, make: marked(settings) }));
  if (operators === 0) source.sink("out", discard());
  const keyed = source.keyBy("key");
  for (let number = 0; number < operators; number++) {
    if (settings.name === "operators-aggregate") {
      keyed.aggregate(`counts ${number}`, { count: count() }).sink(`out ${number}`, discard());
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

/** Makes records, and notes the pauses between batches where somebody wants to know them. */
function marked(settings: MicroSettings): (index: number) => ReturnType<typeof makeInteger> {
  const { keys, records, figuresFile, isFilling } = settings;
  const plain = (index: number): ReturnType<typeof makeInteger> =>
    isFilling === true
      ? { key: index, value: index & 1023, timestamp: index }
      : makeInteger(index, keys);
  if (figuresFile === undefined) return plain;
  const pauses = new Pauses();
  return (index) => {
    pauses.mark(index);
    if (index === records - 1) {
      const memory = process.memoryUsage();
      writeFileSync(
        figuresFile,
        JSON.stringify({ pauses: pauses.figures(), rssMb: memory.rss / 1e6 }),
      );
    }
    return plain(index);
  };
}
