/**
 * HarnessRun: the operator under test in one mode, from its first record to its end: routes records
 * to subtasks, takes checkpoints, crashes, restores and rescales.
 */
import type { Batch } from "../columns/batch.ts";
import type { Env } from "../env/env.ts";
import { HashPartitioner } from "../exchange/partitioner.ts";
import type { GraphNode } from "../graph/stream-graph.ts";
import type { OperatorRestore } from "../runtime/messages.ts";
import { operatorRestores } from "../runtime/subtask-restores.ts";
import type { OperatorSnapshot, OperatorSubtaskSnapshot } from "../snapshot/metadata.ts";
import { inlineSegmentWriter } from "../snapshot/segment-writer-client.ts";
import type { SegmentWriterClient } from "../snapshot/segment-writer-client.ts";
import type { Barrier, CheckpointId } from "../state/barrier.ts";
import { MAIN_OUTPUT } from "./operator-harness-compare.ts";
import type { EmittedRecord } from "./operator-harness-compare.ts";
import { batchOf, feedsOf } from "./operator-harness-input.ts";
import type { Feed, OperatorStep } from "./operator-harness-input.ts";
import { HARNESS_MAX_PARALLELISM, OperatorInstance } from "./operator-harness-instance.ts";
import type { HarnessMode } from "./operator-harness-modes.ts";
import { operatorId } from "../types/operator-id.ts";
import { SimWorld } from "./sim-env.ts";

/** Directory of the simulated run. */
const DIRECTORY = "/harness";
/** Feeds that a crash throws away. */
const LOST_FEEDS_COUNT = 2;
/** Quiescent points at which checkpoints are taken; more are spread evenly. */
const POINTS_COUNT_MAX = 24;

export interface HarnessRunOptions {
  readonly node: GraphNode;
  readonly mode: HarnessMode;
  readonly steps: readonly OperatorStep[];
  readonly seed: string;
}

/** What a run gave. */
export interface HarnessResult {
  readonly emitted: Map<string, EmittedRecord[]>;
  readonly lateRecordsDroppedCount: number;
}

/** A checkpoint that is complete, and the place in the input that it belongs to. */
interface Point {
  readonly checkpointId: CheckpointId;
  readonly position: number;
  readonly parts: readonly OperatorSubtaskSnapshot[];
}

/** Runs the operator in one mode. */
export async function runMode(options: HarnessRunOptions): Promise<HarnessResult> {
  const world = new SimWorld({ seed: options.seed });
  const run = new HarnessRun(options, world);
  return world.scheduler.runUntil(run.run());
}

class HarnessRun {
  readonly #options: HarnessRunOptions;
  readonly #env: Env;
  readonly #writer: SegmentWriterClient;
  readonly #emitted = new Map<string, EmittedRecord[]>();
  #partitioners: readonly HashPartitioner[] = [];
  #instances: OperatorInstance[] = [];
  #now = 0;
  #attempt = 0;
  #lastId: CheckpointId = 0;
  #base: CheckpointId | undefined;
  #lateCount = 0;
  #turn = 0;

  constructor(options: HarnessRunOptions, world: SimWorld) {
    this.#options = options;
    const { env } = world.startProcess();
    this.#env = { ...env, clock: { ...env.clock, now: () => this.#now } };
    this.#writer = inlineSegmentWriter({ env: this.#env, directory: DIRECTORY });
  }

  async run(): Promise<HarnessResult> {
    const { mode, steps, node, seed } = this.#options;
    await this.#env.files.createDirectory(`${DIRECTORY}/shared`);
    const feeds = feedsOf(steps, mode.batching, this.#env.random.fork(`batches ${seed}`));
    await this.#start(undefined);
    const stride = Math.max(1, Math.ceil(feeds.length / POINTS_COUNT_MAX));
    let position = 0;
    while (position < feeds.length) {
      await this.#apply(feeds[position++]);
      if (position % stride === 0) await this.#checkpoint(feeds, position);
    }
    const inputsCount = 1 + Math.max(0, ...node.inputs.map(({ input }) => input));
    for (const instance of this.#instances) await instance.end(inputsCount);
    await this.#finish();
    await this.#stop(undefined);
    await this.#writer.close();
    return { emitted: this.#emitted, lateRecordsDroppedCount: this.#lateCount };
  }

  /** As at the end of a job: a last checkpoint, or none, and then everything is committed. */
  async #finish(): Promise<void> {
    const { kind } = this.#options.node;
    if (kind !== "sink" && this.#options.mode.checkpointing === "none") return;
    const barrier = this.#barrier();
    for (const instance of this.#instances) {
      instance.begin(barrier);
      await instance.acknowledged(barrier.id);
      await instance.completed(barrier.id);
    }
  }

  async #checkpoint(feeds: readonly Feed[], position: number): Promise<void> {
    switch (this.#options.mode.checkpointing) {
      case "none":
        return;
      case "keep": {
        const { checkpointId } = await this.#complete(this.#begin(), position);
        for (const instance of this.#instances) await instance.completed(checkpointId);
        return;
      }
      case "restore":
        return this.#restoreFrom(await this.#complete(this.#begin(), position));
      case "abort": {
        const aborted = this.#begin();
        for (const instance of this.#instances) instance.copySlice(1);
        const barrier = this.#begin();
        for (const instance of this.#instances) instance.abort(aborted.id);
        return this.#restoreFrom(await this.#complete(barrier, position));
      }
      case "crash":
        return this.#crash(feeds, position);
    }
  }

  /** Goes on while the snapshot is copied; then everything since the barrier is lost. */
  async #crash(feeds: readonly Feed[], position: number): Promise<void> {
    const now = this.#now;
    const barrier = this.#begin();
    const kept = this.#instances.map(({ emitted }) => lengthsOf(emitted));
    const end = Math.min(feeds.length, position + LOST_FEEDS_COUNT);
    for (let lost = position; lost < end; lost++) {
      await this.#apply(feeds[lost]);
      for (const instance of this.#instances) instance.copySlice(1);
    }
    const point = await this.#complete(barrier, position);
    this.#now = now;
    await this.#restoreFrom(point, kept);
  }

  #begin(): Barrier {
    const barrier = this.#barrier();
    for (const instance of this.#instances) instance.begin(barrier);
    return barrier;
  }

  #barrier(): Barrier {
    return { id: ++this.#lastId, kind: "checkpoint", timestamp: this.#now, base: this.#base };
  }

  async #complete(barrier: Barrier, position: number): Promise<Point> {
    const parts: OperatorSubtaskSnapshot[] = [];
    for (const instance of this.#instances) parts.push(await instance.acknowledged(barrier.id));
    this.#base = barrier.id;
    return { checkpointId: barrier.id, position, parts };
  }

  async #restoreFrom(point: Point, kept?: readonly ReadonlyMap<string, number>[]): Promise<void> {
    await this.#stop(kept);
    await this.#start(point);
  }

  /** Starts the instances of the next parallelism. */
  async #start(point: Point | undefined): Promise<void> {
    const { mode, node } = this.#options;
    const parallelism = mode.parallelisms[this.#attempt++ % mode.parallelisms.length];
    const restores = point === undefined ? undefined : restoresOf(node, point, parallelism);
    if (restores?.some(({ isBase }) => !isBase) === true) this.#base = undefined;
    this.#partitioners = partitionersOf(node, parallelism);
    this.#instances = [];
    for (let subtaskIndex = 0; subtaskIndex < parallelism; subtaskIndex++) {
      const instance = new OperatorInstance({
        env: this.#env,
        node,
        mode,
        writer: this.#writer,
        directory: DIRECTORY,
        subtaskIndex,
        parallelism,
        attempt: this.#attempt,
        restore:
          point === undefined || restores === undefined
            ? undefined
            : { checkpointId: point.checkpointId, part: restores[subtaskIndex] },
        countLate: (count) => (this.#lateCount += count),
        letWork: () => new Promise((resolve) => this.#env.clock.soon(resolve)),
      });
      this.#instances.push(instance);
      await instance.open();
    }
  }

  /** Ends the instances; of each, only `kept` outputs count. */
  async #stop(kept: readonly ReadonlyMap<string, number>[] | undefined): Promise<void> {
    for (const [index, instance] of this.#instances.entries()) {
      await instance.close();
      for (const [tag, records] of instance.emitted) {
        const all = this.#emitted.get(tag) ?? [];
        this.#emitted.set(tag, all);
        const end = kept === undefined ? records.length : (kept[index].get(tag) ?? 0);
        for (const record of records.slice(0, end)) all.push(record);
      }
    }
    if (!this.#emitted.has(MAIN_OUTPUT)) this.#emitted.set(MAIN_OUTPUT, []);
  }

  async #apply(feed: Feed): Promise<void> {
    switch (feed.kind) {
      case "batch":
        return this.#deal(batchOf(feed, this.#options.mode.form), feed.input);
      case "watermark":
        for (const instance of this.#instances) await instance.advanceWatermark(feed.timestamp);
        return;
      case "processing-time":
        this.#now = feed.now;
        for (const instance of this.#instances) await instance.advanceClock();
    }
  }

  /** By key, or in turn where there are no keys; to all where the input is broadcast. */
  async #deal(batch: Batch, input: number): Promise<void> {
    const width = this.#instances.length;
    if (isBroadcast(this.#options.node, input)) {
      for (const instance of this.#instances) await instance.processBatch(batch, input);
      return;
    }
    if (width === 1) return this.#instances[0].processBatch(batch, input);
    const rows: number[][] = Array.from({ length: width }, () => []);
    const targets = this.#partitioners[input]?.channelsOf(batch);
    for (let row = 0; row < batch.count; row++) {
      rows[targets === undefined ? this.#turn++ % width : targets[row]].push(row);
    }
    for (const [index, instance] of this.#instances.entries()) {
      const own = rows[index];
      if (own.length === 0) continue;
      await instance.processBatch(batch.select(Int32Array.from(own), own.length), input);
    }
  }
}

function partitionersOf(node: GraphNode, targetParallelism: number): HashPartitioner[] {
  const partitioners: HashPartitioner[] = [];
  for (const { input, partitioner } of node.inputs) {
    if (partitioner.kind !== "hash") continue;
    partitioners[input] = new HashPartitioner(partitioner.key, {
      operator: node.uid,
      targetParallelism,
      maxParallelism: HARNESS_MAX_PARALLELISM,
    });
  }
  return partitioners;
}

function isBroadcast({ inputs }: GraphNode, input: number): boolean {
  return inputs.some((edge) => edge.input === input && edge.partitioner.kind === "broadcast");
}

function lengthsOf(
  emitted: ReadonlyMap<string, readonly EmittedRecord[]>,
): ReadonlyMap<string, number> {
  return new Map([...emitted].map(([tag, records]) => [tag, records.length]));
}

/** As the runtime deals the parts of a checkpoint out among subtasks. */
function restoresOf(node: GraphNode, point: Point, parallelism: number): OperatorRestore[] {
  const { parts } = point;
  const stored: OperatorSnapshot = {
    operatorId: operatorId(node.uid),
    uid: node.uid,
    kind: node.kind,
    parallelism: parts.length,
    maxParallelism: HARNESS_MAX_PARALLELISM,
    stateSchemas: Object.fromEntries(
      node.states.map(({ name, declared: _, ...state }) => [name, state]),
    ),
    enumerator: undefined,
    subtasks: parts,
  };
  const vertex = { parallelism, maxParallelism: HARNESS_MAX_PARALLELISM };
  return operatorRestores({ node, vertex }, stored);
}
