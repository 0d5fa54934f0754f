// Jobs with nothing to do, or no room, rest: they neither spin nor miss what wakes them.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Batch } from "../columns/batch.ts";
import { forEach } from "../connectors/for-each.ts";
import { generator } from "../connectors/generator.ts";
import type { Sink, WriterContext } from "../connectors/sink.ts";
import { valueState } from "../state/descriptors.ts";
import { t } from "../types/t.ts";
import { JobBench } from "./job.fixture.ts";

/** Events that a job at rest may cause in a second: ticks of idleness, generators, heartbeats. */
const EVENTS_PER_SECOND_MAX = 60;

/** Takes nothing until the clock shows `openAt`. */
function closedSink(openAt: number, seen: number[]): Sink<number> {
  return {
    kind: "sink",
    connector: "closed",
    guarantee: "none",
    createWriter: ({ env, wake }: WriterContext) => {
      env.clock.schedule(Math.max(0, openAt - env.clock.monotonicMs()), wake);
      return {
        open: () => undefined,
        isReady: () => env.clock.monotonicMs() >= openAt,
        write: (batch: Batch) => {
          const records = batch.records() as readonly number[];
          for (let index = 0; index < batch.count; index++) seen.push(records[index]);
        },
        prepareCommit: () => [],
        snapshot: () => undefined,
        flushed: () => Promise.resolve(),
        close: () => Promise.resolve(),
      };
    },
  };
}

test("a job whose source has nothing for a while rests, and goes on when it has", async () => {
  const bench = new JobBench();
  const seen: number[] = [];
  const handle = await bench.running(
    (env) => {
      env
        .source("numbers", generator({ make: (n) => n, ratePerSecond: 0.1 }))
        .watermarks({ timestamp: (n) => n, idleAfter: "5s" })
        .rebalance()
        .sink(
          "out",
          forEach<number>((n) => void seen.push(n)),
        );
    },
    { parallelism: 2 },
  );
  await bench.advance(1000);
  const before = bench.world.scheduler.deliveredCount;
  await bench.advance(100_000);
  const events = bench.world.scheduler.deliveredCount - before;
  assert.ok(events < 100 * EVENTS_PER_SECOND_MAX, `${events} events in 100 seconds`);
  assert.ok(seen.length >= 9, `${seen.length} records in 100 seconds`);
  await bench.world.scheduler.runUntil(handle.cancel());
});

test("a job whose sink takes nothing rests, with timers due, and goes on later", async () => {
  const bench = new JobBench();
  const seen: number[] = [];
  let fired = 0;
  const handle = await bench.running(
    (env) => {
      env
        .source("numbers", generator({ count: 200_000, make: (n) => n }))
        .watermarks({ timestamp: (n) => n, idleAfter: "1s" })
        .keyBy((n) => n % 10, t.int32)
        .process("timers", {
          state: { isSet: valueState(t.bool, { default: false }) },
          process(n, { state, timers, processingTime, emit }) {
            if (!state.isSet.get()) timers.registerProcessingTime(processingTime + 100);
            state.isSet.set(true);
            emit(n as never);
          },
          onTimer: () => void (fired += 1),
        })
        .rebalance()
        .sink("out", closedSink(60_000, seen) as Sink<unknown>);
    },
    { parallelism: 2 },
  );
  await bench.advance(2000);
  const before = bench.world.scheduler.deliveredCount;
  await bench.advance(50_000);
  const events = bench.world.scheduler.deliveredCount - before;
  assert.equal(seen.length, 0);
  assert.ok(events < 50 * EVENTS_PER_SECOND_MAX, `${events} events in 50 seconds`);
  const end = await bench.world.scheduler.runUntil(handle.ended);
  assert.equal(end.status, "FINISHED");
  assert.equal(seen.length, 200_000);
  assert.equal(new Set(seen).size, 200_000);
  assert.ok(fired <= 10);
});
