/*
 * The micro benchmarks as Oxbow jobs. They read their settings from `env.args`, so that the same
 * module serves the master and worker threads.
 */
import { writeFileSync } from "node:fs";
import { count, forEach, generator, job, tumbling } from "oxbow";
import type { Job } from "oxbow";
import { Pauses, makeInteger, makeString, prepareNames, sink } from "./records.ts";

/** Settings of one run; JSON in the first argument. */
export interface MicroSettings {
  readonly name: MicroName;
  readonly records: number;
  readonly keys: number;
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
