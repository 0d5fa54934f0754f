import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import type { Files } from "../../env/files.ts";
import { oxbowError } from "../../errors.ts";
import { type SimProcess, SimWorld } from "../../testing/sim-env.ts";
import { t } from "../../types/t.ts";
import { csv } from "../formats/csv.ts";
import type { Format } from "../formats/format.ts";
import { json } from "../formats/json.ts";
import { newLedger, SinkHarness, type SinkLedger, writeAll } from "../sink-harness.ts";
import { assertSame } from "../source-conformance.ts";
import { sinkChecks } from "../sink-conformance.ts";
import type { FileCommittable } from "./file-committer.ts";
import { fileSink, type FileSinkOptions } from "./file-sink.ts";

interface Item {
  readonly id: number;
  readonly day: string;
}
const ITEMS: readonly Item[] = Array.from({ length: 120 }, (_, id) => ({ id, day: `d${id % 4}` }));
const Columns = t.struct({ id: t.int32, day: t.string });
const JOB = { records: ITEMS, batchCount: 7, checkpointEvery: 3 };

/** All files below a directory, hidden ones too if asked for. */
async function tree(files: Files, directory: string, hidden = false): Promise<string[]> {
  const found: string[] = [];
  if ((await files.status(directory)) === undefined) return found;
  for (const name of await files.list(directory)) {
    if (name.startsWith(".") && !hidden) continue;
    const path = `${directory}/${name}`;
    const status = await files.status(path);
    if (status?.kind === "directory") found.push(...(await tree(files, path, hidden)));
    else found.push(path);
  }
  return found;
}

async function contentOf(files: Files, path: string): Promise<Buffer> {
  const file = await files.open(path);
  const bytes = Buffer.from(await file.read(0, file.sizeBytes));
  await file.close();
  if (path.endsWith(".gz")) return gunzipSync(bytes);
  return path.endsWith(".zst") ? zstdDecompressSync(bytes) : bytes;
}

async function readJson(files: Files): Promise<unknown[]> {
  const records: unknown[] = [];
  for (const path of await tree(files, "/out")) {
    const text = (await contentOf(files, path)).toString();
    assert.ok(text.endsWith("\n"), `${path} ends within a line`);
    for (const line of text.trimEnd().split("\n")) records.push(JSON.parse(line));
  }
  return records;
}

function machine(seed: number | string = 1): { world: SimWorld; process: SimProcess } {
  const world = new SimWorld({ seed });
  return { world, process: world.startProcess() };
}

const sinkOf = (
  options: FileSinkOptions<Item> = {},
  format: Format<unknown> = json(),
): ReturnType<typeof fileSink<unknown>> =>
  fileSink("/out", format, options as FileSinkOptions<unknown>);

const VARIANTS: Readonly<Record<string, FileSinkOptions<Item>>> = {
  plain: {},
  "rolling at every buffer": { rollBytes: 1 },
  partitioned: { partitionBy: (item) => `day=${item.day}/odd=${item.id % 2}` },
  gzip: { compression: "gzip" },
  zstd: { compression: "zstd", partitionBy: (item) => item.day },
};

for (const [name, options] of Object.entries(VARIANTS)) {
  const checks = sinkChecks({
    name: `file sink, ${name}`,
    records: ITEMS,
    make: () => {
      const { world, process } = machine();
      return Promise.resolve({
        env: process.env,
        sink: sinkOf(options),
        settle: (work) => world.scheduler.runUntil(work),
        visible: () => readJson(process.env.files),
      });
    },
  });
  for (const check of checks) test(check.title, check.run);
}

const SHORT_JOB = { ...JOB, records: ITEMS.slice(0, 50) };

/**
 * Runs the job; after `events` events the process dies, by itself or with the machine; then others
 * finish.
 */
async function runWithCrash(
  world: SimWorld,
  events: number,
  isPowerLoss: boolean,
): Promise<boolean> {
  const ledger = newLedger("run-1");
  const start = (): { work: Promise<boolean>; process: SimProcess } => {
    const process = world.startProcess();
    const sink = sinkOf({ rollBytes: 1, partitionBy: (item) => item.day });
    const harness = new SinkHarness({ env: process.env, sink, ledger, parallelism: 2 });
    const work = writeAll(harness, SHORT_JOB, ledger).then(async (isDone) => {
      await harness.close();
      return isDone;
    });
    work.catch(() => undefined);
    return { work, process };
  };
  const first = start();
  let isDone = false;
  first.work.then(
    () => (isDone = true),
    () => undefined,
  );
  let count = 0;
  while (count < events && !isDone && (await world.scheduler.runNext())) count++;
  if (isPowerLoss) world.crashMachine();
  else first.process.kill();
  const second = start();
  await world.scheduler.runUntil(second.work);
  const visible = await world.scheduler.runUntil(readJson(second.process.env.files));
  const what = `${isPowerLoss ? "power loss" : "kill"} after ${events} events`;
  assertSame(visible, SHORT_JOB.records, what);
  const left = await world.scheduler.runUntil(tree(second.process.env.files, "/out", true));
  assert.deepEqual(
    left.filter((path) => path.includes(".oxbow-pending")),
    [],
    `${what}: pending files of the dead attempt are gone`,
  );
  return isDone;
}

for (const isPowerLoss of [false, true]) {
  const what = isPowerLoss ? "power loss" : "kill";
  test(`a ${what} at any file operation, and every record is visible exactly once`, async () => {
    let events = 0;
    for (; ; events++) {
      const world = new SimWorld({ seed: `${what}-${events}` });
      if (await runWithCrash(world, events, isPowerLoss)) break;
    }
    assert.ok(events > 100, `${events} points were tried`);
  });
}

test("once the last commit has resolved, a power loss takes nothing away", async () => {
  for (let seed = 0; seed < 20; seed++) {
    const { world, process } = machine(seed);
    const ledger = newLedger("run-1");
    const sink = sinkOf({ partitionBy: (item) => item.day });
    const harness = new SinkHarness({ env: process.env, sink, ledger });
    await world.scheduler.runUntil(writeAll(harness, SHORT_JOB, ledger));
    world.crashMachine();
    const visible = await world.scheduler.runUntil(readJson(world.startProcess().env.files));
    assertSame(visible, SHORT_JOB.records, `seed ${seed}`);
  }
});

test("a failing file operation fails the attempt, and the next one repairs it", async () => {
  for (let afterCount = 0; afterCount < 60; afterCount += 3) {
    const { world, process } = machine(afterCount);
    const ledger = newLedger("run-1");
    process.env.files.inject({ kind: "io", afterCount, path: /out/ });
    for (let attempt = 0; attempt < 3; attempt++) {
      const harness = new SinkHarness({ env: process.env, sink: sinkOf({ rollBytes: 1 }), ledger });
      const work = writeAll(harness, JOB, ledger).catch((error: unknown) => error);
      const result = await world.scheduler.runUntil(work);
      await world.scheduler.runUntil(harness.close());
      if (result === true) break;
      assert.equal((result as { code: string }).code, "FILE_IO");
    }
    const visible = await world.scheduler.runUntil(readJson(process.env.files));
    assertSame(visible, ITEMS, `failure after ${afterCount} operations`);
  }
});

async function prepare(world: SimWorld, process: SimProcess): Promise<SinkLedger> {
  const ledger = newLedger("run-1");
  const diesAt = (phase: string): boolean => phase === "completed";
  const harness = new SinkHarness({ env: process.env, sink: sinkOf(), ledger, diesAt });
  await world.scheduler.runUntil(writeAll(harness, JOB, ledger));
  return ledger;
}

test("a pending file that is gone and was not committed is an error that names it", async () => {
  const { world, process } = machine();
  const ledger = await prepare(world, process);
  const { pending } = ledger.pending[0] as FileCommittable;
  await world.scheduler.runUntil(process.env.files.remove(pending));
  const harness = new SinkHarness({ env: process.env, sink: sinkOf(), ledger });
  await assert.rejects(world.scheduler.runUntil(harness.start()), (error: unknown) => {
    assert.equal((error as { code: string }).code, "SINK_TRANSACTION_LOST");
    assert.ok((error as Error).message.includes(pending));
    return true;
  });
});

test("a pending file that was cut short is lost, not committed", async () => {
  const { world, process } = machine();
  const ledger = await prepare(world, process);
  const committable = { ...(ledger.pending[0] as FileCommittable), sizeBytes: 10 };
  const { committer } = new SinkHarness({ env: process.env, sink: sinkOf(), ledger });
  await assert.rejects(world.scheduler.runUntil(committer.commit([committable])), {
    code: "SINK_TRANSACTION_LOST",
  });
});

test("both names of a rename cut in two are one file; another file is a conflict", async () => {
  for (const isSame of [true, false]) {
    const { world, process } = machine();
    const ledger = await prepare(world, process);
    const { files } = process.env;
    const { pending, final } = ledger.pending[0] as FileCommittable;
    await world.scheduler.runUntil(
      (async () => {
        const bytes = await contentOf(files, pending);
        if (!isSame) bytes[0] ^= 1;
        const copy = await files.create(final);
        await copy.write(bytes);
        await copy.close();
      })(),
    );
    const { committer } = new SinkHarness({ env: process.env, sink: sinkOf(), ledger });
    const work = world.scheduler.runUntil(committer.commit(ledger.pending));
    if (isSame) await work;
    else await assert.rejects(work, { code: "SINK_TRANSACTION_CONFLICT" });
    const status = await world.scheduler.runUntil(files.status(pending));
    assert.equal(status === undefined, isSame);
  }
});

test("clean-up removes what dead attempts of this sink left, and nothing else", async () => {
  const { world, process } = machine();
  const ledger = await prepare(world, process);
  const { files } = process.env;
  const [kept] = ledger.pending as FileCommittable[];
  const sinkId = /run-1\.([0-9a-f]{8})\./.exec(kept.pending)![1];
  const names = {
    dead: `run-1.${sinkId}.1.1.5.77.pending`,
    open: `run-1.${sinkId}.1.1.5.78.open`,
    otherRun: `run-2.${sinkId}.1.1.0.0.pending`,
    otherSink: "run-1.00000000.1.1.0.0.pending",
    later: `run-1.${sinkId}.9.1.0.0.pending`,
    foreign: "notes.txt",
  };
  const put = async (): Promise<void> => {
    for (const name of Object.values(names)) {
      await (await files.create(`/out/.oxbow-pending/${name}`)).close();
    }
  };
  await world.scheduler.runUntil(put());
  // Restored, but not committed before the writers open.
  const openWith = async (knowsRetained: boolean): Promise<string[]> => {
    const harness = new SinkHarness({ env: process.env, sink: sinkOf(), ledger, knowsRetained });
    for (const writer of harness.writers) writer.open();
    await world.scheduler.runUntil(harness.writers[0].flushed());
    await world.scheduler.runUntil(harness.close());
    return world.scheduler.runUntil(files.list("/out/.oxbow-pending"));
  };
  const others = [names.otherRun, names.otherSink, names.later, names.foreign];
  const prepared = ledger.pending.map((one) => (one as FileCommittable).pending.split("/").at(-1)!);
  assert.deepEqual(await openWith(false), [...others, ...prepared, names.dead].sort());
  assert.deepEqual(await openWith(true), [...others, ...prepared].sort());
});

test("names of partitions that are not safe relative paths are refused", async () => {
  const wrong = [
    "..",
    "a/../b",
    "/etc",
    "a//b",
    "a/",
    ".hidden",
    "a/.b",
    "a\\b",
    "c:",
    "a\u0000",
    "x.",
    "y".repeat(2_000),
  ];
  for (const partition of wrong) {
    const { world, process } = machine();
    const sink = sinkOf({ partitionBy: () => partition });
    const harness = new SinkHarness({ env: process.env, sink, ledger: newLedger("r") });
    await world.scheduler.runUntil(harness.start());
    await assert.rejects(
      harness.write(ITEMS.slice(0, 1)),
      { code: "PARTITION_INVALID" },
      partition,
    );
    await world.scheduler.runUntil(harness.close());
  }
});

test("more partitions than may be open finish the oldest file early and lose nothing", async () => {
  const { world, process } = machine();
  const ledger = newLedger("r");
  const records = Array.from({ length: 1_000 }, (_, id) => ({ id, day: `p${id % 300}` }));
  const sink = sinkOf({ partitionBy: (item) => item.day });
  const harness = new SinkHarness({ env: process.env, sink, ledger });
  const job = { records, batchCount: 1_000, checkpointEvery: 1 };
  await world.scheduler.runUntil(writeAll(harness, job, ledger));
  assertSame(await world.scheduler.runUntil(readJson(process.env.files)), records, "visible");
});

test("a writer whose storage is slow takes no batch until it has caught up", async () => {
  const { world, process } = machine();
  process.env.files.inject({ kind: "slow", operation: "write", count: 1_000, delayMs: 1_000 });
  const ledger = newLedger("r");
  const harness = new SinkHarness({ env: process.env, sink: sinkOf(), ledger });
  await world.scheduler.runUntil(harness.start());
  const big = Array.from({ length: 100 }, (_, id) => ({ id, text: "x".repeat(10_000) }));
  let written = 0;
  while (harness.writers[0].isReady()) {
    await harness.write(big);
    assert.ok(++written < 20, "it refuses at some time");
  }
  await world.scheduler.runUntil(harness.write(big));
  assert.ok(world.scheduler.nowMs > 1_000);
  await world.scheduler.runUntil(harness.close());
});

test("CSV files each begin with the header", async () => {
  const { world, process } = machine();
  const ledger = newLedger("r");
  const sink = sinkOf({ prefix: "items", suffix: ".txt" }, csv({ type: Columns }));
  const harness = new SinkHarness({ env: process.env, sink, ledger });
  await world.scheduler.runUntil(writeAll(harness, JOB, ledger));
  const { files } = process.env;
  const paths = await world.scheduler.runUntil(tree(files, "/out"));
  assert.ok(paths.length > 1);
  for (const path of paths) {
    assert.match(path, /^\/out\/items-r-[0-9a-f]{8}-1-1-0-\d+\.txt$/);
    const text = (await world.scheduler.runUntil(contentOf(files, path))).toString();
    assert.match(text, /^id,day\n\d+,d\d\n/);
  }
});

test("settings that cannot work are refused when the sink is made", () => {
  for (const options of [{ rollBytes: 0 }, { prefix: "../x" }, { prefix: "" }, { suffix: "/x" }]) {
    assert.throws(() => sinkOf(options), { code: "CONNECTOR_INVALID" });
  }
  assert.throws(() => sinkOf({}, csv()), { code: "CONNECTOR_INVALID" });
  assert.throws(() => sinkOf({ rolBytes: 1 } as never), { message: /mean "rollBytes"\?$/ });
  assert.throws(() => sinkOf({ compression: "gz" as never }), {
    message: /^File sink: compression must be one of none, gzip, zstd, but is the string "gz"\.$/,
  });
});

test("a record that the format cannot write fails with the reason", async () => {
  const { world, process } = machine();
  const harness = new SinkHarness({ env: process.env, sink: sinkOf(), ledger: newLedger("r") });
  await world.scheduler.runUntil(harness.start());
  await assert.rejects(harness.write([{ at: NaN }]), (error: unknown) => {
    const expected = oxbowError("RECORD_NOT_WRITABLE", "");
    assert.equal((error as { code: string }).code, expected.code);
    assert.match((error as Error).message, /Field at /);
    return true;
  });
  await world.scheduler.runUntil(harness.close());
});
