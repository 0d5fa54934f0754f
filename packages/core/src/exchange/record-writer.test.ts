import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { Batch, BATCH_COUNT } from "../columns/batch.ts";
import { decodeBatch, RecordEncoder } from "../columns/record-encoder.ts";
import { ByteWriter } from "../types/byte-writer.ts";
import { hashOfString } from "../types/java-hash.ts";
import { keyGroupOf, subtaskOf } from "../types/key-group.ts";
import { t } from "../types/t.ts";
import { CountingDoorbell } from "./channel-conformance.fixture.ts";
import type { Element } from "./element.ts";
import { watermarkElement } from "./element.ts";
import { LocalChannel } from "./local-channel.ts";
import type { Partitioning } from "./partitioner.ts";
import { targetsOf } from "./partitioner.ts";
import { RecordWriter } from "./record-writer.ts";

const MAX_PARALLELISM = 128;

interface Setup {
  readonly writer: RecordWriter;
  readonly channels: readonly LocalChannel[];
}

function setUp(partitioning: Partitioning, targetParallelism: number): Setup {
  const end = {
    subtaskIndex: 0,
    parallelism: partitioning.kind === "forward" ? targetParallelism : 1,
    targetParallelism,
  };
  const channels = targetsOf(partitioning.kind, end).map(
    (target) =>
      new LocalChannel({
        name: `a -> b ${target}`,
        operator: "a",
        isEncoded: false,
        consumerDoorbell: new CountingDoorbell(),
        producerDoorbell: new CountingDoorbell(),
      }),
  );
  const maxParallelism = MAX_PARALLELISM;
  const rest = { channels, partitioning, maxParallelism, consumer: "b" };
  return { channels, writer: new RecordWriter({ ...end, ...rest }) };
}

function takeAll(channel: LocalChannel): Element[] {
  const taken: Element[] = [];
  for (;;) {
    const element = channel.poll();
    if (element === undefined) return taken;
    taken.push(element);
  }
}

interface Rec {
  readonly id: number;
  readonly k: string;
}

/** Records with their timestamps, and watermarks, in order. */
function flatten(elements: readonly Element[]): unknown[] {
  return elements.flatMap((element): unknown[] => {
    if (element.kind !== "data") return [element];
    const { batch } = element;
    const records = batch.records() as readonly Rec[];
    return Array.from({ length: batch.count }, (_, row) => [records[row], batch.timestamps?.[row]]);
  });
}

function columnar(batch: Batch): Batch {
  const writer = new ByteWriter();
  new RecordEncoder("a").encode(batch, writer);
  return decodeBatch(writer.copy(), { file: "edge", offset: 0, requireChecksum: false });
}

const byKey: Partitioning = { kind: "hash", key: { by: "k", type: t.string } };

/** Batches in either form, with or without timestamps, with a watermark here and there. */
const stream = fc.array(
  fc.record({
    keys: fc.array(fc.constantFrom("a", "b", "c", "dd", "ee", "ff", "g"), { maxLength: 700 }),
    isColumnar: fc.boolean(),
    isTimed: fc.boolean(),
    watermark: fc.boolean(),
  }),
  { maxLength: 8 },
);

test("per channel nothing is lost, doubled or reordered; keys go to their key group", () => {
  fc.assert(
    fc.property(
      stream,
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom<Partitioning>(
        byKey,
        { kind: "rebalance" },
        { kind: "broadcast" },
        { kind: "forward" },
      ),
      (batches, parallelism, partitioning) => {
        const { writer, channels } = setUp(partitioning, parallelism);
        const sent: unknown[] = [];
        let id = 0;
        for (const { keys, isColumnar, isTimed, watermark } of batches) {
          const records = keys.map((k): Rec => ({ id: id++, k }));
          const times = isTimed ? Float64Array.from(records, (r) => r.id * 10) : undefined;
          const batch = Batch.ofRecords(records, records.length, times);
          writer.emit(isColumnar ? columnar(batch) : batch);
          for (const record of records) sent.push([record, isTimed ? record.id * 10 : undefined]);
          if (watermark) {
            writer.emitControl(watermarkElement(id));
            sent.push(watermarkElement(id));
          }
        }
        writer.flush();
        const received = channels.map((channel) => flatten(takeAll(channel)));
        const isRecord = (item: unknown): item is [Rec, number | undefined] => Array.isArray(item);
        if (partitioning.kind === "broadcast" || partitioning.kind === "forward") {
          for (const items of received) assert.deepStrictEqual(items, sent);
          return;
        }
        const all = received
          .flat()
          .filter(isRecord)
          .sort(([a], [b]) => a.id - b.id);
        assert.deepStrictEqual(all, sent.filter(isRecord));
        received.forEach((items, index) => {
          // All watermarks, and the channel's records, in the order in which they were sent.
          const own = new Set(items.filter(isRecord).map(([record]) => record.id));
          const expected = sent.filter((item) => !isRecord(item) || own.has(item[0].id));
          assert.deepStrictEqual(items, expected);
          if (partitioning.kind !== "hash") return;
          for (const [record] of items.filter(isRecord)) {
            const group = keyGroupOf(hashOfString(record.k), MAX_PARALLELISM);
            assert.equal(subtaskOf(group, parallelism, MAX_PARALLELISM), index);
          }
        });
      },
    ),
    { numRuns: 300 },
  );
});

test("small batches are gathered to full ones, and leave at once when flushed", () => {
  const { writer, channels } = setUp(byKey, 2);
  const [key] = ["a", "b", "c"].filter(
    (k) => subtaskOf(keyGroupOf(hashOfString(k), 128), 2, 128) === 0,
  );
  for (let index = 0; index < BATCH_COUNT - 1; index++) writer.emit(Batch.ofRecords([{ k: key }]));
  assert.equal(channels[0].peekKind(), undefined);
  writer.emit(Batch.ofRecords([{ k: key }]));
  const [full] = takeAll(channels[0]);
  assert.ok(full.kind === "data" && full.batch.count === BATCH_COUNT);
  writer.emit(Batch.ofRecords([{ k: key }]));
  assert.equal(channels[0].peekKind(), undefined);
  writer.flush();
  assert.equal(channels[0].peekKind(), "data");
});

test("columns stay columns through a hash edge", () => {
  const { writer, channels } = setUp(byKey, 3);
  const records = Array.from({ length: 500 }, (_, id) => ({ id, k: `k${id % 40}` }));
  for (let round = 0; round < 4; round++) writer.emit(columnar(Batch.ofRecords(records)));
  writer.flush();
  let count = 0;
  for (const element of channels.flatMap(takeAll)) {
    assert.ok(element.kind === "data" && element.batch.isColumnar);
    count += element.batch.count;
  }
  assert.equal(count, 2000);
});

test("rebalance spreads every batch evenly", () => {
  const { writer, channels } = setUp({ kind: "rebalance" }, 3);
  for (let round = 0; round < 6; round++) writer.emit(Batch.ofRecords([1, 2, 3, 4, 5, 6, 7]));
  writer.flush();
  const counts = channels.map((channel) => flatten(takeAll(channel)).length);
  assert.equal(
    counts.reduce((a, b) => a + b),
    42,
  );
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 6, counts.join());
});

test("batches are of the size that their channel asks for, whatever is emitted", () => {
  const shapes = [
    { partitioning: byKey, of: (count: number) => recordsOf(count) },
    { partitioning: byKey, of: (count: number) => columnar(recordsOf(count)) },
    { partitioning: { kind: "rebalance" } as const, of: (count: number) => recordsOf(count) },
    { partitioning: { kind: "broadcast" } as const, of: (count: number) => recordsOf(count) },
  ];
  for (const { partitioning, of } of shapes) {
    const { writer, channels } = setUp(partitioning, 2);
    channels[0].limit(40);
    assert.ok(writer.hasRoom());
    assert.equal(writer.batchCountMax, 10);
    for (const count of [3, 3, 3, 3, 25, BATCH_COUNT]) writer.emit(of(count));
    const [few, many] = channels.map((channel) => takeAll(channel).map(countOf));
    assert.ok(few.length > 10 && few.every((count) => count >= 5 && count < 20), few.join());
    writer.flush();
    const left = channels.flatMap((channel) => takeAll(channel).map(countOf));
    const counts = [...few, ...many, ...left];
    const sent = counts.reduce((a, b) => a + b);
    assert.equal(sent, (BATCH_COUNT + 37) * (partitioning.kind === "broadcast" ? 2 : 1));
    assert.ok(many.length <= 2, `the other channel's batches are ${many.join()}`);
  }
});

function recordsOf(count: number): Batch {
  return Batch.ofRecords(Array.from({ length: count }, (_, id) => ({ id, k: `k${id}` })));
}

function countOf(element: Element): number {
  assert.equal(element.kind, "data");
  return element.kind === "data" ? element.batch.count : 0;
}

test("a writer has room only if all its channels have", () => {
  const { writer, channels } = setUp(byKey, 2);
  assert.ok(writer.hasRoom());
  while (channels[1].hasRoom()) channels[1].push(watermarkElement(1));
  assert.ok(!writer.hasRoom());
  takeAll(channels[1]);
  assert.ok(writer.hasRoom());
  assert.ok(writer.drain());
});

test("rescale connects as Flink's pointwise pattern, and reaches every consumer", () => {
  const targets = (parallelism: number, targetParallelism: number): readonly number[][] =>
    Array.from({ length: parallelism }, (_, subtaskIndex) => [
      ...targetsOf("rescale", { subtaskIndex, parallelism, targetParallelism }),
    ]);
  assert.deepEqual(targets(2, 4), [
    [0, 1],
    [2, 3],
  ]);
  assert.deepEqual(targets(4, 2), [[0], [0], [1], [1]]);
  assert.deepEqual(targets(2, 3), [[0, 1], [2]]);
  assert.deepEqual(targets(3, 2), [[0], [1], [1]]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), (p, q) => {
      const all = targets(p, q);
      assert.ok(all.every((of) => of.length > 0));
      assert.deepEqual(
        [...new Set(all.flat())].sort((a, b) => a - b),
        [...Array(q).keys()],
      );
    }),
  );
});
