/*
 * Puts the parts of a complete checkpoint together into what `_metadata` says. Pure.
 *
 * The graph's facts (operators, edges, identity of the run) come from the job master; the state
 * comes from the acknowledgements, which are keyed by uid.
 */
import { assert } from "../assert.ts";
import type {
  CheckpointMetadata,
  OperatorSnapshot,
  OperatorSubtaskSnapshot,
} from "../snapshot/metadata.ts";
import type { CheckpointContent } from "./coordinator-host.ts";

/** What a snapshot says about an operator whatever its state. */
export interface OperatorFacts extends Omit<OperatorSnapshot, "enumerator" | "subtasks"> {
  /** The vertex whose subtasks run it. */
  readonly vertex: number;
}

/** What a snapshot says about the job. */
export interface JobFacts {
  /** Version of the format of `_metadata`. */
  readonly version: number;
  readonly jobId: string;
  readonly jobName: string;
  readonly epoch: number;
  readonly runDirectory: string;
  readonly operators: readonly OperatorFacts[];
  readonly edges: readonly unknown[];
}

/** The metadata of a checkpoint that all subtasks have acknowledged. `completedAt`: ms. */
export function assembleMetadata(
  job: JobFacts,
  content: CheckpointContent,
  completedAt: number,
): CheckpointMetadata {
  const { barrier, enumerators, acknowledgements } = content;
  assert(enumerators !== undefined, "the enumerators were asked before the tasks");
  const operators = job.operators.map(({ vertex, ...facts }): OperatorSnapshot => {
    const subtasks = acknowledgements
      .filter((ack) => ack.vertex === vertex)
      .map((ack) => partOf(ack.operators, facts.uid));
    assert(
      subtasks.length === facts.parallelism,
      () => `operator ${facts.uid} has ${subtasks.length} of ${facts.parallelism} subtasks`,
    );
    const enumerator = Object.hasOwn(enumerators, facts.uid) ? enumerators[facts.uid] : undefined;
    return { ...facts, enumerator, subtasks };
  });
  return {
    version: job.version,
    checkpointId: barrier.id,
    kind: barrier.kind,
    triggeredAt: barrier.timestamp,
    completedAt,
    jobId: job.jobId,
    jobName: job.jobName,
    epoch: job.epoch,
    operators,
    edges: job.edges,
    hasCommittables: acknowledgements.some((ack) => ack.hasCommittables),
    ...(barrier.stop === undefined ? {} : { stop: barrier.stop }),
    runDirectory: job.runDirectory,
  };
}

function partOf(
  operators: Readonly<Record<string, OperatorSubtaskSnapshot>>,
  uid: string,
): OperatorSubtaskSnapshot {
  const part = Object.hasOwn(operators, uid) ? operators[uid] : undefined;
  assert(part !== undefined, () => `an acknowledgement lacks operator ${uid} of its chain`);
  return part;
}
