/**
 * worker-thread: the module of a worker thread. It runs the job's program, which builds the same
 * graph as on the master, and hosts the subtasks that it is given.
 */
import { nodeEnv } from "../env/node-env.ts";
import { parentThread, threadData, threadPort, useSourceMaps } from "../env/threads.ts";
import type { ThreadPort } from "../env/threads.ts";
import { toWire } from "../errors.ts";
import type { SegmentResponse } from "../snapshot/segment-messages.ts";
import { SegmentWriterClient } from "../snapshot/segment-writer-client.ts";
import { buildJob, loadJob } from "./build-job.ts";
import { sharedDoorbells } from "../runtime/doorbells.ts";
import type { DeployMessage, MasterMessage } from "../runtime/messages.ts";
import type { WorkerThreadData } from "./thread-launcher.ts";
import { WorkerHost } from "../runtime/worker-host.ts";

useSourceMaps();
const data = threadData() as WorkerThreadData;
const master = parentThread();
try {
  await start();
} catch (error) {
  master.post({
    kind: "failed",
    attempt: data.attempt,
    vertex: -1,
    subtask: -1,
    error: toWire(error),
  });
}

async function start(): Promise<void> {
  const env = nodeEnv({ verify: data.verify });
  const { job } = buildJob(await loadJob(data.module), data.parameters);
  const writerPort = threadPort(data.writerPort);
  const host = new WorkerHost({
    env,
    job,
    createWriter: (deploy) => createWriter(writerPort, deploy),
    send: (message) => master.post(message),
    createDoorbells: (deploy) => sharedDoorbells(deploy.doorbells, deploy.workerIndex),
    chaos: undefined,
    encodesLocalChannels: false,
  });
  master.listen((message) => host.handle(message as MasterMessage));
}

function createWriter(port: ThreadPort, deploy: DeployMessage): SegmentWriterClient | undefined {
  if (deploy.runDirectory === undefined) return undefined;
  const writer = new SegmentWriterClient({
    directory: deploy.runDirectory,
    post: (message, transfer) => port.post(message, transfer),
  });
  port.listen((message) => writer.receive(message as SegmentResponse));
  return writer;
}
