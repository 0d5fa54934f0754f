// Restoring from a snapshot that a user names: what is found, refused, claimed and decided.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamEnvironment } from "../api/environment.ts";
import { job } from "../api/job.ts";
import { collect } from "../connectors/collect.ts";
import type { Files } from "../env/files.ts";
import { errorCode } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { readMetadata } from "../snapshot/metadata-file.ts";
import { deriveJobId } from "../snapshot/run-directory.ts";
import { readRunRecord } from "../snapshot/run-record.ts";
import { t } from "../types/t.ts";
import { count } from "../window/aggregates.ts";
import { JobBench, endless } from "./job.fixture.ts";
import { startJob } from "./run-job.ts";
import type { RestoreOptions } from "./restore-options.ts";

const KEPT = { checkpointDirectory: "/runs" };

interface Count {
  readonly key: number;
  readonly n: number;
}

function counting(out = collect<Count>(), retained = 1) {
  return (env: StreamEnvironment): void =>
    env
      .checkpoint({ interval: "1s", retain: { count: retained, onFailure: "keep" } })
      .source("numbers", endless())
      .keyBy((n) => n % 3, t.int32)
      .aggregate("counts", { n: count() })
      .sink("out", out);
}

/** A bench whose job was stopped with a savepoint. */
async function stopped() {
  const bench = new JobBench();
  const handle = await bench.running(counting(), KEPT);
  await bench.advance(2_500);
  const savepoint = await bench.world.scheduler.runUntil(handle.stop());
  bench.restart();
  return { bench, runDirectory: handle.runDirectory!, location: savepoint.location };
}

/** A bench whose job was killed after a few checkpoints, of which two are kept. */
async function killed() {
  const bench = new JobBench();
  const handle = await bench.running(counting(collect(), 2), KEPT);
  await bench.until(() => bench.count("checkpoint") > 3);
  await bench.advance(300);
  bench.restart();
  const runDirectory = handle.runDirectory!;
  const names = await bench.world.scheduler.runUntil(bench.process.env.files.list(runDirectory));
  const checkpoints = names
    .filter((name) => name.startsWith("chk-"))
    .sort((a, b) => Number(a.slice(4)) - Number(b.slice(4)));
  return { bench, runDirectory, checkpoints: checkpoints.map((name) => `${runDirectory}/${name}`) };
}

async function refused(
  bench: JobBench,
  restore: RestoreOptions,
  code: ErrorCode,
  message: RegExp,
): Promise<void> {
  const error = await bench.refused(counting(), { ...KEPT, newRun: true, restore });
  assert.equal(errorCode(error), code, error.message);
  assert.match(error.message, message);
}

/** Does something with the files of the bench's machine. */
function onFiles<T>(bench: JobBench, work: (files: Files) => Promise<T>): Promise<T> {
  return bench.world.scheduler.runUntil(work(bench.process.env.files));
}

async function copyTree(files: Files, from: string, to: string): Promise<void> {
  await files.createDirectory(to);
  for (const name of await files.list(from)) {
    const status = await files.status(`${from}/${name}`);
    if (status?.kind === "directory") await copyTree(files, `${from}/${name}`, `${to}/${name}`);
    else await copyFile(files, `${from}/${name}`, `${to}/${name}`);
  }
}

async function copyFile(files: Files, from: string, to: string): Promise<void> {
  const source = await files.open(from);
  const target = await files.create(to);
  await target.write(await source.read(0, source.sizeBytes));
  await target.close();
  await source.close();
}

test("what is no snapshot is told apart, and leaves nothing behind", async () => {
  const { bench, runDirectory, location } = await stopped();
  const before = await onFiles(bench, (files) => files.list("/runs"));
  await onFiles(bench, async (files) => {
    await files.createDirectory("/empty");
    await files.createDirectory("/half");
    await (await files.create("/half/a-0-1-1-1.seg")).close();
  });
  const cases: [string, RegExp][] = [
    ["/nothing", /nothing at \/nothing/],
    [`${location}/nothing`, /nothing at/],
    ["/half/a-0-1-1-1.seg", /is a file; a snapshot is a directory/],
    ["/empty", /It is empty/],
    ["/half", /never completed/],
    [runDirectory, /directory of a run that has no checkpoint/],
    ["/runs/savepoints", new RegExp(`There are ${location.split("/").at(-1)}; name one of them`)],
  ];
  for (const [path, message] of cases) {
    await refused(bench, { path }, "SNAPSHOT_NOT_FOUND", message);
  }
  assert.deepEqual(await onFiles(bench, (files) => files.list("/runs")), before);
});

test("a run's directory is told with its newest checkpoint", async () => {
  const { bench, runDirectory, checkpoints } = await killed();
  const newest = checkpoints.at(-1)!;
  await refused(
    bench,
    { path: runDirectory },
    "SNAPSHOT_NOT_FOUND",
    new RegExp(`newest checkpoint is ${newest}`),
  );
});

test("a damaged, partial or foreign savepoint is refused with file and offset", async () => {
  const { bench, location } = await stopped();
  const [segment] = (await onFiles(bench, (files) => files.list(location))).filter((name) =>
    name.endsWith(".seg"),
  );
  const changed = async (change: (bytes: Uint8Array) => Uint8Array): Promise<void> =>
    onFiles(bench, async (files) => {
      await files.removeTree("/copy");
      await copyTree(files, location, "/copy");
      const file = await files.open("/copy/_metadata");
      const bytes = await file.read(0, file.sizeBytes);
      await file.close();
      await files.remove("/copy/_metadata");
      const target = await files.create("/copy/_metadata");
      await target.write(change(bytes));
      await target.close();
    });
  const copy = { path: "/copy" };
  await changed((bytes) => bytes.subarray(0, bytes.length - 1));
  await refused(bench, copy, "METADATA_CORRUPTED", /\/copy\/_metadata/);
  await changed(() => new TextEncoder().encode("not ours\n"));
  await refused(bench, copy, "METADATA_CORRUPTED", /\/copy\/_metadata/);
  await changed((bytes) => bytes);
  await onFiles(bench, (files) => files.remove(`/copy/${segment}`));
  await refused(bench, copy, "SEGMENT_CORRUPTED", new RegExp(`/copy/${segment}.* it is missing`));
});

test("a savepoint that was moved is restored, without its run", async () => {
  const { bench, location } = await stopped();
  await onFiles(bench, async (files) => {
    await copyTree(files, location, "/moved/here");
    await files.removeTree("/runs");
  });
  const out = collect<Count>();
  for (const path of ["/moved/here/", "/moved/here/_metadata"]) {
    const options = { ...KEPT, newRun: true, restore: { path, sinks: "commit" } } as const;
    const handle = await bench.running(counting(out), options);
    await bench.advance(2_000);
    await bench.world.scheduler.runUntil(handle.cancel());
    assert.ok(Math.max(...out.records().map(({ n }) => n)) > 100, "it goes on, not from 0");
  }
});

test("what a killed run had not synced stays once another has begun from it", async () => {
  for (let seed = 0; seed < 8; seed++) {
    const bench = new JobBench(`unsynced ${seed}`);
    const { runDirectory } = await bench.running(counting(), KEPT);
    const path = `${runDirectory}/chk-2`;
    await bench.until(() => bench.world.disk.find(`${path}/_metadata`) !== undefined);
    bench.restart();
    const options = { ...KEPT, restore: { path } };
    startJob(job("test", counting()), { ...options, env: bench.process.env }).catch(
      () => undefined,
    );
    const record = `/runs/${deriveJobId("test", 1)}/run.json`;
    await bench.until(() => bench.world.disk.find(record) !== undefined);
    bench.world.crashMachine();
    bench.restart();
    bench.events.length = 0;
    await bench.running(counting(), options);
    const attempt = bench.events.find((event) => event.kind === "attempt");
    assert.equal(attempt?.restoredId, 2);
    bench.restart();
  }
});

test("the newest checkpoint of a run that does not run needs no choice", async () => {
  const { bench, checkpoints } = await killed();
  const handle = await bench.running(counting(), { ...KEPT, restore: { path: checkpoints[1] } });
  assert.notEqual(handle.runDirectory, checkpoints[1].slice(0, handle.runDirectory!.length));
  await bench.until(() => bench.count("checkpoint") > 5);
  await bench.world.scheduler.runUntil(handle.cancel());
});

test("where the other run went on, or may, sinks want a choice", async () => {
  const { bench, checkpoints } = await killed();
  await refused(bench, { path: checkpoints[0] }, "RESTORE_SINKS_UNDECIDED", /went on to chk-/);
  await refused(
    bench,
    { path: checkpoints[0], sinks: { out: "commit", other: "discard" } },
    "INVALID_ARGUMENT",
    /"other".* share are: out/,
  );
  await onFiles(bench, (files) => copyTree(files, checkpoints[1], "/alone/chk-9"));
  const running = await bench.running(counting(collect(), 2), KEPT);
  await refused(bench, { path: checkpoints[1] }, "RESTORE_SINKS_UNDECIDED", /is running/);
  const savepoint = await bench.world.scheduler.runUntil(running.savepoint());
  await refused(bench, { path: savepoint.location }, "RESTORE_SINKS_UNDECIDED", /"out".*--restore/);
  for (const sinks of ["commit", "discard", { out: "discard" }] as const) {
    const options = { ...KEPT, newRun: true, restore: { path: savepoint.location, sinks } };
    const handle = await bench.running(counting(), options);
    await bench.world.scheduler.runUntil(handle.cancel());
  }
});

test("a second run from the savepoint of a stop wants a choice", async () => {
  const { bench, location } = await stopped();
  const handle = await bench.running(counting(), { ...KEPT, restore: { path: location } });
  await bench.world.scheduler.runUntil(handle.cancel());
  await refused(bench, { path: location }, "RESTORE_SINKS_UNDECIDED", /run [0-9a-f]{32} .* too/);
});

test("a run does not go on where another began with its sinks", async () => {
  const { bench, checkpoints } = await killed();
  const handle = await bench.running(counting(), { ...KEPT, restore: { path: checkpoints[1] } });
  await bench.world.scheduler.runUntil(handle.cancel());
  const { jobId } = await onFiles(bench, (files) => readMetadata(files, checkpoints[1]));
  const error = await bench.refused(counting(collect(), 2), { ...KEPT, jobId });
  assert.equal(errorCode(error), "RESTORE_SINKS_UNDECIDED");
  assert.match(error.message, /began from .*, where this run would go on/);
});

test("NO_CLAIM leaves the savepoint alone, and refers to nothing of it", async () => {
  const { bench, location } = await stopped();
  const handle = await bench.running(counting(), { ...KEPT, restore: { path: location } });
  await bench.until(() => bench.count("checkpoint") > 3);
  await onFiles(bench, (files) => files.removeTree(location));
  bench.restart();
  const again = await bench.running(counting(), { ...KEPT, restore: { path: location } });
  assert.equal(again.runDirectory, handle.runDirectory, "the same command goes on");
  await bench.advance(2_000);
  assert.equal(again.status, "RUNNING");
});

test("CLAIM deletes a savepoint as soon as a checkpoint has taken its place", async () => {
  const { bench, location } = await stopped();
  const restore = { path: location, claimMode: "CLAIM" } as const;
  const before = bench.count("checkpoint");
  await bench.running(counting(), { ...KEPT, restore });
  assert.ok(await onFiles(bench, (files) => files.status(location)));
  await bench.until(() => bench.count("checkpoint") > before);
  await bench.advance(500);
  assert.equal(await onFiles(bench, (files) => files.status(location)), undefined);
  bench.restart();
  const again = await bench.running(counting(), { ...KEPT, restore });
  await bench.advance(2_000);
  assert.equal(again.status, "RUNNING");
});

test("CLAIM of a checkpoint takes it and its segments from its run", async () => {
  const { bench, runDirectory, checkpoints } = await killed();
  const restore = { path: checkpoints[1], claimMode: "CLAIM" } as const;
  const before = bench.count("checkpoint");
  await bench.running(counting(), { ...KEPT, restore });
  await bench.until(() => bench.count("checkpoint") > before);
  await bench.advance(500);
  assert.equal(await onFiles(bench, (files) => files.status(checkpoints[1])), undefined);
  const left = await onFiles(bench, (files) => readMetadata(files, checkpoints[0]));
  const kept = left.operators.flatMap(({ subtasks }) => subtasks.flatMap((one) => one.segments));
  const segments = await onFiles(bench, (files) => files.list(`${runDirectory}/shared`));
  assert.deepEqual(new Set(segments), new Set(kept.map(({ file }) => file.slice(7))));
  const record = await onFiles(bench, (files) => readRunRecord(files, runDirectory));
  assert.equal(record?.isResumable, false);
});

test("the checkpoint of a running run cannot be claimed", async () => {
  const { bench, checkpoints } = await killed();
  await bench.running(counting(collect(), 2), KEPT);
  await refused(
    bench,
    { path: checkpoints[1], claimMode: "CLAIM", sinks: "discard" },
    "RUN_LOCKED",
    /cannot be claimed: its run is running/,
  );
});

test("killed before its first checkpoint, a run begins from its snapshot again", async () => {
  const { bench, location } = await stopped();
  const handle = await bench.running(counting(), { ...KEPT, restore: { path: location } });
  await bench.advance(10);
  bench.restart();
  for (const restore of [{ restore: { path: location } }, {}]) {
    bench.events.length = 0;
    const again = await bench.running(counting(), { ...KEPT, ...restore });
    assert.equal(again.runDirectory, handle.runDirectory);
    const attempt = bench.events.find((event) => event.kind === "attempt");
    const { checkpointId } = await onFiles(bench, (files) => readMetadata(files, location));
    assert.equal(attempt?.restoredId, checkpointId);
    bench.restart();
  }
});
