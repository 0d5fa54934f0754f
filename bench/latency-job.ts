/*
 * The job of the latency benchmark: records know when they were made, cross from one worker to the
 * other by key, are counted there, and tell at the sink how long that took. Each worker keeps its
 * times in a file of its own.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { threadId } from "node:worker_threads";
import { emits, forEach, generator, job, t, valueState } from "oxbow";
import { keyOf } from "./records.ts";

/** JSON in the first argument. */
export interface LatencySettings {
  readonly records: number;
  /** Of all splits together; undefined: as fast as it goes. */
  readonly ratePerSecond?: number;
  /** Where workers write what they have seen. */
  readonly directory: string;
  /** Ms before the first record that counts. */
  readonly warmupMs: number;
}

/** What a worker has seen. */
export interface Seen {
  /** How many records took so many times `STEP_MS`; the last is all that took longer. */
  readonly counts: readonly number[];
  readonly recordsCount: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export const STEP_MS = 0.05;
const STEPS_COUNT = 20_000;
const KEYS_COUNT = 10_000;
const WORKERS_COUNT = 2;

export default job("latency", (env) => {
  const settings = JSON.parse(env.args[0] ?? "{}") as LatencySettings;
  const { records: count, ratePerSecond } = settings;
  const note = noter(settings);
  env
    .source(
      "records",
      generator({
        count,
        splits: WORKERS_COUNT,
        ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
        make: (index) => ({ key: keyOf(index, KEYS_COUNT), value: index & 1023, madeMs: nowMs() }),
      }),
    )
    .keyBy("key")
    .process(
      "counts",
      {
        state: { n: valueState(t.int32, { default: 0 }) },
        process(record, { state, emit }) {
          state.n.set(state.n.get() + 1);
          emit(record);
        },
      },
      emits<{ readonly madeMs: number }>(),
    )
    .sink(
      "out",
      forEach(({ madeMs }) => note(madeMs)),
    );
});

/** The same clock in all threads, ms. */
function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

function noter({ directory, warmupMs }: LatencySettings): (madeMs: number) => void {
  const file = path.join(directory, `seen-${threadId}.json`);
  const counts = new Array<number>(STEPS_COUNT).fill(0);
  let recordsCount = 0;
  let beganMs = 0;
  let firstMs = 0;
  let writtenMs = 0;
  return (madeMs) => {
    const now = nowMs();
    if (beganMs === 0) beganMs = now;
    if (now - beganMs < warmupMs) return;
    if (firstMs === 0) firstMs = now;
    recordsCount += 1;
    counts[Math.min(STEPS_COUNT - 1, Math.floor((now - madeMs) / STEP_MS))] += 1;
    if (now - writtenMs < 1_000) return;
    writtenMs = now;
    writeFileSync(file, JSON.stringify({ counts, recordsCount, firstMs, lastMs: now }));
  };
}
