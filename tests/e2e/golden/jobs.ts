/*
 * The golden jobs: five jobs whose output is the same however they are run: straight, killed and
 * restored. Every output hangs on content only, never on the order between channels.
 *
 * `env.args`: name of the job, output directory, records, records per second (0: as fast as it can).
 */
import {
  avg,
  count,
  fileSink,
  generator,
  job,
  json,
  listState,
  mapState,
  max,
  min,
  session,
  sideOutput,
  sliding,
  sum,
  t,
  topN,
  tumbling,
  valueState,
} from "oxbow";
import type { DataStream, Job } from "oxbow";

/** Names of the golden jobs. */
export const GOLDEN_JOBS = ["running", "windows", "sessions", "process", "connect"] as const;
export type GoldenJob = (typeof GOLDEN_JOBS)[number];

interface Reading {
  readonly id: number;
  readonly sensor: string;
  readonly value: number;
  readonly at: number;
}

type Environment = Parameters<Job["build"]>[0];

const SENSORS_COUNT = 37;
const BUCKET_MS = 10_000;
/** A timer that fires when the input has ended. */
const END_OF_TIME = 8_640_000_000_000_000;

/** Spread evenly, without any order that a bug could live on. */
function mix(index: number): number {
  let hash = Math.imul(index ^ (index >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Reading `index`: 10 ms of event time each, out of order by up to 500 ms. */
function reading(index: number): Reading {
  const hash = mix(index);
  return {
    id: index,
    sensor: `sensor-${hash % SENSORS_COUNT}`,
    value: (hash >>> 8) % 1000,
    at: index * 10 + (mix(index + 7) % 500),
  };
}

export default job("golden", (env) => {
  const [name, directory, records, rate] = env.args;
  env.checkpoint({ interval: "100ms" });
  const readings = env
    .source(
      "readings",
      generator({
        count: Number(records),
        make: reading,
        // Running results hang on the order of records: one split keeps it, per key, whatever happens.
        splits: name === "running" ? 1 : 4,
        ...(Number(rate) > 0 ? { ratePerSecond: Number(rate) } : {}),
      }),
    )
    .watermarks({ timestamp: "at", outOfOrderness: "1m" });
  const out = (uid: string, stream: DataStream<unknown>): void =>
    stream.sink(`${uid}-out`, fileSink(`${directory}/${uid}`, json()));
  BUILD[name as GoldenJob](env, readings, out);
});

type Out = (uid: string, stream: DataStream<unknown>) => void;
type Build = (env: Environment, readings: DataStream<Reading>, out: Out) => void;

const BUILD: Readonly<Record<GoldenJob, Build>> = {
  running(_env, readings, out) {
    const perSensor = readings.keyBy("sensor");
    out("totals", perSensor.aggregate("total", { n: count(), lowest: min("value") }));
    out(
      "largest",
      readings
        .keyBy((r) => r.id % 11, t.int32)
        .reduce("largest", (a, b) => (b.value > a.value || (b.value === a.value && b.id < a.id) ? b : a))
        .filter((r) => r.id % 3 === 0)
        .map((r) => ({ ten: r.id % 11, value: r.value })),
    );
  },
  windows(_env, readings, out) {
    const perSensor = readings.keyBy("sensor");
    out(
      "tumbling",
      perSensor.window(tumbling("10s")).aggregate("tumbling", {
        n: count(),
        total: sum("value"),
        mean: avg("value"),
        highest: max("value"),
      }),
    );
    out(
      "sliding",
      perSensor.window(sliding("30s", "10s")).aggregate("sliding", { n: count(), total: sum("value") }),
    );
    out(
      "top",
      readings
        .keyBy((r) => r.id % 3, t.int32)
        .window(tumbling("20s", { offset: "5s" }))
        .aggregate("top", { top: topN(3, (r: Reading) => r.value * 1_000_000 - (r.id % 1_000_000)) }),
    );
  },
  sessions(_env, readings, out) {
    const rare = readings.filter((r) => r.value < 20);
    out(
      "sessions",
      rare.keyBy("sensor").window(session("20s")).aggregate("session", { n: count(), total: sum("value") }),
    );
  },
  process(_env, readings, out) {
    const high = sideOutput<{ sensor: string; id: number }>("high");
    const buckets = readings.keyBy("sensor").process("buckets", {
      state: {
        totals: valueState(t.struct({ n: t.int32, sum: t.int64 }), { default: { n: 0, sum: 0 } }),
        perBucket: mapState(t.int64, t.int32),
        ids: listState(t.int32),
      },
      process(record, context) {
        const { totals, perBucket, ids } = context.state;
        totals.fields.n += 1;
        totals.fields.sum += record.value;
        const end = (Math.floor(record.at / BUCKET_MS) + 1) * BUCKET_MS;
        perBucket.set(end, (perBucket.get(end) ?? 0) + 1);
        if (record.value >= 990) context.output(high, { sensor: record.sensor, id: record.id });
        if (record.id % 1000 === 0) ids.add(record.id);
        context.timers.registerEventTime(end);
        context.timers.registerEventTime(END_OF_TIME);
      },
      onTimer(timer, context) {
        const { totals, perBucket, ids } = context.state;
        if (timer.timestamp === END_OF_TIME) {
          const sorted = [...ids.get()].toSorted((a, b) => a - b);
          context.emit({ sensor: context.key, ...totals.get(), ids: sorted });
          return;
        }
        // Nothing is late, so a bucket is complete when event time has reached its end.
        context.emit({ sensor: context.key, end: timer.timestamp, n: perBucket.get(timer.timestamp) });
        perBucket.delete(timer.timestamp);
      },
    });
    out("buckets", buckets);
    out("high", buckets.sideOutput(high));
  },
  connect(_env, readings, out) {
    const even = readings.filter((r) => r.id % 2 === 0);
    const odd = readings.filter((r) => r.id % 2 === 1);
    out(
      "joined",
      even
        .keyBy((r) => Math.floor(r.id / 2), t.int32)
        .connect(odd.keyBy((r) => Math.floor(r.id / 2), t.int32))
        .process("pairs", {
          state: { waiting: valueState(t.int32) },
          processFirst(record, context) {
            const { waiting } = context.state;
            const other = waiting.get();
            if (other === undefined) waiting.set(record.value);
            else {
              context.emit({ pair: context.key, sum: record.value + other });
              waiting.clear();
            }
          },
          processSecond(record, context) {
            const { waiting } = context.state;
            const other = waiting.get();
            if (other === undefined) waiting.set(record.value);
            else {
              context.emit({ pair: context.key, sum: record.value + other });
              waiting.clear();
            }
          },
        }),
    );
    out("all", even.union(odd).rebalance().map((r) => ({ id: r.id, value: r.value })));
  },
};
