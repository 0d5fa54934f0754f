/**
 * Attempt: one execution of the job from deployment to its end or first failure, as the job master
 * sees it.
 *
 * Owns: the workers of this attempt, the source coordinators, who is deployed, ended and finished.
 * Does not own: checkpoints (`job-master.ts` joins the coordinator to the attempt), restarts.
 *
 * I1. An attempt ends exactly once: by `finished`, by `failed`, or because the master stops it;
 *     after that nothing is heard of it.
 * I2. Messages of workers that carry another attempt number are dropped.
 */
import { assert } from "../assert.ts";
import { fromWire, oxbowError } from "../errors.ts";
import type { Env } from "../env/env.ts";
import { doorbellMemory } from "../exchange/doorbell.ts";
import { ringSizeBytes } from "../exchange/ring-channel.ts";
import { ringMemory } from "../exchange/ring.ts";
import { graphHash } from "../graph/explain.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import type { CheckpointMetadata } from "../snapshot/metadata.ts";
import type { Barrier, CheckpointId } from "../state/barrier.ts";
import { AlignmentGroups } from "../time/watermark-alignment.ts";
import type { ChannelGrant, MasterMessage, SubtaskId, WorkerMessage } from "./messages.ts";
import { channelsOf, subtasksOf, workerOf } from "./placement.ts";
import { storedOperator } from "./operator-match.ts";
import { SourceCoordinator } from "./source-coordinator.ts";
import { retainedTransactions, subtaskRestores } from "./subtask-restores.ts";
import type { WorkerConnection, WorkerLauncher } from "./worker-connection.ts";

/** The snapshot that an attempt starts from. */
export interface StartPoint {
  readonly metadata: CheckpointMetadata;
  /** Where it lies, for people. */
  readonly location: string;
  /** What the names of its segments are relative to. */
  readonly segmentsDirectory: string;
  /** A checkpoint of the run itself; later ones may build on it. */
  readonly isOwn: boolean;
  /** Sinks whose transactions are not committed, by uid. */
  readonly discardingSinks: readonly string[];
}

/** What an attempt starts from and belongs to. */
export interface AttemptOptions {
  readonly env: Env;
  readonly job: JobGraph;
  readonly attempt: number;
  readonly runId: string;
  readonly epoch: number;
  readonly runDirectory: string | undefined;
  readonly start: StartPoint | undefined;
  /** All completed checkpoints that are kept. */
  readonly retained: readonly CheckpointMetadata[];
  readonly workersCount: number;
  readonly hasCheckpoints: boolean;
  readonly isExactlyOnce: boolean;
  readonly metrics: SharedArrayBuffer;
  readonly launcher: WorkerLauncher;
  readonly events: AttemptEvents;
}

/** What the master hears. */
export interface AttemptEvents {
  /** All subtasks run. */
  running(): void;
  /** All subtasks have reached their end; they still take barriers. */
  allEnded(): void;
  /** Everything is committed and closed. */
  finished(): void;
  failed(error: unknown): void;
  /** Acknowledgements and declines of checkpoints. */
  checkpointMessage(message: Extract<WorkerMessage, { kind: "ack" | "decline" }>): void;
}

type Phase = "deploying" | "running" | "finishing" | "closing" | "over";

/** See the file header. */
export class Attempt {
  readonly #options: AttemptOptions;
  readonly #workers: WorkerConnection[] = [];
  readonly #coordinators = new Map<number, SourceCoordinator>();
  readonly #alignment = new AlignmentGroups();
  readonly #subtasks: readonly SubtaskId[];
  #phase: Phase = "deploying";
  #deployedCount = 0;
  #endedCount = 0;
  #finishedCount = 0;
  #closedCount = 0;

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.#subtasks = subtasksOf(options.job);
  }

  /** Whether every subtask runs (or has ended and stays). */
  get isRunning(): boolean {
    return this.#phase === "running";
  }

  get haveAllEnded(): boolean {
    return this.#endedCount === this.#subtasks.length;
  }

  get subtasks(): readonly SubtaskId[] {
    return this.#subtasks;
  }

  /** Starts workers and source coordinators, and deploys. */
  start(): void {
    const { job, attempt, workersCount, launcher } = this.#options;
    for (const vertex of job.vertices) this.#createCoordinator(vertex.index);
    for (let index = 0; index < workersCount; index++) {
      const events = {
        onMessage: (message: WorkerMessage) => this.#onMessage(message),
        onExit: (error: unknown) => this.#fail(error),
      };
      this.#workers.push(launcher.launch({ workerIndex: index, attempt }, events));
    }
    const channels = this.#createChannels();
    const doorbells = doorbellMemory(workersCount);
    for (let index = 0; index < workersCount; index++) this.#deploy(index, { channels, doorbells });
  }

  /** Sends a barrier to the source subtasks. */
  trigger(barrier: Barrier): void {
    this.#broadcast({ kind: "trigger", attempt: this.#options.attempt, barrier });
  }

  /** States of all sources, by uid; see `SourceCoordinator`. */
  snapshotSources(checkpointId: CheckpointId): Record<string, unknown> {
    const states: Record<string, unknown> = {};
    for (const [vertex, coordinator] of this.#coordinators) {
      states[this.#sourceUid(vertex)] = coordinator.snapshot(checkpointId);
    }
    return states;
  }

  completed(checkpointId: CheckpointId): void {
    for (const coordinator of this.#coordinators.values()) coordinator.completed(checkpointId);
    this.#broadcast({ kind: "completed", attempt: this.#options.attempt, checkpointId });
  }

  /** `latestCompletedId`: whoever missed that completion hears of it now. */
  aborted(checkpointId: CheckpointId, latestCompletedId: CheckpointId | undefined): void {
    const { attempt } = this.#options;
    this.#broadcast({ kind: "aborted", attempt, checkpointId, latestCompletedId });
    for (const coordinator of this.#coordinators.values()) coordinator.aborted(checkpointId);
  }

  /** All sources end now, as if their input had; `allEnded` follows. */
  drain(): void {
    assert(this.#phase === "running", "an attempt that runs is drained");
    this.#broadcast({ kind: "drain", attempt: this.#options.attempt });
  }

  /**
   * All have ended and the last checkpoint, if there are checkpoints, is complete; or the savepoint
   * is with which the job stops. Commits the rest and closes.
   */
  finish(): void {
    assert(this.#phase === "running", "an attempt that runs is finished");
    this.#phase = "finishing";
    this.#broadcast({ kind: "finish", attempt: this.#options.attempt });
  }

  /** Stops everything at once; nothing is heard of the attempt afterwards. */
  async stop(): Promise<void> {
    this.#phase = "over";
    await Promise.allSettled([
      ...this.#workers.map((worker) => worker.terminate()),
      ...[...this.#coordinators.values()].map((coordinator) => coordinator.close()),
    ]);
  }

  #sourceUid(vertex: number): string {
    return this.#options.job.vertices[vertex].nodes[0].uid;
  }

  #createCoordinator(vertexIndex: number): void {
    const { env, job, start, attempt } = this.#options;
    const vertex = job.vertices[vertexIndex];
    const { body, uid } = vertex.nodes[0];
    if (body.kind !== "source") return;
    const coordinator = new SourceCoordinator({
      env,
      uid,
      source: body.source,
      parallelism: vertex.parallelism,
      restored: start && storedOperator(job, start.metadata, uid)?.enumerator,
      send: (subtask, message) => {
        this.#post({ ...message, attempt, vertex: vertexIndex, subtask });
      },
      fail: (error) => this.#fail(error),
    });
    this.#coordinators.set(vertexIndex, coordinator);
    const alignment = body.watermarks?.alignment;
    if (alignment !== undefined) this.#alignment.addSource(uid, vertex.parallelism, alignment);
  }

  #createChannels(): ChannelGrant[] {
    const { job, workersCount } = this.#options;
    const pairs = channelsOf(job).filter(
      ({ producer, consumer }) =>
        workerOf(producer, workersCount) !== workerOf(consumer, workersCount),
    );
    return pairs.map(({ edge, producer, consumer }) => ({
      edge: edge.index,
      producer,
      consumer,
      memory: ringMemory(ringSizeBytes(pairs.length)),
    }));
  }

  #deploy(
    workerIndex: number,
    shared: { channels: ChannelGrant[]; doorbells: SharedArrayBuffer },
  ): void {
    const { job, attempt, workersCount, start, retained, metrics } = this.#options;
    const { runId, epoch, runDirectory, hasCheckpoints, isExactlyOnce } = this.#options;
    const isHere = (subtask: number): boolean => workerOf(subtask, workersCount) === workerIndex;
    this.#workers[workerIndex].post({
      kind: "deploy",
      attempt,
      runId,
      epoch,
      runDirectory,
      graphHash: graphHash(job),
      workerIndex,
      workersCount,
      subtasks: subtaskRestores(job, start?.metadata).filter(({ subtask }) => isHere(subtask)),
      channels: shared.channels.filter(
        ({ producer, consumer }) => isHere(producer) || isHere(consumer),
      ),
      doorbells: shared.doorbells,
      metrics,
      retainedTransactions: retainedTransactions(job, retained),
      restored: start && {
        checkpointId: start.metadata.checkpointId,
        segmentsDirectory: start.segmentsDirectory,
        isOwn: start.isOwn,
        discardingSinks: start.discardingSinks,
      },
      hasCheckpoints,
      isExactlyOnce,
    });
  }

  #onMessage(message: WorkerMessage): void {
    if (this.#phase === "over" || message.attempt !== this.#options.attempt) return;
    switch (message.kind) {
      case "deployed":
        this.#onDeployed();
        break;
      case "ack":
      case "decline":
        this.#options.events.checkpointMessage(message);
        break;
      case "barrier-taken":
        this.#coordinators.get(message.vertex)?.barrierTaken(message.subtask, message.checkpointId);
        break;
      case "split-request":
        this.#coordinators.get(message.vertex)?.handleSplitRequest(message.subtask);
        break;
      case "reader-watermark":
        this.#align(message, message.watermark);
        break;
      case "ended":
        this.#endedCount += 1;
        if (this.haveAllEnded) this.#options.events.allEnded();
        break;
      case "finished":
        this.#finishedCount += 1;
        if (this.#finishedCount === this.#subtasks.length) this.#close();
        break;
      case "closed":
        this.#closedCount += 1;
        if (this.#closedCount === this.#workers.length) void this.#finished();
        break;
      case "failed":
        this.#fail(fromWire(message.error));
        break;
    }
  }

  /** A reader's watermark moves the limit of its whole group. */
  #align(reader: SubtaskId, watermark: number): void {
    const { attempt } = this.#options;
    this.#alignment.report(this.#sourceUid(reader.vertex), reader.subtask, watermark);
    const watermarkMax = this.#alignment.limitOf(this.#sourceUid(reader.vertex));
    const { vertex, subtask } = reader;
    this.#post({ kind: "align", attempt, vertex, subtask, watermarkMax });
  }

  #onDeployed(): void {
    this.#deployedCount += 1;
    if (this.#deployedCount < this.#workers.length) return;
    assert(this.#phase === "deploying", "workers are deployed once");
    this.#phase = "running";
    this.#broadcast({ kind: "start", attempt: this.#options.attempt });
    for (const coordinator of this.#coordinators.values()) coordinator.start();
    this.#options.events.running();
  }

  #close(): void {
    this.#phase = "closing";
    this.#broadcast({ kind: "close", attempt: this.#options.attempt });
  }

  async #finished(): Promise<void> {
    await this.stop();
    this.#options.events.finished();
  }

  #fail(error: unknown): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    this.#options.events.failed(
      error ?? oxbowError("WORKER_LOST", "A worker has gone without saying why.", {}),
    );
  }

  #post(message: MasterMessage & SubtaskId): void {
    if (this.#phase === "over") return;
    this.#workers[workerOf(message.subtask, this.#options.workersCount)].post(message);
  }

  #broadcast(message: MasterMessage): void {
    for (const worker of this.#workers) worker.post(message);
  }
}
