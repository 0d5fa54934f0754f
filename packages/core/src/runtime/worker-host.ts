/**
 * WorkerHost: the subtasks of one worker, and the loop that drives them. The same code runs in a
 * worker thread, on the master's own thread and in the simulator; what differs (the way to the
 * master, how to park) is given to it.
 *
 * One turn: step what is runnable until the slice ends, then let the event loop have its turn. When
 * no task has anything to do, park until a message, a wake-up or a deadline.
 *
 * I1. Messages are handled between slices, in order, never inside a step.
 * I2. A failure of any task fails the attempt; after that no task is stepped.
 */
import { assert } from "../assert.ts";
import { oxbowError, toWire } from "../errors.ts";
import type { Env, Random } from "../env/env.ts";
import { graphHash } from "../graph/explain.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import type { SegmentWriterClient } from "../snapshot/segment-writer-client.ts";
import { buildTasks } from "./task-builder.ts";
import { ChunkPool } from "../state/row-chunk.ts";
import { DEBLOAT_TARGET_MS } from "./debloater.ts";
import type { DoorbellPanel } from "./doorbells.ts";
import type { HostedTask } from "./task-builder.ts";
import type { DeployMessage, MasterMessage, SubtaskId, WorkerMessage } from "./messages.ts";
import type { StepResult } from "./subtask-metrics.ts";

/** How long a slice may last, ms, before the event loop has its turn. */
const SLICE_MS = 4;
/**
 * Steps in a row of a task that is fed by others, as long as there is input. More than the one that
 * its feeder gets, or a queue that has filled up once would stay full: records would wait there,
 * leave the caches and be moved by the garbage collector.
 */
const FED_STEPS_COUNT = 4;

export interface WorkerHostOptions {
  readonly env: Env;
  readonly job: JobGraph;
  /** Undefined where nothing is kept. */
  readonly createWriter: (deploy: DeployMessage) => SegmentWriterClient | undefined;
  readonly send: (message: WorkerMessage) => void;
  /** The bells of an attempt, made when its shared memory is known. */
  readonly createDoorbells: (deploy: DeployMessage) => DoorbellPanel;
  /**
   * The simulator's choice of the next task and of the length of slices; undefined: round robin, by
   * time.
   */
  readonly chaos: Random | undefined;
  /** Every channel between tasks of this worker encodes what it carries; for tests. */
  readonly encodesLocalChannels: boolean;
  /** See `DEBLOAT_TARGET_MS`, which it is if not given. */
  readonly debloatTargetMs?: number;
}

/** See the file header. */
export class WorkerHost {
  readonly #options: WorkerHostOptions;
  #deploy: DeployMessage | undefined;
  #tasks: HostedTask[] = [];
  #isStarted = false;
  #isOver = false;
  /** Resolves when deploying is over, well or not. */
  #deployed: Promise<void> = Promise.resolve();
  #killed: Promise<void> | undefined;
  #isScheduled = false;
  #doorbells: DoorbellPanel | undefined;
  #writer: SegmentWriterClient | undefined;
  #cancelDeadline: (() => void) | undefined;
  /** Where the next slice begins: all have their turn, however long the steps of some take. */
  #first = 0;

  constructor(options: WorkerHostOptions) {
    this.#options = options;
  }

  /** Handles one message of the master. */
  handle(message: MasterMessage): void {
    if (this.#isOver) return;
    if (message.kind === "deploy") {
      this.#deployed = this.#onDeploy(message).catch((error: unknown) =>
        this.#fail({ vertex: -1, subtask: -1 }, error),
      );
      return;
    }
    if (message.attempt !== this.#deploy?.attempt) return;
    try {
      this.#onMessage(message);
    } catch (error) {
      this.#fail({ vertex: -1, subtask: -1 }, error);
    }
    this.wake();
  }

  /** Something may be runnable again. Cheap, may be called from anywhere on this thread. */
  wake(): void {
    if (this.#isScheduled || !this.#isStarted || this.#isOver) return;
    this.#isScheduled = true;
    this.#options.env.clock.soon(() => this.#slice());
  }

  /**
   * Nothing of this host runs afterwards. Resolves when what it holds is released and what it had
   * under way in storage is over, so that the next attempt finds everything at rest.
   */
  kill(): Promise<void> {
    this.#isOver = true;
    this.#cancelDeadline?.();
    this.#killed ??= this.#release();
    return this.#killed;
  }

  /** The attempt has failed already; that closing what is left fails too adds nothing. */
  async #release(): Promise<void> {
    await this.#deployed;
    await Promise.allSettled([
      ...this.#tasks.map(({ task }) => task.close()),
      this.#writer?.close(),
    ]);
  }

  async #onDeploy(message: DeployMessage): Promise<void> {
    assert(this.#deploy === undefined, "a host is deployed once");
    this.#deploy = message;
    const { job, env } = this.#options;
    const doorbells = this.#options.createDoorbells(message);
    this.#doorbells = doorbells;
    const writer = this.#options.createWriter(message);
    this.#writer = writer;
    const hash = graphHash(job);
    if (hash !== message.graphHash) {
      throw oxbowError(
        "GRAPH_DIFFERS",
        `Worker ${message.workerIndex} built another graph than the job master ` +
          `(${hash}, not ${message.graphHash}). The program must build the same graph each time: ` +
          `no randomness, clock or environment in it.`,
        { workerIndex: message.workerIndex },
      );
    }
    this.#tasks = await buildTasks({
      env,
      job,
      deploy: message,
      doorbells,
      chunkPool: writer?.pool ?? new ChunkPool(),
      writer,
      encodesLocalChannels: this.#options.encodesLocalChannels,
      debloatTargetMs: this.#options.debloatTargetMs ?? DEBLOAT_TARGET_MS,
      send: (answer) => this.#send(answer),
      wake: () => this.wake(),
      fail: (subtask, error) => this.#fail(subtask, error),
    });
    this.#send({ kind: "deployed", attempt: message.attempt, workerIndex: message.workerIndex });
  }

  #onMessage(message: Exclude<MasterMessage, DeployMessage>): void {
    switch (message.kind) {
      case "start":
        this.#isStarted = true;
        break;
      case "trigger":
        for (const { task, source } of this.#tasks)
          if (source !== undefined) task.trigger(message.barrier);
        break;
      case "drain":
        for (const { task, source } of this.#tasks) if (source !== undefined) task.drain();
        break;
      case "completed":
        for (const { task } of this.#tasks) task.completed(message.checkpointId);
        break;
      case "aborted":
        for (const { task } of this.#tasks) {
          task.aborted(message.checkpointId, message.latestCompletedId);
        }
        break;
      case "splits":
        this.#source(message).addSplits(message.splits);
        break;
      case "no-more-splits":
        this.#source(message).noMoreSplits();
        break;
      case "align":
        this.#source(message).align(message.watermarkMax);
        break;
      case "finish":
        this.#finish();
        break;
      case "close":
        void this.#close();
        break;
    }
  }

  #source(id: SubtaskId): NonNullable<HostedTask["source"]> {
    const hosted = this.#tasks.find(
      (task) => task.id.vertex === id.vertex && task.id.subtask === id.subtask,
    );
    assert(
      hosted?.source !== undefined,
      () => `subtask ${id.vertex}/${id.subtask} is a source here`,
    );
    return hosted.source;
  }

  #finish(): void {
    const hasCheckpoints = this.#deploy?.hasCheckpoints === true;
    for (const { task, id } of this.#tasks) {
      task.finish(hasCheckpoints).catch((error: unknown) => this.#fail(id, error));
    }
  }

  async #close(): Promise<void> {
    this.#isOver = true;
    this.#cancelDeadline?.();
    const results = await Promise.allSettled(this.#tasks.map(({ task }) => task.close()));
    const failed = results.find((result) => result.status === "rejected");
    const attempt = this.#deploy?.attempt ?? 0;
    const workerIndex = this.#deploy?.workerIndex ?? 0;
    if (failed === undefined) this.#options.send({ kind: "closed", attempt, workerIndex });
    else
      this.#options.send({
        kind: "failed",
        attempt,
        vertex: -1,
        subtask: -1,
        error: toWire(failed.reason),
      });
  }

  #slice(): void {
    this.#isScheduled = false;
    if (this.#isOver) return;
    this.#doorbells?.observe();
    if (this.#stepUntilEnd()) this.wake();
    else if (!this.#isOver) this.#park();
  }

  /**
   * Steps tasks until the slice ends (true: there may be more to do) or nothing is runnable
   * (false).
   */
  #stepUntilEnd(): boolean {
    const { clock } = this.#options.env;
    const { chaos } = this.#options;
    const endMs = clock.monotonicMs() + SLICE_MS;
    let stepsLeft = chaos === undefined ? Infinity : 1 + chaos.int(16);
    let runnable = [...this.#tasks.slice(this.#first), ...this.#tasks.slice(0, this.#first)];
    while (runnable.length > 0) {
      const next: HostedTask[] = [];
      for (const hosted of chaos === undefined ? runnable : shuffled(runnable, chaos)) {
        this.#first = (this.#tasks.indexOf(hosted) + 1) % this.#tasks.length;
        const wanted = chaos === undefined && hosted.source === undefined ? FED_STEPS_COUNT : 1;
        for (let steps = 0; steps < wanted; steps++) {
          const result = this.#step(hosted);
          if (this.#isOver) return false;
          if (steps === 0 && result === "progressed") next.push(hosted);
          if (--stepsLeft <= 0 || clock.monotonicMs() >= endMs) return true;
          // Looked at first, since a step without input would send half-built batches on.
          if (result !== "progressed" || !hosted.task.hasInput()) break;
        }
      }
      // A task that progressed may have made others runnable: look at all once more before parking.
      runnable = next.length === 0 ? [] : [...this.#tasks];
    }
    return false;
  }

  #step(hosted: HostedTask): StepResult {
    const { clock } = this.#options.env;
    const before = clock.monotonicMs();
    let result: StepResult = "idle";
    try {
      result = hosted.task.step();
    } catch (error) {
      this.#fail(hosted.id, error);
    }
    hosted.metrics.countStep(result, before, clock.monotonicMs());
    return result;
  }

  #park(): void {
    assert(this.#doorbells !== undefined, "a host is deployed before it runs");
    this.#doorbells.park(() => this.wake());
    this.#armDeadline();
  }

  #armDeadline(): void {
    this.#cancelDeadline?.();
    this.#cancelDeadline = undefined;
    let deadline = Infinity;
    for (const { task } of this.#tasks) deadline = Math.min(deadline, task.nextDeadline());
    if (deadline === Infinity) return;
    const { clock } = this.#options.env;
    this.#cancelDeadline = clock.schedule(Math.max(0, deadline - clock.now()), () => this.wake());
  }

  #send(message: WorkerMessage): void {
    if (!this.#isOver) this.#options.send(message);
  }

  #fail(id: SubtaskId, error: unknown): void {
    if (this.#isOver) return;
    this.#send({
      kind: "failed",
      attempt: this.#deploy?.attempt ?? 0,
      ...id,
      error: toWire(error),
    });
    void this.kill();
  }
}

function shuffled(tasks: readonly HostedTask[], random: Random): HostedTask[] {
  const order = [...tasks];
  for (let index = order.length - 1; index > 0; index--) {
    const other = random.int(index + 1);
    [order[index], order[other]] = [order[other], order[index]];
  }
  return order;
}
