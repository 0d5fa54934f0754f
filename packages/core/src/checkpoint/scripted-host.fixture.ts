/*
 * Support for the tests of the coordinator: a job master that does what a test scripts.
 *
 * Every call is noted in `calls`; a call named in `held` stays open until the test settles it, all
 * others succeed at once. Time is the simulator's virtual clock.
 */
import assert from "node:assert/strict";
import type { Clock, Random } from "../env/env.ts";
import type { Barrier, CheckpointId } from "../state/barrier.ts";
import { SimScheduler, drainPromises } from "../testing/sim-scheduler.ts";
import type { CheckpointOptions } from "../graph/checkpoint-options.ts";
import { checkpointSettings } from "./checkpoint-settings.ts";
import { CheckpointCoordinator } from "./coordinator.ts";
import type {
  AbortedNotice,
  Acknowledgement,
  AttemptStart,
  CheckpointContent,
  CheckpointEvent,
  CheckpointHost,
  CompletedCheckpoint,
  CompletedNotice,
  Decline,
  SubtaskRef,
} from "./coordinator-host.ts";

/** Processing time at the start of every script. */
export const EPOCH_MS = 1_700_000_000_000;

/** One vertex with two subtasks. */
export const SUBTASKS: readonly SubtaskRef[] = [
  { vertex: 0, subtask: 0 },
  { vertex: 0, subtask: 1 },
];

/** Calls that can be held open. */
export type AsyncCall =
  | "reserveId"
  | "prepareStorage"
  | "snapshotEnumerators"
  | "finalize"
  | "discard";

/** A call that waits for the test. */
export interface OpenCall {
  readonly call: AsyncCall;
  readonly id: CheckpointId | undefined;
  /** Lets it succeed, and everything that follows happen. */
  resolve(): Promise<void>;
  reject(error: Error): Promise<void>;
}

export class ScriptedHost implements CheckpointHost {
  readonly scheduler: SimScheduler;
  readonly clock: Clock;
  readonly coordinator: CheckpointCoordinator;
  /** What was called, in order: `trigger 1`, `aborted 2 CHECKPOINT_EXPIRED`, … */
  readonly calls: string[] = [];
  readonly held = new Set<AsyncCall>();
  readonly open: OpenCall[] = [];
  /** Sent to the sources. */
  readonly barriers: Barrier[] = [];
  /** Made, each with the newest stored checkpoint of that moment. */
  readonly made: { readonly barrier: Barrier; readonly newest: CheckpointId | undefined }[] = [];
  readonly finalizedIds: CheckpointId[] = [];
  readonly contents: CheckpointContent[] = [];
  readonly pins: (readonly CheckpointId[])[] = [];
  readonly failures: unknown[] = [];
  readonly events: CheckpointEvent[] = [];
  readonly completedNotices: CompletedNotice[] = [];
  readonly abortedNotices: AbortedNotice[] = [];
  /** The store's, oldest first, and how many it keeps. */
  stored: CheckpointId[] = [];
  cleaning = 0;
  areRunning = true;
  attempt = 1;
  lastId = 0;
  onTrigger: (barrier: Barrier) => void = () => {};

  constructor(
    options: CheckpointOptions = {},
    given: { random?: () => number; seed?: number } = {},
  ) {
    const scheduler = new SimScheduler(given.seed ?? 1);
    this.scheduler = scheduler;
    this.clock = {
      now: () => EPOCH_MS + scheduler.nowMs,
      monotonicMs: () => scheduler.nowMs,
      schedule: (delayMs, run) =>
        scheduler.schedule({ delayMs, label: "timer", owner: undefined, run }),
      soon: (run) => {
        scheduler.schedule({ delayMs: 0, label: "soon", owner: undefined, run });
      },
    };
    const next = given.random ?? (() => 0);
    const random: Random = { next, int: (end) => Math.floor(next() * end), fork: () => random };
    this.coordinator = new CheckpointCoordinator({
      settings: checkpointSettings(options),
      clock: this.clock,
      random,
      host: this,
    });
  }

  /** Starts an attempt and, unless told otherwise, the scheduler. */
  async start(restored?: AttemptStart["restored"]): Promise<this> {
    this.coordinator.startAttempt({ attempt: this.attempt, subtasks: SUBTASKS, restored });
    this.areRunning = true;
    this.coordinator.startScheduler();
    await drainPromises();
    return this;
  }

  /** Virtual ms pass. */
  async pass(ms: number): Promise<void> {
    await this.scheduler.advanceTo(this.scheduler.nowMs + ms);
  }

  /** The job fails and starts again from the newest stored checkpoint. */
  async restart(): Promise<void> {
    this.areRunning = false;
    this.coordinator.stopScheduler();
    await this.coordinator.settled();
    this.attempt++;
    const newest = this.stored.at(-1);
    await this.start(
      newest === undefined
        ? undefined
        : { id: newest, kind: "checkpoint", location: `chk-${newest}`, mustBeFull: false },
    );
  }

  ackOf(id: CheckpointId, subtask: number, attempt: number = this.attempt): Acknowledgement {
    return {
      attempt,
      checkpointId: id,
      vertex: 0,
      subtask,
      operators: {},
      hasCommittables: false,
      figures: {
        syncMs: 1,
        asyncMs: 2,
        alignmentMs: 3 + subtask,
        startDelayMs: 4,
        checkpointedBytes: 10,
        stateBytes: 100,
      },
    };
  }

  /** Both subtasks acknowledge. */
  async ackAll(id: CheckpointId): Promise<void> {
    for (const { subtask } of SUBTASKS) this.coordinator.acknowledge(this.ackOf(id, subtask));
    await drainPromises();
  }

  async decline(id: CheckpointId, reason?: Decline["reason"]): Promise<boolean> {
    const { attempt } = this;
    const from = { attempt, checkpointId: id, vertex: 0, subtask: 1, error: undefined };
    const wasPending = this.coordinator.decline(reason === undefined ? from : { ...from, reason });
    await drainPromises();
    return wasPending;
  }

  /** The oldest open call of this name. */
  take(call: AsyncCall): OpenCall {
    const index = this.open.findIndex((candidate) => candidate.call === call);
    const taken = this.open[index];
    assert(taken !== undefined, `${call} is open`);
    this.open.splice(index, 1);
    return taken;
  }

  /** The calls since the last time, joined. */
  log(): string {
    return this.calls.splice(0).join(", ");
  }

  areTasksRunning(): boolean {
    return this.areRunning;
  }

  reserveId(): Promise<CheckpointId> {
    const id = ++this.lastId;
    return this.#answer("reserveId", undefined, () => id);
  }

  prepareStorage(barrier: Barrier): Promise<void> {
    this.made.push({ barrier, newest: this.stored.at(-1) });
    return this.#answer("prepareStorage", barrier.id, () => {});
  }

  snapshotEnumerators(barrier: Barrier): Promise<Readonly<Record<string, unknown>>> {
    this.calls.push(`enumerators ${barrier.id}`);
    return this.#answer("snapshotEnumerators", barrier.id, () => ({ source: barrier.id }));
  }

  triggerSources(barrier: Barrier): void {
    this.calls.push(`trigger ${barrier.id}`);
    this.barriers.push(barrier);
    this.onTrigger(barrier);
  }

  registerShared(acknowledgement: Acknowledgement): void {
    this.calls.push(`register ${acknowledgement.checkpointId}/${acknowledgement.subtask}`);
  }

  discardAcknowledgement(acknowledgement: Acknowledgement): void {
    this.calls.push(`drop ${acknowledgement.checkpointId}/${acknowledgement.subtask}`);
  }

  finalize(content: CheckpointContent): Promise<CompletedCheckpoint> {
    const { id, kind } = content.barrier;
    this.calls.push(`finalize ${id}`);
    this.contents.push(content);
    const completed = { id, kind, location: `chk-${id}`, stateBytes: 1 };
    return this.#answer("finalize", id, () => {
      this.finalizedIds.push(id);
      return completed;
    });
  }

  addCompleted(checkpoint: CompletedCheckpoint, pins: readonly CheckpointId[]): number | undefined {
    this.calls.push(`add ${checkpoint.id}`);
    this.pins.push(pins);
    const subsumed = this.stored.at(-1);
    this.stored = [checkpoint.id];
    return subsumed;
  }

  cleaningCount(): number {
    return this.cleaning;
  }

  discard(content: CheckpointContent): Promise<void> {
    this.calls.push(`discard ${content.barrier.id}`);
    return this.#answer("discard", content.barrier.id, () => {});
  }

  notifyCompleted(notice: CompletedNotice): void {
    this.completedNotices.push(notice);
    this.calls.push(`completed ${notice.checkpointId}`);
  }

  notifyAborted(notice: AbortedNotice): void {
    this.abortedNotices.push(notice);
    this.calls.push(`aborted ${notice.checkpointId} ${notice.reason}`);
  }

  failJob(error: unknown): void {
    this.failures.push(error);
    this.calls.push("failJob");
  }

  report(event: CheckpointEvent): void {
    this.events.push(event);
  }

  #answer<T>(call: AsyncCall, id: CheckpointId | undefined, value: () => T): Promise<T> {
    if (!this.held.has(call)) return Promise.resolve(value());
    return new Promise<T>((resolve, reject) => {
      this.open.push({
        call,
        id,
        resolve: () => {
          resolve(value());
          return drainPromises();
        },
        reject: (error) => {
          reject(error);
          return drainPromises();
        },
      });
    });
  }
}
