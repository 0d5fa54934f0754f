/*
 * npm run bench -- restore [--keys 100000,1000000] [--runs N]
 *
 * How long a job takes to go on from a savepoint, by the size of its state: a job with about 100
 * bytes per key is stopped with a savepoint once all keys are there, and started from it at
 * parallelism 1 and 2 in turns. Prints, per size, the medians of the time to the first record,
 * which is when all is loaded; the start of the worker threads is part of it.
 */
import { readArguments, readCount } from "../scripts/arguments.ts";
import { LargeState, sizeOf } from "./large-state.ts";

const USAGE = `Usage: npm run bench -- restore [--keys N,…] [--runs N]

Measures going on from a savepoint, by the size of the state.

  --keys N,…    keys of about 100 bytes each (default: 10000,100000,1000000,10000000)
  --runs N      starts of each, of which the median is shown (default: 3)
`;

const { values } = readArguments(USAGE, {
  options: {
    keys: { type: "string", default: "10000,100000,1000000,10000000" },
    runs: { type: "string", default: "3" },
  },
});
const sizes = values.keys.split(",").map((text) => readCount(USAGE, "--keys", text, 1));
const runs = readCount(USAGE, "--runs", values.runs, 1);

for (const keys of sizes) {
  const state = new LargeState({ keys });
  await state.report(() => measure(state, keys));
}

async function measure(state: LargeState, keys: number): Promise<Record<string, unknown>> {
  const handle = await state.start({ parallelism: 1 });
  await state.reached(keys * 1.05);
  const beganMs = performance.now();
  const { location } = await handle.stop();
  const stopSeconds = (performance.now() - beganMs) / 1_000;
  const one: number[] = [];
  const two: number[] = [];
  for (let turn = 0; turn < runs; turn++) {
    one.push(await state.msToRunning(location, 1));
    two.push(await state.msToRunning(location, 2));
  }
  return {
    keys,
    savepointMb: Math.round(sizeOf(location) / 1e6),
    stopSeconds,
    restoreSeconds: median(one) / 1_000,
    restoreSecondsTwoWorkers: median(two) / 1_000,
  };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[(numbers.length - 1) >> 1];
}
