/**
 * restore-plan: which subtask starts from which part of a checkpoint. Pure: it reads `_metadata`
 * and the graph, before anything runs.
 *
 * State is matched by operator uid and name. So far every operator of the checkpoint must be in the
 * graph, of the same kind, with the same parallelism and max parallelism and the states it had; an
 * operator or a state that is only in the graph starts empty.
 */
import { oxbowError } from "../errors.ts";
import type { JobGraph, Vertex } from "../graph/job-graph.ts";
import type {
  CheckpointMetadata,
  OperatorSnapshot,
  OperatorSubtaskSnapshot,
} from "../snapshot/metadata.ts";
import type { SubtaskRestore } from "./messages.ts";
import type { StateDescription } from "../graph/stream-graph.ts";
import { renderSchema } from "../types/schema.ts";
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
    if (hasState(operator)) checkStates(operator, vertex);
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

/** What was written as one type would be read as another, or be lost. */
function checkStates(operator: OperatorSnapshot, vertex: Vertex): void {
  const node = vertex.nodes.find(({ uid }) => uid === operator.uid);
  if (node === undefined) return;
  if (node.kind !== operator.kind) {
    throw mismatch(
      operator,
      `was of the kind ${operator.kind} in the checkpoint and is of the kind ${node.kind} now. ` +
        `Give the new one a uid of its own, or begin a new run.`,
    );
  }
  const declared = new Map(node.states.map((state) => [state.name, state]));
  for (const [name, schema] of Object.entries(operator.stateSchemas)) {
    const stored = stateText(schema as Pick<StateDescription, "kind" | "schema">);
    const state = declared.get(name);
    const now = state === undefined ? "not declared" : stateText(state);
    if (now === stored) continue;
    throw mismatch(
      operator,
      `has the state "${name}" (${stored}) in the checkpoint, which is ${now} now. ` +
        `Changing or removing a state of a run is not supported yet: ` +
        `declare it as it was, give the changed one another name beside it, or begin a new run.`,
    );
  }
}

function stateText({ kind, schema }: Pick<StateDescription, "kind" | "schema">): string {
  return `${kind} ${renderSchema(schema)}`;
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
