// The run directory on a real file system, with real processes: what the simulator cannot show.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { nodeEnv } from "../env/node-env.ts";
import type { OxbowError } from "../errors.ts";
import { recoverCheckpointStore } from "./checkpoint-store.ts";
import type { SegmentHandle } from "./metadata.ts";
import { METADATA_VERSION } from "./metadata-file.ts";
import { openRun, type RunDirectory } from "./run-directory.ts";
import { openSegment } from "./segment-reader.ts";
import { SegmentWriter } from "./segment-writer.ts";

const temporary = await mkdtemp(join(tmpdir(), "oxbow-run-"));
after(() => rm(temporary, { recursive: true }));

const HOLDER = `
  import { nodeEnv } from ${JSON.stringify(new URL("../env/node-env.ts", import.meta.url).href)};
  import { openRun } from ${JSON.stringify(new URL("./run-directory.ts", import.meta.url).href)};
  const [, checkpointDirectory] = process.argv;
  await openRun(nodeEnv(), { checkpointDirectory, jobName: "held" });
  process.stdout.write("held");
  setInterval(() => undefined, 1000);
`;

async function open(checkpointDirectory: string, jobName: string): Promise<RunDirectory> {
  const opening = await openRun(nodeEnv(), { checkpointDirectory, jobName });
  assert.ok(opening.kind === "open");
  return opening.run;
}

describe("run directory on a real file system", () => {
  it("is refused while another process lives, and taken over after kill -9", async () => {
    const args = ["--input-type=module-typescript", "-e", HOLDER, temporary];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    await assert.rejects(open(temporary, "held"), (error: OxbowError) => {
      return error.code === "RUN_LOCKED" && error.details["pid"] === child.pid;
    });
    child.kill("SIGKILL");
    await once(child, "exit");
    const run = await open(temporary, "held");
    assert.equal(run.epoch, 2);
    await run.close();
  });

  it("keeps a checkpoint with a segment across two processes' lives", async () => {
    const env = nodeEnv();
    const run = await open(temporary, "kept");
    const options = {
      files: env.files,
      directory: run.directory,
      epoch: run.epoch,
      retainedCount: 1,
      retention: "delete-on-cancellation",
      warn: assert.ifError,
    } as const;
    const { store } = await recoverCheckpointStore(options);
    const checkpointId = await run.allocateCheckpointId();
    await store.begin(checkpointId);
    const handle = await writeSegment(run, checkpointId);
    store.register(checkpointId, [handle]);
    await store.complete({
      version: METADATA_VERSION,
      checkpointId,
      kind: "checkpoint",
      triggeredAt: 1,
      completedAt: 2,
      jobId: run.jobId,
      jobName: "kept",
      epoch: run.epoch,
      operators: [
        {
          operatorId: "0".repeat(32),
          uid: "count",
          kind: "keyed",
          parallelism: 1,
          maxParallelism: 128,
          stateSchemas: {},
          enumerator: undefined,
          subtasks: [{ segments: [handle], states: [], watermark: undefined, hasEnded: false }],
        },
      ],
      edges: [],
      hasCommittables: false,
    });
    await run.close();

    const again = await open(temporary, "kept");
    const { decision } = await recoverCheckpointStore({ ...options, epoch: again.epoch });
    assert.ok(decision.kind === "use");
    const [found] = decision.checkpoint.operators[0].subtasks[0].segments;
    assert.deepEqual(found, handle);
    const reader = await openSegment(env.files, { directory: again.directory, handle: found });
    await reader.verify(found.checksum);
    for await (const rows of reader.rows()) assert.equal(rows.count, 2);
    await reader.close();
    const text = await readFile(join(again.directory, "chk-1", "_metadata"), "utf8");
    assert.match(text, /^oxbow-metadata 1 \d+ [0-9a-f]{8}\n\{/);
    await again.close();
  });
});

async function writeSegment(run: RunDirectory, checkpointId: number): Promise<SegmentHandle> {
  const writer = new SegmentWriter(nodeEnv().files, {
    directory: run.directory,
    file: "shared/a.seg",
    kind: "full",
    uid: "count",
    checkpointId,
    keyGroupStart: 0,
    keyGroupEnd: 128,
    maxParallelism: 128,
    keySchema: { version: 1, type: { kind: "int32" } },
    schemas: {},
    compress: true,
  });
  writer.add({
    table: "main",
    kind: "puts",
    count: 2,
    keyGroups: Uint16Array.of(1, 2),
    keys: {
      bytes: Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0),
      starts: Int32Array.of(0, 4),
      ends: Int32Array.of(4, 8),
    },
    namespaces: undefined,
    mapKeys: undefined,
    columns: [{ name: "count", values: Float64Array.of(5, 6), present: undefined }],
  });
  const handle = await writer.finish();
  assert.ok(handle !== undefined);
  return handle;
}
