/*
 * npm run bench -- savepoint [--keys N] [--seconds S]
 *
 * What a savepoint of a large state costs: a job with about 100 bytes per key updates them at
 * random on one worker thread; a savepoint is taken meanwhile; then it is stopped with another one,
 * and goes on from that at parallelism 1 and at 2. Prints JSON. One process: memory is of all of
 * it. Throughput before and during is compared within the run.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { readArguments, readCount } from "../scripts/arguments.ts";
import { gapsWithin, LargeState, rateBetween, sizeOf } from "./large-state.ts";

const USAGE = `Usage: npm run bench -- savepoint [--keys N] [--seconds S]

Measures a savepoint of a large state, and going on from it.

  --keys N      keys of about 100 bytes each (default: 10000000)
  --seconds S   how long throughput is measured without one (default: 10)
`;

const { values } = readArguments(USAGE, {
  options: {
    keys: { type: "string", default: "10000000" },
    seconds: { type: "string", default: "10" },
  },
});
const keys = readCount(USAGE, "--keys", values.keys, 1);
const measureMs = readCount(USAGE, "--seconds", values.seconds, 1) * 1_000;
const state = new LargeState({ keys });
const MB = 1e6;

await state.report(measure);

async function measure(): Promise<Record<string, unknown>> {
  const handle = await state.start({ parallelism: 1 });
  await state.reached(keys * 1.05);
  const stateMb = process.memoryUsage().rss / MB;
  const earlier = state.notes();
  await sleep(measureMs);
  const before = state.notes();
  const memory = watchMemory();
  const beganMs = Date.now();
  const savepoint = await handle.savepoint();
  const endedMs = Date.now();
  const peakMb = memory();
  await sleep(1_500);
  const after = state.notes();
  const stopBeganMs = performance.now();
  const { location } = await handle.stop();
  const stopMs = performance.now() - stopBeganMs;
  const restoreMs = await state.msToRunning(location, 1);
  const rescaleMs = await state.msToRunning(location, 2);
  const rateBefore = rateBetween(earlier, before);
  const rateDuring = rateBetween(before, after);
  return {
    keys,
    rssMb: Math.round(stateMb),
    savepointMb: Math.round(sizeOf(savepoint.location) / MB),
    savepointSeconds: savepoint.durationMs / 1_000,
    recordsPerSecondBefore: Math.round(rateBefore),
    recordsPerSecondDuring: Math.round(rateDuring),
    throughputDuring: rateDuring / rateBefore,
    pausesDuring: gapsWithin({ beganMs, endedMs }, before, after),
    extraMemoryMb: Math.round(peakMb - stateMb),
    stopSeconds: stopMs / 1_000,
    restoreSeconds: restoreMs / 1_000,
    stopToRunningSeconds: (stopMs + restoreMs) / 1_000,
    rescaleSeconds: rescaleMs / 1_000,
  };
}

/** Watches the memory of the process; call the result for its peak in MB. */
function watchMemory(): () => number {
  let peakMb = 0;
  const look = (): void => void (peakMb = Math.max(peakMb, process.memoryUsage().rss / MB));
  const timer = setInterval(look, 50);
  return () => {
    clearInterval(timer);
    look();
    return peakMb;
  };
}
