/**
 * max-parallelism: into how many key groups the state of a snapshot is divided, and what that means
 * for the job that goes on from it. Max parallelism decides which key group a key belongs to, so it
 * stays as long as keyed state does. One that the job does not declare is adopted from the
 * snapshot; operators that share a vertex share it.
 *
 * Operators without rows by key hang on it in nothing: they follow the others of their vertex, and
 * keep theirs where there are none.
 */
import type { JobGraph, Vertex } from "../graph/job-graph.ts";
import type { CheckpointMetadata, OperatorSnapshot } from "../snapshot/metadata.ts";
import { matchOperators } from "./operator-match.ts";
import {
  conflictingMaxParallelisms,
  otherMaxParallelism,
  tooParallel,
} from "./restore-problems.ts";
import type { RestoreProblem } from "./restore-problems.ts";
import { hasKeyedState } from "./stored-operator.ts";

/** A vertex and what the snapshot has of its operators. */
interface MatchedVertex {
  readonly vertex: Vertex;
  readonly operators: readonly { readonly uid: string; readonly stored: OperatorSnapshot }[];
}

/**
 * `JobParameters.maxParallelisms` with which the job is to be built so that it can go on from the
 * snapshot: by uid, for all operators of each vertex of which the snapshot has one. Empty where
 * the job declares one; without those of a vertex whose operators do not agree, which is a problem
 * of the plan.
 */
export function adoptedMaxParallelisms(
  job: JobGraph,
  snapshot: CheckpointMetadata,
): Record<string, number> {
  const adopted: Record<string, number> = {};
  if (job.graph.maxParallelism !== undefined) return adopted;
  for (const matched of matchedVertices(job, snapshot)) {
    const maxParallelism = adoptedBy(matched);
    if (maxParallelism === undefined) continue;
    for (const { uid } of matched.vertex.nodes) adopted[uid] = maxParallelism;
  }
  return adopted;
}

/** What speaks against the job's parallelisms. */
export function parallelismProblems(job: JobGraph, snapshot: CheckpointMetadata): RestoreProblem[] {
  const place = `${snapshot.kind} ${snapshot.checkpointId}`;
  const declared = job.graph.maxParallelism;
  return matchedVertices(job, snapshot).flatMap(({ vertex, operators }) => {
    const { parallelism } = vertex;
    const keyed = keyedOf(operators);
    const problems: RestoreProblem[] = [];
    for (const { uid, maxParallelism } of keyed) {
      if (declared !== undefined && declared !== maxParallelism) {
        problems.push(otherMaxParallelism(uid, { stored: maxParallelism, declared, place }));
      } else if (parallelism > maxParallelism) {
        problems.push(tooParallel(uid, { parallelism, maxParallelism }));
      }
    }
    const differ = new Set(keyed.map(({ maxParallelism }) => maxParallelism)).size > 1;
    if (declared === undefined && differ) problems.push(conflictingMaxParallelisms(keyed));
    return problems;
  });
}

/** Operators that were built with another max parallelism than their rows have. */
export function unadoptedProblems(job: JobGraph, snapshot: CheckpointMetadata): RestoreProblem[] {
  const place = `${snapshot.kind} ${snapshot.checkpointId}`;
  return matchedVertices(job, snapshot).flatMap(({ vertex, operators }) =>
    keyedOf(operators)
      .filter(({ maxParallelism }) => maxParallelism !== vertex.maxParallelism)
      .map(({ uid, maxParallelism: stored }) =>
        otherMaxParallelism(uid, { stored, declared: vertex.maxParallelism, place }),
      ),
  );
}

/** Max parallelism that the vertex takes over; undefined: its own. */
function adoptedBy({ vertex, operators }: MatchedVertex): number | undefined {
  const keyed = new Set(keyedOf(operators).map(({ maxParallelism }) => maxParallelism));
  if (keyed.size > 0) return keyed.size === 1 ? [...keyed][0] : undefined;
  const greatest = Math.max(0, ...operators.map(({ stored }) => stored.maxParallelism));
  return greatest >= vertex.parallelism ? greatest : undefined;
}

function keyedOf(
  operators: MatchedVertex["operators"],
): { readonly uid: string; readonly maxParallelism: number }[] {
  return operators
    .filter(({ stored }) => hasKeyedState(stored))
    .map(({ uid, stored }) => ({ uid, maxParallelism: stored.maxParallelism }));
}

function matchedVertices(job: JobGraph, snapshot: CheckpointMetadata): MatchedVertex[] {
  const matches = matchOperators(job, snapshot);
  return job.vertices.map((vertex) => ({
    vertex,
    operators: matches.flatMap(({ node, vertex: of, stored }) =>
      of === vertex && stored !== undefined ? [{ uid: node.uid, stored }] : [],
    ),
  }));
}
