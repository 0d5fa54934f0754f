/**
 * The way between the job master and its workers, whatever they run on: threads, the master's own
 * thread, or the simulator.
 */
import type { MasterMessage, WorkerMessage } from "./messages.ts";

/** What a launcher tells of a worker. Never called from inside `launch`, `post` or `terminate`. */
export interface WorkerEvents {
  onMessage(message: WorkerMessage): void;
  /** The worker is gone without having been asked; nothing more will come from it. */
  onExit(error: unknown): void;
}

/** One live worker as its master sees it. */
export interface WorkerConnection {
  /** Delivered in order; dropped if the worker is gone. */
  post(message: MasterMessage): void;
  /** Stops the worker at once; no event follows. Resolves when it is gone. Idempotent. */
  terminate(): Promise<void>;
}

/** Starts workers. */
export interface WorkerLauncher {
  launch(
    worker: { readonly workerIndex: number; readonly attempt: number },
    events: WorkerEvents,
  ): WorkerConnection;
}
