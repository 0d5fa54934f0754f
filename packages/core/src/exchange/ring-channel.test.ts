import assert from "node:assert/strict";
import test from "node:test";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { Batch } from "../columns/batch.ts";
import { channelConformance, CountingDoorbell, plain } from "./channel-conformance.fixture.ts";
import type { ChannelUnderTest } from "./channel-conformance.fixture.ts";
import { NO_LIMIT } from "./channel.ts";
import { doorbellMemory, SharedDoorbell } from "./doorbell.ts";
import type { Element } from "./element.ts";
import { dataElement, END_OF_PARTITION, watermarkElement } from "./element.ts";
import { ringMemory } from "./ring.ts";
import { RingInput, RingOutput, ringSizeBytes } from "./ring-channel.ts";

function make(
  sizeBytes: number,
  isVerified: boolean,
): ChannelUnderTest & { memory: SharedArrayBuffer } {
  const memory = ringMemory(sizeBytes);
  const consumerDoorbell = new CountingDoorbell();
  const producerDoorbell = new CountingDoorbell();
  const output = new RingOutput({ memory, operator: "a", consumerDoorbell, isVerified });
  const input = new RingInput({ memory, name: "a -> b", producerDoorbell });
  return { memory, output, input, consumerDoorbell, producerDoorbell };
}

interface Order {
  readonly memory: SharedArrayBuffer;
  readonly doorbells: SharedArrayBuffer;
  readonly seed: number;
}

const ELEMENTS_COUNT = 3000;

/** The same elements on both threads: smaller than a piece, and larger than the ring. */
function* elementsOf(seed: number): Generator<Element> {
  let state = seed;
  const next = (end: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * end);
  };
  for (let index = 0; index < ELEMENTS_COUNT; index++) {
    if (next(5) === 0) yield watermarkElement(index);
    else {
      const count = next(40) === 0 ? 3000 : next(60);
      const records = Array.from({ length: count }, () => ({
        id: next(1000),
        city: `c${next(50)}`,
      }));
      yield dataElement(Batch.ofRecords(records));
    }
  }
  yield END_OF_PARTITION;
}

/** A whole worker's work: asks for room, parks on its doorbell, drains before it ends. */
function produce(order: Order): void {
  const own = new SharedDoorbell(order.doorbells, 0);
  const consumerDoorbell = new SharedDoorbell(order.doorbells, 1);
  const output = new RingOutput({
    memory: order.memory,
    operator: "a",
    consumerDoorbell,
    isVerified: true,
  });
  const waitFor = (condition: () => boolean): void => {
    for (;;) {
      const seen = own.count();
      if (condition()) return;
      own.block(seen, 10_000);
      if (own.count() === seen) throw new Error("the producer was never woken");
    }
  };
  for (const element of elementsOf(order.seed)) {
    waitFor(() => output.hasRoom());
    output.push(element);
  }
  waitFor(() => output.drain());
}

if (isMainThread) {
  channelConformance("ring channel", () => make(1 << 18, false));
  channelConformance("small verified ring channel", () => make(1024, true));

  test("between two threads, elements arrive once, whole, in order; both may park", async () => {
    for (const sizeBytes of [1024, 1 << 16]) {
      const seed = Number(process.env.OXBOW_SEED ?? Date.now() >>> 0);
      const order: Order = { memory: ringMemory(sizeBytes), doorbells: doorbellMemory(2), seed };
      const worker = new Worker(new URL(import.meta.url), { workerData: order });
      const failed = new Promise<never>((_, reject) => worker.once("error", reject));
      const own = new SharedDoorbell(order.doorbells, 1);
      const producerDoorbell = new SharedDoorbell(order.doorbells, 0);
      const input = new RingInput({ memory: order.memory, name: "a -> b", producerDoorbell });
      let taken = 0;
      for (const expected of elementsOf(seed)) {
        // Mostly less than what is queued, so that the producer waits for the limit, too.
        if (taken % 16 === 0) input.limit(taken % 48 === 0 ? NO_LIMIT : 1 + (taken % 200));
        let element: Element | undefined;
        for (;;) {
          const seen = own.count();
          element = input.poll();
          if (element !== undefined) break;
          const waiting = own.wait(seen);
          if (waiting !== undefined) await Promise.race([waiting, failed]);
        }
        assert.deepStrictEqual(plain(element), plain(expected), `element ${taken}, seed ${seed}`);
        taken++;
      }
      assert.equal(taken, ELEMENTS_COUNT + 1);
      await worker.terminate();
    }
  });

  test("many rings are smaller than few, down to a bound", () => {
    assert.equal(ringSizeBytes(2), 1 << 20);
    assert.equal(ringSizeBytes(64), 1 << 20);
    assert.equal(ringSizeBytes(65), 1 << 19);
    assert.equal(ringSizeBytes(240), 1 << 18);
    assert.equal(ringSizeBytes(100_000), 1 << 18);
    assert.ok(ringMemory(ringSizeBytes(7)).byteLength > 1 << 20);
  });

  test("a damaged or lost piece is FRAME_CORRUPTED with the channel's name", () => {
    const corrupt = (change: (words: Uint32Array) => void): void => {
      const { memory, output, input } = make(1024, true);
      output.push(watermarkElement(5));
      change(new Uint32Array(memory, 64));
      assert.throws(() => input.poll(), { code: "FRAME_CORRUPTED", message: /a -> b/ });
    };
    corrupt((words) => words[4]++);
    corrupt((words) => words[1]++);
    corrupt((words) => (words[0] = 4000));
    corrupt((words) => (words[2] = (words[2] & ~0xff) | 99));
  });
} else produce(workerData as Order);
