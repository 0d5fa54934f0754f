/*
 * The job of the backpressure benchmark: a source without a limit, and behind an exchange by key an
 * operator that takes its time over each record.
 */
import { discard, emits, generator, job, t, valueState } from "oxbow";
import { makeWide, prepareNames } from "./records.ts";

/** JSON in the first argument. */
export interface BackpressureSettings {
  /** What the slow operator takes, ms. */
  readonly recordMs: number;
}

const KEYS_COUNT = 10_000;

export default job("backpressure", (env) => {
  const { recordMs } = JSON.parse(env.args[0] ?? "{}") as BackpressureSettings;
  const never = new Int32Array(new SharedArrayBuffer(4));
  prepareNames(KEYS_COUNT);
  env.checkpoint({ interval: "1h" });
  env
    .source("records", generator({ make: (index) => makeWide(index, KEYS_COUNT) }))
    .keyBy("id")
    .process(
      "slow",
      {
        state: { n: valueState(t.int32, { default: 0 }) },
        process: (record, { state, emit }) => {
          state.n.set(state.n.get() + 1);
          // The thread stands still, as it would in a call that waits; the machine is left alone.
          Atomics.wait(never, 0, 0, recordMs);
          emit(record);
        },
      },
      emits<{ readonly id: number }>(),
    )
    .sink("out", discard());
});
