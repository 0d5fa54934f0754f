import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobFigures, OperatorFigures } from "./job-sampler.ts";
import { progressLine, progressLines } from "./progress.ts";

const OPERATOR: OperatorFigures = {
  uid: "flights",
  vertex: 0,
  parallelism: 2,
  isSource: true,
  recordsCount: 1_530_000,
  recordsPerSecond: 246_000,
  watermark: Date.UTC(2001, 2, 22, 6, 9),
  lateRecordsCount: 0,
  malformedRecordsCount: 0,
};
const FIGURES: JobFigures = {
  status: "RUNNING",
  elapsedMs: 8_800,
  operators: [
    OPERATOR,
    { ...OPERATOR, uid: "per-hour", watermark: undefined, lateRecordsCount: 12 },
  ],
  recordsCount: 1_530_000,
  recordsPerSecond: 246_000,
  watermark: Date.UTC(2001, 2, 21, 10, 8),
  checkpointsCount: 4,
  failedCheckpointsCount: 1,
  lastCheckpointMs: 84,
  lastCheckpointBytes: 169_000,
  restartsCount: 2,
};

test("on a terminal there is a headline and a line per operator, in columns", () => {
  assert.deepEqual(progressLines("flights", FIGURES, { hasColor: false }), [
    "flights  RUNNING  8.8 s",
    "  watermark 2001-03-21 10:08   checkpoints 4, 1 failed (last 84 ms, 169 KB)   restarts 2",
    "  operator    records      per s  watermark",
    "  flights      1.53 M      246 k  2001-03-22 06:09",
    "  per-hour     1.53 M      246 k  -  12 late",
  ]);
});

test("for a log all is on one line", () => {
  assert.equal(
    progressLine("flights", { ...FIGURES, failedCheckpointsCount: 0, restartsCount: 0 }),
    "flights RUNNING 8.8 s | 1.53 M records, 246 k/s | watermark 2001-03-21 10:08 | " +
      "checkpoints 4 (last 84 ms, 169 KB)",
  );
});
