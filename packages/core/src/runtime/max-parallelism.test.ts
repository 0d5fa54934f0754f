import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamEnvironment } from "../api/environment.ts";
import { collect } from "../connectors/collect.ts";
import { generator } from "../connectors/generator.ts";
import { errorCode } from "../errors.ts";
import type { OperatorSnapshot } from "../snapshot/metadata.ts";
import { valueState } from "../state/descriptors.ts";
import { t } from "../types/t.ts";
import { adoptedMaxParallelisms } from "./max-parallelism.ts";
import { checkRestore, planRestore } from "./restore-plan.ts";
import { checkpointOf, described, graphOf, stored } from "./snapshots.fixture.ts";

const COUNT = described("count", "value", t.int32);
const REFUSE = { allowNonRestoredState: false };

/** Two keyed operators, one behind the other; the second may have a parallelism of its own. */
function program(own: { readonly parallelism?: number; readonly maxParallelism?: number } = {}) {
  return (env: StreamEnvironment): void => {
    if (own.maxParallelism !== undefined) env.maxParallelism(own.maxParallelism);
    const options = own.parallelism === undefined ? {} : { parallelism: own.parallelism };
    const state = { count: valueState(t.int32) };
    env
      .source("numbers", generator({ make: (index) => index }))
      .keyBy((n) => n, t.int32)
      .process("first", { state, process() {} })
      .keyBy(() => 1, t.int32)
      .process("second", { state, process() {} }, options)
      .sink("out", collect<unknown>());
  };
}

function keyed(uid: string, maxParallelism: number, rowsCount = 10): OperatorSnapshot {
  return stored({ uid, maxParallelism, rowsCount, states: [COUNT] });
}

test("a max parallelism that is not declared is adopted from the snapshot", () => {
  const snapshot = checkpointOf(keyed("first", 64), keyed("second", 256));
  const build = program({ parallelism: 2 });
  const job = graphOf(build);
  assert.deepEqual(adoptedMaxParallelisms(job, snapshot), {
    numbers: 64,
    first: 64,
    second: 256,
  });
  const plan = planRestore(job, snapshot, REFUSE);
  assert.equal(plan.isPossible, true);
  assert.deepEqual(plan.operators.find(({ uid }) => uid === "second")?.maxParallelism, {
    from: 256,
    to: 256,
  });
  const adopting = graphOf(build, { maxParallelisms: adoptedMaxParallelisms(job, snapshot) });
  assert.deepEqual(
    adopting.vertices.map(({ maxParallelism }) => maxParallelism),
    [64, 256, 128],
  );
  assert.deepEqual(planRestore(adopting, snapshot, REFUSE), plan);
  checkRestore(adopting, snapshot, REFUSE);
});

test("a job that was not built with what it adopts is not run", () => {
  const snapshot = checkpointOf(keyed("first", 64));
  assert.throws(
    () => checkRestore(graphOf(program()), snapshot, REFUSE),
    (error: Error) =>
      errorCode(error) === "RESTORE_MISMATCH" &&
      /"first" has max parallelism 64 in checkpoint 7, but the job has 128/.test(error.message),
  );
});

test("a declared max parallelism that differs is refused with both numbers", () => {
  const snapshot = checkpointOf(keyed("first", 64));
  const other = graphOf(program({ maxParallelism: 32 }));
  assert.deepEqual(adoptedMaxParallelisms(other, snapshot), {});
  const { problems } = planRestore(other, snapshot, REFUSE);
  assert.equal(problems.length, 1);
  assert.match(problems[0].message, /"first" has max parallelism 64 .* the job has 32/);
  assert.match(problems[0].remedy, /env.maxParallelism\(64\)/);
  checkRestore(graphOf(program({ maxParallelism: 64 })), snapshot, REFUSE);
});

test("more subtasks than key groups are refused", () => {
  const snapshot = checkpointOf(keyed("first", 64), keyed("second", 64));
  const plan = planRestore(graphOf(program(), { parallelism: 65 }), snapshot, REFUSE);
  assert.deepEqual(
    plan.problems.map(({ uid }) => uid),
    ["first", "second"],
  );
  assert.match(plan.problems[0].message, /parallelism of 65, .* in 64 key groups/);
  assert.match(plan.problems[0].remedy, /at most 64/);
  const most = planRestore(graphOf(program(), { parallelism: 64 }), snapshot, REFUSE);
  assert.equal(most.isPossible, true);
});

test("operators of one task that differ in max parallelism are refused, with the way out", () => {
  const snapshot = checkpointOf(keyed("first", 64), keyed("second", 256));
  const chained = graphOf(program());
  assert.equal(chained.vertices.length, 1);
  assert.deepEqual(adoptedMaxParallelisms(chained, snapshot), {});
  const { problems } = planRestore(chained, snapshot, REFUSE);
  assert.equal(problems.length, 1);
  assert.match(problems[0].message, /one task .* "first" 64, "second" 256/);
  assert.match(problems[0].remedy, /Give "second" a parallelism of its own/);
  assert.equal(
    planRestore(graphOf(program({ parallelism: 2 })), snapshot, REFUSE).isPossible,
    true,
  );
});

test("operators without rows by key follow those of their task that have some", () => {
  const source = stored({ uid: "numbers", kind: "source", rowsCount: 0, enumerator: {} });
  const job = graphOf(program());
  const snapshot = checkpointOf(source, keyed("first", 256), keyed("second", 64, 0));
  assert.deepEqual(adoptedMaxParallelisms(job, snapshot), {
    numbers: 256,
    first: 256,
    second: 256,
    out: 256,
  });
  assert.equal(planRestore(job, snapshot, REFUSE).isPossible, true);
  const rowless = checkpointOf(source, keyed("first", 64, 0));
  assert.deepEqual(adoptedMaxParallelisms(job, rowless), {
    numbers: 128,
    first: 128,
    second: 128,
    out: 128,
  });
  const wide = planRestore(graphOf(program(), { parallelism: 300 }), rowless, REFUSE);
  assert.equal(wide.isPossible, true);
});
