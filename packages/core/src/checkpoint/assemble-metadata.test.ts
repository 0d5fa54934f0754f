import assert from "node:assert/strict";
import { test } from "node:test";
import type { OperatorSubtaskSnapshot } from "../snapshot/metadata.ts";
import { assembleMetadata } from "./assemble-metadata.ts";
import type { JobFacts } from "./assemble-metadata.ts";
import type { Acknowledgement, CheckpointContent } from "./coordinator-host.ts";

const FACTS = { kind: "map", maxParallelism: 128, stateSchemas: {} };

const JOB: JobFacts = {
  version: 1,
  jobId: "job",
  jobName: "Job",
  runDirectory: "/runs/job",
  epoch: 3,
  operators: [
    { ...FACTS, operatorId: "a", uid: "read", vertex: 0, parallelism: 1 },
    { ...FACTS, operatorId: "b", uid: "count", vertex: 1, parallelism: 2 },
    { ...FACTS, operatorId: "c", uid: "out", vertex: 1, parallelism: 2 },
  ],
  edges: ["edge"],
};

function part(watermark: number): OperatorSubtaskSnapshot {
  return { segments: [], states: [], watermark, hasEnded: false };
}

function ack(vertex: number, subtask: number, uids: readonly string[]): Acknowledgement {
  return {
    attempt: 1,
    checkpointId: 5,
    vertex,
    subtask,
    operators: Object.fromEntries(uids.map((uid, index) => [uid, part(subtask * 10 + index)])),
    hasCommittables: vertex === 1 && subtask === 1,
    figures: {
      syncMs: 0,
      asyncMs: 0,
      alignmentMs: 0,
      startDelayMs: 0,
      checkpointedBytes: 0,
      stateBytes: 0,
    },
  };
}

function content(acknowledgements: readonly Acknowledgement[]): CheckpointContent {
  return {
    barrier: { id: 5, kind: "checkpoint", timestamp: 100, base: undefined },
    attempt: 1,
    enumerators: { read: { splits: [1] } },
    acknowledgements,
    isFinal: false,
  };
}

test("operators get their subtasks' parts in order, sources their enumerator's state", () => {
  const acks = [ack(0, 0, ["read"]), ack(1, 0, ["count", "out"]), ack(1, 1, ["count", "out"])];
  const metadata = assembleMetadata(JOB, content(acks), 150);
  assert.deepEqual(
    metadata.operators.map(({ uid, enumerator, subtasks }) => [
      uid,
      enumerator,
      subtasks.map((subtask) => subtask.watermark),
    ]),
    [
      ["read", { splits: [1] }, [0]],
      ["count", undefined, [0, 10]],
      ["out", undefined, [1, 11]],
    ],
  );
  assert.equal("vertex" in metadata.operators[0], false);
  const { checkpointId, triggeredAt, completedAt, hasCommittables, epoch } = metadata;
  assert.deepEqual(
    [checkpointId, triggeredAt, completedAt, hasCommittables, epoch],
    [5, 100, 150, true, 3],
  );
});

test("a missing subtask or operator is a broken invariant, not an incomplete snapshot", () => {
  const whole = [ack(0, 0, ["read"]), ack(1, 0, ["count", "out"])];
  assert.throws(
    () => assembleMetadata(JOB, content(whole), 1),
    /operator count has 1 of 2 subtasks/,
  );
  const lacking = [...whole, ack(1, 1, ["count"])];
  assert.throws(() => assembleMetadata(JOB, content(lacking), 1), /lacks operator out/);
});
