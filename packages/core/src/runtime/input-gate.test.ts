// The gate: alignment of barriers, combined time, fairness and ends, over real channels.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  END_OF_DATA,
  STATUS_ACTIVE,
  STATUS_IDLE,
  cancelBarrierElement,
  watermarkElement as watermark,
} from "../exchange/element.ts";
import type { Element } from "../exchange/element.ts";
import { LocalChannel } from "../exchange/local-channel.ts";
import { SimWorld } from "../testing/sim-env.ts";
import { DEBLOAT_TARGET_MS } from "./debloater.ts";
import { InputGate } from "./input-gate.ts";
import type { GateEvent } from "./input-gate.ts";
import { barrierOf, data } from "./task.fixture.ts";

interface GateBench {
  readonly gate: InputGate;
  readonly world: SimWorld;
  /** Puts elements into a channel. */
  put(channel: number, ...elements: Element[]): void;
  /** Everything that comes out now, as text. */
  take(): string[];
}

function gateBench(inputs: readonly number[], isExactlyOnce = true): GateBench {
  const world = new SimWorld({ seed: "gate" });
  const { clock } = world.startProcess().env;
  const bell = { ring: () => undefined };
  const channels = inputs.map((input, index) => ({
    input,
    channel: new LocalChannel({
      name: `${index}`,
      operator: `${index}`,
      isEncoded: false,
      consumerDoorbell: bell,
      producerDoorbell: bell,
    }),
  }));
  const gate = new InputGate({
    channels,
    isExactlyOnce,
    clock,
    debloatTargetMs: DEBLOAT_TARGET_MS,
  });
  return {
    gate,
    world,
    put: (channel, ...elements) => {
      for (const element of elements) channels[channel].channel.push(element);
    },
    take: () => {
      const texts: string[] = [];
      for (let event = gate.poll(); event !== undefined; event = gate.poll()) {
        texts.push(textOf(event, gate));
      }
      return texts;
    },
  };
}

function textOf(event: GateEvent, gate: InputGate): string {
  switch (event.kind) {
    case "batch":
      return `${event.batch.records().join()}${event.input === 0 ? "" : " on 1"}`;
    case "time":
      return `${gate.watermark}${gate.isIdle ? " idle" : ""}`;
    case "barrier":
      return `barrier ${event.barrier.id}`;
    case "superseded":
      return `superseded ${event.checkpointId}`;
    case "end-input":
      return `end ${event.input}`;
  }
}

test("a channel that has delivered the barrier is not read until all have", () => {
  const { put, take } = gateBench([0, 0]);
  put(0, data("before"), barrierOf(1), data("after"));
  assert.deepEqual(take(), ["before"]);
  put(1, data("other"));
  assert.deepEqual(take(), ["other"]);
  put(1, barrierOf(1), data("last"));
  const rest = take();
  assert.equal(rest[0], "barrier 1");
  assert.deepEqual(rest.slice(1).sort(), ["after", "last"]);
});

test("what lies behind a barrier that is being aligned is no input yet", () => {
  const { gate, put, take } = gateBench([0, 0]);
  assert.ok(!gate.hasInput());
  put(0, barrierOf(1), data("behind"));
  assert.ok(gate.hasInput());
  assert.deepEqual(take(), []);
  assert.ok(!gate.hasInput());
  put(1, barrierOf(1));
  assert.ok(gate.hasInput());
  assert.deepEqual(take(), ["barrier 1", "behind"]);
  assert.ok(!gate.hasInput());
});

test("at-least-once reads on behind a barrier, and passes it with the last one", () => {
  const { put, take } = gateBench([0, 0], false);
  put(0, barrierOf(1), data("after"), barrierOf(2), data("later"));
  assert.deepEqual(take(), ["after", "later"]);
  put(1, barrierOf(1), barrierOf(2));
  assert.deepEqual(take(), ["barrier 1", "barrier 2"]);
});

test("an abort releases what its alignment blocks, and its later barriers are swallowed", () => {
  const { gate, put, take } = gateBench([0, 0]);
  put(0, barrierOf(1), data("held"));
  assert.deepEqual(take(), []);
  gate.abort(1);
  assert.deepEqual(take(), ["held"]);
  put(1, barrierOf(1), data("free"));
  assert.deepEqual(take(), ["free"]);
  put(0, barrierOf(2));
  put(1, barrierOf(2));
  assert.deepEqual(take(), ["barrier 2"]);
});

test("a barrier that was aborted before it came is swallowed", () => {
  const { gate, put, take } = gateBench([0, 0]);
  gate.abort(1);
  put(0, barrierOf(1), data("a"));
  put(1, barrierOf(1), data("b"));
  assert.deepEqual(take().sort(), ["a", "b"]);
});

test("an abort of a checkpoint that has passed changes nothing", () => {
  const { gate, put, take } = gateBench([0]);
  put(0, barrierOf(3));
  assert.deepEqual(take(), ["barrier 3"]);
  gate.abort(3);
  put(0, barrierOf(4));
  assert.deepEqual(take(), ["barrier 4"]);
});

test("a cancel element aborts as a notice of the master does", () => {
  const { put, take } = gateBench([0, 0]);
  put(0, barrierOf(1), data("held"));
  assert.deepEqual(take(), []);
  put(1, cancelBarrierElement(1));
  assert.deepEqual(take(), ["held"]);
});

test("a newer barrier supersedes the one that is being aligned", () => {
  const { put, take } = gateBench([0, 0]);
  put(0, barrierOf(1), data("held"));
  assert.deepEqual(take(), []);
  put(1, barrierOf(2), data("behind 2"));
  assert.deepEqual(take(), ["superseded 1", "held"]);
  put(0, barrierOf(2));
  assert.deepEqual(take(), ["barrier 2", "behind 2"]);
});

test("a barrier older than the one being aligned is swallowed: its abort is on the way", () => {
  const { gate, put, take } = gateBench([0, 0]);
  put(0, barrierOf(5), data("behind 5"));
  assert.deepEqual(take(), []);
  put(1, barrierOf(4), data("between"), barrierOf(5));
  assert.deepEqual(take(), ["between", "barrier 5", "behind 5"]);
  gate.abort(4);
  assert.deepEqual(take(), []);
});

test("the time from the first barrier to the last is the alignment time", async () => {
  const { gate, world, put } = gateBench([0, 0]);
  put(0, barrierOf(1));
  assert.equal(gate.poll(), undefined);
  await world.scheduler.advanceTo(30);
  put(1, barrierOf(1));
  const event = gate.poll();
  assert.ok(event?.kind === "barrier" && event.alignmentMs === 30);
});

test("the watermark is the least over the active channels, and never falls", () => {
  const { put, take } = gateBench([0, 0]);
  put(0, watermark(10));
  assert.deepEqual(take(), []);
  put(1, watermark(5));
  assert.deepEqual(take(), ["5"]);
  put(1, STATUS_IDLE);
  assert.deepEqual(take(), ["10"]);
  put(1, STATUS_ACTIVE, watermark(8));
  assert.deepEqual(take(), []);
  put(0, STATUS_IDLE);
  put(1, STATUS_IDLE);
  assert.deepEqual(take(), ["10 idle"]);
  put(1, STATUS_ACTIVE, watermark(12));
  assert.deepEqual(take(), ["10", "12"]);
});

test("a restored gate does not go behind its watermark", () => {
  const { gate, put, take } = gateBench([0]);
  gate.restoreWatermark(100);
  put(0, watermark(50), watermark(100), watermark(101));
  assert.deepEqual(take(), ["101"]);
});

test("channels that always have something take turns", () => {
  const { put, take } = gateBench([0, 0, 0]);
  for (let round = 0; round < 4; round++) {
    for (const channel of [0, 1, 2]) put(channel, data(`${channel}`));
  }
  assert.deepEqual(take(), "0 1 2 0 1 2 0 1 2 0 1 2".split(" "));
});

test("when all was taken, the first channel comes first again", () => {
  const { put, take } = gateBench([0, 1]);
  for (const at of [1, 2, 3]) {
    put(1, data("b"), watermark(at));
    put(0, data("a"), watermark(at));
    assert.deepEqual(take(), ["a", "b on 1", `${at}`]);
  }
});

test("an input ends with its last channel, and barriers pass afterwards", () => {
  const { gate, put, take } = gateBench([0, 0, 1]);
  put(0, END_OF_DATA);
  assert.deepEqual(take(), []);
  put(2, data("second"), END_OF_DATA);
  assert.deepEqual(take(), ["second on 1", "end 1"]);
  put(1, END_OF_DATA);
  assert.equal(gate.hasEnded, false);
  assert.deepEqual(take(), ["end 0"]);
  assert.equal(gate.hasEnded, true);
  for (const channel of [0, 1, 2]) put(channel, barrierOf(9));
  assert.deepEqual(take(), ["barrier 9"]);
});

test("whatever the channels bring: aligned barriers cut all of them at the same place", () => {
  const script = fc.array(
    fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 3, maxLength: 3 }),
    { minLength: 1, maxLength: 6 },
  );
  fc.assert(
    fc.property(script, fc.infiniteStream(fc.integer({ min: 0, max: 2 })), (rounds, order) => {
      const { put, take } = gateBench([0, 0, 0]);
      const queues: Element[][] = [[], [], []];
      rounds.forEach((counts, round) => {
        counts.forEach((count, channel) => {
          for (let n = 0; n < count; n++) queues[channel].push(data(`r${round}`));
          queues[channel].push(barrierOf(round + 1));
        });
      });
      const texts: string[] = [];
      while (queues.some((queue) => queue.length > 0)) {
        const channel = order.next().value as number;
        const element = queues[channel].shift();
        if (element !== undefined) put(channel, element);
        texts.push(...take());
      }
      let passed = 0;
      for (const text of texts) {
        if (text.startsWith("barrier")) assert.equal(text, `barrier ${++passed}`);
        else assert.equal(text, `r${passed}`);
      }
      assert.equal(passed, rounds.length);
    }),
  );
});
