// Flink computes the same events and the same rows as the reference, whatever it runs on.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { eventOf } from "../nexmark/events.ts";
import type { QueryName } from "../nexmark/reference.ts";
import { QUERIES, finalRows, referenceRows } from "../nexmark/reference.ts";
import type { FlinkSettings } from "./flink.ts";
import { flinkEvents, flinkPeer, runFlink, runFlinkQueries } from "./flink.ts";

/** Half a second of event time. */
const COUNT = 50_000;
const SETTINGS: FlinkSettings = {
  events: COUNT,
  parallelism: 1,
  checkpointIntervalMs: 0,
  backend: "hashmap",
  warmupEvents: 0,
};

// Runs as short as these are over before the second compiler has earned its time.
process.env["JAVA_TOOL_OPTIONS"] = "-XX:TieredStopAtLevel=1";
const peer = flinkPeer();
// CI must prove it: there the tests run, and fail where there is no Java.
const skip = "absent" in peer && process.env["CI"] !== "true" ? peer.absent : false;

test("Apache Flink has the same events", { skip }, () => {
  for (const [from, count] of [
    [0, 3_000],
    [123_456_789, 1_000],
    // The event's number leaves 31 and 32 bits.
    [2 ** 31 - 44_500, 1_000],
    [2 ** 32 - 44_500, 1_000],
  ]) {
    const expected = Array.from({ length: count }, (_, index) =>
      JSON.stringify(eventOf(from + index)),
    );
    assert.deepEqual(flinkEvents(from, count).trimEnd().split("\n"), expected);
  }
});

test("Apache Flink has the rows of the reference", { skip }, () => compareRows(SETTINGS));

test("Apache Flink has them at parallelism 2, with checkpoints and RocksDB", { skip }, () =>
  compareRows({ ...SETTINGS, parallelism: 2, checkpointIntervalMs: 100, backend: "rocksdb" }),
);

test("Apache Flink has them where there are windows before and after", { skip }, () =>
  compareRows({ ...SETTINGS, parallelism: 2, events: 1_050_000 }, ["q5", "q7", "q8", "q12e"]),
);

test("Apache Flink counts each record of a micro case once", { skip }, () => {
  const settings = { ...SETTINGS, keys: 10, parallelism: 2, warmupEvents: 1_000 };
  const [keyed, tumbling, sliding] = runFlinkQueries(
    ["keyed-count", "tumbling-count", "sliding-count"],
    settings,
  );
  assert.equal(keyed.outputs, COUNT);
  // One record per ms, so all are of one minute, which is in five windows that slide.
  assert.equal(tumbling.outputs, 10);
  assert.equal(sliding.outputs, 5 * 10);
});

test("Apache Flink tells the figures of the generator", { skip }, () => {
  const figures = runFlink({ ...SETTINGS, query: "generator" });
  assert.equal(figures.outputs, COUNT);
  assert.ok(figures.wallMs > 0 && figures.rssMb > 0);
});

function compareRows(settings: FlinkSettings, queries: readonly QueryName[] = QUERIES): void {
  const folder = mkdtempSync(path.join(tmpdir(), "oxbow-flink-"));
  try {
    const outputFile = path.join(folder, "rows");
    const figures = runFlinkQueries(queries, { ...settings, outputFile });
    for (const [index, query] of queries.entries()) {
      const rows = readFileSync(`${outputFile}.${query}`, "utf8").trimEnd().split("\n");
      assert.equal(figures[index].outputs, rows.length, query);
      const options = { isOrdered: settings.parallelism === 1 };
      const expected = referenceRows(query, settings.events, options);
      assert.deepEqual(finalRows(query, rows, options), expected, query);
    }
    const checkpoints = figures.reduce((sum, { checkpoints: count }) => sum + count, 0);
    assert.equal(checkpoints > 0, settings.checkpointIntervalMs > 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
