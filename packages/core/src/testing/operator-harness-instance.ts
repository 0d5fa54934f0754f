/**
 * OperatorInstance: one subtask of the operator under test, as the runtime runs it: a chain of one,
 * with real record writers, channels, snapshots and segments, but without an input gate.
 *
 * I1. A batch is given only while all outputs have room and the chain has no work, as a task does.
 * I2. Nothing comes out after the end of data, and no watermark goes back.
 */
import { assert } from "../assert.ts";
import type { Batch } from "../columns/batch.ts";
import type { Env } from "../env/env.ts";
import { LocalChannel } from "../exchange/local-channel.ts";
import { RecordWriter } from "../exchange/record-writer.ts";
import type { GraphNode } from "../graph/stream-graph.ts";
import type { Operator, OperatorContext } from "../operators/operator.ts";
import { Chain, ChainOutput } from "../runtime/chain.ts";
import { SinkOperator } from "../runtime/sink-operator.ts";
import type { OperatorRestore } from "../runtime/messages.ts";
import { restoreKeyed } from "../runtime/state-restore.ts";
import { TaskSnapshots } from "../runtime/task-snapshots.ts";
import type { SnapshotResult } from "../runtime/task-snapshots.ts";
import type { OperatorSubtaskSnapshot } from "../snapshot/metadata.ts";
import type { SegmentWriterClient } from "../snapshot/segment-writer-client.ts";
import type { Barrier, CheckpointId } from "../state/barrier.ts";
import { MAX_WATERMARK, NO_WATERMARK } from "../time/timestamp.ts";
import { keyGroupRange } from "../types/key.ts";
import { operatorId } from "../types/operator-id.ts";
import { MAIN_OUTPUT } from "./operator-harness-compare.ts";
import type { EmittedRecord } from "./operator-harness-compare.ts";
import type { HarnessMode } from "./operator-harness-modes.ts";

/** Key groups of the operator under test. */
export const HARNESS_MAX_PARALLELISM = 16;
/** Slices that one watermark may take before it counts as making no progress. */
const SLICES_COUNT_MAX = 1_000_000;
/** Channel with room for anything that a test feeds at once. */
const WIDE_COUNT = 1_000_000;

export interface InstanceOptions {
  readonly env: Env;
  readonly node: GraphNode;
  readonly mode: HarnessMode;
  readonly writer: SegmentWriterClient;
  /** Of the simulated run. */
  readonly directory: string;
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly attempt: number;
  readonly restore: InstanceRestore | undefined;
  readonly countLate: (count: number) => void;
  /** Lets asynchronous work of the operator go on. */
  readonly letWork: () => Promise<void>;
}

/** What an instance starts from. */
export interface InstanceRestore {
  readonly checkpointId: CheckpointId;
  readonly part: OperatorRestore;
}

/** See the file header. */
export class OperatorInstance {
  readonly #options: InstanceOptions;
  readonly #operator: Operator;
  readonly #chain: Chain;
  readonly #snapshots: TaskSnapshots;
  readonly #channels = new Map<string, LocalChannel>();
  readonly #outputs = new Map<string, ChainOutput>();
  readonly #writers: RecordWriter[] = [];
  readonly #emitted = new Map<string, EmittedRecord[]>();
  readonly #results = new Map<CheckpointId, PromiseWithResolvers<SnapshotResult>>();
  #watermark = NO_WATERMARK;
  #hasEnded = false;

  constructor(options: InstanceOptions) {
    this.#options = options;
    const { node } = options;
    const output = this.#output(MAIN_OUTPUT);
    this.#operator = this.#create(node);
    this.#chain = new Chain(
      [{ uid: node.uid, operator: this.#operator, output }],
      this.#writers,
      options.mode.fireBudget,
    );
    this.#snapshots = this.#createSnapshots();
  }

  /** Records so far, by output. */
  get emitted(): ReadonlyMap<string, readonly EmittedRecord[]> {
    return this.#emitted;
  }

  async open(): Promise<void> {
    const { restore } = this.#options;
    if (restore !== undefined) {
      const { checkpointId, part } = restore;
      const { uid } = this.#options.node;
      this.#operator.states?.restore(part.states);
      if (part.segments.length > 0) {
        await restoreKeyed({
          files: this.#options.env.files,
          directory: this.#options.directory,
          operator: this.#operator,
          restore: part,
          restoredId: part.isBase ? checkpointId : undefined,
        });
        if (part.isBase) this.#snapshots.restored(checkpointId, uid, part.segments);
      }
      this.#watermark = part.watermark ?? NO_WATERMARK;
    }
    this.#chain.open(this.#watermark);
    if (restore !== undefined) await this.completed(restore.checkpointId);
  }

  async processBatch(batch: Batch, input: number): Promise<void> {
    await this.#room();
    this.#chain.processBatch(batch, input);
    await this.#settle();
  }

  async advanceWatermark(timestamp: number): Promise<void> {
    this.#chain.advanceWatermark(timestamp);
    await this.#work();
    await this.#settle();
  }

  /** The clock has been set. */
  async advanceClock(): Promise<void> {
    await this.#settle();
  }

  /** Copies a few rows of the snapshots in flight. */
  copySlice(rowsMax: number): void {
    this.#snapshots.copySlice(rowsMax);
  }

  /** Takes a barrier; the snapshot is under way afterwards. */
  begin(barrier: Barrier): void {
    this.#chain.prepareBarrier(barrier.id, this.#hasEnded);
    this.#drain();
    this.#results.set(barrier.id, Promise.withResolvers());
    this.#snapshots.begin({
      barrier,
      alignmentMs: 0,
      watermark: this.#chain.watermark === NO_WATERMARK ? undefined : this.#chain.watermark,
      hasEnded: this.#hasEnded,
    });
  }

  abort(checkpointId: CheckpointId): void {
    this.#results.delete(checkpointId);
    this.#snapshots.abort(checkpointId);
    this.#chain.aborted(checkpointId);
  }

  /** Copies what is left and waits until everything is durable. */
  async acknowledged(checkpointId: CheckpointId): Promise<OperatorSubtaskSnapshot> {
    const result = this.#results.get(checkpointId);
    assert(result !== undefined, "the barrier was taken");
    while (this.#snapshots.copySlice(1)) await this.#options.letWork();
    const { operators } = await result.promise;
    this.#results.delete(checkpointId);
    return operators[this.#options.node.uid];
  }

  async completed(checkpointId: CheckpointId): Promise<void> {
    await Promise.all(this.#chain.completed(checkpointId));
  }

  /** Event time goes to its end, and the inputs end. */
  async end(inputsCount: number): Promise<void> {
    await this.advanceWatermark(MAX_WATERMARK);
    for (let input = 0; input < inputsCount; input++) {
      this.#chain.endInput(input, input === inputsCount - 1);
    }
    await this.#settle();
    this.#drain();
    this.#hasEnded = true;
    this.#chain.emitEndOfData();
    this.#drain();
  }

  /** Closes the operator, and checks that nothing comes out any more. */
  async close(): Promise<void> {
    this.#snapshots.close();
    await this.#chain.close();
    this.#chain.flush();
    this.#drain();
  }

  #create(node: GraphNode): Operator {
    const { mode, env, subtaskIndex, parallelism, writer, attempt } = this.#options;
    const range = keyGroupRange(subtaskIndex, parallelism, HARNESS_MAX_PARALLELISM);
    const context: OperatorContext = {
      env,
      uid: node.uid,
      subtaskIndex,
      parallelism,
      maxParallelism: HARNESS_MAX_PARALLELISM,
      keyGroupStart: range.start,
      keyGroupEnd: range.end,
      output: this.#output(MAIN_OUTPUT),
      sideOutput: (tag) => this.#output(tag),
      metrics: {
        countRecordsIn: ignoreCount,
        countRecordsOut: ignoreCount,
        countLateRecordsDropped: this.#options.countLate,
        countMalformedRecords: ignoreCount,
      },
      chunkPool: writer.pool,
      wake: () => undefined,
      fail: (error) => {
        throw error;
      },
    };
    if (node.body.kind === "operator") return node.body.create(context);
    assert(node.body.kind === "sink", () => `a ${node.kind} cannot be run by the harness`);
    const hasCheckpoints = mode.checkpointing !== "none";
    const run = { runId: "harness", epoch: 1, attempt };
    const pending = this.#options.restore?.part.states.find(({ name }) => name === "pending");
    const retained = pending?.elements ?? [];
    const { sink } = node.body;
    const isDiscarding = false;
    return new SinkOperator({ context, sink, run, hasCheckpoints, retained, isDiscarding });
  }

  /** Outputs are made when they are asked for, as nobody knows all tags. */
  #output(tag: string): ChainOutput {
    const known = this.#outputs.get(tag);
    if (known !== undefined) return known;
    const { mode, node } = this.#options;
    const bell = { ring: () => undefined };
    const channel = new LocalChannel({
      name: `${node.uid}:${tag}`,
      operator: node.uid,
      isEncoded: mode.isEncoded,
      consumerDoorbell: bell,
      producerDoorbell: bell,
      capacityCount: mode.isTight ? 1 : WIDE_COUNT,
    });
    this.#channels.set(tag, channel);
    this.#emitted.set(tag, []);
    const writer = new RecordWriter({
      channels: [channel],
      partitioning: { kind: "forward" },
      subtaskIndex: 0,
      parallelism: 1,
      targetParallelism: 1,
      maxParallelism: HARNESS_MAX_PARALLELISM,
      consumer: "harness",
    });
    this.#writers.push(writer);
    const counters = { countRecordsOut: ignoreCount, countRecordsSent: ignoreCount };
    const output = new ChainOutput(counters, true);
    output.connectWriter(writer);
    this.#outputs.set(tag, output);
    return output;
  }

  #createSnapshots(): TaskSnapshots {
    const { env, node, writer, directory, attempt, subtaskIndex } = this.#options;
    const operator = this.#operator;
    return new TaskSnapshots({
      clock: env.clock,
      members: [
        {
          uid: node.uid,
          operatorId: operatorId(node.uid),
          keyed: () => operator.keyed,
          states: () => operator.states?.snapshot() ?? [],
          flushed: () => operator.flushed(),
          hasCommittables: () => operator instanceof SinkOperator && operator.hasPending,
        },
      ],
      writer,
      metrics: { setCheckpoint: () => undefined },
      directory,
      author: { epoch: 1, attempt, subtaskIndex },
      acknowledge: (result) => this.#results.get(result.checkpointId)?.resolve(result),
      decline: (id, error) => this.#results.get(id)?.reject(error),
      barrierTaken: () => undefined,
      wake: () => undefined,
    });
  }

  /** Work that follows from what was done, up to the end: timers of the clock. */
  async #settle(): Promise<void> {
    // A task takes nothing else before what an operator has put off.
    while (!this.#operator.isReady()) await this.#options.letWork();
    this.#chain.advanceProcessingTime(this.#options.env.clock.now());
    await this.#work();
    this.#chain.flush();
    if (!this.#options.mode.isTight) this.#drain();
  }

  async #work(): Promise<void> {
    for (let slices = 0; this.#chain.hasWork; slices++) {
      assert(slices < SLICES_COUNT_MAX, "firing makes no progress: timers that fire for ever?");
      await this.#room();
      this.#chain.continueWork();
    }
  }

  /** Takes elements out of the outputs, one at a time, until there is room. */
  async #room(): Promise<void> {
    while (!this.#chain.isReady()) {
      let hasTaken = false;
      for (const [tag, channel] of this.#channels) hasTaken = this.#take(tag, channel) || hasTaken;
      if (!hasTaken) await this.#options.letWork();
    }
  }

  #drain(): void {
    this.#chain.flush();
    for (const [tag, channel] of this.#channels) while (this.#take(tag, channel));
  }

  #take(tag: string, channel: LocalChannel): boolean {
    const element = channel.poll();
    if (element === undefined) return false;
    if (element.kind === "data") {
      assert(!this.#hasEnded, () => `"${this.#options.node.uid}" emits after its end`);
      const { batch } = element;
      const records = batch.records();
      const emitted = this.#emitted.get(tag);
      for (let index = 0; index < batch.count; index++) {
        emitted?.push({ record: records[index], timestamp: batch.timestamps?.[index] ?? NaN });
      }
    } else if (element.kind === "watermark" && tag === MAIN_OUTPUT) {
      assert(element.timestamp > this.#watermark, "a watermark goes back");
      this.#watermark = element.timestamp;
    }
    return true;
  }
}

function ignoreCount(): void {}
