import assert from "node:assert/strict";
import { test } from "node:test";
import { IdlenessTimer } from "./idleness.ts";
import { SourceWatermarks } from "./source-watermarks.ts";
import { MAX_WATERMARK, NO_WATERMARK } from "./timestamp.ts";
import { STATUS_CHANGED, WATERMARK_CHANGED } from "./watermark-combiner.ts";
import type { TimestampedRecords } from "./watermark-generator.ts";
import { watermarkStrategy } from "./watermark-strategy.ts";
import type { WatermarkSettings } from "./watermark-strategy.ts";

interface Reading {
  readonly at: number;
  readonly mark?: boolean;
}

function batch(...timestamps: number[]): TimestampedRecords {
  return {
    count: timestamps.length,
    timestamps: Float64Array.from(timestamps),
    records: () => timestamps.map((at) => ({ at, mark: true })),
  };
}

function source(settings: Partial<WatermarkSettings<Reading>> = {}): SourceWatermarks {
  return new SourceWatermarks(watermarkStrategy({ timestamp: "at", ...settings }, "in"), 0);
}

test("a bounded watermark is the highest timestamp minus the delay minus one", () => {
  const watermarks = source({ outOfOrderness: "5ms" });
  watermarks.addSplits([{ splitId: "a", restored: undefined }], 0);
  assert.equal(watermarks.watermark, NO_WATERMARK);
  assert.equal(watermarks.onBatch("a", batch(10, 12, 8), 0), WATERMARK_CHANGED);
  assert.equal(watermarks.watermark, 6);
  assert.equal(watermarks.onBatch("a", batch(9), 0), 0);
  assert.equal(watermarks.onBatch("a", batch(), 0), 0);
});

test("the slowest split holds the reader back until it is finished", () => {
  const watermarks = source();
  watermarks.addSplits([{ splitId: "a", restored: undefined }], 0);
  watermarks.addSplits([{ splitId: "b", restored: undefined }], 0);
  watermarks.onBatch("a", batch(100), 0);
  assert.equal(watermarks.watermark, NO_WATERMARK);
  watermarks.onBatch("b", batch(50), 0);
  assert.equal(watermarks.watermark, 49);
  assert.equal(watermarks.finishSplit("b", 0), WATERMARK_CHANGED);
  assert.equal(watermarks.watermark, 99);
  watermarks.finishSplit("a", 0);
  assert.equal(watermarks.watermark, 99);
  watermarks.end();
  assert.equal(watermarks.watermark, MAX_WATERMARK);
});

test("the state of a split's generator travels with the split", () => {
  const first = source({ outOfOrderness: 10 });
  first.addSplits([{ splitId: "a", restored: undefined }], 0);
  first.onBatch("a", batch(100), 0);
  const second = source({ outOfOrderness: 30 });
  assert.equal(
    second.addSplits([{ splitId: "a", restored: first.snapshotSplit("a") }], 0),
    WATERMARK_CHANGED,
  );
  assert.equal(second.watermark, 69);
});

test("of splits restored together the slowest holds the reader, whatever its place", () => {
  const ahead = { splitId: "ahead", restored: 700 };
  const behind = { splitId: "behind", restored: 400 };
  for (const splits of [
    [ahead, behind],
    [behind, ahead],
  ]) {
    const watermarks = source();
    assert.equal(watermarks.addSplits(splits, 0), WATERMARK_CHANGED);
    assert.equal(watermarks.watermark, 399);
  }
});

test("a quiet split falls idle, and its next record makes it active at once", () => {
  const watermarks = source({ idleAfter: "1s" });
  watermarks.addSplits([{ splitId: "a", restored: undefined }], 0);
  watermarks.addSplits([{ splitId: "b", restored: undefined }], 0);
  watermarks.onBatch("a", batch(100), 0);
  watermarks.onBatch("b", batch(50), 900);
  assert.equal(watermarks.watermark, 49);
  assert.equal(watermarks.onPeriodic(1_000), 0, "a is idle; b holds the watermark");
  assert.equal(watermarks.onPeriodic(1_900), STATUS_CHANGED | WATERMARK_CHANGED);
  assert.equal(watermarks.watermark, 99);
  assert.equal(watermarks.isIdle, true);
  assert.equal(watermarks.onBatch("b", batch(20), 2_000), STATUS_CHANGED);
  assert.equal(watermarks.isIdle, false);
});

test("blocked time is not idle time", () => {
  const timer = new IdlenessTimer(1_000, 0);
  timer.pause(400);
  timer.pause(500);
  assert.equal(timer.isIdle(10_000), false);
  assert.equal(timer.remainingMs(10_000), undefined);
  timer.resume(10_000);
  assert.equal(timer.isIdle(20_000), false, "one of two reasons is left");
  timer.resume(20_000);
  assert.equal(timer.remainingMs(20_000), 600);
  assert.equal(timer.isIdle(20_599), false);
  assert.equal(timer.isIdle(20_600), true);
  timer.onActivity(20_700);
  assert.equal(timer.isIdle(21_699), false);

  const watermarks = source({ idleAfter: 1_000 });
  watermarks.addSplits([{ splitId: "a", restored: undefined }], 0);
  watermarks.setBlocked(true, 100);
  assert.equal(watermarks.onPeriodic(5_000), 0);
  watermarks.setBlocked(false, 5_000);
  assert.equal(watermarks.onPeriodic(5_899), 0);
  assert.equal(watermarks.onPeriodic(5_900), STATUS_CHANGED);
});

test("a reader without splits falls idle after idleAfter, and is active again with a split", () => {
  const watermarks = source({ idleAfter: 100 });
  assert.equal(watermarks.isIdle, false);
  assert.equal(watermarks.onPeriodic(99), 0);
  assert.equal(watermarks.onPeriodic(100), STATUS_CHANGED);
  assert.equal(watermarks.isIdle, true);
  assert.equal(watermarks.addSplits([{ splitId: "a", restored: undefined }], 150), STATUS_CHANGED);
  assert.equal(watermarks.isIdle, false);
  assert.equal(source().onPeriodic(1e9), 0, "without idleAfter never");
});

test("a custom generator sees every record, tells watermark and status, keeps its state", () => {
  const watermarks = source({
    generator: ({ restored }) => {
      let seen = typeof restored === "number" ? restored : 0;
      return {
        onRecord: (record, timestamp, output) => {
          seen += 1;
          if (record.mark === true) output.emitWatermark(timestamp);
        },
        onPeriodic: (output) => {
          if (seen >= 3) output.markIdle();
        },
        snapshot: () => seen,
      };
    },
  });
  watermarks.addSplits([{ splitId: "a", restored: undefined }], 0);
  watermarks.onBatch("a", batch(10, 30, 20), 0);
  assert.equal(watermarks.watermark, 30);
  assert.equal(watermarks.isIdle, true);
  assert.deepEqual(watermarks.snapshotSplit("a"), { watermark: 30, own: 3 });
});

test("alignment pauses the splits above the limit and lets them go on when it rises", () => {
  const watermarks = source({ idleAfter: 100, alignment: { group: "g", maxDrift: "1s" } });
  watermarks.addSplits([{ splitId: "a", restored: undefined }], 0);
  watermarks.addSplits([{ splitId: "b", restored: undefined }], 0);
  watermarks.onBatch("a", batch(5_001), 0);
  watermarks.onBatch("b", batch(1_001), 0);
  assert.deepEqual(watermarks.align(2_000, 0), { pause: ["a"], resume: [] });
  assert.equal(watermarks.isAboveLimit, false);
  assert.deepEqual(watermarks.align(2_000, 0), { pause: [], resume: [] });
  watermarks.onBatch("b", batch(3_001), 90);
  assert.deepEqual(watermarks.align(4_999, 90), { pause: [], resume: [] });
  assert.equal(watermarks.onPeriodic(180), 0, "the paused split does not fall idle");
  assert.deepEqual(watermarks.align(5_000, 180), { pause: [], resume: ["a"] });
  assert.deepEqual(watermarks.align(100, 180), { pause: ["a", "b"], resume: [] });
  assert.equal(watermarks.isAboveLimit, true);
});
