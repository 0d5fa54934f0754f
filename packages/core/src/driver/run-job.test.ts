// Whole jobs on the local launcher: ends, failures, restarts, cancellation.
import assert from "node:assert/strict";
import { test } from "node:test";
import { tumbling } from "../window/assigner.ts";
import { count } from "../window/aggregates.ts";
import type { StreamEnvironment } from "../api/environment.ts";
import { emits } from "../api/stream-base.ts";
import { collect } from "../connectors/collect.ts";
import { discard, forEach } from "../connectors/for-each.ts";
import { collection } from "../connectors/collection.ts";
import { errorCode } from "../errors.ts";
import type { OxbowError } from "../errors.ts";
import { valueState } from "../state/descriptors.ts";
import { t } from "../types/t.ts";
import { JobBench, endless } from "./job.fixture.ts";

const NUMBERS = Array.from({ length: 5000 }, (_, n) => n);
const KEPT = { checkpointDirectory: "/runs" };

function sorted(numbers: readonly number[]): number[] {
  return [...numbers].sort((a, b) => a - b);
}

test("a bounded job ends with all timers fired, windows emitted and sinks committed", async () => {
  for (const options of [{}, KEPT, { ...KEPT, parallelism: 3 }]) {
    const bench = new JobBench();
    const windows = collect<{ count: number }>();
    const timers = collect<number>();
    const end = await bench.run((env) => {
      const numbers = env
        .source("numbers", collection(NUMBERS, { splits: 4 }))
        .watermarks({ timestamp: (n: number) => n, outOfOrderness: 10_000 })
        .keyBy((n) => n % 10, t.int32);
      numbers.window(tumbling(1000)).aggregate("windows", { count: count() }).sink("w", windows);
      numbers
        .process(
          "timers",
          {
            process: (_n, { timers: own }) => own.registerEventTime(1_000_000),
            onTimer: (_timer, { key, emit }) => emit(key),
          },
          emits<number>(),
        )
        .sink("t", timers);
    }, options);
    assert.equal(end.status, "FINISHED");
    assert.equal(end.attemptsCount, 1);
    assert.equal(windows.records().length, 50);
    assert.ok(windows.records().every((window) => window.count === 100));
    assert.deepEqual(sorted(timers.records()), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(bench.statuses(), ["RUNNING", "FINISHED"]);
  }
});

test("watermarks made in the middle of a stream drive windows", async () => {
  const bench = new JobBench();
  const windows = collect<{ start: number; watermark: number }>();
  await bench.run((env) => {
    env
      .source("numbers", collection(NUMBERS))
      .map((n) => ({ at: n }))
      .watermarks({ timestamp: "at" })
      .keyBy(() => "all", t.string)
      .window(tumbling(1000))
      .aggregate(
        "windows",
        { count: count() },
        (_value, { window, currentWatermark }, emit) =>
          emit({ start: window.start, watermark: currentWatermark }),
        emits<{ start: number; watermark: number }>(),
      )
      .sink("out", windows);
  });
  const found = windows.records();
  assert.deepEqual(
    found.map(({ start }) => start),
    [0, 1000, 2000, 3000, 4000],
  );
  assert.ok(found[0].watermark < 5000, "the first window does not wait for the end");
});

test("a function that fails is tried again, and every record counts once", async () => {
  for (const options of [{}, KEPT]) {
    const bench = new JobBench();
    const out = collect<number>();
    let failuresLeft = 2;
    const end = await bench.run((env) => {
      env
        .restart({ kind: "fixed-delay", attempts: 5, delay: 100 })
        .source("numbers", collection(NUMBERS))
        .map((n) => {
          if (n === 3000 && failuresLeft-- > 0) throw new Error("not yet");
          return n;
        })
        .sink("out", out);
    }, options);
    assert.equal(end.status, "FINISHED");
    assert.equal(end.attemptsCount, 3);
    assert.deepEqual(out.records(), NUMBERS);
    assert.deepEqual(bench.statuses(), [
      "RUNNING",
      "RESTARTING",
      "RUNNING",
      "RESTARTING",
      "RUNNING",
      "FINISHED",
    ]);
  }
});

test("a job whose restarts are used up fails with the first cause and where it was", async () => {
  const bench = new JobBench();
  const end = await bench.run((env) => {
    env
      .restart({ kind: "fixed-delay", attempts: 2, delay: 10 })
      .source("numbers", collection([1, 2, 3]))
      .map(
        function mine(n) {
          if (n === 3) throw new TypeError("no three");
          return n;
        },
        { uid: "my-map" },
      )
      .sink("out", collect<number>());
  });
  assert.equal(end.status, "FAILED");
  assert.equal(end.attemptsCount, 3);
  let error = end.error as Error;
  assert.equal(errorCode(error), "JOB_FAILED");
  error = error.cause as Error;
  assert.equal(errorCode(error), "USER_FUNCTION_FAILED");
  assert.match(
    error.message,
    /map function of "my-map" \(subtask 0\) threw on record 3 of its input \(counted from 1\)/,
  );
  assert.equal((error as OxbowError).details["uid"], "my-map");
  const cause = error.cause as Error;
  assert.match(cause.message, /no three/);
  assert.match(cause.stack ?? "", /at mine .*run-job\.test\.ts:\d+/);
  assert.equal(bench.statuses().at(-1), "FAILED");
});

test("without checkpoints and without a strategy the first failure ends the job", async () => {
  const bench = new JobBench();
  const out = collect<number>();
  const end = await bench.run((env) => {
    env
      .source("numbers", collection([1]))
      .map((): number => {
        throw new Error("never");
      })
      .sink("out", out);
  });
  assert.deepEqual([end.status, end.attemptsCount], ["FAILED", 1]);
  assert.deepEqual(out.records(), []);
});

test("with checkpoints a job goes on from the latest: state and position", async () => {
  const bench = new JobBench();
  const out = collect<string>();
  let hasFailed = false;
  const handle = await bench.running((env) => {
    env
      .checkpoint({ interval: 500 })
      .restart({ kind: "fixed-delay", attempts: 3, delay: 10 })
      .source("numbers", endless())
      .keyBy((n) => n % 2, t.int32)
      .process(
        "count",
        {
          state: { count: valueState(t.int32, { default: 0 }) },
          process(n, { state, key, emit }) {
            if (n === 250 && !hasFailed) {
              hasFailed = true;
              throw new Error("once");
            }
            state.count.set(state.count.get() + 1);
            emit(`${key} ${state.count.get()}`);
          },
        },
        emits<string>(),
      )
      .sink("out", out);
  }, KEPT);
  await bench.until(() => out.records().length > 600);
  const end = await bench.world.scheduler.runUntil(handle.cancel());
  assert.deepEqual([end.status, end.attemptsCount], ["CANCELED", 2]);
  const attempts = bench.events.filter((event) => event.kind === "attempt");
  assert.ok((attempts[1]?.restoredId ?? 0) >= 1, "the second attempt is restored");
  const records = out.records();
  assert.deepEqual(
    records,
    records.map((_, index) => `${index % 2} ${Math.floor(index / 2) + 1}`),
  );
});

test("an endless restart strategy that is canceled while it waits ends at once", async () => {
  const bench = new JobBench();
  const handle = await bench.running((env) => {
    env
      .restart({ kind: "fixed-delay", attempts: 100, delay: "1h" })
      .source("numbers", collection([1]))
      .map((): number => {
        throw new Error("always");
      })
      .sink("out", collect<number>());
  });
  await bench.until(() => handle.status === "RESTARTING");
  await bench.advance(1000);
  const end = await bench.world.scheduler.runUntil(handle.cancel());
  assert.equal(end.status, "CANCELED");
  assert.deepEqual(bench.statuses().slice(-2), ["CANCELLING", "CANCELED"]);
});

test("a job that is canceled at any moment ends once, closes and lets its run go", async () => {
  const outcomes = new Set<string>();
  for (let moment = 0; moment < 260; moment += 1) {
    const bench = new JobBench(`cancel ${moment}`);
    const out = collect<number>();
    const build = (env: StreamEnvironment): void => {
      env
        .checkpoint({ interval: 10, retain: { onCancellation: "keep" } })
        .source("numbers", collection(NUMBERS.slice(0, 2000)))
        .keyBy((n) => n % 5, t.int32)
        .aggregate("counts", { count: count() })
        .map((each) => each.count)
        .sink("out", out);
    };
    const handle = await bench.running(build, KEPT);
    for (let events = 0; events < moment; events++) await bench.world.scheduler.runNext();
    const end = await bench.world.scheduler.runUntil(handle.cancel());
    assert.equal(await bench.world.scheduler.runUntil(handle.ended), end);
    assert.equal(handle.status, end.status);
    assert.equal(bench.statuses().filter((status) => status === end.status).length, 1);
    outcomes.add(end.status);
    const again = await bench.start(build, KEPT);
    if (again.kind === "over") {
      assert.equal(again.status, end.status.toLowerCase());
      // What was canceled before its first checkpoint has left no trace.
      if (again.status === "canceled") assert.deepEqual(out.records(), []);
    } else {
      assert.equal((await bench.world.scheduler.runUntil(again.job.ended)).status, "FINISHED");
    }
    if (again.kind === "over" && again.status === "canceled") continue;
    assert.deepEqual(
      sorted(out.records()),
      sorted(NUMBERS.slice(0, 2000).map((n) => Math.floor(n / 5) + 1)),
      `moment ${moment}`,
    );
  }
  assert.deepEqual(outcomes, new Set(["CANCELED", "FINISHED"]));
});

test("a job that is canceled while a failed attempt still closes ends after that", async () => {
  const bench = new JobBench();
  let closedCount = 0;
  const handle = await bench.running((env) => {
    env
      .restart({ kind: "fixed-delay", attempts: 100, delay: "1s" })
      .source("numbers", endless())
      .sink("out", {
        ...discard(),
        createWriter: (context) =>
          Object.assign(discard().createWriter(context), {
            write: () => {
              throw new Error("always");
            },
            close: async () => {
              await new Promise<void>((done) => context.env.clock.schedule(60_000, done));
              closedCount += 1;
            },
          }),
      });
  });
  await bench.until(() => handle.status === "RESTARTING");
  const end = await bench.world.scheduler.runUntil(handle.cancel());
  assert.deepEqual([end.status, closedCount], ["CANCELED", 1]);
});

/** A run of a killed process: two checkpoints, the newer with a damaged segment. */
async function damagedRun(build: (env: StreamEnvironment) => void): Promise<JobBench> {
  const bench = new JobBench();
  const handle = await bench.running(build, KEPT);
  await bench.until(() => bench.count("checkpoint") >= 4);
  bench.restart();
  const { disk } = bench.world;
  const newest = disk.paths().findLast((path) => path.endsWith("_metadata"));
  const text = new TextDecoder().decode(disk.content(newest ?? ""));
  const [segment] = /shared\/[^"]+\.seg/.exec(text) ?? [];
  disk.corrupt(`${handle.runDirectory}/${segment}`, 50, 0xff);
  bench.events.length = 0;
  return bench;
}

test("a damaged checkpoint that cannot be put aside fails the job, which can go on", async () => {
  const build = (env: StreamEnvironment): void => {
    env.checkpoint({ interval: 10, retain: { count: 2 } });
    env
      .source("numbers", endless())
      .keyBy((n) => n % 5, t.int32)
      .aggregate("counts", { count: count() })
      .sink("out", discard());
  };
  const bench = await damagedRun(build);
  const { scheduler } = bench.world;
  bench.process.env.files.inject({ kind: "io", operation: "rename", path: /chk-/ });
  const end = await bench.run(build, KEPT);
  assert.deepEqual([end.status, errorCode(end.error)], ["FAILED", "FILE_IO"]);
  const again = await bench.running(build, KEPT);
  await bench.until(() => bench.count("checkpoint") > 0);
  assert.equal((await scheduler.runUntil(again.cancel())).status, "CANCELED");
});

test("canceled at any moment of going back behind a damaged checkpoint, a job rests", async () => {
  const build = (env: StreamEnvironment): void => {
    env.checkpoint({ interval: 10, retain: { count: 2, onCancellation: "keep" } });
    env
      .source("numbers", endless())
      .keyBy((n) => n % 5, t.int32)
      .aggregate("counts", { count: count() })
      .sink(
        "out",
        forEach(() => undefined),
      );
  };
  let passedCount = 0;
  for (let moment = 0; moment < 150; moment++) {
    const bench = await damagedRun(build);
    const { scheduler, disk } = bench.world;
    const handle = await bench.running(build, KEPT);
    for (let events = 0; events < moment; events++) await scheduler.runNext();
    const end = await scheduler.runUntil(handle.cancel());
    assert.equal(end.status, "CANCELED", `moment ${moment}`);
    const statuses = bench.statuses();
    const paths = disk.paths();
    await bench.advance(60_000);
    assert.deepEqual(bench.statuses(), statuses, `moment ${moment}`);
    assert.deepEqual(disk.paths(), paths, `moment ${moment}`);
    if (statuses.includes("RESTARTING")) passedCount += 1;
  }
  assert.ok(passedCount > 0 && passedCount < 150, `${passedCount} had gone back`);
});
