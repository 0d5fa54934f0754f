// How much of the disk the checkpoints of a run take, however its state changes.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CheckpointStore } from "../snapshot/checkpoint-store.ts";
import { metadataOf } from "../snapshot/checkpoint-plans.fixture.ts";
import type { SegmentHandle } from "../snapshot/metadata.ts";
import { DELTAS_COUNT_MAX } from "./segment-history.ts";
import { SnapshotsBench } from "./task-snapshots.fixture.ts";

/** Headers and footers of segments, and `_metadata`, which do not grow with the state. */
const CONSTANT_BYTES = (DELTAS_COUNT_MAX + 1) * 1024;
const KEYS_COUNT = 5_000;
/** Ids of what is written only to be measured. */
const MEASURED_ID = 1_000_000;

/** What happens between two checkpoints, to a share of all keys. */
interface Step {
  readonly kind: "update" | "remove" | "churn";
  readonly share: number;
  readonly from: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("update", "update", "remove", "churn"),
  share: fc.oneof(fc.constantFrom(0, 0.01, 0.3, 1), fc.double({ min: 0, max: 1, noNaN: true })),
  from: fc.integer({ min: 0, max: KEYS_COUNT - 1 }),
});

/** A run directory with the checkpoints of one subtask, the newest of which is kept. */
class Run {
  readonly bench: SnapshotsBench;
  readonly store: CheckpointStore;
  #id = 0;

  private constructor(bench: SnapshotsBench) {
    this.bench = bench;
    this.store = new CheckpointStore({
      files: bench.env.files,
      directory: "/run",
      epoch: 1,
      retainedCount: 1,
      retention: "none",
      warn: (error) => assert.fail(String(error)),
    });
  }

  static async open(): Promise<Run> {
    return new Run(await new SnapshotsBench().open());
  }

  apply({ kind, share, from }: Step): void {
    const count = Math.floor(share * KEYS_COUNT);
    const [{ states }] = this.bench.backends;
    for (let n = 0; n < count; n++) {
      // Churn is among keys of its own, which are there only in between.
      const key = ((from + n) % KEYS_COUNT) + (kind === "churn" ? KEYS_COUNT : 0);
      this.bench.backends[0].setCurrentKey(key);
      if (kind !== "remove") states.count.set(Math.imul(key, 2654435761) ^ n);
      if (kind !== "update") states.count.clear();
    }
  }

  async checkpoint(): Promise<void> {
    const { bench, store } = this;
    const id = (this.#id += 1);
    const { latest } = store;
    await bench.world.scheduler.runUntil(store.begin(id));
    const segments = await bench.take(id, latest?.checkpointId);
    store.register(id, segments);
    await bench.world.scheduler.runUntil(store.complete(metadataOf({ id, segments })));
    store.subsume();
    await bench.world.scheduler.runUntil(store.settled());
  }

  /** Bytes of everything in the run directory. */
  usedBytes(): number {
    const { disk } = this.bench.world;
    return disk.paths().reduce((sum, path) => sum + disk.content(path).length, 0);
  }

  /** Bytes of a full checkpoint as of now. */
  async fullBytes(): Promise<number> {
    const { bench } = this;
    const id = MEASURED_ID + this.#id;
    const barrier = { id, kind: "savepoint", timestamp: 0, base: undefined } as const;
    bench.snapshots.begin({ barrier, alignmentMs: 0, watermark: undefined, hasEnded: false });
    bench.copyAll();
    await bench.world.scheduler.runAll();
    const segments: readonly SegmentHandle[] = bench.segmentsOf(id);
    const { files } = bench.env;
    for (const { file } of segments) {
      await bench.world.scheduler.runUntil(files.remove(`/run/${file}`));
    }
    return segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }
}

test("after each checkpoint a run takes less than three times the bytes of its state", async () => {
  const steps = fc.array(step, { minLength: 10, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      const run = await Run.open();
      run.apply({ kind: "update", share: 1, from: 0 });
      for (const [index, next] of plan.entries()) {
        run.apply(next);
        await run.checkpoint();
        const used = run.usedBytes();
        const full = await run.fullBytes();
        assert.ok(
          used < 3 * full + CONSTANT_BYTES,
          `after ${index + 1} checkpoints ${used} bytes are used, and ${full} are state`,
        );
      }
    }),
    { numRuns: 30 },
  );
});
