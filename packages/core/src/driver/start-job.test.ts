// Starting jobs: settings and who goes first, graphs that cannot run, runs that are held or over.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamEnvironment } from "../api/environment.ts";
import { job } from "../api/job.ts";
import { collect } from "../connectors/collect.ts";
import { collection } from "../connectors/collection.ts";
import { errorCode } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { t } from "../types/t.ts";
import { count } from "../window/aggregates.ts";
import { buildJob } from "./build-job.ts";
import { JobBench, endless } from "./job.fixture.ts";
import { runJob, startJob } from "./run-job.ts";

const KEPT = { checkpointDirectory: "/runs" };
const INTERVAL = "execution.checkpointing.interval";
const NOTHING = { args: [], configuration: {}, parallelism: undefined };

function plain(env: StreamEnvironment): void {
  env.source("numbers", endless()).sink("out", collect<number>());
}

function failsWith(code: ErrorCode, pattern: RegExp) {
  return (error: Error): boolean => {
    assert.equal(errorCode(error), code, error.message);
    assert.match(error.message, pattern);
    return true;
  };
}

test("what a job is started with goes before what its program says", () => {
  const build = (parallelism: number | undefined): number =>
    buildJob(
      job("settings", (env) => {
        env.parallelism(3);
        env.source("numbers", collection([1])).sink("out", collect<number>());
      }),
      { ...NOTHING, parallelism },
    ).job.graph.parallelism;
  assert.equal(build(undefined), 3);
  assert.equal(build(2), 2);
});

test("parallelism.default counts, behind the option and before the program", async () => {
  const subtasks = async (options: Parameters<JobBench["running"]>[1]): Promise<number> => {
    const bench = new JobBench();
    let parallelism = 0;
    await bench.run((env) => {
      env.parallelism(4);
      env
        .source("numbers", collection([1, 2, 3]))
        .rebalance()
        .process("see", {
          open: (context) => void (parallelism = context.parallelism),
          process() {},
        })
        .sink("out", collect<unknown>());
    }, options);
    return parallelism;
  };
  const configuration = { "parallelism.default": "2" };
  assert.equal(await subtasks({}), 4);
  assert.equal(await subtasks({ configuration }), 2);
  assert.equal(await subtasks({ configuration, parallelism: 3 }), 3);
});

test("the checkpoint interval of the configuration goes before the program's", async () => {
  const countAfter = async (configuration: Record<string, string>): Promise<number> => {
    const bench = new JobBench();
    const handle = await bench.running((env) => plain(env.checkpoint({ interval: "1s" })), {
      ...KEPT,
      configuration,
    });
    await bench.advance(20_000);
    await bench.world.scheduler.runUntil(handle.cancel());
    return bench.count("checkpoint");
  };
  const declared = await countAfter({});
  assert.ok(declared >= 15 && declared <= 20, `${declared}`);
  const configured = await countAfter({ [INTERVAL]: "5s" });
  assert.ok(configured >= 3 && configured <= 4, `${configured}`);
});

test("a run that is kept takes checkpoints although nobody said so; others take none", async () => {
  for (const [options, least] of [
    [KEPT, 2],
    [{ configuration: { "execution.checkpointing.dir": "/runs" } }, 2],
    [{}, 0],
  ] as const) {
    const bench = new JobBench();
    const handle = await bench.running(plain, options);
    await bench.advance(35_000);
    await bench.world.scheduler.runUntil(handle.cancel());
    assert.ok(least === 0 ? bench.count("checkpoint") === 0 : bench.count("checkpoint") >= least);
    assert.equal(handle.runDirectory === undefined, least === 0);
    assert.equal(handle.checkpoints() === undefined, least === 0);
  }
});

test("restart keys of the configuration go before the program's strategy", async () => {
  const bench = new JobBench();
  const end = await bench.run(
    (env) => {
      env.restart({ kind: "none" });
      env
        .source("numbers", collection([1]))
        .map((): number => {
          throw new Error("always");
        })
        .sink("out", collect<number>());
    },
    {
      configuration: {
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": "3",
        "restart-strategy.fixed-delay.delay": "10ms",
      },
    },
  );
  assert.deepEqual([end.status, end.attemptsCount], ["FAILED", 4]);
});

test("settings that cannot be are refused before anything runs", async () => {
  const bench = new JobBench();
  await assert.rejects(
    bench.start(plain, { ...KEPT, configuration: { [INTERVAL]: "soon" } }),
    /execution.checkpointing.interval.*soon/,
  );
  await assert.rejects(
    bench.start((env) => plain(env.checkpoint({ interval: 1 })), KEPT),
    failsWith("DURATION_INVALID", /checkpoint.interval: 1 is less than 10ms/),
  );
  await assert.rejects(
    bench.start(plain, { configuration: { "parallelism.default": "two" } }),
    failsWith("SETTING_INVALID", /parallelism.default.*two/),
  );
  await assert.rejects(
    bench.start(plain, { parallelism: 0 }),
    failsWith("GRAPH_INVALID", /parallelism 0/),
  );
  // Nothing was left behind that would keep the run.
  const handle = await bench.running(plain, KEPT);
  await bench.world.scheduler.runUntil(handle.cancel());
});

test("arguments and properties reach the program", async () => {
  const bench = new JobBench();
  const seen: unknown[] = [];
  await bench.run(
    (env) => {
      seen.push(env.args, env.properties("input"));
      env.source("numbers", collection([1])).sink("out", collect<number>());
    },
    {
      args: ["a", "b"],
      configuration: { "input.path": "x", "input.deep.er": "y", "inputs.x": "z" },
    },
  );
  assert.deepEqual(seen[0], ["a", "b"]);
  assert.deepEqual({ ...(seen[1] as object) }, { path: "x", "deep.er": "y" });
  const warnings = bench.events.filter((event) => event.kind === "warning");
  assert.match(String(warnings[0]?.error), /Nothing reads inputs\.x of the configuration\./);
  assert.equal(warnings.length, 1);
});

test("a second copy of a running job is refused, and the first goes on", async () => {
  const bench = new JobBench();
  const handle = await bench.running(plain, KEPT);
  await bench.advance(100);
  const { pid } = bench.process.env.process;
  const first = bench.process;
  bench.process = bench.world.startProcess();
  await assert.rejects(bench.start(plain, KEPT), failsWith("RUN_LOCKED", new RegExp(`${pid}`)));
  assert.equal(handle.status, "RUNNING");
  bench.process = first;
  await bench.world.scheduler.runUntil(handle.cancel());
});

test("the lock of a process that was killed is taken over, and the run goes on", async () => {
  const bench = new JobBench();
  const out = collect<number>();
  const build = (env: StreamEnvironment): void => {
    env.checkpoint({ interval: "1s" }).source("numbers", endless()).sink("out", out);
  };
  const before = await bench.running(build, KEPT);
  await bench.until(() => out.records().length > 200);
  bench.restart();
  const after = await bench.running(build, KEPT);
  assert.equal(after.runId, before.runId);
  await bench.until(() => out.records().length > 500);
  await bench.world.scheduler.runUntil(after.cancel());
  assert.deepEqual(
    out.records(),
    out.records().map((_, index) => index),
  );
  const attempts = bench.events.filter((event) => event.kind === "attempt");
  assert.ok((attempts.at(-1)?.restoredId ?? 0) > 0);
});

test("a finished run says so and does nothing; a new run begins from the start", async () => {
  const bench = new JobBench();
  const out = collect<number>();
  const build = (env: StreamEnvironment): void => {
    env.source("numbers", collection([1, 2, 3])).sink("out", out);
  };
  assert.equal((await bench.run(build, KEPT)).status, "FINISHED");
  const again = await bench.start(build, KEPT);
  assert.equal(again.kind, "over");
  assert.equal(again.kind === "over" && again.status, "finished");
  const options = { ...KEPT, env: bench.process.env };
  const end = await bench.world.scheduler.runUntil(runJob(job("test", build), options));
  assert.deepEqual(end, { status: "FINISHED", error: undefined, attemptsCount: 0 });
  assert.deepEqual(out.records(), [1, 2, 3]);
  assert.equal((await bench.run(build, { ...KEPT, newRun: true })).status, "FINISHED");
  assert.deepEqual(out.records(), [1, 2, 3, 1, 2, 3]);
});

test("a canceled run that kept nothing says that it was canceled", async () => {
  const bench = new JobBench();
  const handle = await bench.running(plain, KEPT);
  await bench.world.scheduler.runUntil(handle.cancel());
  const options = { ...KEPT, env: bench.process.env };
  const end = await bench.world.scheduler.runUntil(runJob(job("test", plain), options));
  assert.equal(end.status, "CANCELED");
});

test("a run goes on at another parallelism, but not at one above its max parallelism", async () => {
  const bench = new JobBench();
  const build = (env: StreamEnvironment): void =>
    env
      .checkpoint({ interval: 100 })
      .source("numbers", endless())
      .keyBy((n) => n % 10, t.int32)
      .aggregate("sums", { count: count() })
      .sink("out", collect<unknown>());
  const declaring = (env: StreamEnvironment): void => build(env.maxParallelism(4));
  await bench.running(declaring, KEPT);
  await bench.until(() => bench.count("checkpoint") > 1);
  bench.restart();
  const error = await bench.refused(build, { ...KEPT, parallelism: 5 });
  assert.match(error.message, /operator "sums" has a parallelism of 5, .* in 4 key groups/);
  const handle = await bench.running(build, { ...KEPT, parallelism: 4 });
  await bench.advance(500);
  assert.equal(handle.status, "RUNNING");
  await bench.world.scheduler.runUntil(handle.cancel());
});

test("a relative checkpoint directory needs a working directory", async () => {
  const bench = new JobBench();
  await assert.rejects(
    bench.start(plain, { checkpointDirectory: "runs" }),
    failsWith("INVALID_ARGUMENT", /"runs" is not absolute/),
  );
});

test("a failed job keeps its run, and the same command tries again", async () => {
  const bench = new JobBench();
  const out = collect<number>();
  let isBroken = true;
  const build = (env: StreamEnvironment): void => {
    env
      .checkpoint({ interval: 100 })
      .restart({ kind: "none" })
      .source("numbers", endless())
      .map((n) => {
        if (isBroken && n === 200) throw new Error("broken");
        return n;
      })
      .sink("out", out);
  };
  const end = await bench.run(build, KEPT);
  assert.equal(end.status, "FAILED");
  isBroken = false;
  const handle = await bench.running(build, KEPT);
  await bench.until(() => out.records().length > 300);
  await bench.world.scheduler.runUntil(handle.cancel());
  assert.deepEqual(
    out.records(),
    out.records().map((_, index) => index),
  );
});

test("checkpoints that have no place to go do not go unnoticed", async () => {
  const warnings: string[] = [];
  await runJob(
    job("placeless", (env) => {
      env.checkpoint({ interval: "1s" });
      env.source("numbers", collection([1])).sink("out", collect<number>());
    }),
    {
      onEvent: (event) => {
        if (event.kind === "warning") warnings.push((event.error as Error).message);
      },
    },
  );
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /no directory .* --checkpoint-dir/);
});

test("a parallelism that no process can host is refused before threads are started", async () => {
  const wide = job("wide", (env) => {
    env.source("numbers", collection([1])).sink("out", collect<number>());
  });
  await assert.rejects(
    runJob(wide, { parallelism: 9_999 }),
    failsWith("SETTING_NOT_SUPPORTED", /9999 needs as many threads; .* at most 128/),
  );
});

test("runs that are not kept have names of their own, so their files do not meet", async () => {
  const ids: string[] = [];
  for (let run = 0; run < 2; run++) {
    const start = await startJob(
      job("unkept", (env) => {
        env.source("numbers", collection([1])).sink("out", collect<number>());
      }),
    );
    assert.equal(start.kind, "started");
    if (start.kind !== "started") return;
    ids.push(start.job.runId);
    await start.job.ended;
  }
  assert.notEqual(ids[0], ids[1]);
});
