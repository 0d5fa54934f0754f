/*
 * The suite that every channel passes. Holds no tests of its own; see `local-channel.test.ts` and
 * `ring-channel.test.ts`.
 */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { Batch, BATCH_COUNT } from "../columns/batch.ts";
import { NO_LIMIT } from "./channel.ts";
import type { Doorbell, InputChannel, OutputChannel } from "./channel.ts";
import type { Element } from "./element.ts";
import {
  barrierElement,
  cancelBarrierElement,
  dataElement,
  END_OF_DATA,
  END_OF_DATA_WITHOUT_DRAIN,
  END_OF_PARTITION,
  STATUS_ACTIVE,
  STATUS_IDLE,
  watermarkElement,
} from "./element.ts";

/** Counts its rings. */
export class CountingDoorbell implements Doorbell {
  count = 0;
  ring(): void {
    this.count++;
  }
}

/** Both ends of a channel and its doorbells. */
export interface ChannelUnderTest {
  readonly output: OutputChannel;
  readonly input: InputChannel;
  readonly consumerDoorbell: CountingDoorbell;
  readonly producerDoorbell: CountingDoorbell;
}

/** Elements as plain data that can be compared: batches by records and timestamps. */
export function plain(element: Element | undefined): unknown {
  if (element?.kind !== "data") return element;
  const { batch } = element;
  return {
    kind: "data",
    records: batch.records().slice(0, batch.count),
    timestamps: batch.timestamps?.slice(0, batch.count),
  };
}

function recordsIn(elements: readonly Element[]): number {
  return elements.reduce((sum, each) => sum + (each.kind === "data" ? each.batch.count : 0), 0);
}

function recordsElement(count: number, size: number): Element {
  const records = Array.from({ length: count }, (_, id) => ({ id, text: "x".repeat(size) + id }));
  return dataElement(
    Batch.ofRecords(
      records,
      count,
      Float64Array.from(records, (r) => r.id),
    ),
  );
}

const anyElement: fc.Arbitrary<Element> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.nat(60), fc.nat(40)).map(([n, s]) => recordsElement(n, s)) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.oneof(fc.integer(), fc.string()), { minLength: 1, maxLength: 5 })
      .map((values) => dataElement(Batch.ofRecords(values))),
  },
  { weight: 1, arbitrary: fc.double({ noNaN: true }).map(watermarkElement) },
  { weight: 1, arbitrary: fc.constantFrom<Element>(STATUS_IDLE, STATUS_ACTIVE) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(), fc.option(fc.nat(), { nil: undefined }))
      .map(([id, base]) => barrierElement({ id, kind: "checkpoint", timestamp: 1.7e12, base })),
  },
  { weight: 1, arbitrary: fc.nat().map(cancelBarrierElement) },
);

const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: anyElement.map((element) => ({ kind: "push" as const, element })) },
    { weight: 3, arbitrary: fc.constant({ kind: "poll" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "peek" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "hasElement" as const }) },
    { weight: 2, arbitrary: fc.constant({ kind: "hasRoom" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "drain" as const }) },
    {
      weight: 1,
      arbitrary: fc
        .oneof(fc.integer({ min: 1, max: 200 }), fc.constant(NO_LIMIT))
        .map((count) => ({ kind: "limit" as const, count })),
    },
  ),
  { maxLength: 100 },
);

/** Declares the suite for one kind of channel. */
export function channelConformance(name: string, make: () => ChannelUnderTest): void {
  test(`${name}: elements of every kind arrive once, whole and in order`, () => {
    const { output, input } = make();
    const sent: Element[] = [
      recordsElement(3, 5),
      watermarkElement(-Infinity),
      watermarkElement(1763689635123),
      STATUS_IDLE,
      STATUS_ACTIVE,
      barrierElement({ id: 7, kind: "savepoint", timestamp: 5, base: undefined }),
      barrierElement({ id: 8, kind: "checkpoint", timestamp: 6, base: 7 }),
      cancelBarrierElement(8),
      dataElement(Batch.ofRecords([1, "a", null, [2]])),
      END_OF_DATA,
      END_OF_DATA_WITHOUT_DRAIN,
      END_OF_PARTITION,
    ];
    for (const element of sent) output.push(element);
    assert.ok(output.drain());
    for (const element of sent) {
      assert.equal(input.peekKind(), element.kind);
      assert.deepStrictEqual(plain(input.poll()), plain(element));
    }
    assert.equal(input.peekKind(), undefined);
    assert.equal(input.poll(), undefined);
    assert.throws(() => output.push(STATUS_IDLE), { code: "INTERNAL_INVARIANT" });
  });

  test(`${name}: behaves as a queue, and wakes whoever found nothing`, () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const channel = make();
        const { output, input, consumerDoorbell, producerDoorbell } = channel;
        const model: Element[] = [];
        let isConsumerAsleep = false;
        let limitCount = NO_LIMIT;
        /** Rings that the producer had heard when it was refused last. */
        let heardRings: number | undefined;
        const refused = (isRefused: boolean): void => {
          if (isRefused) heardRings = producerDoorbell.count;
        };
        const take = (): void => {
          const expected = model.shift();
          assert.deepStrictEqual(plain(input.poll()), plain(expected));
          isConsumerAsleep = expected === undefined;
        };
        for (const step of sequence) {
          const rungBefore = consumerDoorbell.count;
          switch (step.kind) {
            case "push":
              output.push(step.element);
              model.push(step.element);
              if (isConsumerAsleep) assert.ok(consumerDoorbell.count > rungBefore);
              isConsumerAsleep = false;
              break;
            case "poll":
              if (!isBehind(channel)) take();
              break;
            case "peek":
              if (!isBehind(channel)) assert.equal(input.peekKind(), model[0]?.kind);
              isConsumerAsleep = model.length === 0;
              break;
            case "hasElement":
              // Only looks: whether the consumer is woken later is as it was before.
              if (!isBehind(channel)) assert.equal(input.hasElement(), model.length > 0);
              break;
            case "hasRoom": {
              const hasRoom = output.hasRoom();
              if (hasRoom) assert.ok(recordsIn(model) < limitCount, "the limit does not hold");
              refused(!hasRoom);
              break;
            }
            case "limit":
              limitCount = step.count;
              input.limit(limitCount);
              break;
            case "drain":
              refused(!output.drain());
              break;
          }
        }
        for (let round = 0; model.length > 0; round++) {
          assert.ok(round < 10_000, "the channel does not empty");
          refused(!output.drain());
          // Only a part of an element may have come so far.
          if (input.peekKind() !== undefined) take();
        }
        const isAwake = heardRings === undefined || producerDoorbell.count > heardRings;
        assert.ok(isAwake, "the producer was never woken");
        assert.ok(output.hasRoom());
        assert.equal(output.queuedSizeBytes(), 0);
      }),
      { numRuns: 300 },
    );
  });

  test(`${name}: has no room after enough was pushed, takes an overrun, and has room again`, () => {
    const { output, input, producerDoorbell } = make();
    let pushed = 0;
    while (output.hasRoom()) {
      output.push(recordsElement(BATCH_COUNT, 10));
      pushed++;
      assert.ok(pushed < 1000, "the channel is not bounded");
    }
    for (let index = 0; index < 20; index++) output.push(recordsElement(BATCH_COUNT, 10));
    pushed += 20;
    assert.ok(output.queuedSizeBytes() > 0);
    const rungBefore = producerDoorbell.count;
    for (let taken = 0; taken < pushed;) {
      output.drain();
      if (input.poll() !== undefined) taken++;
    }
    assert.ok(producerDoorbell.count > rungBefore);
    assert.ok(output.hasRoom());
  });

  test(`${name}: has room while fewer records are queued than its limit, as it is now`, () => {
    const { output, input, producerDoorbell } = make();
    const fill = (): number => {
      let pushed = 0;
      for (; output.hasRoom(); pushed++) output.push(dataElement(Batch.ofRecords([pushed])));
      return pushed;
    };
    input.limit(3);
    assert.equal(fill(), 3);
    const rungBefore = producerDoorbell.count;
    input.poll();
    assert.ok(producerDoorbell.count > rungBefore, "the producer was not woken for one record");
    assert.equal(fill(), 1);
    const rungBeforeMore = producerDoorbell.count;
    input.limit(5);
    assert.ok(producerDoorbell.count > rungBeforeMore, "the producer was not woken for the limit");
    assert.equal(fill(), 2);
    input.limit(1);
    for (let left = 5; left > 0; left--) {
      assert.ok(!output.hasRoom(), `there is room behind ${left} records`);
      input.poll();
    }
    // However slow the consumer is, it is not left without work.
    assert.equal(fill(), 1);
    output.push(watermarkElement(1));
    input.poll();
    assert.ok(output.hasRoom(), "what is no record counts");
  });

  test(`${name}: batches are to be a part of the limit, a record or more`, () => {
    const { output, input } = make();
    const atLimit = (count: number): number => {
      input.limit(count);
      return output.batchCountMax();
    };
    assert.equal(output.batchCountMax(), BATCH_COUNT);
    assert.deepEqual([1, 4, 400].map(atLimit), [1, 1, 100]);
    assert.deepEqual([BATCH_COUNT * 4, BATCH_COUNT * 40, NO_LIMIT].map(atLimit), [
      BATCH_COUNT,
      BATCH_COUNT,
      BATCH_COUNT,
    ]);
  });

  /** The producer's driver would drain now; elements may wait outside the shared memory. */
  function isBehind(channel: ChannelUnderTest): boolean {
    return !channel.output.drain();
  }
}
