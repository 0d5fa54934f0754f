/* A run that is kept, in one terminal and seen from another: Ctrl-C, list, savepoints, stopping. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { JOBS, oxbow, startOxbow } from "../../packages/cli/src/process.fixture.ts";
import type { Running } from "../../packages/cli/src/process.fixture.ts";

/** Of the commands. */
const WORKING_DIRECTORY = path.join(import.meta.dirname, "../../packages/cli/src");

let directory = "";

before(() => {
  directory = mkdtempSync(path.join(tmpdir(), "oxbow-kept-"));
  // The registry of these tests is their own.
  process.env["TMPDIR"] = directory;
});
after(() => rmSync(directory, { recursive: true, force: true }));

/** A run of the endless job in a checkpoint directory of its own. */
interface KeptRun extends Running {
  readonly name: string;
  readonly checkpoints: string;
  readonly runDirectory: string;
}

/** Starts it and waits until it is found and runs. */
async function start(name: string, ...more: readonly string[]): Promise<KeptRun> {
  const checkpoints = path.join(directory, name);
  const line = ["run", JOBS, "--checkpoint-dir", checkpoints, "--job-id", name, "-o", "jsonl"];
  const place = path.join(directory, `${name}-out`);
  const interval = ["-D", "execution.checkpointing.interval=100ms"];
  const running = startOxbow([...line, ...interval, ...more, "--", "endless", place]);
  after(() => running.child.kill("SIGKILL"));
  await running.says(/"kind":"checkpoint"/);
  return { ...running, name, checkpoints, runDirectory: path.join(checkpoints, name) };
}

async function cancel(run: KeptRun): Promise<void> {
  run.child.kill("SIGTERM");
  assert.equal((await run.ended).code, 143);
}

/** The last line of stdout: what the command came to. */
function lastJson(stdout: string): Record<string, unknown> {
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Record<string, unknown>;
}

test("Ctrl-C stops a kept run with a savepoint and says how to go on; that line does", async () => {
  const run = await start("ctrl-c");
  run.child.kill("SIGINT");
  const { code, stdout, stderr } = await run.ended;
  assert.equal(code, 130, stderr);
  const { status, savepoint } = lastJson(stdout) as { status: string; savepoint: string };
  assert.equal(status, "FINISHED");
  assert.equal(path.dirname(savepoint), path.join(run.checkpoints, "savepoints"));
  assert.ok(existsSync(path.join(savepoint, "_metadata")));
  const [said, taken, summary, stopped, how, line = ""] = stderr.trimEnd().split("\n");
  assert.equal(said, "Stopping the job with a savepoint; once more to cancel it.");
  assert.match(taken ?? "", /^Savepoint \d+ is complete: \//);
  assert.match(summary ?? "", /^fixture FINISHED after /);
  assert.equal(stopped, `It was stopped with the savepoint ${savepoint}`);
  assert.equal(how, "To go on from it:");
  const expected =
    `  oxbow run jobs.fixture.ts -s ${savepoint} --checkpoint-dir ${run.checkpoints} ` +
    `-D execution.checkpointing.interval=100ms -o jsonl -- endless ${directory}/ctrl-c-out`;
  assert.equal(line, expected);

  const again = await oxbow(
    ...["run", JOBS, "--checkpoint-dir", run.checkpoints, "--job-id", "ctrl-c", "-o", "json"],
    ...["--", "endless", path.join(directory, "ctrl-c-out")],
  );
  assert.equal(again.code, 7);
  assert.match(again.stderr, /^This run is over, and nothing was done\.\nIt was stopped with the /);
  assert.match(again.stderr, new RegExp(`To go on from it:\n  oxbow run .* -s ${savepoint} `));
  assert.deepEqual(lastJson(again.stdout), {
    kind: "over",
    status: "FINISHED",
    runDirectory: run.runDirectory,
    savepoint,
  });

  const next = startOxbow(expected.trim().split(" ").slice(1));
  await next.says(/"kind":"attempt","attempt":1,"restoredId":\d+/);
  next.child.kill("SIGTERM");
  assert.equal((await next.ended).code, 143);
});

test("a savepoint that fails is told, and the job goes on until Ctrl-C again", async () => {
  const inTheWay = path.join(directory, "in-the-way");
  writeFileSync(inTheWay, "");
  const run = await start("fails", "--savepoint-dir", inTheWay);
  run.child.kill("SIGINT");
  await run.says(/The job was not stopped; Ctrl-C again cancels it\./);
  const { stdout } = await oxbow("list", "-o", "json");
  assert.match(stdout, /"jobId":"fails".*"status":"RUNNING"/);
  run.child.kill("SIGINT");
  const { code, stderr } = await run.ended;
  assert.equal(code, 130);
  assert.match(stderr, /\nSAVEPOINT_FAILED: [^\n]*in-the-way/);
  assert.match(stderr, /\nCanceling the job; once more to end at once\.\nfixture CANCELED after /);
});

test("list shows a run while it lives, and in its directory when it is over", async () => {
  const run = await start("listed");
  const text = await oxbow("list");
  assert.deepEqual([text.code, text.stderr], [0, ""]);
  assert.match(text.stdout, /^JOB ID +NAME +STATUS /);
  assert.match(
    text.stdout,
    /\nlisted +fixture +RUNNING +[\d.]+ m?s +\d+ +\d+, [\d.]+ m?s ago +-\n/,
  );
  const json = lastJson((await oxbow("list", "-o", "json")).stdout) as {
    runs: Record<string, unknown>[];
  };
  const found = json.runs.find(({ jobId }) => jobId === "listed");
  assert.deepEqual(
    [found?.["status"], found?.["isRunning"], found?.["runDirectory"], found?.["pid"]],
    ["RUNNING", true, run.runDirectory, run.child.pid],
  );
  await cancel(run);
  const none = await oxbow("list", "-r", "--checkpoint-dir", run.checkpoints);
  assert.deepEqual([none.code, none.stdout], [0, ""]);
  assert.match(none.stderr, /^No job of yours that keeps checkpoints runs on this machine\.\n$/);
  const over = await oxbow("list", "--checkpoint-dir", run.checkpoints);
  assert.match(over.stdout, /\nlisted +fixture +CANCELED +- +- +- +-\n$/);
  const absent = await oxbow("list", "--checkpoint-dir", path.join(directory, "absent"));
  assert.deepEqual([absent.code, absent.stdout], [6, ""]);
});

test("savepoint and checkpoint write a path to stdout, and an object with -o json", async () => {
  const run = await start("asked");
  const savepoint = await oxbow("savepoint", "asked");
  assert.equal(savepoint.code, 0, savepoint.stderr);
  assert.match(savepoint.stderr, /^Savepoint \d+ of fixture is complete: \S+ B in [\d.]+ m?s\.\n$/);
  const place = savepoint.stdout.trimEnd();
  assert.equal(path.dirname(place), path.join(run.checkpoints, "savepoints"));
  const relative = path.relative(WORKING_DIRECTORY, path.join(directory, "sp"));
  const elsewhere = await oxbow("savepoint", "fixture", relative, "-o", "json");
  const { kind, jobId, jobName, runDirectory, location } = lastJson(elsewhere.stdout);
  assert.deepEqual(
    [kind, jobId, jobName, runDirectory, path.dirname(location as string)],
    ["savepoint", "asked", "fixture", run.runDirectory, path.join(directory, "sp")],
  );
  const checkpoint = await oxbow("checkpoint", run.runDirectory, "--full");
  assert.match(checkpoint.stdout, /\/asked\/chk-\d+\n$/);
  assert.match(checkpoint.stderr, /^Checkpoint \d+ of fixture is complete: /);
  const unknown = await oxbow("checkpoint", "aske2");
  assert.deepEqual([unknown.code, unknown.stdout], [2, ""]);
  assert.equal(
    unknown.stderr,
    'oxbow: there is no run "aske2"; there are:\n  asked  fixture  RUNNING\n',
  );
  const inTheWay = path.join(directory, "file");
  writeFileSync(inTheWay, "");
  const failed = await oxbow("savepoint", "asked", inTheWay);
  assert.deepEqual([failed.code, failed.stdout], [5, ""]);
  assert.match(failed.stderr, /^oxbow: SAVEPOINT_FAILED: /);
  await cancel(run);
});

test("stop ends the job where it runs, with the same savepoint in both terminals", async () => {
  const run = await start("stopped");
  const stopped = await oxbow("stop", "stop", "-p", path.join(directory, "stops"));
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.match(
    stopped.stderr,
    /^fixture has stopped with savepoint \d+: .* with -s and this path:\n/,
  );
  const savepoint = stopped.stdout.trimEnd();
  assert.equal(path.dirname(savepoint), path.join(directory, "stops"));
  const { code, stdout, stderr } = await run.ended;
  assert.equal(code, 0);
  assert.equal(lastJson(stdout)["savepoint"], savepoint);
  assert.match(stderr, new RegExp(`\nIt was stopped with the savepoint ${savepoint}\nTo go on `));
  const again = await oxbow("stop", run.runDirectory);
  assert.equal(again.code, 7);
  assert.match(again.stderr, /^oxbow: RUN_NOT_RUNNING: .* is not running: it is finished\.\n$/);
});

test("a drained job says no way to go on, and is over with a result", async () => {
  const run = await start("drained");
  const stopped = await oxbow("stop", "drained", "--drain", "-o", "json");
  assert.equal(lastJson(stopped.stdout)["kind"], "stopped");
  const { code, stderr } = await run.ended;
  assert.equal(code, 0);
  assert.match(stderr, /\nIt was drained and stopped with the savepoint \S+\n$/);
});

test("cancel cancels the job where it runs", async () => {
  const run = await start("canceled");
  const { code, stdout, stderr } = await oxbow("cancel", "canceled");
  assert.deepEqual([code, stdout, stderr], [0, "", "fixture is canceled.\n"]);
  const ended = await run.ended;
  assert.equal(ended.code, 130);
  assert.match(ended.stderr, /fixture CANCELED after /);
});

const NEEDS_POSIX = process.platform === "win32" && "needs pipes with a name";

test("Ctrl-C ends a command that asks, not what was asked", { skip: NEEDS_POSIX }, async () => {
  const pipe = path.join(directory, "never");
  execFileSync("mkfifo", [pipe]);
  const line = ["run", JOBS, "--checkpoint-dir", path.join(directory, "left"), "--job-id", "left"];
  const run = startOxbow([...line, "--", "blocked", pipe]);
  after(() => run.child.kill("SIGKILL"));
  await run.says(/blocked/);
  const asking = startOxbow(["savepoint", "left"]);
  // The function of the job holds the barrier up, so the savepoint stays in progress.
  const isTaken = async (): Promise<boolean> =>
    (await oxbow("list", "-o", "json")).stdout.includes('"isSavepoint":true');
  while (!(await isTaken()));
  asking.child.kill("SIGINT");
  const { code, stdout, stderr } = await asking.ended;
  assert.deepEqual([code, stdout], [130, ""]);
  assert.equal(stderr, "The job does it all the same; oxbow list shows how it stands.\n");
  assert.ok(await isTaken(), "it goes on");
});

test("a run begins from what -s names, and flags without it are refused", async () => {
  const nothing = await oxbow("run", JOBS, "-s", directory, "--checkpoint-dir", directory);
  assert.equal(nothing.code, 3);
  assert.match(nothing.stderr, /^oxbow: SNAPSHOT_NOT_FOUND: /);
  const flags = await oxbow("run", JOBS, "-rm", "CLAIM");
  assert.deepEqual(
    [flags.code, flags.stderr],
    [2, "oxbow: --claim-mode says how to restore a snapshot; name one with -s <path>\n"],
  );
  const legacy = await oxbow("run", JOBS, "-restoreMode", "LEGACY");
  assert.equal(legacy.code, 2);
  assert.match(legacy.stderr, /argument 'LEGACY' is invalid\. In LEGACY mode nobody knows who may/);
  const key = await oxbow("run", JOBS, "-D", "execution.savepoint-restore-mode=LEGACY");
  assert.equal(key.code, 3);
  assert.match(key.stderr, /^oxbow: SETTING_NOT_SUPPORTED: /);
  assert.equal(readFileSync(path.join(directory, "in-the-way"), "utf8"), "");
});
