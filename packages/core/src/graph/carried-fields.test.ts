// What an edge by key carries: the fields that its consumer reads, where the graph knows them.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamEnvironment } from "../api/environment.ts";
import { job } from "../api/job.ts";
import { collection } from "../connectors/collection.ts";
import { discard } from "../connectors/for-each.ts";
import { buildJob } from "../driver/build-job.ts";
import { sideOutput } from "../operators/process-function.ts";
import { t } from "../types/t.ts";
import { avg, count } from "../window/aggregates.ts";
import { session, tumbling } from "../window/assigner.ts";
import { maxBy } from "../window/record-aggregates.ts";
import { trigger } from "../window/triggers.ts";

interface Flight {
  readonly origin: string;
  readonly at: number;
  readonly delay: number;
}

const flights = (env: StreamEnvironment) => env.source("flights", collection<Flight>([]));

type Flights = ReturnType<typeof flights>;
const mean = { delay: avg("delay"), count: count() } as const;
const hours = (stream: Flights) =>
  stream.watermarks({ timestamp: "at" }).keyBy("origin").window(tumbling("1h"));
const lateHours = sideOutput<Flight>("late-hours");

const CARRIED: readonly [what: string, build: (all: Flights) => unknown, fields?: string[]][] = [
  [
    "a running aggregate gets its key and its inputs",
    (all) => all.keyBy("origin").aggregate("x", mean).sink("out", discard()),
    ["origin", "delay"],
  ],
  [
    "a window gets its key and its inputs",
    (all) => hours(all).aggregate("x", mean).sink("out", discard()),
    ["origin", "delay"],
  ],
  [
    "a count gets its key",
    (all) => all.keyBy("origin").aggregate("x", { n: count() }).sink("out", discard()),
    ["origin"],
  ],
  [
    "a key that is a function may read anything",
    (all) =>
      all
        .keyBy((r) => r.origin, t.string)
        .aggregate("x", mean)
        .sink("out", discard()),
  ],
  [
    "an aggregate of a function may read anything",
    (all) =>
      all
        .keyBy("origin")
        .aggregate("x", { mean: avg((r) => r.delay) })
        .sink("out", discard()),
  ],
  [
    "an aggregate of records gets them whole",
    (all) =>
      all
        .keyBy("origin")
        .aggregate("x", { worst: maxBy("delay") })
        .sink("out", discard()),
  ],
  [
    "a window function over all records gets them whole",
    (all) =>
      hours(all)
        .process("x", () => undefined)
        .sink("out", discard()),
  ],
  [
    "windows whose late records go to a side output pass them on whole",
    (all) => {
      const counted = hours(all).lateOutput(lateHours).aggregate("x", mean);
      counted.sink("out", discard());
      counted.sideOutput(lateHours).sink("late", discard());
    },
  ],
  [
    "a trigger is shown records whole",
    (all) => hours(all).trigger(trigger.count(3)).aggregate("x", mean).sink("out", discard()),
  ],
  [
    "a gap that is a function may read anything",
    (all) =>
      all
        .watermarks({ timestamp: "at" })
        .keyBy("origin")
        .window(session((r) => r.delay))
        .aggregate("x", mean)
        .sink("out", discard()),
  ],
  [
    "a process function may read anything",
    (all) =>
      all
        .keyBy("origin")
        .process("x", { process: () => undefined })
        .sink("out", discard()),
  ],
];

for (const [what, build, fields] of CARRIED) {
  test(`what is sent by key: ${what}`, () => {
    const built = job("carried", (env) => void build(flights(env)));
    const { edges } = buildJob(built, { args: [], configuration: {}, parallelism: 2 }).job;
    const [byKey] = edges.flatMap(({ partitioner }) =>
      partitioner.kind === "hash" ? [partitioner] : [],
    );
    assert.deepEqual(byKey.fields, fields);
  });
}
