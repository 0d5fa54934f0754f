/*
 * npm run bench -- pauses [--keys N] [--changed P]
 *
 * What checkpoints of a large state do to the records: a job with about 100 bytes per key updates P
 * percent of the keys at random on one worker thread; a full checkpoint is taken, then incremental
 * ones. Prints JSON: gaps between batches without a checkpoint and while one is taken, and what the
 * processing thread spends on one per row that was changed.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { readArguments, readCount, refuseArguments } from "../scripts/arguments.ts";
import type { JobHandle } from "oxbow";
import { gapsWithin, LargeState, rateBetween } from "./large-state.ts";
import type { Notes } from "./savepoint-job.ts";

const USAGE = `Usage: npm run bench -- pauses [--keys N] [--changed P]

Measures what checkpoints of a large state do to the records.

  --keys N      keys of about 100 bytes each (default: 10000000)
  --changed P   percent of them that change, 1 to 100 (default: 1)
`;

const { values } = readArguments(USAGE, {
  options: {
    keys: { type: "string", default: "10000000" },
    changed: { type: "string", default: "1" },
  },
});
const keys = readCount(USAGE, "--keys", values.keys, 100);
const percent = readCount(USAGE, "--changed", values.changed, 1);
if (percent > 100) refuseArguments(USAGE, `--changed takes at most 100, not ${percent}`);
const changing = Math.round((keys * percent) / 100);
const state = new LargeState({ keys, changing });
const CHECKPOINTS = 5;
/** Long enough for every key that changes to have changed. */
const PAUSE_MS = 2_000;

await state.report(measure);

async function measure(): Promise<Record<string, unknown>> {
  const handle = await state.start({ parallelism: 1 });
  await state.reached(keys * 1.05);
  const earlier = state.notes();
  await sleep(3 * PAUSE_MS);
  const before = state.notes();
  const quiet = gapsWithin({ beganMs: earlier.atMs, endedMs: before.atMs }, earlier, before);
  const full = await taken(handle);
  const deltas: Record<string, unknown>[] = [];
  for (let count = 0; count < CHECKPOINTS; count++) {
    await sleep(PAUSE_MS);
    deltas.push(await taken(handle));
  }
  void sleep(0).then(() => handle.cancel());
  await handle.ended;
  return {
    keys,
    changing,
    recordsPerSecond: Math.round(rateBetween(earlier, before)),
    pausesWithout: quiet,
    full,
    deltas,
  };
}

async function taken(handle: JobHandle): Promise<Record<string, unknown>> {
  const before = state.notes();
  const beganMs = Date.now();
  const { checkpointId } = await handle.checkpoint();
  const endedMs = Date.now();
  const after = await notesAfter(endedMs);
  const { history } = handle.checkpoints()!;
  const record = history.find(({ id }) => id === checkpointId)!;
  const syncMs = record.subtasks.reduce((sum, subtask) => sum + subtask.syncMs, 0);
  const rows = record.base === undefined ? keys : changing;
  return {
    isFull: record.base === undefined,
    seconds: (endedMs - beganMs) / 1_000,
    megabytes: Math.round(record.checkpointedSizeBytes / 1e6),
    pauses: gapsWithin({ beganMs, endedMs }, before, after),
    nsPerChangedRow: Math.round((syncMs * 1e6) / rows),
  };
}

/** The job notes once a second. */
async function notesAfter(timeMs: number): Promise<Notes> {
  for (;;) {
    const notes = state.notes();
    if (notes.atMs > timeMs) return notes;
    await sleep(50);
  }
}
