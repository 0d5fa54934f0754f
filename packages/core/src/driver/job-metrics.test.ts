// What a job that runs tells of itself under Flink's names.
import assert from "node:assert/strict";
import { test } from "node:test";
import { job } from "../api/job.ts";
import { collection } from "../connectors/collection.ts";
import { discard } from "../connectors/for-each.ts";
import { count } from "../window/aggregates.ts";
import { startJob } from "./run-job.ts";

test("records and watermarks of tasks and operators are counted under Flink's names", async () => {
  const records = Array.from({ length: 2_500 }, (_, index) => ({ key: index % 7, at: index }));
  const start = await startJob(
    job("counted", (env) => {
      env
        .source("records", collection(records))
        .watermarks({ timestamp: "at" })
        .filter((record) => record.key !== 3)
        .keyBy("key")
        .aggregate("counts", { n: count() })
        .sink("out", discard());
    }),
  );
  assert.equal(start.kind, "started");
  if (start.kind !== "started") return;
  await start.job.ended;
  const operators = new Map(
    start.job
      .metrics()
      .flatMap(({ scope, values }) =>
        scope.kind === "operator" ? [[scope.uid, values] as const] : [],
      ),
  );
  const kept = records.filter((record) => record.key !== 3).length;
  assert.equal(operators.get("records")?.["numRecordsOut"], 2_500);
  assert.equal(operators.get("records/filter.0")?.["numRecordsIn"], 2_500);
  assert.equal(operators.get("counts")?.["numRecordsIn"], kept);
  assert.equal(operators.get("counts")?.["numRecordsOut"], kept);
  assert.equal(operators.get("counts")?.["currentOutputWatermark"], Number.MAX_SAFE_INTEGER);
  const text = start.job.metricsText();
  const line = text
    .split("\n")
    .find(
      (each) => each.includes("operator_numRecordsIn{") && each.includes(`operator_name="counts"`),
    );
  assert.match(line ?? text, new RegExp(` ${kept}$`, "u"));
});
