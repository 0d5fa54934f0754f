import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { MetricReader, prometheusText } from "./metric-reader.ts";
import type { MetricLabels } from "./metric-reader.ts";
import {
  BLOCK_ALIGNMENT_BYTES,
  JOB_METRICS,
  JOB_SLOTS,
  OPERATOR_METRICS,
  OPERATOR_SLOTS,
  TASK_METRICS,
  TASK_SLOTS,
  createMetricMemory,
  metricBlock,
  metricLayout,
  resetBlock,
} from "./metrics.ts";

const LAYOUT = metricLayout([
  { index: 0, parallelism: 1, nodes: [{ uid: "read" }] },
  { index: 1, parallelism: 2, nodes: [{ uid: "count" }, { uid: "out" }] },
]);

const LABELS: MetricLabels = {
  jobId: "ab12",
  jobName: 'flights "2001"',
  tasks: [
    { id: "t0", name: "read" },
    { id: "t1", name: "count -> out" },
  ],
  operatorId: (uid) => `id-of-${uid}`,
};

test("the layout has a block per job, subtask and operator, each on cache lines of its own", () => {
  const names = LAYOUT.blocks.map(({ scope }) =>
    scope.kind === "job"
      ? "job"
      : [scope.vertex, scope.subtask, scope.kind === "operator" ? scope.uid : ""].join("/"),
  );
  assert.deepEqual(names, [
    "job",
    "0/0/",
    "0/0/read",
    "1/0/",
    "1/0/count",
    "1/0/out",
    "1/1/",
    "1/1/count",
    "1/1/out",
  ]);
  let end = 0;
  for (const { scope, byteOffset } of LAYOUT.blocks) {
    assert.equal(byteOffset % BLOCK_ALIGNMENT_BYTES, 0);
    assert.ok(byteOffset >= end);
    const { values } = metricBlock(createMetricMemory(LAYOUT), LAYOUT, scope);
    end = byteOffset + values.byteLength;
  }
  assert.ok(LAYOUT.sizeBytes >= end);
  assert.deepEqual(structuredClone(LAYOUT), LAYOUT);
});

test("slots are the positions in the catalogue", () => {
  for (const [metrics, slots] of [
    [JOB_METRICS, JOB_SLOTS],
    [TASK_METRICS, TASK_SLOTS],
    [OPERATOR_METRICS, OPERATOR_SLOTS],
  ] as const) {
    assert.deepEqual(Object.keys(slots), Object.keys(metrics));
    assert.deepEqual(Object.values(slots), [...Object.keys(metrics).keys()]);
  }
});

test("counters begin at 0, gauges without a value; a snapshot leaves those out", () => {
  const reader = new MetricReader(createMetricMemory(LAYOUT), LAYOUT);
  const job = reader.snapshot(0)[0];
  assert.deepEqual(job, {
    scope: { kind: "job" },
    values: {
      numRestarts: 0,
      numberOfCompletedCheckpoints: 0,
      numberOfFailedCheckpoints: 0,
      totalNumberOfCheckpoints: 0,
    },
  });
});

test("a writer of each block is read back, and no block disturbs another", () => {
  const memory = createMetricMemory(LAYOUT);
  for (const [index, { scope }] of LAYOUT.blocks.entries()) {
    metricBlock(memory, LAYOUT, scope).values.fill(index + 1);
  }
  const reader = new MetricReader(memory, LAYOUT);
  for (const [index, { values }] of reader.snapshot(0).entries()) {
    assert.deepEqual(new Set(Object.values(values)), new Set([index + 1]));
  }
});

test("a thread writes with the buffer and an offset alone", async () => {
  const memory = createMetricMemory(LAYOUT);
  const spec = LAYOUT.blocks[4];
  const code = `
    const { workerData: { memory, byteOffset, slot } } = require("node:worker_threads");
    const values = new Float64Array(memory, byteOffset);
    for (let i = 0; i < 1000; i++) values[slot] += 2;`;
  const worker = new Worker(code, {
    eval: true,
    workerData: { memory, byteOffset: spec.byteOffset, slot: OPERATOR_SLOTS.numRecordsOut },
  });
  await new Promise((resolve) => worker.once("exit", resolve));
  const snapshot = new MetricReader(memory, LAYOUT).snapshot(0)[4];
  assert.equal(snapshot?.values["numRecordsOut"], 2_000);
});

test("rates: counters over 60 s, times over 5 s, none before the first sample", () => {
  const memory = createMetricMemory(LAYOUT);
  const { values } = metricBlock(memory, LAYOUT, { kind: "task", vertex: 0, subtask: 0 });
  const reader = new MetricReader(memory, LAYOUT);
  const rates = (nowMs: number): (number | undefined)[] => {
    const task = reader.snapshot(nowMs)[1].values;
    return [task["numRecordsInPerSecond"], task["busyTimeMsPerSecond"]];
  };
  assert.deepEqual(rates(0), [undefined, undefined]);
  for (let nowMs = 0; nowMs <= 120_000; nowMs += 1_000) {
    reader.sample(nowMs);
    values[TASK_SLOTS.numRecordsIn] += nowMs < 60_000 ? 100 : 10;
    values[TASK_SLOTS.accumulateBusyTimeMs] += nowMs < 115_000 ? 250 : 1_000;
  }
  const [records, busy] = rates(120_000);
  assert.ok(records !== undefined && Math.abs(records - 10) < 0.5, `${records}`);
  assert.ok(busy !== undefined && busy >= 1_000 && busy <= 1_200, `${busy}`);
});

test("a rate is never negative when counters begin again", () => {
  const memory = createMetricMemory(LAYOUT);
  const { values } = metricBlock(memory, LAYOUT, { kind: "task", vertex: 0, subtask: 0 });
  values[TASK_SLOTS.numRecordsIn] = 500;
  const reader = new MetricReader(memory, LAYOUT);
  reader.sample(0);
  resetBlock(memory, LAYOUT.blocks[1]);
  assert.equal(reader.snapshot(1_000)[1]?.values["numRecordsInPerSecond"], 0);
});

test("a new attempt forgets gauges and may keep counters", () => {
  const memory = createMetricMemory(LAYOUT);
  const { values } = metricBlock(memory, LAYOUT, { kind: "task", vertex: 0, subtask: 0 });
  values[TASK_SLOTS.numRecordsIn] = 5;
  values[TASK_SLOTS.currentInputWatermark] = 7;
  resetBlock(memory, LAYOUT.blocks[1], true);
  assert.equal(values[TASK_SLOTS.numRecordsIn], 5);
  assert.ok(Number.isNaN(values[TASK_SLOTS.currentInputWatermark]));
});

test("Prometheus text has Flink's names and labels, escaped, one family after another", () => {
  const memory = createMetricMemory(LAYOUT);
  for (const subtask of [0, 1]) {
    const scope = { kind: "operator", vertex: 1, subtask, uid: "count" } as const;
    const { values } = metricBlock(memory, LAYOUT, scope);
    values[OPERATOR_SLOTS.numLateRecordsDropped] = subtask + 1;
    values[OPERATOR_SLOTS.currentInputWatermark] = -Infinity;
  }
  const text = prometheusText(new MetricReader(memory, LAYOUT).snapshot(0), LABELS);
  const name = "flink_taskmanager_job_task_operator_numLateRecordsDropped";
  const family = text
    .slice(text.indexOf(`# HELP ${name}`))
    .split("\n")
    .slice(0, 7);
  const labels = (task: string, subtask: number, uid: string): string =>
    `{job_id="ab12",job_name="flights \\"2001\\"",${task},subtask_index="${subtask}",` +
    `operator_id="id-of-${uid}",operator_name="${uid}"}`;
  const second = 'task_id="t1",task_name="count -> out"';
  assert.deepEqual(family, [
    `# HELP ${name} Records dropped because they were too late; windows and joins.`,
    `# TYPE ${name} gauge`,
    `${name}${labels('task_id="t0",task_name="read"', 0, "read")} 0`,
    `${name}${labels(second, 0, "count")} 1`,
    `${name}${labels(second, 0, "out")} 0`,
    `${name}${labels(second, 1, "count")} 2`,
    `${name}${labels(second, 1, "out")} 0`,
  ]);
  assert.match(text, /operator_currentInputWatermark\{[^}]*operator_name="count"\} -Inf\n/);
  assert.match(text, /^flink_jobmanager_job_numRestarts\{job_id="ab12",job_name="[^}]*"\} 0$/m);
  const headers = text.match(/^# TYPE .*$/gm) ?? [];
  assert.equal(new Set(headers).size, headers.length, "every family comes once");
});
