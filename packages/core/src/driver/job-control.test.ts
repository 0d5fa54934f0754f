/* Jobs on this thread, with real files and sockets, asked over their control channels. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { job } from "../api/job.ts";
import { collect } from "../connectors/collect.ts";
import { generator } from "../connectors/generator.ts";
import { errorCode } from "../errors.ts";
import { t } from "../types/t.ts";
import { count } from "../window/aggregates.ts";
import { connectToRun } from "./control-client.ts";
import type { RunConnection } from "./control-client.ts";
import { temporaryDirectory, usePrivateTemporaryDirectory } from "./control.fixture.ts";
import { listRuns } from "./run-listing.ts";
import { startJob } from "./run-job.ts";
import type { JobHandle, RunOptions } from "./run-job.ts";

usePrivateTemporaryDirectory();

/** Counts numbers per remainder, for ever. */
async function start(options: RunOptions): Promise<JobHandle> {
  const program = job("counting", (env) => {
    env
      .checkpoint({ interval: "1h" })
      .source("numbers", generator({ make: (index) => index, ratePerSecond: 1_000 }))
      .keyBy((n) => n % 3, t.int32)
      .aggregate("counts", { n: count() })
      .sink("out", collect());
  });
  const started = await startJob(program, options);
  assert.ok(started.kind === "started");
  after(() => started.job.cancel());
  return started.job;
}

async function connect(handle: JobHandle): Promise<RunConnection> {
  const run = await connectToRun(handle.runDirectory ?? "");
  after(() => run.close());
  return run;
}

/** Asks until a job that has only just begun runs. */
async function savepointOf(run: RunConnection, target?: string) {
  for (;;) {
    try {
      return await run.savepoint(target === undefined ? {} : { target });
    } catch (error) {
      if (errorCode(error) !== "JOB_NOT_RUNNING") throw error;
    }
  }
}

test("a running job tells how it stands, and does what it is asked for", async () => {
  const checkpointDirectory = temporaryDirectory();
  const handle = await start({ checkpointDirectory });
  const run = await connect(handle);
  const savepoint = await savepointOf(run, path.join(checkpointDirectory, "elsewhere"));
  assert.equal(path.dirname(savepoint.location), path.join(checkpointDirectory, "elsewhere"));
  assert.ok(existsSync(path.join(savepoint.location, "_metadata")));
  const checkpoint = await run.checkpoint({ full: true });
  assert.equal(checkpoint.location, `${handle.runDirectory}/chk-${checkpoint.checkpointId}`);
  const { startedAt, uptimeMs, recordsInCount, recordsOutCount, ...status } = await run.status();
  assert.ok(startedAt <= Date.now() && uptimeMs > 0);
  assert.ok(recordsInCount > 0 && recordsOutCount > 0, "records were counted");
  const { newestCheckpoint, newestSavepoint, ...rest } = status;
  assert.equal(newestCheckpoint?.location, checkpoint.location);
  assert.deepEqual(
    [newestSavepoint?.id, newestSavepoint?.location],
    [savepoint.checkpointId, savepoint.location],
  );
  assert.deepEqual(rest, {
    jobId: handle.runId,
    jobName: "counting",
    runDirectory: handle.runDirectory,
    status: "RUNNING",
    attempt: 1,
    epoch: 1,
    pid: process.pid,
    parallelism: 1,
    restoredFrom: null,
    completedCheckpointsCount: 2,
    failedCheckpointsCount: 0,
    snapshotsInProgress: [],
  });
  assert.match(await run.metricsText(), /^flink_jobmanager_job_numRestarts/m);
  assert.equal((await listRuns())[0]?.runDirectory, handle.runDirectory);
});

test("a job that is stopped answers with its savepoint, and takes its channel away", async () => {
  const checkpointDirectory = temporaryDirectory();
  const handle = await start({ checkpointDirectory });
  const run = await connect(handle);
  await savepointOf(run);
  const { location } = await run.stop({});
  assert.equal((await handle.ended).status, "FINISHED");
  assert.deepEqual(
    readdirSync(handle.runDirectory ?? "").filter((name) => name.includes("control")),
    [],
  );
  await assert.rejects(connect(handle), { code: "RUN_NOT_RUNNING", message: /it is finished\.$/ });
  // Keys of the configuration say what the next one begins from.
  const next = await start({
    checkpointDirectory,
    configuration: {
      "execution.savepoint.path": location,
      "state.savepoints.dir": path.join(checkpointDirectory, "named"),
    },
  });
  const nextRun = await connect(next);
  const savepoint = await savepointOf(nextRun);
  assert.equal(path.dirname(savepoint.location), path.join(checkpointDirectory, "named"));
  assert.equal((await nextRun.status()).restoredFrom, location);
  await nextRun.cancel();
  assert.equal((await next.ended).status, "CANCELED");
});

test("a job whose channel has no place runs all the same, and warns", async () => {
  const temporary = process.env["TMPDIR"];
  after(() => {
    process.env["TMPDIR"] = temporary;
  });
  process.env["TMPDIR"] = path.join(temporary ?? "", "absent");
  const codes: unknown[] = [];
  const handle = await start({
    checkpointDirectory: path.join(temporaryDirectory(), "long".repeat(30)),
    onEvent: (event) => {
      if (event.kind === "warning") codes.push(errorCode(event.error));
    },
  });
  assert.deepEqual(codes, ["CONTROL_UNAVAILABLE"]);
  assert.equal((await handle.cancel()).status, "CANCELED");
});
