/**
 * Workers on the master's own thread: for tests, for jobs with closures that other threads cannot have, and for the simulator.
 *
 * Messages are delivered in order, each in a later turn; in verify mode they are cloned, so that nothing gets by that could not cross a
 * thread.
 */
import type { Env, Random } from "../env/env.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import type { SegmentWriterClient } from "../snapshot/segment-writer-client.ts";
import { localDoorbells } from "./doorbells.ts";
import type { MasterMessage, WorkerMessage } from "./messages.ts";
import type { WorkerConnection, WorkerEvents, WorkerLauncher } from "./worker-connection.ts";
import { WorkerHost } from "./worker-host.ts";

export interface LocalLauncherOptions {
  readonly env: Env;
  readonly job: JobGraph;
  /** Makes the writer of a worker; undefined where there are no checkpoints. */
  readonly createWriter: (() => SegmentWriterClient) | undefined;
  /** See `WorkerHostOptions.chaos`. */
  readonly chaos: Random | undefined;
  readonly encodesLocalChannels: boolean;
}

/** See the file header. */
export function localLauncher(options: LocalLauncherOptions): WorkerLauncher {
  const hosts: (WorkerHost | undefined)[] = [];
  return {
    launch: (workerIndex, events) => {
      const writer = options.createWriter?.();
      const toMaster = new MessageQueue<WorkerMessage>(options.env, (message) => events.onMessage(message));
      const host = new WorkerHost({
        env: options.env,
        job: options.job,
        writer,
        send: (message) => toMaster.post(message),
        createDoorbells: () => localDoorbells((index) => hosts[index]?.wake()),
        chaos: options.chaos,
        encodesLocalChannels: options.encodesLocalChannels,
      });
      hosts[workerIndex] = host;
      return connectionTo(host, { env: options.env, toMaster, writer, events });
    },
  };
}

function connectionTo(
  host: WorkerHost,
  parts: {
    readonly env: Env;
    readonly toMaster: MessageQueue<WorkerMessage>;
    readonly writer: SegmentWriterClient | undefined;
    readonly events: WorkerEvents;
  },
): WorkerConnection {
  const toWorker = new MessageQueue<MasterMessage>(parts.env, (message) => host.handle(message));
  return {
    post: (message) => toWorker.post(message),
    terminate: async () => {
      toWorker.close();
      parts.toMaster.close();
      host.kill();
      await parts.writer?.close();
    },
  };
}

/** Messages one way, in order, each handled in a turn of its own. */
class MessageQueue<M> {
  readonly #env: Env;
  readonly #handle: (message: M) => void;
  #queue: M[] = [];
  #isClosed = false;

  constructor(env: Env, handle: (message: M) => void) {
    this.#env = env;
    this.#handle = handle;
  }

  post(message: M): void {
    if (this.#isClosed) return;
    this.#queue.push(this.#env.verify ? structuredClone(message) : message);
    if (this.#queue.length === 1) this.#schedule();
  }

  close(): void {
    this.#isClosed = true;
    this.#queue = [];
  }

  #schedule(): void {
    this.#env.clock.soon(() => {
      const message = this.#queue.shift();
      if (message === undefined) return;
      if (this.#queue.length > 0) this.#schedule();
      this.#handle(message);
    });
  }
}
