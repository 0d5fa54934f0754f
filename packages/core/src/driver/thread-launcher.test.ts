// Real worker threads that die: it is noticed, and the job goes on as if nothing had happened.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { errorCode } from "../errors.ts";
import type { OxbowError } from "../errors.ts";
import { KEYS_COUNT, RECORDS_COUNT, runBreaking } from "./thread-job.fixture.ts";

const FIXTURE = fileURLToPath(new URL("./thread-job.fixture.ts", import.meta.url));
const HEAP_MB = 96;

const directories: string[] = [];

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), "oxbow-threads-"));
  directories.push(directory);
  return directory;
}

after(async () => {
  for (const directory of directories) await rm(directory, { recursive: true, force: true });
});

async function linesOf(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true });
  const texts = names
    .filter((name) => name.endsWith(".jsonl"))
    .map((name) => readFile(path.join(directory, name), "utf8"));
  return (await Promise.all(texts)).flatMap((text) =>
    text.split("\n").filter((line) => line !== ""),
  );
}

/** Every count of every key once: nothing was lost, nothing doubled. */
async function checkOutput(directory: string): Promise<void> {
  const lines = await linesOf(`${directory}/out`);
  const found = new Set(lines);
  assert.equal(lines.length, RECORDS_COUNT);
  assert.equal(found.size, RECORDS_COUNT);
  assert.ok(found.has(JSON.stringify({ key: 0, count: RECORDS_COUNT / KEYS_COUNT })));
}

test("a thread that a function ends is noticed, and every record counts once", async () => {
  const directory = await newDirectory();
  const { ended, events } = runBreaking("exit", directory);
  const { status, attemptsCount } = await ended;
  assert.deepEqual([status, attemptsCount], ["FINISHED", 2], events.join("; "));
  assert.match(events.join(), /thread "oxbow-worker-\d" has ended by itself: exit code 3/);
  await checkOutput(directory);
});

test("a thread that runs out of memory is noticed, and the process lives", async () => {
  const directory = await newDirectory();
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...process.execArgv.filter((option) => option.startsWith("--conditions")),
    `--max-old-space-size=${HEAP_MB}`,
    FIXTURE,
    "memory",
    directory,
  ]);
  const { status, attemptsCount, events } = JSON.parse(stdout) as {
    readonly status: string;
    readonly attemptsCount: number;
    readonly events: readonly string[];
  };
  assert.deepEqual([status, attemptsCount], ["FINISHED", 2]);
  assert.match(events.join(), /out of memory|memory limit/i);
  await checkOutput(directory);
});

test("what a function throws on a thread says which operator and record", async () => {
  const directory = await newDirectory();
  const { ended, events } = runBreaking("throw", directory);
  assert.equal((await ended).status, "FINISHED");
  assert.match(
    events.join(),
    /The map function of "numbers\/map\.0" \(subtask \d\) threw on record/,
  );
  await checkOutput(directory);
});

test("a program that builds another graph on its workers is refused by name", async () => {
  const { ended } = runBreaking("differ", await newDirectory());
  await assert.rejects(ended, (error: OxbowError) => {
    const differs = errorCode(error) === "JOB_FAILED" ? (error.cause as OxbowError) : error;
    assert.equal(errorCode(differs), "GRAPH_DIFFERS");
    assert.match(differs.message, /no randomness, clock or environment/);
    return true;
  });
});
