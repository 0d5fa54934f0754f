// Event time in whole jobs: idle sources, alignment of sources, restored watermarks.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamEnvironment } from "../api/environment.ts";
import { emits } from "../api/stream-base.ts";
import { collect } from "../connectors/collect.ts";
import { collection } from "../connectors/collection.ts";
import { generator } from "../connectors/generator.ts";
import { forEach } from "../connectors/for-each.ts";
import { t } from "../types/t.ts";
import { count } from "../window/aggregates.ts";
import { tumbling } from "../window/assigner.ts";
import { JobBench } from "./job.fixture.ts";

const KEPT = { checkpointDirectory: "/runs" };

function paced(stepMs: number, ratePerSecond: number) {
  return generator({ make: (index) => index * stepMs, ratePerSecond });
}

test("a source that has nothing for a while does not hold windows back", async () => {
  const bench = new JobBench();
  const starts: number[] = [];
  const handle = await bench.running((env) => {
    const busy = env
      .source("busy", paced(10, 100))
      .watermarks({ timestamp: (at) => at, idleAfter: "2s" });
    // Its second record comes after a hundred seconds.
    const quiet = env
      .source("quiet", paced(10, 0.01))
      .watermarks({ timestamp: (at) => at, idleAfter: "2s" });
    busy
      .union(quiet)
      .keyBy(() => "all", t.string)
      .window(tumbling("1s"))
      .aggregate(
        "windows",
        { count: count() },
        (_value, { window }, emit) => emit(window.start),
        emits<number>(),
      )
      .sink(
        "out",
        forEach<number>((start) => void starts.push(start)),
      );
  });
  await bench.advance(1_500);
  assert.deepEqual(starts, [], "not yet idle: the quiet source holds everything back");
  await bench.advance(20_000);
  assert.ok(starts.length >= 15, `${starts.length} windows`);
  assert.deepEqual(
    starts,
    starts.map((_, index) => index * 1000),
  );
  await bench.world.scheduler.runUntil(handle.cancel());
});

test("sources of an alignment group stay together, however fast one of them is", async () => {
  const bench = new JobBench();
  const latest = { fast: 0, slow: 0 };
  const build = (env: StreamEnvironment): void => {
    for (const [name, stepMs] of [
      ["fast", 1000],
      ["slow", 10],
    ] as const) {
      env
        .source(name, paced(stepMs, 100))
        .watermarks({
          timestamp: (at) => at,
          alignment: { group: "together", maxDrift: "30s", updateInterval: 100 },
        })
        .sink(
          `out ${name}`,
          forEach<number>((at) => void (latest[name] = at)),
        );
    }
  };
  const handle = await bench.running(build);
  for (let second = 0; second < 20; second++) {
    await bench.advance(1000);
    // What the reader may be ahead: the drift, and what it reads between two reports.
    assert.ok(latest.fast <= latest.slow + 30_000 + 60_000, JSON.stringify(latest));
  }
  assert.ok(latest.slow > 15_000, "the slow source is never held back");
  assert.ok(latest.fast > 30_000, "the fast source goes on as far as it may");
  await bench.world.scheduler.runUntil(handle.cancel());
});

test("event time does not go back after a failure: windows fire once", async () => {
  const bench = new JobBench();
  const out = collect<string>();
  let failuresLeft = 3;
  const handle = await bench.running((env) => {
    env
      .checkpoint({ interval: 300 })
      .restart({ kind: "fixed-delay", attempts: 10, delay: 10 })
      .source("numbers", paced(10, 100))
      .watermarks({ timestamp: (at) => at, outOfOrderness: 50 })
      .map((at) => {
        if (at > 2000 && at % 1700 === 0 && failuresLeft-- > 0) throw new Error("again");
        return at;
      })
      .keyBy((at) => at % 30, t.int32)
      .window(tumbling(200))
      .aggregate(
        "windows",
        { count: count() },
        ({ count: n }, { key, window }, emit) => emit(`${window.start} ${key} ${n}`),
        emits<string>(),
      )
      .sink("out", out);
  }, KEPT);
  await bench.until(() => out.records().length > 200);
  const end = await bench.world.scheduler.runUntil(handle.cancel());
  assert.equal(end.attemptsCount, 4);
  const records = out.records();
  assert.equal(new Set(records).size, records.length, "no window twice");
  const starts = [...new Set(records.map((text) => Number(text.split(" ")[0])))];
  assert.deepEqual(
    starts,
    starts.map((_, index) => index * 200),
  );
  for (const start of starts.slice(0, -1)) {
    const counts = records
      .filter((text) => Number(text.split(" ")[0]) === start)
      .map((text) => Number(text.split(" ")[2]));
    assert.equal(
      counts.reduce((a, b) => a + b, 0),
      20,
      `window ${start}`,
    );
  }
});

test("a bounded source that is read side by side keeps a watermark per split", async () => {
  const bench = new JobBench();
  const windows = collect<{ count: number }>();
  const times = Array.from({ length: 4000 }, (_, n) => n);
  await bench.run(
    (env) => {
      env
        .source("numbers", collection(times, { splits: 8 }))
        .watermarks({ timestamp: (at) => at })
        .keyBy((at) => at % 3, t.int32)
        .window(tumbling(4000))
        .aggregate("windows", { count: count() })
        .sink("out", windows);
    },
    { parallelism: 2 },
  );
  assert.equal(
    windows.records().reduce((sum, each) => sum + each.count, 0),
    4000,
  );
});
