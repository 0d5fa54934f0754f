// Graphs and snapshots for tests of restores: what a snapshot has is written down, not taken.
import type { JobParameters, StreamEnvironment } from "../api/environment.ts";
import { job } from "../api/job.ts";
import { buildJob } from "../driver/build-job.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import type { StateDescription } from "../graph/stream-graph.ts";
import type {
  CheckpointMetadata,
  OperatorSnapshot,
  OperatorSubtaskSnapshot,
  SegmentHandle,
} from "../snapshot/metadata.ts";
import type { OperatorStateSnapshot } from "../state/operator-state.ts";
import { codecOf, encodeValue } from "../types/codec.ts";
import { keyGroupRange } from "../types/key.ts";
import { operatorId } from "../types/operator-id.ts";
import { schemaOf } from "../types/schema.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";

/** The graph of a program. */
export function graphOf(
  build: (env: StreamEnvironment) => void,
  parameters: Partial<JobParameters> = {},
): JobGraph {
  const all = { args: [], configuration: {}, parallelism: undefined, ...parameters };
  return buildJob(job("plans", build), all).job;
}

/** A complete checkpoint with these operators. */
export function checkpointOf(...operators: readonly OperatorSnapshot[]): CheckpointMetadata {
  return {
    version: 1,
    checkpointId: 7,
    kind: "checkpoint",
    triggeredAt: 1_000,
    completedAt: 2_000,
    jobId: "plans",
    jobName: "plans",
    epoch: 2,
    operators,
    edges: [],
    hasCommittables: false,
  };
}

export interface StoredDraft {
  readonly uid: string;
  readonly kind?: string;
  readonly parallelism?: number;
  readonly maxParallelism?: number;
  readonly states?: readonly StateDescription[];
  readonly enumerator?: unknown;
  /** Rows by key in each subtask; 0: none. */
  readonly rowsCount?: number;
  /** Per subtask, whatever differs from what there is by default. */
  readonly parts?: readonly Partial<OperatorSubtaskSnapshot>[];
}

/** What a snapshot has of an operator; by default a keyed one at parallelism 1 with 10 rows. */
export function stored(draft: StoredDraft): OperatorSnapshot {
  const { uid, kind = "keyedProcess", parts, rowsCount = 10, states = [] } = draft;
  const parallelism = draft.parallelism ?? parts?.length ?? 1;
  const maxParallelism = draft.maxParallelism ?? 128;
  return {
    operatorId: operatorId(uid),
    uid,
    kind,
    parallelism,
    maxParallelism,
    stateSchemas: Object.fromEntries(
      states.map(({ name, declared: _, ...state }) => [name, state]),
    ),
    enumerator: draft.enumerator,
    subtasks: Array.from({ length: parallelism }, (_, subtask) => {
      const range = keyGroupRange(subtask, parallelism, maxParallelism);
      const file = segment(`${uid}-${subtask}`, { ...range, rowsCount });
      return {
        segments: rowsCount === 0 ? [] : [file],
        states: [],
        watermark: undefined,
        hasEnded: false,
        ...parts?.[subtask],
      };
    }),
  };
}

export function segment(
  file: string,
  of: { readonly start: number; readonly end: number; readonly rowsCount?: number },
): SegmentHandle {
  return {
    file,
    sizeBytes: 100,
    checksum: 0,
    kind: "full",
    rowsCount: of.rowsCount ?? 10,
    tombstonesCount: 0,
    keyGroupStart: of.start,
    keyGroupEnd: of.end,
    createdBy: 7,
  };
}

/** A list of an operator's subtask. */
export function listOf(
  name: string,
  values: readonly unknown[],
  mode: OperatorStateSnapshot["mode"] = "split",
): OperatorStateSnapshot {
  const codec = codecOf(t.any);
  const elements = values.map((value) => encodeValue(codec, value));
  return { name, mode, schema: schemaOf(t.any), elements };
}

/** A state as a snapshot or a graph describes it. */
export function described(name: string, kind: string, type: Type<unknown>): StateDescription {
  const declared = { type, aliases: [], hasMigrate: false };
  return { name, kind, schema: schemaOf(type), declared };
}
