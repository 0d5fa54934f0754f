/**
 * task-builder: makes the tasks of one worker out of the job graph and the master's deployment:
 * channels, writers, operators, chains, gates, and the state that they start from.
 */
import { assert } from "../assert.ts";
import type { DeclineReason } from "../checkpoint/failure-reason.ts";
import type { Env } from "../env/env.ts";
import { toWire } from "../errors.ts";
import { targetsOf } from "../exchange/partitioner.ts";
import { RecordWriter } from "../exchange/record-writer.ts";
import type { JobEdge, JobGraph, Vertex } from "../graph/job-graph.ts";
import type { GraphNode } from "../graph/stream-graph.ts";
import type { Operator, OperatorContext } from "../operators/operator.ts";
import { RecordSteps } from "../operators/record-steps.ts";
import { NOWHERE } from "../operators/output.ts";
import type { SegmentWriterClient } from "../snapshot/segment-writer-client.ts";
import type { CheckpointId } from "../state/barrier.ts";
import type { ChunkPool } from "../state/row-chunk.ts";
import { OperatorStateBackend, operatorListState } from "../state/operator-state.ts";
import type { OperatorStateDescriptors } from "../state/operator-state.ts";
import { NO_WATERMARK } from "../time/timestamp.ts";
import { keyGroupRange } from "../types/key.ts";
import { operatorId } from "../types/operator-id.ts";
import { t } from "../types/t.ts";
import { Chain, ChainOutput } from "./chain.ts";
import type { ChainMember } from "./chain.ts";
import { ChannelTable } from "./channel-table.ts";
import { InputGate } from "./input-gate.ts";
import type { DoorbellPanel } from "./doorbells.ts";
import type { DeployMessage, SubtaskId, SubtaskRestore, WorkerMessage } from "./messages.ts";
import { SinkOperator } from "./sink-operator.ts";
import { SourceHead, SPLITS_STATE } from "./source-head.ts";
import type { SplitSnapshot } from "./source-head.ts";
import { restoreKeyed } from "./state-restore.ts";
import { SubtaskMetrics } from "./subtask-metrics.ts";
import { Task } from "./task.ts";
import type { TaskHead } from "./task.ts";
import { TaskSnapshots } from "./task-snapshots.ts";
import type { SnapshotMember } from "./task-snapshots.ts";
import { WatermarksOperator } from "./watermarks-operator.ts";

/** A task and what its host needs to know of it. */
export interface HostedTask {
  readonly id: SubtaskId;
  readonly task: Task;
  /** Present if the task's head is a source. */
  readonly source: SourceHead | undefined;
  readonly metrics: SubtaskMetrics;
}

export interface TaskBuilderOptions {
  readonly env: Env;
  readonly job: JobGraph;
  readonly deploy: DeployMessage;
  readonly doorbells: DoorbellPanel;
  readonly writer: SegmentWriterClient | undefined;
  readonly chunkPool: ChunkPool;
  readonly encodesLocalChannels: boolean;
  readonly debloatTargetMs: number;
  readonly send: (message: WorkerMessage) => void;
  readonly wake: () => void;
  readonly fail: (subtask: SubtaskId, error: unknown) => void;
}

type SplitsBackend = OperatorStateBackend<OperatorStateDescriptors>;

/** The tag under which a source emits records that it could not read. */
export const MALFORMED_TAG = "malformed";

/** Builds and restores all tasks of this worker. Rejects if state cannot be restored. */
export async function buildTasks(options: TaskBuilderOptions): Promise<HostedTask[]> {
  const channels = new ChannelTable(options);
  const builders = options.deploy.subtasks.map(
    (restore) => new SubtaskBuilder(options, channels, restore),
  );
  const tasks: HostedTask[] = [];
  for (const builder of builders) tasks.push(await builder.build());
  return tasks;
}

/** Builds one subtask. */
class SubtaskBuilder {
  readonly #options: TaskBuilderOptions;
  readonly #channels: ChannelTable;
  readonly #restore: SubtaskRestore;
  readonly #vertex: Vertex;
  readonly #id: SubtaskId;
  readonly #metrics: SubtaskMetrics;
  readonly #outputs = new Map<string, ChainOutput>();
  readonly #writers: RecordWriter[] = [];
  readonly #members: ChainMember[] = [];
  readonly #snapshotMembers: SnapshotMember[] = [];

  constructor(options: TaskBuilderOptions, channels: ChannelTable, restore: SubtaskRestore) {
    this.#options = options;
    this.#channels = channels;
    this.#restore = restore;
    this.#vertex = options.job.vertices[restore.vertex];
    this.#id = { vertex: restore.vertex, subtask: restore.subtask };
    this.#metrics = new SubtaskMetrics(options.job, options.deploy.metrics, this.#id);
  }

  async build(): Promise<HostedTask> {
    const { env } = this.#options;
    this.#createOutputs();
    let source: SourceHead | undefined;
    let splits: SplitsBackend | undefined;
    for (const node of this.#vertex.nodes) {
      if (node.body.kind === "source") {
        splits = this.#splitsState(node);
        source = this.#createSource(node, splits);
      } else this.#createOperator(node);
    }
    this.#connectOutputs();
    this.#fuseSteps();
    const chain = new Chain(this.#members, this.#writers);
    const snapshots = this.#createSnapshots();
    await this.#restoreState(snapshots);
    const point = this.#restoredPoint();
    chain.open(point.restoredWatermark ?? NO_WATERMARK);
    if (source !== undefined) {
      source.open((splits?.handles[SPLITS_STATE].get() ?? []) as readonly SplitSnapshot[]);
    }
    const head: TaskHead =
      source === undefined
        ? { kind: "gate", gate: this.#createGate(), watermarks: this.#ownWatermarks() }
        : { kind: "source", source };
    const task = new Task({
      env,
      name: `${this.#vertex.name} (${this.#id.subtask + 1}/${this.#vertex.parallelism})`,
      head,
      chain,
      snapshots,
      metrics: this.#metrics,
      events: this.#events(),
      ...point,
    });
    const { restored } = this.#options.deploy;
    if (restored !== undefined) task.completed(restored.checkpointId);
    return { id: this.#id, task, source, metrics: this.#metrics };
  }

  #events(): ConstructorParameters<typeof Task>[0]["events"] {
    const { send, deploy, fail } = this.#options;
    const { attempt } = deploy;
    return {
      ended: () => send({ kind: "ended", attempt, ...this.#id }),
      finished: () => send({ kind: "finished", attempt, ...this.#id }),
      superseded: (checkpointId) =>
        send(
          declined({ attempt, ...this.#id }, checkpointId, {
            reason: "CHECKPOINT_DECLINED_SUBSUMED",
            error: undefined,
          }),
        ),
      failed: (error) => fail(this.#id, error),
    };
  }

  #restoredPoint(): { restoredWatermark: number | undefined; hadEnded: boolean } {
    const parts = this.#vertex.nodes.flatMap((node) => this.#restore.operators[node.uid] ?? []);
    const lowest = Math.min(...parts.map(({ watermark }) => watermark ?? NO_WATERMARK));
    return {
      restoredWatermark: parts.length === 0 || lowest === NO_WATERMARK ? undefined : lowest,
      hadEnded: parts.length > 0 && parts.every(({ hasEnded }) => hasEnded),
    };
  }

  /** One output per operator and per side-output tag that something is connected to. */
  #createOutputs(): void {
    const add = (node: number, tag: string | undefined): void => {
      const key = outputKey(node, tag);
      if (this.#outputs.has(key)) return;
      const counters = this.#metrics.outputCounters(this.#uid(node));
      this.#outputs.set(key, new ChainOutput(counters, this.#options.env.verify));
    };
    for (const node of this.#vertex.nodes) add(node.index, undefined);
    for (const { edge } of [...this.#vertex.chained, ...this.#vertex.outputs]) {
      add(edge.from, edge.tag);
    }
  }

  #connectOutputs(): void {
    for (const { edge } of this.#vertex.chained) {
      const to = this.#members.find((member) => member.uid === this.#uid(edge.to));
      assert(to?.operator !== undefined, "a chained consumer is an operator of the chain");
      this.#output(edge.from, edge.tag).connect(to.operator, edge.input);
    }
    for (const edge of this.#vertex.outputs) {
      const writer = this.#createWriter(edge);
      this.#writers.push(writer);
      this.#output(edge.edge.from, edge.edge.tag).connectWriter(writer);
    }
  }

  /** Maps, filters and what may end them become one loop. */
  #fuseSteps(): void {
    const { verify } = this.#options.env;
    for (const { operator, output } of this.#members.toReversed()) {
      const next = output.only;
      if (!(operator instanceof RecordSteps && next instanceof RecordSteps)) continue;
      if (operator.isLast) continue;
      operator.absorb(next, (count) => output.countRecordsOut(count), verify);
    }
  }

  #createWriter(edge: JobEdge): RecordWriter {
    const to = this.#options.job.vertices[edge.toVertex];
    const { partitioner } = edge;
    const end = {
      subtaskIndex: this.#id.subtask,
      parallelism: this.#vertex.parallelism,
      targetParallelism: to.parallelism,
    };
    const channels = targetsOf(partitioner.kind, end).map((consumer) =>
      this.#channels.output(edge, {
        producer: this.#id.subtask,
        consumer,
        countBytes: (sizeBytes) => this.#metrics.countBytesOut(sizeBytes),
      }),
    );
    return new RecordWriter({
      ...end,
      channels,
      partitioning: partitioner,
      maxParallelism: to.maxParallelism,
      consumer: this.#uid(edge.edge.to),
    });
  }

  /** The generator of watermarks that the chain begins with, if it does. */
  #ownWatermarks(): WatermarksOperator | undefined {
    const { operator } = this.#members[0];
    return operator instanceof WatermarksOperator ? operator : undefined;
  }

  #createGate(): InputGate {
    const { job, deploy, env } = this.#options;
    const channels = this.#vertex.inputs.flatMap((edge) => {
      const from = job.vertices[edge.fromVertex];
      const { partitioner } = edge;
      return Array.from({ length: from.parallelism }, (_, producer) => producer)
        .filter((subtaskIndex) =>
          targetsOf(partitioner.kind, {
            subtaskIndex,
            parallelism: from.parallelism,
            targetParallelism: this.#vertex.parallelism,
          }).includes(this.#id.subtask),
        )
        .map((producer) => ({
          channel: this.#channels.input(edge, {
            producer,
            consumer: this.#id.subtask,
            countBytes: (sizeBytes) => this.#metrics.countBytesIn(sizeBytes),
          }),
          input: edge.edge.input,
        }));
    });
    return new InputGate({
      channels,
      isExactlyOnce: deploy.isExactlyOnce,
      clock: env.clock,
      debloatTargetMs: this.#options.debloatTargetMs,
    });
  }

  #context(node: GraphNode): OperatorContext {
    const { env, wake, fail } = this.#options;
    const { parallelism, maxParallelism } = this.#vertex;
    const range = keyGroupRange(this.#id.subtask, parallelism, maxParallelism);
    return {
      env,
      uid: node.uid,
      subtaskIndex: this.#id.subtask,
      parallelism,
      maxParallelism,
      keyGroupStart: range.start,
      keyGroupEnd: range.end,
      output: this.#output(node.index, undefined),
      sideOutput: (tag) => this.#outputs.get(outputKey(node.index, tag)) ?? NOWHERE,
      metrics: this.#metrics.operator(node.uid),
      chunkPool: this.#options.chunkPool,
      wake,
      fail: (error) => fail(this.#id, error),
    };
  }

  #splitsState(node: GraphNode): SplitsBackend {
    const state = new OperatorStateBackend(node.uid, { [SPLITS_STATE]: operatorListState(t.any) });
    const restored = this.#restore.operators[node.uid];
    if (restored !== undefined) state.restore(restored.states);
    return state;
  }

  #createSource(node: GraphNode, splits: SplitsBackend): SourceHead {
    assert(node.body.kind === "source", "only a source has a reader");
    const { send, deploy } = this.#options;
    const source = new SourceHead({
      context: this.#context(node),
      source: node.body.source,
      strategy: node.body.watermarks,
      output: this.#output(node.index, undefined),
      malformedOutput: this.#outputs.get(outputKey(node.index, MALFORMED_TAG)),
      requests: {
        requestSplit: () => send({ kind: "split-request", attempt: deploy.attempt, ...this.#id }),
        reportWatermark: (watermark) =>
          send({ kind: "reader-watermark", attempt: deploy.attempt, ...this.#id, watermark }),
      },
      debloatTargetMs: this.#options.debloatTargetMs,
    });
    this.#members.push({
      uid: node.uid,
      operator: undefined,
      output: this.#output(node.index, undefined),
    });
    this.#snapshotMembers.push({
      uid: node.uid,
      operatorId: operatorId(node.uid),
      keyed: () => undefined,
      states: (checkpointId) => {
        splits.handles[SPLITS_STATE].update(source.snapshot(checkpointId));
        return splits.snapshot();
      },
      flushed: () => undefined,
      hasCommittables: () => false,
    });
    return source;
  }

  #createOperator(node: GraphNode): void {
    const context = this.#context(node);
    const operator = this.#operatorOf(node, context);
    const restored = this.#restore.operators[node.uid];
    if (restored !== undefined && operator.states !== undefined)
      operator.states.restore(restored.states);
    this.#members.push({ uid: node.uid, operator, output: this.#output(node.index, undefined) });
    this.#snapshotMembers.push({
      uid: node.uid,
      operatorId: operatorId(node.uid),
      keyed: () => operator.keyed,
      states: () => operator.states?.snapshot() ?? [],
      flushed: () => operator.flushed(),
      hasCommittables: () => operator instanceof SinkOperator && operator.hasPending,
    });
  }

  #operatorOf(node: GraphNode, context: OperatorContext): Operator {
    const { deploy } = this.#options;
    switch (node.body.kind) {
      case "operator":
        return node.body.create(context);
      case "watermarks":
        return new WatermarksOperator(context, node.body.watermarks);
      case "sink":
        return new SinkOperator({
          context,
          sink: node.body.sink,
          run: { runId: deploy.runId, epoch: deploy.epoch, attempt: deploy.attempt },
          hasCheckpoints: deploy.hasCheckpoints,
          retained: deploy.retainedTransactions[node.uid] ?? [],
          isDiscarding: deploy.restored?.discardingSinks.includes(node.uid) ?? false,
        });
      case "source":
        return assert(false, "a source is the head of its chain") as never;
    }
  }

  #createSnapshots(): TaskSnapshots {
    const { env, send, deploy, writer, wake } = this.#options;
    const { attempt, epoch, runDirectory } = deploy;
    return new TaskSnapshots({
      clock: env.clock,
      members: this.#snapshotMembers,
      writer,
      directory: runDirectory ?? "",
      author: { epoch, attempt, subtaskIndex: this.#id.subtask },
      metrics: this.#metrics,
      wake,
      acknowledge: (result) => send({ kind: "ack", attempt, ...this.#id, ...result }),
      decline: (checkpointId, error) =>
        send(
          declined({ attempt, ...this.#id }, checkpointId, {
            reason: "CHECKPOINT_ASYNC_EXCEPTION",
            error,
          }),
        ),
      barrierTaken: (checkpointId) => {
        if (this.#vertex.nodes[0].body.kind !== "source") return;
        send({ kind: "barrier-taken", attempt, ...this.#id, checkpointId });
      },
    });
  }

  async #restoreState(snapshots: TaskSnapshots): Promise<void> {
    const { deploy, env } = this.#options;
    const start = deploy.restored;
    if (start === undefined) return;
    for (const { uid, operator } of this.#members) {
      const restored = this.#restore.operators[uid];
      if (restored === undefined || restored.segments.length === 0) continue;
      assert(operator !== undefined, "only operators have keyed state");
      const baseId = start.isOwn && restored.isBase ? start.checkpointId : undefined;
      await restoreKeyed({
        files: env.files,
        directory: start.segmentsDirectory,
        operator,
        restore: restored,
        isVerified: !start.isOwn,
        restoredId: baseId,
      });
      if (baseId !== undefined) snapshots.restored(baseId, uid, restored.segments);
    }
  }

  #output(node: number, tag: string | undefined): ChainOutput {
    const output = this.#outputs.get(outputKey(node, tag));
    assert(output !== undefined, "every connected output exists");
    return output;
  }

  #uid(node: number): string {
    return this.#options.job.graph.nodes[node].uid;
  }
}

function declined(
  from: SubtaskId & { readonly attempt: number },
  checkpointId: CheckpointId,
  failure: { readonly reason: DeclineReason; readonly error: unknown },
): WorkerMessage {
  const error = failure.error === undefined ? undefined : toWire(failure.error);
  return { kind: "decline", ...from, checkpointId, reason: failure.reason, error };
}

function outputKey(node: number, tag: string | undefined): string {
  return tag === undefined ? String(node) : `${node}:${tag}`;
}
