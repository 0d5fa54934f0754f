/**
 * snapshot-thread: the module of the thread that writes segments for all workers of a job. It gets
 * one port per worker.
 */
import { parentThread, threadPort } from "../env/threads.ts";
import { nodeEnv } from "../env/node-env.ts";
import type { SegmentRequest } from "../snapshot/segment-messages.ts";
import { SegmentWriterService } from "../snapshot/segment-writer-service.ts";
import type { SnapshotThreadMessage } from "./thread-launcher.ts";

const env = nodeEnv();

parentThread().listen((message) => {
  const port = threadPort((message as SnapshotThreadMessage).port);
  const service = new SegmentWriterService({
    files: env.files,
    post: (response, transfer) => port.post(response, transfer),
  });
  port.listen(
    (request) => service.receive(request as SegmentRequest),
    () => service.abortAll(),
  );
});
