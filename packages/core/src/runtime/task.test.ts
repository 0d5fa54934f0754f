// What one task does with what comes in: order, flow control, barriers, time, ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import { collection } from "../connectors/collection.ts";
import {
  END_OF_DATA,
  STATUS_ACTIVE,
  STATUS_IDLE,
  watermarkElement as watermark,
} from "../exchange/element.ts";
import { MAX_WATERMARK } from "../time/timestamp.ts";
import { watermarkStrategy } from "../time/watermark-strategy.ts";
import { ProbeOperator, TaskBench, barrier, barrierOf, data } from "./task.fixture.ts";
import { WatermarksOperator } from "./watermarks-operator.ts";

test("records, watermark and barrier leave in the order in which they came", () => {
  const bench = new TaskBench();
  bench.push(data(1, 2), watermark(10), data(3), barrierOf(1), data(4));
  assert.equal(bench.run(), "idle");
  assert.deepEqual(bench.output(), ["1,2", "watermark 10", "3", "barrier 1", "4"]);
  assert.deepEqual(bench.calls, [
    "probe open -Infinity",
    "probe batch 1,2 on 0",
    "probe watermark 10",
    "probe batch 3 on 0",
    "probe barrier 1",
    "probe batch 4 on 0",
  ]);
});

test("a watermark leaves after its last firing, and nothing is taken before that", () => {
  const bench = new TaskBench({ fireBudget: 1 });
  const probe = bench.operators[0] as ProbeOperator;
  bench.push(watermark(10), data("behind"), barrierOf(1));
  probe.due = ["a", "b", "c"];
  bench.run();
  assert.deepEqual(bench.output(), ["a,b,c", "watermark 10", "behind", "barrier 1"]);
});

test("no batch is taken and no timer fires while the output has no room", () => {
  const bench = new TaskBench({ capacityCount: 1, fireBudget: 1 });
  const probe = bench.operators[0] as ProbeOperator;
  bench.push(data(1), watermark(5), data(2));
  probe.due = ["fired 1", "fired 2"];
  const seen: string[] = [];
  for (let round = 0; round < 10; round++) {
    bench.run();
    seen.push(bench.output().join("; "));
  }
  assert.deepEqual(seen.slice(0, 3), ["1,fired 1,fired 2; watermark 5", "2", ""]);
});

test("a blocked task asks for no deadline: only room can help it", () => {
  const bench = new TaskBench({
    capacityCount: 1,
    operators: [
      (context) =>
        new WatermarksOperator(
          context as never,
          watermarkStrategy({ timestamp: () => 1, idleAfter: 50 }, "w"),
        ),
    ],
  });
  bench.push(data(1), data(2));
  assert.equal(bench.run(), "blocked");
  assert.equal(bench.task.nextDeadline(), Infinity);
  bench.output();
  bench.run();
  bench.output();
  bench.run();
  assert.ok(bench.task.nextDeadline() <= bench.env.clock.now() + 200);
});

test("watermarks go through all operators of a chain before they leave", () => {
  const calls: string[] = [];
  const bench = new TaskBench({
    fireBudget: 1,
    operators: ["first", "second", "third"].map(
      (name) => (context) => new ProbeOperator(context.output, calls, name),
    ),
  });
  const [first, second] = bench.operators as ProbeOperator[];
  bench.push(watermark(7));
  first.due = ["f1", "f2"];
  second.due = ["s1"];
  bench.run();
  assert.deepEqual(calls.slice(3), [
    "first watermark 7",
    "second batch f1 on 0",
    "third batch f1 on 0",
    "second batch f2 on 0",
    "third batch f2 on 0",
    "second watermark 7",
    "third batch s1 on 0",
    "third watermark 7",
  ]);
  assert.deepEqual(bench.output(), ["f1,f2,s1", "watermark 7"]);
});

test("a barrier is prepared from head to tail, sent on, and then the state is frozen", async () => {
  const calls: string[] = [];
  const bench = new TaskBench({
    operators: ["first", "second"].map(
      (name) => (context) => new ProbeOperator(context.output, calls, name),
    ),
  });
  bench.push(watermark(3), data(1), barrierOf(4));
  bench.run();
  assert.deepEqual(calls.slice(-2), ["first barrier 4", "second barrier 4"]);
  assert.deepEqual(bench.output(), ["watermark 3", "1", "barrier 4"]);
  assert.deepEqual(bench.events, ["barrier taken 4"]);
  await bench.world.scheduler.runAll();
  const [{ checkpointId, operators }] = bench.acknowledged;
  assert.equal(checkpointId, 4);
  assert.deepEqual(operators["op-0"], { segments: [], states: [], watermark: 3, hasEnded: false });
});

test("after its end a task stays, takes barriers and says in them that it has ended", async () => {
  const bench = new TaskBench();
  bench.push(data(1), watermark(MAX_WATERMARK), END_OF_DATA, barrierOf(5));
  bench.run();
  assert.deepEqual(bench.output(), ["1", `watermark ${MAX_WATERMARK}`, "end of data", "barrier 5"]);
  assert.deepEqual(bench.calls.slice(-2), ["probe end 0", "probe barrier 5 at the end"]);
  assert.deepEqual(bench.events, ["ended", "barrier taken 5"]);
  await bench.world.scheduler.runAll();
  assert.equal(bench.acknowledged[0].operators["op-0"].hasEnded, true);
});

test("finish without checkpoints prepares and completes everything once", async () => {
  const bench = new TaskBench();
  bench.push(data(1), END_OF_DATA);
  bench.run();
  await bench.task.finish(false);
  assert.deepEqual(bench.calls.slice(-2), [
    `probe barrier ${MAX_WATERMARK} at the end`,
    `probe completed ${MAX_WATERMARK}`,
  ]);
  assert.deepEqual(bench.events, ["ended", "finished"]);
});

test("a task that had ended before the snapshot does not tell its operators again", () => {
  const bench = new TaskBench({ hadEnded: true, restoredWatermark: MAX_WATERMARK });
  bench.push(END_OF_DATA);
  bench.run();
  assert.ok(!bench.calls.some((call) => call.startsWith("probe end")));
  assert.equal(bench.output().at(-1), "end of data");
});

test("a restored task tells its watermark at once, and never an older one", () => {
  const bench = new TaskBench({ restoredWatermark: 100 });
  bench.push(watermark(50), data(1), watermark(101));
  bench.run();
  assert.deepEqual(bench.output(), ["watermark 100", "1", "watermark 101"]);
  assert.equal(bench.calls[0], "probe open 100");
});

test("an abort that comes with news of a completion completes that one first", () => {
  const bench = new TaskBench();
  bench.push(barrierOf(1), barrierOf(2));
  bench.run();
  bench.task.aborted(2, 1);
  assert.deepEqual(bench.calls.slice(-2), ["probe completed 1", "probe aborted 2"]);
});

test("a source that is blocked while any number of checkpoints expire takes the next one", () => {
  const bench = new TaskBench({ source: collection([]), capacityCount: 1 });
  bench.fillOutput();
  for (let id = 1; id <= 100; id++) {
    bench.task.trigger(barrier(id));
    assert.equal(bench.run(), "blocked");
    // At most two are in flight.
    if (id > 1) bench.task.aborted(id - 1, undefined);
  }
  assert.deepEqual(bench.output(), ["in the way"]);
  bench.run();
  assert.deepEqual(bench.output(), ["barrier 100"]);
});

test("a channel that falls idle lets the others go on, and its own idleness is told last", () => {
  const bench = new TaskBench({ inputs: 2 });
  const [one, other] = bench.inputs;
  one.push(watermark(10));
  other.push(watermark(30));
  bench.run();
  assert.deepEqual(bench.output(), ["watermark 10"]);
  one.push(STATUS_IDLE);
  bench.run();
  assert.deepEqual(bench.output(), ["watermark 30"]);
  one.push(STATUS_ACTIVE);
  one.push(watermark(40));
  bench.run();
  assert.deepEqual(bench.output(), []);
});

test("when all fall idle the highest watermark leaves before the idleness", () => {
  const bench = new TaskBench({ inputs: 2 });
  const [one, other] = bench.inputs;
  one.push(watermark(10));
  other.push(watermark(30));
  other.push(STATUS_IDLE);
  bench.run();
  assert.deepEqual(bench.output(), ["watermark 10"]);
  one.push(STATUS_IDLE);
  bench.run();
  assert.deepEqual(bench.output(), ["watermark 30", "idle"]);
  one.push(STATUS_ACTIVE);
  one.push(watermark(40));
  bench.run();
  assert.deepEqual(bench.output(), ["active", "watermark 40"]);
});

test("watermarks made in the middle of a stream replace those that come in", () => {
  const calls: string[] = [];
  const bench = new TaskBench({
    operators: [
      (context) =>
        new WatermarksOperator(
          context as never,
          watermarkStrategy({ timestamp: (n: number) => n, outOfOrderness: 5 }, "w"),
        ),
      (context) => new ProbeOperator(context.output, calls),
    ],
  });
  bench.push(watermark(1000), data(20), STATUS_IDLE);
  bench.run();
  assert.deepEqual(bench.output(), ["20", "watermark 14"]);
  bench.push(STATUS_ACTIVE, data(50), data(10), watermark(MAX_WATERMARK), END_OF_DATA);
  bench.run();
  assert.deepEqual(bench.output(), ["50,10", `watermark ${MAX_WATERMARK}`, "end of data"]);
  assert.ok(calls.includes("probe watermark 14"));
});

test("watermarks made in the middle fall idle, and wake up with the next record", async () => {
  const bench = new TaskBench({
    operators: [
      (context) =>
        new WatermarksOperator(
          context as never,
          watermarkStrategy({ timestamp: (n: number) => n, idleAfter: 50 }, "w"),
        ),
    ],
  });
  bench.push(data(20));
  bench.run();
  assert.deepEqual(bench.output(), ["20", "watermark 19"]);
  await bench.world.scheduler.advanceTo(300);
  bench.run();
  assert.deepEqual(bench.output(), ["idle"]);
  bench.push(data(30));
  bench.run();
  assert.deepEqual(bench.output(), ["30", "active", "watermark 29"]);
});
