// A run directory for tests of the checkpoint store: plans of checkpoints, written and recovered.
import { SimWorld, type SimProcess } from "../testing/sim-env.ts";
import type { RecoveryDecision } from "./checkpoint-inventory.ts";
import {
  recoverCheckpointStore,
  type CheckpointStore,
  type CheckpointStoreOptions,
} from "./checkpoint-store.ts";
import type { CheckpointMetadata, SegmentHandle } from "./metadata.ts";

export const RUN = "/run";

export interface CheckpointPlan {
  readonly id: number;
  readonly segments: readonly SegmentHandle[];
  readonly hasCommittables?: boolean;
}

export function segment(id: number, name: string): SegmentHandle {
  return {
    file: `shared/${name}.seg`,
    sizeBytes: 100 + name.length,
    checksum: name.length,
    kind: "full",
    rowsCount: 1,
    tombstonesCount: 0,
    keyGroupStart: 0,
    keyGroupEnd: 128,
    createdBy: id,
  };
}

export function metadataOf(plan: CheckpointPlan): CheckpointMetadata {
  return {
    version: 1,
    checkpointId: plan.id,
    kind: "checkpoint",
    triggeredAt: 1,
    completedAt: 2,
    jobId: "job",
    jobName: "job",
    epoch: 1,
    operators: [
      {
        operatorId: "0".repeat(32),
        uid: "count",
        kind: "keyed",
        parallelism: 1,
        maxParallelism: 128,
        stateSchemas: {},
        enumerator: undefined,
        subtasks: [{ segments: plan.segments, states: [], watermark: undefined, hasEnded: false }],
      },
    ],
    edges: [],
    hasCommittables: plan.hasCommittables ?? false,
  };
}

export async function writeSegment(process: SimProcess, handle: SegmentHandle): Promise<void> {
  const file = await process.env.files.create(`${RUN}/${handle.file}`);
  await file.write(new Uint8Array(handle.sizeBytes).fill(7));
  await file.sync();
  await file.close();
}

export interface Opened {
  readonly store: CheckpointStore;
  readonly decision: RecoveryDecision;
  readonly warnings: unknown[];
}

let epochs = 0;

export async function recover(
  process: SimProcess,
  rest: Partial<CheckpointStoreOptions> & { restorePrevious?: boolean } = {},
): Promise<Opened> {
  const { files } = process.env;
  await files.createDirectory(RUN);
  await files.syncDirectory("/");
  const warnings: unknown[] = [];
  const options: CheckpointStoreOptions = {
    files,
    directory: RUN,
    epoch: ++epochs,
    retainedCount: 1,
    retention: "delete-on-cancellation",
    warn: (error) => warnings.push(error),
    ...rest,
  };
  const opened = await recoverCheckpointStore(options, rest.restorePrevious ?? false);
  return { ...opened, warnings };
}

/** Writes what is new in the plan, and completes it. */
export async function checkpoint(
  process: SimProcess,
  store: CheckpointStore,
  plan: CheckpointPlan,
): Promise<void> {
  await store.begin(plan.id);
  for (const handle of plan.segments) {
    if (handle.createdBy === plan.id) await writeSegment(process, handle);
  }
  store.register(plan.id, plan.segments);
  await store.complete(metadataOf(plan));
  store.subsume();
}

export async function withWorld(
  seed: number,
  body: (world: SimWorld) => Promise<void>,
): Promise<void> {
  const world = new SimWorld({ seed });
  await world.scheduler.runUntil(body(world));
}

export const filesOf = (world: SimWorld): string[] =>
  world.disk.paths().map((path) => path.slice(RUN.length + 1));
