/*
 * Two terminals: a job on worker threads and files in one, `oxbow` commands in the other. Whatever
 * is asked of the job and however it goes on, its output is in the end that of an uninterrupted
 * run, to the last byte of the sorted lines.
 */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import {
  checkpointAfter,
  committedLines,
  newestCheckpoint,
  pendingFiles,
  temporaryDirectory,
} from "./golden/golden.fixture.ts";
import { BIN, oxbow, startOxbow, startProcess } from "../../packages/cli/src/process.fixture.ts";
import type { GoldenJob } from "./golden/jobs.ts";

const JOBS = path.join(import.meta.dirname, "golden/jobs.ts");
const RECORDS = 20_000;
/** Paced so that a run lasts until it is asked: 50 s, if nobody asks. */
const RATE = 400;
/** For a run that must come to its end at that pace. */
const HIGH_RATE = 2_000;

const TEMPORARY = tmpdir();

/** Where a job writes and keeps its runs, and what it should have written in the end. */
interface Scene {
  readonly job: GoldenJob;
  readonly directory: string;
  readonly checkpoints: string;
  readonly expected: readonly string[];
}

async function scene(context: TestContext, job: GoldenJob): Promise<Scene> {
  process.env["TMPDIR"] = TEMPORARY;
  const straight = temporaryDirectory((clean) => context.after(clean));
  const directory = temporaryDirectory((clean) => context.after(clean));
  // The registry of these runs is their own.
  process.env["TMPDIR"] = directory;
  const { code, stderr } = await oxbow("run", JOBS, "-p", "2", ...jobArgs(job, straight, 0));
  assert.equal(code, 0, stderr);
  const expected = committedLines(straight);
  assert.ok(expected.length > 100, "the job has output");
  return { job, directory, checkpoints: path.join(directory, "runs"), expected };
}

function jobArgs(job: GoldenJob, directory: string, rate: number): string[] {
  return ["--", job, path.join(directory, "out"), String(RECORDS), String(rate)];
}

/** The command of the first terminal. */
function runLine(
  { job, directory, checkpoints }: Scene,
  rate: number,
  ...more: string[]
): string[] {
  const line = ["run", JOBS, "-p", "2", "--checkpoint-dir", checkpoints, ...more];
  return [...line, ...jobArgs(job, directory, rate)];
}

/** Starts the job in the first terminal and waits until it has something to lose. */
async function start(context: TestContext, place: Scene, rate: number, ...more: string[]) {
  const running = startOxbow(runLine(place, rate, ...more));
  context.after(() => running.child.kill("SIGKILL"));
  await checkpointAfter(place.directory, newestCheckpoint(place.directory), running.ended);
  return running;
}

function assertComplete({ directory, expected }: Scene): void {
  assert.deepEqual(committedLines(directory), expected);
  assert.deepEqual(pendingFiles(directory), []);
}

for (const job of ["windows", "process", "connect"] as const) {
  test(`${job}: asked, stopped and run from its savepoint, it loses nothing`, async (context) => {
    const place = await scene(context, job);
    const running = await start(context, place, RATE);
    const listed = JSON.parse((await oxbow("list", "-o", "json")).stdout) as {
      runs: { jobId: string; jobName: string; status: string; pid: number }[];
    };
    const [run] = listed.runs;
    assert.deepEqual(
      [listed.runs.length, run?.jobName, run?.status, run?.pid],
      [1, "golden", "RUNNING", running.child.pid],
    );
    const savepoint = await oxbow("savepoint", run?.jobId.slice(0, 8) ?? "");
    assert.equal(savepoint.code, 0, savepoint.stderr);
    assert.ok(existsSync(path.join(savepoint.stdout.trimEnd(), "_metadata")));
    const stopped = await oxbow("stop", "golden", "-o", "json");
    assert.equal(stopped.code, 0, stopped.stderr);
    const { location } = JSON.parse(stopped.stdout) as { location: string };
    assert.equal((await running.ended).code, 0);
    assert.equal((await oxbow("list")).stdout, "");

    // A savepoint needs nothing of the run that took it, nor its own place.
    const moved = path.join(place.directory, "moved");
    renameSync(location, moved);
    const last = await oxbow(...runLine(place, 0, "-s", moved));
    assert.equal(last.code, 0, last.stderr);
    assertComplete(place);
  });
}

test("Ctrl-C stops the job, and the line that it prints goes on", async (context) => {
  const place = await scene(context, "running");
  const running = await start(context, place, HIGH_RATE);
  running.child.kill("SIGINT");
  const { code, stderr } = await running.ended;
  assert.equal(code, 130, stderr);
  const [, line = ""] = /\nTo go on from it:\n {2}(oxbow run .*)\n$/.exec(stderr) ?? [];
  assert.notEqual(line, "", stderr);

  const bin = path.join(place.directory, "bin");
  mkdirSync(bin);
  writeFileSync(path.join(bin, "oxbow"), `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`);
  chmodSync(path.join(bin, "oxbow"), 0o755);
  process.env["PATH"] = `${bin}:${process.env["PATH"]}`;
  const before = newestCheckpoint(place.directory);
  const next = startProcess("/bin/sh", ["-c", `exec ${line}`]);
  await checkpointAfter(place.directory, before, next.ended);
  next.child.kill("SIGKILL");
  assert.equal((await next.ended).signal, "SIGKILL");

  const last = await startProcess("/bin/sh", ["-c", line]).ended;
  assert.equal(last.code, 0, last.stderr);
  assert.match(last.stderr, /^Attempt 1 goes on from checkpoint \d+\./);
  assertComplete(place);
});

test("a job that is drained ends, and one that is canceled is over", async (context) => {
  const place = await scene(context, "sessions");
  const running = await start(context, place, RATE);
  const drained = await oxbow("stop", "golden", "--drain");
  assert.equal(drained.code, 0, drained.stderr);
  assert.equal((await running.ended).code, 0);
  assert.deepEqual(pendingFiles(place.directory), []);
  assert.ok(committedLines(place.directory).length > 0, "windows have fired");

  const again = await start(context, place, RATE, "--new-run");
  const canceled = await oxbow("cancel", "golden");
  assert.equal(canceled.code, 0, canceled.stderr);
  assert.equal((await again.ended).code, 130);
  const list = await oxbow("list", "--checkpoint-dir", place.checkpoints, "-o", "json");
  const statuses = (JSON.parse(list.stdout) as { runs: { status: string }[] }).runs;
  assert.deepEqual(statuses.map(({ status }) => status).toSorted(), ["CANCELED", "FINISHED"]);
});

test("a savepoint of a job that went on needs a choice for its sinks", async (context) => {
  const place = await scene(context, "process");
  const running = await start(context, place, RATE);
  const savepoint = (await oxbow("savepoint", "golden")).stdout.trimEnd();
  await checkpointAfter(place.directory, newestCheckpoint(place.directory), running.ended);
  assert.equal((await oxbow("stop", "golden")).code, 0);
  const elsewhere = { ...place, checkpoints: path.join(place.directory, "fork") };
  const refused = await oxbow(...runLine(elsewhere, 0, "-s", savepoint));
  assert.equal(refused.code, 7);
  assert.match(refused.stderr, /^oxbow: RESTORE_SINKS_UNDECIDED: /);
  assert.equal(existsSync(elsewhere.checkpoints), false, "it has left nothing");
  const fork = { ...elsewhere, directory: path.join(place.directory, "fork-out") };
  const forked = await oxbow(...runLine(fork, 0, "-s", savepoint, "--restore-sinks", "discard"));
  assert.equal(forked.code, 0, forked.stderr);
  assert.ok(committedLines(fork.directory).length > 0, "it writes where it is told to");
  const missing = place.expected.filter((line) => !committedLines(place.directory).includes(line));
  const written = new Set(committedLines(fork.directory));
  assert.deepEqual(
    missing.filter((line) => !written.has(line)),
    [],
  );
});
