/* Which runs there are: in the registry and in a directory, alive, silent, dead and at rest. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { errorCode } from "../errors.ts";
import { nodeEnv } from "../env/node-env.ts";
import { connectToRun } from "./control-client.ts";
import { serveRun, temporaryDirectory, usePrivateTemporaryDirectory } from "./control.fixture.ts";
import { listRuns } from "./run-listing.ts";
import type { RunListing } from "./run-listing.ts";

/** The registry of the tests, made anew for each. */
function registryOf(temporary: string): string {
  return path.join(temporary, `oxbow-${process.getuid?.() ?? ""}`, "runs");
}

/** `kind` and job id of each. */
function summary(listings: readonly RunListing[]): string[] {
  return listings.map((listing) => {
    const id =
      listing.kind === "live" ? listing.report.jobId : path.posix.basename(listing.runDirectory);
    return `${listing.kind} ${id}`;
  });
}

/** Another process that serves a run, until the test ends. */
async function serveElsewhere(checkpointDirectory: string, jobId: string): Promise<ChildProcess> {
  const fixture = path.join(import.meta.dirname, "control.fixture.ts");
  const script = `import { serveRun } from ${JSON.stringify(fixture)};
    await serveRun(${JSON.stringify(checkpointDirectory)}, ${JSON.stringify(jobId)});
    console.log("serving");
    setInterval(() => undefined, 1_000);`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

test("live runs are found without a directory, and not after they have ended", async () => {
  const temporary = usePrivateTemporaryDirectory();
  const first = await serveRun(temporaryDirectory(), "first");
  const second = await serveRun(temporaryDirectory(), "second");
  second.control.report = { ...second.control.report, startedAt: 2_000 };
  const listings = await listRuns();
  assert.deepEqual(summary(listings), ["live first", "live second"]);
  assert.deepEqual(listings[0], {
    kind: "live",
    runDirectory: first.run.directory,
    report: first.control.report,
  });
  const [entry = ""] = readdirSync(registryOf(temporary));
  const { version, pid } = JSON.parse(
    readFileSync(path.join(registryOf(temporary), entry), "utf8"),
  ) as Record<string, unknown>;
  assert.deepEqual([version, pid], [1, process.pid]);
  await first.close();
  assert.deepEqual(summary(await listRuns()), ["live second"]);
  await second.close();
  assert.deepEqual(readdirSync(registryOf(temporary)), []);
});

test("a killed process leaves its run at rest, and its entry to the next reader", async () => {
  const temporary = usePrivateTemporaryDirectory();
  const checkpointDirectory = temporaryDirectory();
  const child = await serveElsewhere(checkpointDirectory, "killed");
  assert.deepEqual(summary(await listRuns()), ["live killed"]);
  await kill(child);
  assert.equal(readdirSync(registryOf(temporary)).length, 1);
  assert.deepEqual(await listRuns(), []);
  assert.deepEqual(readdirSync(registryOf(temporary)), []);
  const [listing] = await listRuns({ checkpointDirectory });
  assert.equal(listing?.kind, "at-rest");
  assert.equal(listing.kind === "at-rest" && listing.record.status, "running");
  await assert.rejects(connectToRun(`${checkpointDirectory}/killed`), {
    code: "RUN_NOT_RUNNING",
    message: /"scripted" in .* is not running: its process has died; starting the job again/,
  });
  // What it left is no obstacle to the next process.
  await serveRun(checkpointDirectory, "killed");
  assert.deepEqual(summary(await listRuns({ checkpointDirectory })), ["live killed"]);
});

test("a directory shows runs that live, that do not, and what cannot be read", async () => {
  usePrivateTemporaryDirectory();
  const checkpointDirectory = temporaryDirectory();
  const live = await serveRun(checkpointDirectory, "live");
  live.control.report = { ...live.control.report, startedAt: Date.now() };
  const done = await serveRun(checkpointDirectory, "done");
  mkdirSync(path.join(done.run.directory, "chk-9"));
  for (const id of [2, 10]) {
    mkdirSync(path.join(done.run.directory, `chk-${id}`));
    writeFileSync(path.join(done.run.directory, `chk-${id}`, "_metadata"), "");
  }
  await done.run.end("canceled", { isResumable: true });
  await done.close();
  mkdirSync(path.join(checkpointDirectory, "savepoints"));
  mkdirSync(path.join(checkpointDirectory, "broken"));
  writeFileSync(path.join(checkpointDirectory, "broken", "run.json"), "oxbow-run 1\n");
  const listings = await listRuns({ checkpointDirectory });
  assert.deepEqual(summary(listings).toSorted(), [
    "at-rest done",
    "live live",
    "unreadable broken",
  ]);
  const rest = listings.find(({ kind }) => kind === "at-rest");
  assert.ok(rest?.kind === "at-rest");
  assert.deepEqual([rest.record.status, rest.checkpoint?.id], ["canceled", 10]);
  assert.equal(rest.checkpoint?.location, `${done.run.directory}/chk-10`);
  await assert.rejects(connectToRun(done.run.directory), {
    code: "RUN_NOT_RUNNING",
    message: /is not running: it is canceled; starting the job again goes on\.$/,
  });
  await assert.rejects(connectToRun(path.join(checkpointDirectory, "savepoints")), {
    code: "RUN_NOT_RUNNING",
    message: /There is no run in /,
  });
  await assert.rejects(listRuns({ checkpointDirectory: "/absent" }), { code: "FILE_NOT_FOUND" });
});

test(
  "a process that is suspended is silent, with its pid",
  { skip: process.platform === "win32" && "needs SIGSTOP" },
  async () => {
    usePrivateTemporaryDirectory();
    const checkpointDirectory = temporaryDirectory();
    const child = await serveElsewhere(checkpointDirectory, "stopped");
    child.kill("SIGSTOP");
    const env = nodeEnv();
    const clock = {
      ...env.clock,
      schedule: (delayMs: number, callback: () => void) =>
        env.clock.schedule(delayMs / 50, callback),
    };
    const [listing] = await listRuns({ env: { ...env, clock } });
    assert.ok(listing?.kind === "silent");
    assert.deepEqual([listing.pid, errorCode(listing.error)], [child.pid, "CONTROL_UNAVAILABLE"]);
    child.kill("SIGCONT");
    assert.deepEqual(summary(await listRuns()), ["live stopped"]);
  },
);

test("entries that are not understood are left alone", async () => {
  const temporary = usePrivateTemporaryDirectory();
  const { close } = await serveRun(temporaryDirectory());
  const names = ["1-aa.json", "2-bb.json", "note.txt"];
  const contents = ["{", '{"version":2}', "text"];
  for (const [i, name] of names.entries()) {
    writeFileSync(path.join(registryOf(temporary), name), contents[i] ?? "");
  }
  assert.deepEqual(summary(await listRuns()), ["live mine"]);
  await close();
  assert.deepEqual(await listRuns(), []);
  assert.deepEqual(readdirSync(registryOf(temporary)), names);
});
