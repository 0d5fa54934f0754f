/**
 * Workers on the master's own thread: for tests, for jobs with closures that other threads cannot
 * have, and for the simulator.
 *
 * Messages are delivered in order, each in a later turn; in verify mode they are cloned, so that
 * nothing gets by that could not cross a thread.
 */
import type { Env, Random } from "../env/env.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import { inlineSegmentWriter } from "../snapshot/segment-writer-client.ts";
import { CHUNK_POOL_BYTES_MAX, ChunkPool } from "../state/row-chunk.ts";
import { DEBLOAT_TARGET_MS } from "./debloater.ts";
import { localDoorbells } from "./doorbells.ts";
import type { MasterMessage, WorkerMessage } from "./messages.ts";
import type { WorkerConnection, WorkerLauncher } from "./worker-connection.ts";
import { WorkerHost } from "./worker-host.ts";

export interface LocalLauncherOptions {
  readonly env: Env;
  readonly job: JobGraph;
  /** See `WorkerHostOptions.chaos`. */
  readonly chaos: Random | undefined;
  readonly encodesLocalChannels: boolean;
}

/** See the file header. */
export function localLauncher(options: LocalLauncherOptions): WorkerLauncher {
  const hosts: (WorkerHost | undefined)[] = [];
  return {
    launch: ({ workerIndex }, events) => {
      const toMaster = new MessageQueue<WorkerMessage>(options.env, (message) =>
        events.onMessage(message),
      );
      const host = new WorkerHost({
        env: options.env,
        job: options.job,
        createWriter: ({ runDirectory }) =>
          runDirectory === undefined
            ? undefined
            : inlineSegmentWriter({
                env: options.env,
                directory: runDirectory,
                pool: new ChunkPool(poolBytes(options.chaos)),
              }),
        send: (message) => toMaster.post(message),
        createDoorbells: () => localDoorbells((index) => hosts[index]?.wake()),
        chaos: options.chaos,
        encodesLocalChannels: options.encodesLocalChannels,
        debloatTargetMs: debloatTargetMs(options.chaos),
      });
      hosts[workerIndex] = host;
      return connectionTo(host, options.env, toMaster);
    },
  };
}

/** With chaos, snapshots may have little room, down to one chunk. */
function poolBytes(chaos: Random | undefined): number {
  return chaos === undefined ? CHUNK_POOL_BYTES_MAX : 2 ** chaos.fork("chunks").int(24);
}

/** With chaos, so short that channels of records that cost nothing keep to it too. */
function debloatTargetMs(chaos: Random | undefined): number {
  return DEBLOAT_TARGET_MS / (chaos === undefined ? 1 : 2 ** chaos.fork("debloating").int(20));
}

function connectionTo(
  host: WorkerHost,
  env: Env,
  toMaster: MessageQueue<WorkerMessage>,
): WorkerConnection {
  const toWorker = new MessageQueue<MasterMessage>(env, (message) => host.handle(message));
  return {
    post: (message) => toWorker.post(message),
    terminate: async () => {
      toWorker.close();
      toMaster.close();
      await host.kill();
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
