/**
 * restore-plan: which subtask starts from which part of a checkpoint. Pure: it reads `_metadata`
 * and the graph, before anything runs.
 *
 * State is matched by operator uid. So far every operator of the checkpoint must be in the graph
 * with the same parallelism and max parallelism; an operator that is only in the graph starts
 * empty.
 */
import { oxbowError } from "../errors.ts";
import type { JobGraph, Vertex } from "../graph/job-graph.ts";
import type {
  CheckpointMetadata,
  OperatorSnapshot,
  OperatorSubtaskSnapshot,
} from "../snapshot/metadata.ts";
import type { SubtaskRestore } from "./messages.ts";
import { PENDING_STATE } from "./sink-operator.ts";

/**
 * Throws RESTORE_MISMATCH if the checkpoint cannot be restored into the graph; names operator and
 * remedy.
 */
export function checkRestore(job: JobGraph, restored: CheckpointMetadata): void {
  for (const operator of restored.operators) {
    const vertex = vertexOfUid(job, operator.uid);
    if (vertex === undefined) {
      if (!hasState(operator)) continue;
      throw mismatch(
        operator,
        `has state in checkpoint ${restored.checkpointId}, but the job has no operator with this ` +
          `uid. Give the operator its old uid, or begin a new run.`,
      );
    }
    checkNumbers(operator, vertex);
  }
}

/** One entry per subtask of the job; without a checkpoint all start empty. */
export function subtaskRestores(
  job: JobGraph,
  restored: CheckpointMetadata | undefined,
): SubtaskRestore[] {
  const byUid = new Map(restored?.operators.map((operator) => [operator.uid, operator]));
  return job.vertices.flatMap((vertex) =>
    Array.from({ length: vertex.parallelism }, (_, subtask): SubtaskRestore => {
      const operators: Record<string, OperatorSubtaskSnapshot> = {};
      for (const node of vertex.nodes) {
        const part = byUid.get(node.uid)?.subtasks[subtask];
        if (part !== undefined) operators[node.uid] = part;
      }
      return { vertex: vertex.index, subtask, operators };
    }),
  );
}

/** Encoded transactions that sinks have pending in any of the checkpoints, by uid. */
export function retainedTransactions(
  checkpoints: readonly CheckpointMetadata[],
): Record<string, readonly Uint8Array[]> {
  const found: Record<string, readonly Uint8Array[]> = {};
  for (const { uid, kind, subtasks } of checkpoints.flatMap(({ operators }) => operators)) {
    if (kind !== "sink") continue;
    const pending = subtasks
      .flatMap(({ states }) => states)
      .filter(({ name }) => name === PENDING_STATE);
    found[uid] = [...(found[uid] ?? []), ...pending.flatMap(({ elements }) => elements)];
  }
  return found;
}

function checkNumbers(operator: OperatorSnapshot, vertex: Vertex): void {
  if (operator.parallelism !== vertex.parallelism) {
    throw mismatch(
      operator,
      `ran with parallelism ${operator.parallelism}, the job now has ${vertex.parallelism}. ` +
        `Changing the parallelism of a run is not supported yet: ` +
        `start with parallelism ${operator.parallelism}, or begin a new run.`,
    );
  }
  if (operator.maxParallelism === vertex.maxParallelism) return;
  throw mismatch(
    operator,
    `has max parallelism ${operator.maxParallelism} in the checkpoint, the job now has ` +
      `${vertex.maxParallelism}. Max parallelism cannot change while state is kept.`,
  );
}

function vertexOfUid(job: JobGraph, uid: string): Vertex | undefined {
  return job.vertices.find((vertex) => vertex.nodes.some((node) => node.uid === uid));
}

function hasState(operator: OperatorSnapshot): boolean {
  if (operator.enumerator !== undefined && operator.enumerator !== null) return true;
  return operator.subtasks.some(
    ({ segments, states }) =>
      segments.length > 0 || states.some(({ elements }) => elements.length > 0),
  );
}

function mismatch(operator: OperatorSnapshot, problem: string): Error {
  return oxbowError("RESTORE_MISMATCH", `The operator "${operator.uid}" ${problem}`, {
    uid: operator.uid,
    parallelism: operator.parallelism,
    maxParallelism: operator.maxParallelism,
  });
}
