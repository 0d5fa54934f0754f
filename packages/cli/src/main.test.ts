/* The command as its users meet it: real processes, their texts and exit codes. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { JOBS, oxbow, startOxbow } from "./process.fixture.ts";

const NO_RESTART = ["-D", "restart-strategy.type=none"];
let directory = "";

before(() => {
  directory = mkdtempSync(path.join(tmpdir(), "oxbow-cli-"));
});
after(() => rmSync(directory, { recursive: true, force: true }));

for (const [name, args] of [
  ["help", ["--help"]],
  ["run-help", ["run", "--help"]],
  ["explain-help", ["explain", "--help"]],
  ["list-help", ["list", "--help"]],
  ["savepoint-help", ["savepoint", "--help"]],
  ["stop-help", ["stop", "--help"]],
  ["cancel-help", ["cancel", "--help"]],
  ["checkpoint-help", ["checkpoint", "--help"]],
] as const) {
  test(`oxbow ${args.join(" ")} shows what golden/${name}.txt says`, async () => {
    const { code, stdout, stderr } = await oxbow(...args);
    const golden = new URL(`golden/${name}.txt`, import.meta.url);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    assert.equal(stdout, readFileSync(golden, "utf8"));
  });
}

const WRONG_LINES: readonly [args: readonly string[], stderr: string][] = [
  [
    ["rum", "job.ts"],
    "error: unknown command 'rum'\n(Did you mean run?)\n(oxbow --help shows what there is)\n",
  ],
  [
    ["run", "job.ts", "--new-rum"],
    "error: unknown option '--new-rum'\n(Did you mean --new-run?)\n" +
      "(oxbow run --help shows what there is)\n",
  ],
  [["run"], "error: missing required argument 'job'\n(oxbow run --help shows what there is)\n"],
  [
    ["run", "job.ts", "-p", "none"],
    "error: option '-p, --parallelism <count>' argument 'none' is invalid. " +
      "It must be a whole number from 1.\n(oxbow run --help shows what there is)\n",
  ],
  [
    ["run", "job.ts", "-D", "key"],
    "error: option '-D, --define <key=value>' argument 'key' is invalid. " +
      "It must be key=value.\n(oxbow run --help shows what there is)\n",
  ],
  [
    ["run", "golden"],
    'oxbow: "golden" is a directory; name the file whose default export is a job\n',
  ],
  [["run", "absent.ts"], `oxbow: there is no file "absent.ts" in ${import.meta.dirname}\n`],
];

for (const [args, expected] of WRONG_LINES) {
  test(`oxbow ${args.join(" ")} is refused with 2 and says what to do`, async () => {
    assert.deepEqual(await oxbow(...args), { code: 2, signal: null, stdout: "", stderr: expected });
  });
}

test("without arguments the help goes to stderr and the code is 2", async () => {
  const { code, stdout, stderr } = await oxbow();
  assert.deepEqual({ code, stdout }, { code: 2, stdout: "" });
  assert.match(stderr, /^Examples:\n/);
});

test("a job's data alone is on stdout, and there is no progress without a terminal", async () => {
  const { code, stdout, stderr } = await oxbow("run", JOBS, "-D", "fixture.factor=10");
  assert.deepEqual({ code, stdout }, { code: 0, stdout: '{"n":0}\n{"n":10}\n{"n":20}\n' });
  assert.match(stderr, /^fixture FINISHED after [\d.]+ m?s: 3 records, 0 checkpoints\.\n$/);
});

test("-o json writes one object about the run, and a finished run is not run again", async () => {
  const args = ["run", JOBS, "--checkpoint-dir", path.join(directory, "once"), "-o", "json"];
  const first = await oxbow(...args, "--job-id", "mine");
  const [last] = first.stdout.trimEnd().split("\n").toReversed();
  const { status, jobId, runDirectory, attempts, records } = JSON.parse(last) as Record<
    string,
    unknown
  >;
  assert.deepEqual(
    { status, jobId, runDirectory, attempts, records },
    {
      status: "FINISHED",
      jobId: "mine",
      runDirectory: path.join(directory, "once", "mine"),
      attempts: 1,
      records: 3,
    },
  );
  const second = await oxbow(...args, "--job-id", "mine");
  assert.equal(second.code, 0);
  assert.deepEqual(JSON.parse(second.stdout), { kind: "over", status: "FINISHED", runDirectory });
  assert.match(second.stderr, /^This run is over: finished\. Nothing was done; --new-run begins/);
});

test("-o jsonl writes what happens as it happens", async () => {
  const { stdout } = await oxbow("run", JOBS, "-o", "jsonl");
  const kinds = stdout
    .split("\n")
    .filter((line) => line.startsWith('{"kind"'))
    .map((line) => JSON.parse(line) as { kind: string; status?: string })
    .map(({ kind, status }) => [kind, status].join(" ").trim());
  assert.deepEqual(kinds, ["status RUNNING", "attempt", "status FINISHED", "end FINISHED"]);
});

test("explain shows the graph as text and as data, and runs nothing", async () => {
  const text = await oxbow("explain", JOBS, "-p", "2");
  assert.deepEqual({ code: text.code, stderr: text.stderr }, { code: 0, stderr: "" });
  assert.equal(text.stdout, readFileSync(new URL("golden/explain.txt", import.meta.url), "utf8"));
  const data = JSON.parse((await oxbow("explain", JOBS, "-o", "json")).stdout) as {
    jobName: string;
    operators: { uid: string }[];
  };
  assert.equal(data.jobName, "fixture");
  assert.deepEqual(
    data.operators.map(({ uid }) => uid),
    ["numbers", "numbers/map.0", "out"],
  );
});

test("explain reads the configuration as run does, and tells of what nothing reads", async () => {
  const args = ["explain", JOBS, "-D", "parallelism.default=2"];
  const { code, stdout, stderr } = await oxbow(...args, "-D", "fixtures.factor=3");
  assert.equal(stdout, readFileSync(new URL("golden/explain.txt", import.meta.url), "utf8"));
  assert.equal(code, 0);
  assert.match(
    stderr,
    /^warning: SETTING_INVALID: Nothing reads fixtures\.factor of .* of fixture\.\n$/,
  );
  const wrong = await oxbow(...args, "-D", "execution.checkpointing.interval=soon");
  assert.equal(wrong.code, 3);
  assert.match(
    wrong.stderr,
    /^oxbow: DURATION_INVALID: execution\.checkpointing\.interval: "soon"/,
  );
});

test("a function that throws ends the job with 4 and its place in the source", async () => {
  const { code, stderr } = await oxbow("run", JOBS, ...NO_RESTART, "--", "throws");
  assert.equal(code, 4);
  assert.match(stderr, /USER_FUNCTION_FAILED/);
  assert.match(stderr, /RangeError: seven is too much/);
  const frames = stderr.split("\n").filter((line) => line.startsWith("  at "));
  assert.equal(frames.length, 1);
  assert.match(frames[0], /failAtSeven \(.*jobs\.fixture\.ts:\d+:22\)$/);
});

test("what a program throws while it builds its graph ends with 4 and its place", async () => {
  const { code, stderr } = await oxbow("run", JOBS, "--", "unknown");
  assert.equal(code, 4);
  assert.match(stderr, /^oxbow: RangeError: no fixture is called unknown\n {2}at .*jobs\.fixture/);
});

test("a graph that cannot run ends with 3", async () => {
  const { code, stderr } = await oxbow("run", JOBS, "--", "twice");
  assert.equal(code, 3);
  assert.match(stderr, /^oxbow: GRAPH_INVALID: .*"same"/);
});

const BAD_MODULES: readonly [what: string, text: string, code: number, stderr: RegExp][] = [
  [
    "without a default export",
    "export const a = 1;",
    3,
    /^oxbow: JOB_INVALID: \S*bad\.ts does not export a job: it has no default export\. End it in: /,
  ],
  [
    "that exports something else",
    "export default 7;",
    3,
    /does not export a job: its default export is of type number\. End it in: /,
  ],
  [
    "whose job has another name",
    'export const mine = { kind: "oxbow-job" };',
    3,
    /does not export a job: the job "mine" is not its default export\. End it in: /,
  ],
  [
    "that imports a file that is not there",
    'import "./absent.ts";',
    3,
    /^oxbow: JOB_INVALID: \S*bad\.ts cannot be loaded: Cannot find module '\S*absent\.ts' import/,
  ],
  [
    "that throws at its top level",
    'throw new RangeError("too early");',
    4,
    /^oxbow: RangeError: too early\n {2}at .*bad\.ts:1:7\)?\n$/,
  ],
  [
    "that throws what is no error",
    'throw "too early";',
    4,
    /^oxbow: USER_FUNCTION_FAILED: \S*bad\.ts threw while it was loaded: too early\n$/,
  ],
];

for (const [what, text, expected, message] of BAD_MODULES) {
  test(`a module ${what} ends with ${expected} and is named with what it lacks`, async () => {
    const file = path.join(directory, "bad.ts");
    writeFileSync(file, text);
    const { code, stderr } = await oxbow("explain", file);
    assert.equal(code, expected);
    assert.match(stderr, message);
  });
}

test("a module that cannot be parsed ends with 3 and shows file, line and text", async () => {
  const file = path.join(directory, "broken.ts");
  writeFileSync(file, "const a = 1;\nconst b = = 2;\n");
  const { code, stderr } = await oxbow("run", file);
  assert.equal(code, 3);
  assert.match(stderr, /^oxbow: JOB_INVALID: \S*broken\.ts cannot be loaded: /);
  assert.match(stderr, /broken\.ts:2\n[^]*const b = = 2;\n/);
});

test("a thread that dies ends the job with 5 when it may not restart", async () => {
  const { code, stderr } = await oxbow("run", JOBS, ...NO_RESTART, "--", "exits");
  assert.equal(code, 5);
  assert.match(stderr, /WORKER_LOST/);
});

test("a malformed record ends the job with 6 and names file and line", async () => {
  const file = path.join(directory, "bad.jsonl");
  writeFileSync(file, '{"n":1}\n{"n":\n');
  const { code, stderr } = await oxbow("run", JOBS, "--", "malformed", file);
  assert.equal(code, 6);
  assert.match(stderr, /RECORD_MALFORMED: .*bad\.jsonl.*2/);
});

test("a second copy of a running job is refused with 7", async () => {
  const place = path.join(directory, "endless");
  const args = ["run", JOBS, "--checkpoint-dir", path.join(directory, "locked"), "-o", "jsonl"];
  const first = startOxbow([...args, "--", "endless", place]);
  await first.says(/"kind":"attempt"/);
  const second = await oxbow(...args, "--", "endless", place);
  assert.equal(second.code, 7);
  assert.match(second.stderr, /^oxbow: RUN_LOCKED: /);
  first.child.kill("SIGTERM");
  assert.equal((await first.ended).code, 143);
});

test("without a checkpoint directory Ctrl-C cancels the job with 130", async () => {
  const place = path.join(directory, "not-kept");
  const first = startOxbow(["run", JOBS, "-o", "jsonl", "--", "endless", place]);
  await first.says(/"kind":"attempt"/);
  first.child.kill("SIGINT");
  const { code, stderr, stdout } = await first.ended;
  assert.equal(code, 130);
  assert.match(stderr, /^Canceling the job; once more to end at once\.\nfixture CANCELED after /);
  assert.match(stdout, /"kind":"end","status":"CANCELED"/);
});

test("SIGTERM cancels the job with 143", async () => {
  const place = path.join(directory, "terminated");
  const running = startOxbow(["run", JOBS, "-o", "jsonl", "--", "endless", place]);
  await running.says(/"kind":"attempt"/);
  running.child.kill("SIGTERM");
  assert.equal((await running.ended).code, 143);
});

test("Ctrl-C cancels a job although a function of it never returns", async () => {
  const running = startOxbow(["run", JOBS, "--", "stuck"]);
  await running.says(/spinning/);
  running.child.kill("SIGINT");
  assert.equal((await running.ended).code, 130);
});

const NEEDS_POSIX = process.platform === "win32" && "needs pipes with a name, and signals";

/** A pipe that nobody writes to: whoever opens it waits in the system, for ever. */
function makePipe(name: string): string {
  const pipe = path.join(mkdtempSync(path.join(directory, "pipe-")), name);
  mkdirSync(path.dirname(pipe), { recursive: true });
  execFileSync("mkfifo", [pipe]);
  return pipe;
}

for (const [what, says, args] of [
  [
    "a function of the job hangs in the system",
    /blocked/,
    () => ["--", "blocked", makePipe("never")],
  ],
  [
    "storage hangs while the job starts",
    /building/,
    () => {
      const runs = path.dirname(path.dirname(makePipe("hanging/mine/run.json")));
      return ["--checkpoint-dir", runs, "--job-id", "mine", "--", "tells"];
    },
  ],
] as const) {
  for (const by of ["SIGINT", "SIGTERM"] as const) {
    test(`one ${by} more ends at once although ${what}`, { skip: NEEDS_POSIX }, async () => {
      const canceled = by === "SIGINT" ? 130 : 143;
      // A job may be canceled between its last word and the call that hangs: then once more.
      let ended = { code: canceled as number | null, signal: null as string | null };
      for (let tries = 0; ended.code === canceled && tries < 10; tries++) {
        ended = await endedBy(by, says, args());
      }
      const { code, signal } = ended;
      assert.deepEqual({ code, signal }, { code: null, signal: by });
    });
  }
}

/** How a job that hangs ends when the signal comes until it says that one more ends it. */
async function endedBy(
  by: "SIGINT" | "SIGTERM",
  says: RegExp,
  line: readonly string[],
): Promise<{ readonly code: number | null; readonly signal: string | null }> {
  const running = startOxbow(["run", JOBS, ...line]);
  await running.says(says);
  if (by === "SIGINT" && line.includes("--checkpoint-dir")) {
    running.child.kill(by);
    await running.says(/once more to cancel it/);
  }
  running.child.kill(by);
  await running.says(/once more to end at once/);
  running.child.kill(by);
  return running.ended;
}

test("a checkpoint directory that cannot be made ends with 5 and says which", async () => {
  const { code, stderr } = await oxbow("run", JOBS, "--checkpoint-dir", "/proc/none/checkpoints");
  assert.equal(code, 5);
  assert.match(stderr, /^oxbow: FILE_IO: Cannot create directory \/proc\/none: .* use another /);
});
