// Modules that start the job that they export.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";

const directory = mkdtempSync(path.join(tmpdir(), "oxbow-self-"));
after(() => rmSync(directory, { recursive: true, force: true }));

/** A program that exports a job and then does what `rest` says, in a process of its own. */
function run(name: string, rest: string): Promise<{ code: number; stdout: string }> {
  const file = path.join(directory, `${name}.ts`);
  const head = `
    import { isMainThread } from "node:worker_threads";
    import { discard, generator, job, runJob, startJob } from ${JSON.stringify(
      new URL("../index.ts", import.meta.url).href,
    )};
    const own = job("own", (env) => {
      env.restart({ kind: "none" });
      env.source("n", generator({ count: 9, make: (n) => n })).sink("out", discard());
    });
    export default own;
    const say = (what: unknown): void => console.log(what);
  `;
  writeFileSync(file, head + rest);
  return new Promise((resolve) => {
    execFile(process.execPath, [file], (error, stdout) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout });
    });
  });
}

for (const call of ["startJob", "runJob"]) {
  test(`a module that awaits ${call} of itself is told so, not left waiting`, async () => {
    const { code, stdout } = await run(
      `awaits-${call}`,
      `await ${call}(import.meta.url).catch((error) => say(error.code + ": " + error.message));`,
    );
    assert.equal(code, 0);
    assert.match(stdout, /^JOB_INVALID: \S*awaits-\w+\.ts waits at its top level for .* itself/);
  });
}

test("a module that starts itself and does not wait at its top level runs", async () => {
  const { stdout } = await run(
    "starts",
    `if (isMainThread) void runJob(import.meta.url).then((end) => say(end.status));`,
  );
  assert.equal(stdout, "FINISHED\n");
});

test("a module that awaits its job runs where only the main thread starts it", async () => {
  const { stdout } = await run(
    "guarded",
    `if (isMainThread) say((await runJob(own, { module: import.meta.url })).status);`,
  );
  assert.equal(stdout, "FINISHED\n");
});

test("a module that starts its job on its workers too is refused", async () => {
  const { stdout } = await run(
    "unguarded",
    `await runJob(own, { module: import.meta.url }).catch((error) => {
      if (!isMainThread) throw error;
      say((error.cause ?? error).code + ": " + (error.cause ?? error).message);
    });`,
  );
  assert.match(stdout, /^JOB_INVALID: A worker thread of a job starts a job\. .*isMainThread/);
});
