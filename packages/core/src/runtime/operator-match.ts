/**
 * operator-match: which operator of a snapshot an operator of the job goes on from. Operators are
 * found by uid, then by alias; states by name, then by alias. Semantics:
 * `docs/semantics/savepoints.md`, "Matching".
 *
 * I1. An operator of a snapshot goes to one operator of the job at most: an alias belongs to one,
 *     and is no uid of the job (`graph/validate.ts`).
 */
import type { JobGraph, Vertex } from "../graph/job-graph.ts";
import { matchStates as matchStoredStates } from "../graph/state-compatibility.ts";
import type { GraphNode, StateDescription, StoredState } from "../graph/stream-graph.ts";
import type { CheckpointMetadata, OperatorSnapshot } from "../snapshot/metadata.ts";

/** An operator of the job, and what a snapshot has of it. */
export interface OperatorMatch {
  readonly node: GraphNode;
  readonly vertex: Vertex;
  /** Undefined: the snapshot does not have it. */
  readonly stored: OperatorSnapshot | undefined;
}

/** A state, declared or stored or both. */
export interface StateMatch {
  readonly declared: StateDescription | undefined;
  readonly storedName: string | undefined;
  readonly stored: StoredState | undefined;
}

/** All operators of the job, in the order of the graph. */
export function matchOperators(job: JobGraph, snapshot: CheckpointMetadata): OperatorMatch[] {
  const byUid = new Map(snapshot.operators.map((operator) => [operator.uid, operator]));
  return job.vertices.flatMap((vertex) =>
    vertex.nodes.map((node) => {
      const uids = [node.uid, ...(job.graph.aliases.get(node.uid) ?? [])];
      const uid = uids.find((candidate) => byUid.has(candidate));
      return { node, vertex, stored: uid === undefined ? undefined : byUid.get(uid) };
    }),
  );
}

/** What the snapshot has of the operator with this uid in the job. */
export function storedOperator(
  job: JobGraph,
  snapshot: CheckpointMetadata,
  uid: string,
): OperatorSnapshot | undefined {
  return matchOperators(job, snapshot).find(({ node }) => node.uid === uid)?.stored;
}

/** Declared states in their order, then those that only the snapshot has. */
export function matchStates(node: GraphNode, { stateSchemas }: OperatorSnapshot): StateMatch[] {
  const schemas = stateSchemas as Readonly<Record<string, StoredState>>;
  const matched = matchStoredStates(Object.keys(schemas), node.states);
  const storedNames = new Map([...matched].map(([storedName, state]) => [state.name, storedName]));
  const declared = node.states.map((state): StateMatch => {
    const storedName = storedNames.get(state.name);
    const stored = storedName === undefined ? undefined : schemas[storedName];
    return { declared: state, storedName, stored };
  });
  const left = Object.entries(schemas).filter(([name]) => !matched.has(name));
  return [
    ...declared,
    ...left.map(([storedName, stored]) => ({ declared: undefined, storedName, stored })),
  ];
}
