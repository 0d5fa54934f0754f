// One subtask's snapshots over real backends and simulated files.
import assert from "node:assert/strict";
import { createDirectoryDurably } from "../snapshot/durable-file.ts";
import type { SegmentHandle } from "../snapshot/metadata.ts";
import { inlineSegmentWriter } from "../snapshot/segment-writer-client.ts";
import type { SegmentWriterClient } from "../snapshot/segment-writer-client.ts";
import { valueState } from "../state/descriptors.ts";
import { HashMapBackend } from "../state/hashmap-backend.ts";
import { ChunkPool } from "../state/row-chunk.ts";
import { SimWorld } from "../testing/sim-env.ts";
import { operatorId } from "../types/operator-id.ts";
import { t } from "../types/t.ts";
import { barrier } from "./task.fixture.ts";
import { TaskSnapshots } from "./task-snapshots.ts";
import type { SnapshotResult } from "./task-snapshots.ts";

/** See the file header. */
export class SnapshotsBench {
  readonly world = new SimWorld({ seed: "snapshots" });
  readonly env = this.world.startProcess().env;
  readonly acknowledged: SnapshotResult[] = [];
  readonly declined: { readonly id: number; readonly error: unknown }[] = [];
  readonly backends: ReturnType<SnapshotsBench["backend"]>[];
  readonly snapshots: TaskSnapshots;
  readonly #writer: SegmentWriterClient;
  /** What operators flush outside of state. */
  flushed: Promise<void> | undefined;

  constructor(uids: readonly string[] = ["op"], pool = new ChunkPool()) {
    this.#writer = inlineSegmentWriter({ env: this.env, directory: "/run", pool });
    this.backends = uids.map((uid) => this.backend(uid));
    this.snapshots = new TaskSnapshots({
      clock: this.env.clock,
      members: uids.map((uid, index) => ({
        uid,
        operatorId: operatorId(uid),
        keyed: () => this.backends[index],
        states: () => [],
        flushed: () => this.flushed,
        hasCommittables: () => false,
      })),
      writer: this.#writer,
      metrics: { setCheckpoint: () => undefined },
      directory: "/run",
      author: { epoch: 1, attempt: 1, subtaskIndex: 0 },
      acknowledge: (result) => this.acknowledged.push(result),
      decline: (id, error) => this.declined.push({ id, error }),
      barrierTaken: () => undefined,
      wake: () => undefined,
    });
  }

  backend(uid: string) {
    return new HashMapBackend({
      uid,
      keyType: t.int32,
      maxParallelism: 16,
      keyGroupStart: 0,
      keyGroupEnd: 16,
      states: { count: valueState(t.int32) },
      clockNow: () => 0,
      pool: this.#writer.pool,
      verify: true,
    });
  }

  async open(): Promise<this> {
    const { files } = this.env;
    const create = createDirectoryDurably(files, "/run").then(() =>
      createDirectoryDurably(files, "/run/shared"),
    );
    await this.world.scheduler.runUntil(create);
    return this;
  }

  /** Sets the counts of keys `from` to `end`. */
  set(from: number, end: number, value: number): void {
    for (const backend of this.backends) {
      for (let key = from; key < end; key++) {
        backend.setCurrentKey(key);
        backend.states.count.set(value);
      }
    }
  }

  begin(id: number, base?: number): void {
    const point = { barrier: barrier(id, base), alignmentMs: 0, watermark: 7, hasEnded: false };
    this.snapshots.begin(point);
  }

  copyAll(): void {
    while (this.snapshots.copySlice(64));
  }

  /** Takes a whole snapshot and gives its segments. */
  async take(id: number, base?: number): Promise<readonly SegmentHandle[]> {
    this.begin(id, base);
    this.copyAll();
    await this.world.scheduler.runAll();
    return this.segmentsOf(id);
  }

  segmentsOf(id: number, uid = "op"): readonly SegmentHandle[] {
    const result = this.acknowledged.find(({ checkpointId }) => checkpointId === id);
    assert.ok(result !== undefined, `checkpoint ${id} was acknowledged`);
    return result.operators[uid].segments;
  }
}
