// Snapshots of one subtask from the barrier to the acknowledgement, into simulated files.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SegmentHandle } from "../snapshot/metadata.ts";
import { CHUNK_BYTES_MIN, ChunkPool } from "../state/row-chunk.ts";
import { DELTAS_COUNT_MAX, SegmentHistory } from "./segment-history.ts";
import { barrier } from "./task.fixture.ts";
import { SnapshotsBench } from "./task-snapshots.fixture.ts";

function kinds(segments: readonly SegmentHandle[]): string[] {
  return segments.map(({ kind, createdBy }) => `${kind} ${createdBy}`);
}

test("nothing is acknowledged before segments and what operators flush are durable", async () => {
  const bench = await new SnapshotsBench().open();
  const flushed = Promise.withResolvers<void>();
  bench.flushed = flushed.promise;
  bench.set(0, 100, 1);
  bench.begin(1);
  bench.copyAll();
  assert.equal(bench.acknowledged.length, 0);
  await bench.world.scheduler.runAll();
  assert.equal(bench.acknowledged.length, 0, "the segment is there, the flush is not");
  flushed.resolve();
  await bench.world.scheduler.runAll();
  const [segment] = bench.segmentsOf(1);
  assert.equal(segment.rowsCount, 100);
  // What survives a power cut is what was acknowledged.
  bench.world.crashMachine();
  const { files } = bench.world.startProcess().env;
  const status = await bench.world.scheduler.runUntil(files.status(`/run/${segment.file}`));
  assert.equal(status?.sizeBytes, segment.sizeBytes);
  const { operators } = bench.acknowledged[0];
  assert.deepEqual([operators["op"].watermark, operators["op"].hasEnded], [7, false]);
});

test("what touched rows fill beyond the bound finds its way out", async () => {
  const bench = await new SnapshotsBench(["a", "b"], new ChunkPool(CHUNK_BYTES_MIN)).open();
  bench.set(0, 5000, 1);
  bench.begin(1);
  bench.set(0, 5000, 2);
  for (let turn = 0; turn < 100; turn++) {
    bench.copyAll();
    await bench.world.scheduler.runAll();
  }
  for (const uid of ["a", "b"]) assert.equal(bench.segmentsOf(1, uid)[0].rowsCount, 5000);
});

test("a delta holds what changed and names the segments that it builds on", async () => {
  const bench = await new SnapshotsBench().open();
  bench.set(0, 1000, 1);
  assert.deepEqual(kinds(await bench.take(1)), ["full 1"]);
  bench.set(5, 8, 2);
  const second = await bench.take(2, 1);
  assert.deepEqual(kinds(second), ["full 1", "delta 2"]);
  assert.equal(second[1].rowsCount, 3);
  bench.set(0, 1, 3);
  const third = await bench.take(3, 2);
  assert.deepEqual(kinds(third), ["full 1", "delta 2", "delta 3"]);
  const { figures } = bench.acknowledged[2];
  assert.equal(figures.checkpointedBytes, third[2].sizeBytes);
  assert.equal(
    figures.stateBytes,
    third.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  );
});

test("a barrier without a base, or with one that is not known here, gets everything", async () => {
  const bench = await new SnapshotsBench().open();
  bench.set(0, 1000, 1);
  await bench.take(1);
  assert.deepEqual(kinds(await bench.take(2)), ["full 2"]);
  assert.deepEqual(kinds(await bench.take(4, 3)), ["full 4"]);
});

test("when deltas have outgrown their base in bytes, everything is written anew", async () => {
  const bench = await new SnapshotsBench().open();
  bench.set(0, 1000, 1);
  await bench.take(1);
  let id = 1;
  for (let round = 0; round < 20; round++) {
    bench.set(0, 1000, round);
    id += 1;
    const segments = await bench.take(id, id - 1);
    const [first, ...deltas] = segments;
    const deltaBytes = deltas.slice(0, -1).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    assert.ok(deltaBytes <= first.sizeBytes, "a delta is put only on what has not outgrown");
  }
  const fulls = bench.acknowledged.filter(({ operators }) => operators["op"].segments.length === 1);
  assert.ok(fulls.length > 3);
});

test("an interval whose snapshot was aborted is in the next one", async () => {
  const bench = await new SnapshotsBench().open();
  bench.set(0, 1000, 1);
  await bench.take(1);
  bench.set(0, 10, 2);
  bench.begin(2, 1);
  bench.snapshots.copySlice(4);
  bench.snapshots.abort(2);
  bench.set(20, 25, 3);
  const segments = await bench.take(3, 1);
  assert.equal(segments[1].rowsCount, 15);
  assert.deepEqual(
    bench.acknowledged.map(({ checkpointId }) => checkpointId),
    [1, 3],
  );
});

test("two snapshots in flight each hold the state of their barrier", async () => {
  const bench = await new SnapshotsBench().open();
  bench.set(0, 500, 1);
  bench.begin(1);
  bench.set(0, 500, 2);
  bench.begin(2);
  bench.set(500, 600, 3);
  bench.copyAll();
  await bench.world.scheduler.runAll();
  assert.equal(bench.segmentsOf(1)[0].rowsCount, 500);
  assert.equal(bench.segmentsOf(2)[0].rowsCount, 500);
});

test("a snapshot that cannot be written is declined once, and the next one works", async () => {
  const bench = new SnapshotsBench(["one", "two"]);
  bench.set(0, 3000, 1);
  bench.begin(1);
  // The first operator's segment fails while the second one's rows are still being copied.
  for (let slice = 0; slice < 60; slice++) {
    bench.snapshots.copySlice(64);
    await bench.world.scheduler.runAll();
  }
  bench.copyAll();
  await bench.world.scheduler.runAll();
  assert.deepEqual(
    bench.declined.map(({ id }) => id),
    [1],
  );
  assert.deepEqual(bench.acknowledged, []);
  await bench.open();
  bench.begin(2);
  bench.copyAll();
  await bench.world.scheduler.runAll();
  assert.equal(bench.segmentsOf(2, "two")[0].rowsCount, 3000);
});

test("a flush that fails declines the snapshot with its cause", async () => {
  const bench = await new SnapshotsBench().open();
  bench.flushed = Promise.reject(new Error("disk full"));
  bench.set(0, 10, 1);
  bench.begin(1);
  bench.copyAll();
  await bench.world.scheduler.runAll();
  assert.match(String(bench.declined[0].error), /disk full/);
  assert.deepEqual(bench.acknowledged, []);
});

test("closing gives everything up that is in flight", async () => {
  const bench = await new SnapshotsBench().open();
  bench.set(0, 3000, 1);
  bench.begin(1);
  bench.snapshots.copySlice(64);
  bench.snapshots.close();
  assert.equal(bench.snapshots.copySlice(64), false);
  await bench.world.scheduler.runAll();
  assert.deepEqual([bench.acknowledged, bench.declined], [[], []]);
});

function segment(createdBy: number, sizeBytes: number): SegmentHandle {
  return {
    file: `shared/${createdBy}.seg`,
    sizeBytes,
    checksum: 0,
    kind: createdBy === 1 ? "full" : "delta",
    rowsCount: 1,
    tombstonesCount: 0,
    keyGroupStart: 0,
    keyGroupEnd: 16,
    createdBy,
  };
}

test("a base takes a bounded number of deltas, and as many bytes as it has itself", () => {
  const history = new SegmentHistory();
  const deltas = Array.from({ length: DELTAS_COUNT_MAX }, (_, index) => segment(index + 2, 1));
  history.note(1, [segment(1, 1000), ...deltas.slice(1)]);
  history.note(2, [segment(1, 1000), ...deltas]);
  history.note(3, [segment(1, 1000), segment(2, 1000)]);
  history.note(4, [segment(1, 1000), segment(2, 1001)]);
  history.note(5, []);
  assert.equal(history.baseFor(barrier(10, 1), 1)?.length, DELTAS_COUNT_MAX);
  assert.equal(history.baseFor(barrier(10, 2), 1), undefined);
  assert.equal(history.baseFor(barrier(10, 3), 1)?.length, 2);
  assert.equal(history.baseFor(barrier(10, 4), 1), undefined);
  assert.deepEqual(history.baseFor(barrier(10, 5), 1), []);
  assert.equal(history.baseFor(barrier(10), 1), undefined);
  assert.equal(history.baseFor(barrier(10, 3), 1), undefined, "an older base never comes again");
});

test("a base that holds much more than there is now takes no deltas any more", () => {
  const history = new SegmentHistory();
  const base = { ...segment(1, 1000), rowsCount: 100 };
  history.note(1, [base, segment(2, 100)]);
  assert.equal(history.baseFor(barrier(10, 1), 200)?.length, 2);
  assert.equal(history.baseFor(barrier(10, 1), 55)?.length, 2);
  assert.equal(history.baseFor(barrier(10, 1), 54), undefined);
  assert.equal(history.baseFor(barrier(10, 1), 0), undefined);
});
