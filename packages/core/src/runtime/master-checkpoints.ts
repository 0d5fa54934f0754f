/**
 * MasterCheckpoints: joins the checkpoint coordinator to the current attempt (barriers,
 * enumerators, notices) and to the store of the run (ids, `_metadata`, subsuming).
 */
import { assert } from "../assert.ts";

import { assembleMetadata } from "../checkpoint/assemble-metadata.ts";
import type { JobFacts } from "../checkpoint/assemble-metadata.ts";
import type { CheckpointSettings } from "../checkpoint/checkpoint-settings.ts";
import type { CheckpointStatisticsSnapshot } from "../checkpoint/checkpoint-statistics.ts";
import { CheckpointCoordinator } from "../checkpoint/coordinator.ts";
import type {
  CheckpointContent,
  CheckpointEvent,
  CheckpointHost,
  CheckpointOutcome,
} from "../checkpoint/coordinator-host.ts";
import type { Env, Random } from "../env/env.ts";
import { explain } from "../graph/explain.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import type { CheckpointStore } from "../snapshot/checkpoint-store.ts";
import { segmentsOf } from "../snapshot/checkpoint-inventory.ts";
import { createDirectoriesDurably } from "../snapshot/durable-file.ts";
import type { RunDirectory } from "../snapshot/run-directory.ts";
import {
  completeSavepoint,
  discardSnapshotDirectory,
  savepointName,
} from "../snapshot/savepoint-directory.ts";
import type { StopMode } from "../state/barrier.ts";
import { METADATA_VERSION } from "../snapshot/metadata-file.ts";
import type { Attempt, StartPoint } from "./attempt.ts";
import type { JobEvent } from "./job-event.ts";
import type { JobMetrics } from "./job-metrics.ts";
import type { SubtaskId, WorkerMessage } from "./messages.ts";
import { connectorOfNode } from "./stored-operator.ts";

/** A run that is held, and its checkpoints. */
export interface HeldRun {
  readonly directory: RunDirectory;
  readonly store: CheckpointStore;
  /** The snapshot that the run began from; undefined: nothing. */
  readonly begunFrom: StartPoint | undefined;
  /** The listener is told whenever the store has deleted something. */
  onDeleted(listener: () => void): void;
}

export interface MasterCheckpointsOptions {
  readonly env: Env;
  readonly job: JobGraph;
  readonly run: HeldRun;
  readonly settings: CheckpointSettings;
  readonly attempt: () => Attempt | undefined;
  readonly failJob: (error: unknown) => void;
  readonly onEvent: (event: JobEvent) => void;
  readonly metrics: JobMetrics;
}

/** See the file header. */
export class MasterCheckpoints {
  readonly #options: MasterCheckpointsOptions;
  readonly #coordinator: CheckpointCoordinator;
  readonly #facts: JobFacts;
  /** Names of savepoints. */
  readonly #random: Random;

  constructor(options: MasterCheckpointsOptions) {
    this.#options = options;
    const { env, settings } = options;
    this.#facts = jobFacts(options);
    this.#random = env.random.fork("savepoints");
    this.#coordinator = new CheckpointCoordinator({
      settings,
      clock: env.clock,
      random: env.random.fork("checkpoints"),
      host: this.#host(),
    });
    options.run.onDeleted(() => this.#coordinator.cleaningProgressed());
  }

  startAttempt(start: {
    readonly attempt: number;
    readonly subtasks: readonly SubtaskId[];
    readonly from: StartPoint | undefined;
  }): void {
    const { attempt, subtasks, from } = start;
    if (from !== undefined) this.#options.metrics.setRestored(this.#options.env.clock.now());
    this.#coordinator.startAttempt({
      attempt,
      subtasks,
      restored: from && {
        id: from.metadata.checkpointId,
        kind: from.metadata.kind,
        location: from.location,
        mustBeFull: !from.isOwn,
      },
    });
  }

  startScheduler(): void {
    this.#coordinator.startScheduler();
  }

  stopScheduler(): void {
    this.#coordinator.stopScheduler();
  }

  settled(): Promise<void> {
    return this.#coordinator.settled();
  }

  shutdown(): Promise<void> {
    return this.#coordinator.shutdown();
  }

  statistics(): CheckpointStatisticsSnapshot {
    return this.#coordinator.statistics();
  }

  /** Brings the gauges up to date. */
  refreshMetrics(): void {
    this.#options.metrics.setInProgress(this.statistics().counts.inProgress);
  }

  /** All tasks have ended. True when a checkpoint after that is complete. */
  async triggerFinal(): Promise<boolean> {
    return (await this.#coordinator.triggerFinal()).kind === "completed";
  }

  /** Takes a savepoint in a new directory below `parent`, or stops the job with one. */
  async savepoint(parent: string, stop?: StopMode): Promise<CheckpointOutcome> {
    const { run } = this.#options;
    const digits = Array.from({ length: 12 }, () => this.#random.int(16).toString(16)).join("");
    const target = `${parent}/${savepointName(run.directory.jobId, digits)}`;
    if (stop !== undefined) return this.#coordinator.stopWith(target, stop);
    return this.#coordinator.trigger({ kind: "savepoint", target });
  }

  /** Takes a checkpoint now. */
  checkpoint(isFull: boolean): Promise<CheckpointOutcome> {
    return this.#coordinator.trigger({ isFull });
  }

  onMessage(message: Extract<WorkerMessage, { kind: "ack" | "decline" }>): void {
    if (message.kind === "ack") this.#coordinator.acknowledge(message);
    else this.#coordinator.decline(message);
  }

  #location(id: number): string {
    return `${this.#options.run.directory.directory}/chk-${id}`;
  }

  #host(): CheckpointHost {
    const { env, run, attempt, failJob } = this.#options;
    const { store } = run;
    return {
      areTasksRunning: () => attempt()?.isRunning === true,
      reserveId: () => run.directory.allocateCheckpointId(),
      prepareStorage: ({ id, target }) =>
        target === undefined ? store.begin(id) : createDirectoriesDurably(env.files, target),
      snapshotEnumerators: async (barrier) => {
        const current = attempt();
        assert(current !== undefined, "enumerators are asked while an attempt runs");
        return current.snapshotSources(barrier.id);
      },
      triggerSources: (barrier) => attempt()?.trigger(barrier),
      registerShared: (ack) => {
        for (const { segments } of Object.values(ack.operators))
          store.register(ack.checkpointId, segments);
      },
      // Segments of an acknowledgement are in the registry; they go when nothing refers to them any
      // more.
      discardAcknowledgement: () => undefined,
      finalize: async (content) => this.#finalize(content),
      addCompleted: (_checkpoint, pinnedBases) => store.subsume(pinnedBases),
      cleaningCount: () => store.deletionsCount,
      discard: ({ barrier }) =>
        barrier.target === undefined
          ? store.abort(barrier.id)
          : discardSnapshotDirectory(env.files, barrier.target),
      notifyCompleted: (notice) => attempt()?.completed(notice.checkpointId),
      notifyAborted: ({ checkpointId, latestCompletedId }) =>
        attempt()?.aborted(checkpointId, latestCompletedId),
      failJob,
      report: (event) => this.#report(event),
    };
  }

  async #finalize(
    content: CheckpointContent,
  ): Promise<Awaited<ReturnType<CheckpointHost["finalize"]>>> {
    const { env, run } = this.#options;
    const metadata = assembleMetadata(this.#facts, content, env.clock.now());
    const { id, kind, target, stop } = content.barrier;
    const stateBytes = segmentsOf(metadata).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (target === undefined) {
      await run.store.complete(metadata);
      return { id, kind, location: this.#location(id), stateBytes };
    }
    await completeSavepoint(env.files, target, metadata);
    // From here on nothing but this savepoint is what the run goes on with; then sinks may commit.
    if (stop !== undefined) {
      await run.directory.stopWith({ path: target, isDrained: stop === "drain" });
    }
    return { id, kind, location: target, stateBytes };
  }

  #report(event: CheckpointEvent): void {
    const { onEvent, metrics } = this.#options;
    switch (event.kind) {
      case "completed": {
        const { id, kind, location } = event.checkpoint;
        const { latest } = this.#coordinator.statistics();
        const record = kind === "savepoint" ? latest.savepoint : latest.completed;
        const durationMs = record?.endToEndDurationMs ?? 0;
        const stateBytes = record?.stateSizeBytes ?? 0;
        const checkpointedBytes = record?.checkpointedSizeBytes ?? 0;
        metrics.checkpointCompleted({ id, durationMs, stateBytes, checkpointedBytes });
        onEvent({ kind, id, durationMs, sizeBytes: stateBytes, location });
        break;
      }
      case "failed":
        metrics.checkpointFailed();
        onEvent({ kind: "checkpoint-failed", id: event.checkpointId, message: messageOf(event) });
        break;
      case "discardFailed":
        onEvent({ kind: "warning", error: event.error });
        break;
      case "triggered":
      case "late":
        break;
    }
  }
}

function messageOf(event: Extract<CheckpointEvent, { kind: "failed" }>): string {
  return event.error instanceof Error ? `${event.reason}: ${event.error.message}` : event.reason;
}

/** What every snapshot says of the job. */
function jobFacts({ job, run }: MasterCheckpointsOptions): JobFacts {
  const explained = explain(job);
  const { record, epoch } = run.directory;
  return {
    version: METADATA_VERSION,
    runDirectory: run.directory.directory,
    jobId: record.jobId,
    jobName: job.graph.jobName,
    epoch,
    edges: explained.edges,
    operators: explained.operators.map((operator) => ({
      operatorId: operator.operatorId,
      uid: operator.uid,
      kind: operator.kind,
      connector: connectorOf(job, operator.uid),
      parallelism: operator.parallelism,
      maxParallelism: operator.maxParallelism,
      stateSchemas: Object.fromEntries(operator.states.map(({ name, ...state }) => [name, state])),
      vertex: operator.vertex,
    })),
  };
}

function connectorOf(job: JobGraph, uid: string): string | undefined {
  const node = job.graph.nodes.find((other) => other.uid === uid);
  return node === undefined ? undefined : connectorOfNode(node);
}
