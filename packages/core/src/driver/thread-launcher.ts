/**
 * Workers on threads of their own, and one thread more that writes their segments.
 *
 * I1. Every attempt gets new worker threads; the thread that writes segments lives as long as the
 *     job, or until it dies.
 */
import type { JobParameters } from "../api/environment.ts";
import { createPorts, startThread, threadData } from "../env/threads.ts";
import type { MessagePort, WorkerThread } from "../env/threads.ts";
import type { WorkerMessage } from "../runtime/messages.ts";
import type { WorkerLauncher } from "../runtime/worker-connection.ts";

/** What a worker thread is started with. */
export interface WorkerThreadData {
  readonly kind: "oxbow-worker";
  /** URL of the module that exports the job. */
  readonly module: string;
  readonly parameters: JobParameters;
  readonly verify: boolean;
  readonly attempt: number;
  /** The way to the thread that writes segments. */
  readonly writerPort: MessagePort;
}

/** Whether this thread is a worker of a job. */
export function isJobWorker(): boolean {
  return (threadData() as Partial<WorkerThreadData> | null)?.kind === "oxbow-worker";
}

/** A worker joins the thread that writes segments. */
export interface SnapshotThreadMessage {
  readonly port: MessagePort;
}

export interface ThreadLauncherOptions {
  readonly module: string;
  readonly parameters: JobParameters;
  readonly verify: boolean;
}

/** A launcher that must be closed when the job has ended. */
export interface ThreadLauncher extends WorkerLauncher {
  close(): Promise<void>;
}

/** See the file header. */
export function threadLauncher(options: ThreadLauncherOptions): ThreadLauncher {
  let snapshots: WorkerThread | undefined;
  const listeners = new Set<(error: unknown) => void>();
  const snapshotThread = (): WorkerThread => {
    snapshots ??= startThread({
      module: moduleUrl("./snapshot-thread"),
      name: "oxbow-snapshots",
      data: undefined,
      onExit: (error) => {
        snapshots = undefined;
        for (const onExit of [...listeners]) onExit(error);
      },
    });
    return snapshots;
  };
  return {
    launch: ({ workerIndex, attempt }, events) => {
      const onExit = (error: unknown): void => events.onExit(error);
      const [workerEnd, writerEnd] = createPorts();
      snapshotThread().port.post({ port: writerEnd } satisfies SnapshotThreadMessage, [writerEnd]);
      const data: WorkerThreadData = {
        kind: "oxbow-worker",
        ...options,
        attempt,
        writerPort: workerEnd,
      };
      const thread = startThread({
        module: moduleUrl("./worker-thread"),
        name: `oxbow-worker-${workerIndex}`,
        data,
        transfer: [workerEnd],
        onExit,
      });
      listeners.add(onExit);
      thread.port.listen((message) => events.onMessage(message as WorkerMessage));
      return {
        post: (message) => thread.port.post(message),
        terminate: async () => {
          listeners.delete(onExit);
          await thread.terminate();
        },
      };
    },
    close: async () => {
      await snapshots?.terminate();
    },
  };
}

/** A module beside this one: `.ts` where sources are run, `.js` where they were built. */
function moduleUrl(path: string): URL {
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  return new URL(`${path}${extension}`, import.meta.url);
}
