/**
 * Placement: which worker runs which subtask, and which channels there are. Pure, so that the
 * master and every worker agree.
 */
import { targetsOf } from "../exchange/partitioner.ts";
import type { JobEdge, JobGraph } from "../graph/job-graph.ts";
import type { SubtaskId } from "./messages.ts";

/** The worker that runs a subtask: subtask i of every vertex runs on worker i mod workers. */
export function workerOf(subtask: number, workersCount: number): number {
  return subtask % workersCount;
}

/** All subtasks of the job, by vertex, then subtask. */
export function subtasksOf(job: JobGraph): SubtaskId[] {
  return job.vertices.flatMap((vertex) =>
    Array.from({ length: vertex.parallelism }, (_, subtask) => ({ vertex: vertex.index, subtask })),
  );
}

/** One channel of an edge between two vertices. */
export interface ChannelPlace {
  readonly edge: JobEdge;
  readonly producer: number;
  readonly consumer: number;
}

/** All channels, by edge, then producer, then consumer. */
export function channelsOf(job: JobGraph): ChannelPlace[] {
  return job.edges.flatMap((edge) => {
    const { partitioner } = edge;
    if (edge.isChained) return [];
    const { parallelism } = job.vertices[edge.fromVertex];
    const targetParallelism = job.vertices[edge.toVertex].parallelism;
    return Array.from({ length: parallelism }, (_, subtaskIndex) =>
      targetsOf(partitioner.kind, { subtaskIndex, parallelism, targetParallelism }).map(
        (consumer) => ({
          edge,
          producer: subtaskIndex,
          consumer,
        }),
      ),
    ).flat();
  });
}

/** Names a channel within a job. */
export function channelKey(edge: number, producer: number, consumer: number): string {
  return `${edge}:${producer}:${consumer}`;
}
