/**
 * Threads of one process, as the drivers see them: started from a module, talking by messages.
 *
 * I1. Messages are delivered in order while both ends live. Nothing is heard of a thread after
 *     `terminate` was called.
 */
import type { MessagePort } from "node:worker_threads";
import { MessageChannel, Worker, parentPort, workerData } from "node:worker_threads";
import { oxbowError } from "../errors.ts";

/** One end of a way between two threads. */
export interface ThreadPort {
  post(message: unknown, transfer?: readonly Transferable[]): void;
  /** One listener per port. `onClose`: the other end is gone. */
  listen(onMessage: (message: unknown) => void, onClose?: () => void): void;
  close(): void;
}

export type { MessagePort };

/** What may change hands with a message instead of being copied. */
export type Transferable = ArrayBuffer | MessagePort;

/** A thread that was started. */
export interface WorkerThread {
  readonly port: ThreadPort;
  /** Stops it at once. Resolves when it is gone. */
  terminate(): Promise<void>;
}

/** What to start. */
export interface ThreadStart {
  readonly module: URL;
  readonly name: string;
  /** Plain data that the thread finds in `threadData`. */
  readonly data: unknown;
  readonly transfer?: readonly Transferable[];
  /** The thread ended without `terminate`: it threw, ran out of memory, or returned. */
  readonly onExit: (error: unknown) => void;
}

/** Starts a thread that runs a module. */
export function startThread(start: ThreadStart): WorkerThread {
  const worker = new Worker(start.module, {
    name: start.name,
    workerData: start.data,
    transferList: [...(start.transfer ?? [])],
  });
  let isStopped = false;
  let failure: unknown;
  worker.on("error", (error) => {
    failure = error;
  });
  worker.on("exit", (code) => {
    if (isStopped) return;
    isStopped = true;
    const reason = failure instanceof Error ? failure.message : `exit code ${code}`;
    const message = `The thread "${start.name}" has ended by itself: ${reason}`;
    start.onExit(
      oxbowError("WORKER_LOST", message, { thread: start.name, exitCode: code }, failure),
    );
  });
  return {
    port: {
      post: (message, transfer = []) => {
        if (!isStopped) worker.postMessage(message, [...transfer]);
      },
      listen: (onMessage) => {
        worker.on("message", (message) => {
          if (!isStopped) onMessage(message);
        });
      },
      close: () => undefined,
    },
    terminate: async () => {
      isStopped = true;
      await worker.terminate();
    },
  };
}

/** Data that this thread was started with. */
export function threadData(): unknown {
  return workerData;
}

/** The way to whoever started this thread. */
export function parentThread(): ThreadPort {
  const port = parentPort;
  if (port === null)
    throw oxbowError("INVALID_ARGUMENT", "This module runs only in a worker thread.", {});
  return threadPort(port);
}

/** A pair of ports; give one end to another thread. */
export function createPorts(): readonly [MessagePort, MessagePort] {
  const { port1, port2 } = new MessageChannel();
  return [port1, port2];
}

/** Wraps a port that came from `createPorts`, on the thread that has it. */
export function threadPort(port: MessagePort): ThreadPort {
  return {
    post: (message, transfer = []) => port.postMessage(message, [...transfer]),
    listen: (onMessage, onClose) => {
      port.on("message", onMessage);
      if (onClose !== undefined) port.on("close", onClose);
    },
    close: () => port.close(),
  };
}

/**
 * Calls back when nothing can happen on this thread any more, right before it would end; whoever
 * then still waits would wait for ever. Call the result to stop listening.
 */
export function onNothingLeft(callback: () => void): () => void {
  process.once("beforeExit", callback);
  return () => void process.off("beforeExit", callback);
}

/** Makes stack traces of this thread point into the sources that code was built from. */
export function useSourceMaps(): void {
  process.setSourceMapsEnabled(true);
}
