import assert from "node:assert/strict";
import { test } from "node:test";
import { atRest, live, NOW, silent } from "./run-listings.fixture.ts";
import { runData, runTable } from "./run-table.ts";

const DERIVED = "6f0b1c9a0d1e4f7c8b2a3d5e6f708192";

test("runs are a table: short ids where they are derived, what runs and what does not", () => {
  const lines = runTable(
    [
      live(DERIVED, "flights"),
      silent("mine-2", "orders"),
      atRest("mine", "orders", "running"),
      atRest("old", "clicks", "finished"),
      { kind: "unreadable", runDirectory: "/runs/broken", error: new Error("damaged") },
    ],
    NOW,
  );
  assert.deepEqual(lines, [
    "JOB ID        NAME     STATUS      UP          RECORDS IN  CHECKPOINT    BEGAN FROM",
    "6f0b1c9a0d1e  flights  RUNNING     2 min 05 s  1.23 M      8, 1.5 s ago  " +
      "/backups/savepoint-6f0b1c-0a1b2c3d4e5f",
    "mine-2        orders   SILENT      -           -           4, 1 h ago    -",
    "mine          orders   DIED        -           -           4, 1 h ago    -",
    "old           clicks   FINISHED    -           -           4, 1 h ago    -",
    "broken                 UNREADABLE  -           -           -             -",
  ]);
});

test("runs are data: all that a process says, and what the directory says of others", () => {
  const running = live(DERIVED, "flights");
  assert.ok(running.kind === "live");
  assert.deepEqual(runData(running), { ...running.report, isRunning: true });
  assert.deepEqual(runData(atRest("mine", "orders", "running")), {
    jobId: "mine",
    jobName: "orders",
    runDirectory: "/runs/mine",
    status: "DIED",
    isRunning: false,
    isResumable: true,
    epoch: 1,
    createdAt: NOW - 7_200_000,
    updatedAt: NOW - 3_600_000,
    restoredFrom: null,
    newestCheckpoint: { id: 4, location: "/runs/mine/chk-4", completedAt: NOW - 5_400_000 },
  });
  const { status, isRunning, pid } = runData(silent("mine", "orders"));
  assert.deepEqual([status, isRunning, pid], ["SILENT", true, 4_712]);
  assert.deepEqual(
    runData({ kind: "unreadable", runDirectory: "/runs/broken", error: new Error("damaged") }),
    {
      jobId: "broken",
      jobName: "",
      runDirectory: "/runs/broken",
      status: "UNREADABLE",
      isRunning: false,
      error: "damaged",
    },
  );
});
