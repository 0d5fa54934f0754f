// Running aggregates that go on with other outputs than they had.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Batch } from "../columns/batch.ts";
import { KeyExtractor } from "../columns/key-extractor.ts";
import { contextFor } from "../runtime/task.fixture.ts";
import { chunkReader } from "../state/chunk-reader.ts";
import { valueState } from "../state/descriptors.ts";
import { HashMapBackend } from "../state/hashmap-backend.ts";
import type { KeyedBackend } from "../state/keyed-backend.ts";
import type { RowChunk } from "../state/row-chunk.ts";
import { SimWorld } from "../testing/sim-env.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import type { AggregateSpec } from "../window/aggregate.ts";
import { aggregatePlan } from "../window/aggregate-plan.ts";
import { avg, count, max, sum } from "../window/aggregates.ts";
import { collect, countDistinct, topN } from "../window/record-aggregates.ts";
import { session } from "../window/assigner.ts";
import { trigger } from "../window/triggers.ts";
import { WindowHarness } from "../window/window-harness.fixture.ts";
import { windowPlan } from "../window/window-plan.ts";
import { AggregateLogic } from "./aggregate-operator.ts";
import type { OperatorContext } from "./operator.ts";

interface Reading {
  readonly key: string;
  readonly n: number;
}

const MAX_PARALLELISM = 16;

function backendWith(states: ConstructorParameters<typeof HashMapBackend>[0]["states"] = {}) {
  return new HashMapBackend({
    uid: "sums",
    keyType: t.string,
    maxParallelism: MAX_PARALLELISM,
    keyGroupStart: 0,
    keyGroupEnd: MAX_PARALLELISM,
    states,
    clockNow: () => 0,
    verify: true,
  });
}

/** Rows of a full snapshot, and their schemas. */
function snapshot(backend: KeyedBackend) {
  const frozen = backend.freeze({ id: 1, kind: "checkpoint", timestamp: 0, base: undefined });
  const chunks: RowChunk[] = [];
  while (!frozen.copySlice(100, { emit: (chunk) => chunks.push(chunk), hasRoom: () => true }));
  const rows = chunks.map((chunk) =>
    chunkReader(frozen.layouts[chunk.layoutIndex], MAX_PARALLELISM)(chunk),
  );
  return { rows, schemas: backend.schemas };
}

function load(backend: KeyedBackend, from: ReturnType<typeof snapshot>): boolean {
  backend.beginLoad({ schemas: from.schemas });
  for (const rows of from.rows) backend.load(rows);
  return backend.finishLoad(1);
}

/** Running aggregates by themselves. */
class Sums {
  readonly backend = backendWith();
  readonly results: unknown[] = [];
  readonly #logic: AggregateLogic;
  readonly #keys = new KeyExtractor({ by: "key", type: t.string }, "sums");

  constructor(spec: AggregateSpec<Reading>, recordType?: Type<unknown>) {
    const { env } = new SimWorld({ seed: 1 }).startProcess();
    const output = { emit: (batch: Batch) => void this.results.push(...batch.records()) };
    const context = contextFor(env, "sums", output) as unknown as OperatorContext;
    const plan = aggregatePlan(spec, { uid: "sums", recordType });
    this.#logic = new AggregateLogic(context, this.backend, plan);
  }

  /** The result after the last record. */
  process(...records: readonly Reading[]): unknown {
    const batch = Batch.ofRecords(records, records.length, undefined);
    this.#logic.processKeyed(batch, this.#keys.extract(batch));
    return this.results.at(-1);
  }
}

test("outputs that came begin at their initial value, those that stayed go on", () => {
  const before = new Sums({ gone: sum("n"), n: count(), who: countDistinct("n") });
  before.process({ key: "a", n: 5 }, { key: "a", n: 7 });
  const after = new Sums({
    worst: max("n"),
    n: count(),
    mean: avg("n"),
    who: countDistinct("n"),
    fresh: countDistinct("n"),
    all: collect<Reading, number>((reading) => reading.n, t.int32),
    top: topN<Reading>(1, (reading) => reading.n),
  });
  assert.equal(load(after.backend, snapshot(before.backend)), true);
  const best = { key: "a", n: 1 };
  assert.deepEqual(after.process(best), {
    key: "a",
    worst: 1,
    n: 3,
    mean: 1,
    who: 3,
    fresh: 1,
    all: [1],
    top: [best],
  });
  const { isDelta } = after.backend.freeze({ id: 2, kind: "checkpoint", timestamp: 0, base: 1 });
  assert.equal(isDelta, false);
});

test("sets and lists of outputs that are gone are left out without asking", () => {
  const before = new Sums({ n: count(), who: countDistinct("n"), all: collect<Reading>() });
  before.process({ key: "a", n: 5 });
  const after = new Sums({ n: count() });
  assert.equal(load(after.backend, snapshot(before.backend)), true);
  assert.deepEqual(after.process({ key: "a", n: 1 }), { key: "a", n: 2 });
  const same = new Sums({ n: count() });
  assert.equal(load(same.backend, snapshot(after.backend)), false);
});

test("a sum of integers goes on as one of floats, and not the other way", () => {
  const typed = t.struct({ key: t.string, n: t.int32 });
  const integers = new Sums({ total: sum("n") }, typed);
  integers.process({ key: "a", n: 5 });
  const floats = new Sums({ total: sum("n") });
  load(floats.backend, snapshot(integers.backend));
  assert.deepEqual(floats.process({ key: "a", n: 0.5 }), { key: "a", total: 5.5 });
  const back = new Sums({ total: sum("n") }, typed);
  assert.throws(() => load(back.backend, snapshot(floats.backend)), {
    code: "STATE_MISMATCH",
    message: /state "total\.sum" of operator "sums": float64, now declared as int64/,
  });
});

test("accumulators are not lost to an operator that has none, nor its states to them", () => {
  const sums = new Sums({ n: count(), who: countDistinct("n") });
  sums.process({ key: "a", n: 5 });
  const states = { last: valueState(t.int32) };
  const keyed = backendWith(states);
  assert.throws(() => load(keyed, snapshot(sums.backend)), /state "n\.count" of operator "sums"/);
  keyed.setCurrentKey("a");
  (keyed.states.last as { set(value: number): void }).set(1);
  const other = new Sums({ n: count() });
  assert.throws(() => load(other.backend, snapshot(keyed)), /state "last" of operator "sums"/);
  const allowed = backendWith(states);
  const { rows, schemas } = snapshot(sums.backend);
  allowed.beginLoad({ schemas, mayDrop: new Set(["n.count", "who.count", "who.values"]) });
  for (const part of rows) allowed.load(part);
  allowed.finishLoad(undefined);
  assert.equal(allowed.memory().rowsCount, 0);
});

test("a new output alone makes the next checkpoint full", () => {
  const before = new Sums({ n: count() });
  before.process({ key: "a", n: 5 });
  const after = new Sums({ n: count(), worst: max("n") });
  assert.equal(load(after.backend, snapshot(before.backend)), true);
});

test("a list of running aggregates is none of sessions", () => {
  const spec = { all: collect<Reading>() };
  const before = new Sums(spec);
  before.process({ key: "a", n: 5 });
  const windows = { uid: "sums", assigner: session(10), aggregate: spec };
  const sessions = new WindowHarness(
    windowPlan<Reading, string, unknown, unknown>(windows),
    t.string,
  );
  const state = { ...snapshot(before.backend), checkpointId: 1, watermark: 0 };
  assert.throws(() => sessions.restore(state), {
    code: "STATE_MISMATCH",
    message: /rows of "all\.values" .* no column "session", which cannot begin with nothing/,
  });
});

test("timers of windows are none of another operator, and the other way round", () => {
  const spec = { n: count() };
  // Default triggers need no timers beside the rows.
  const purging = trigger.purging(trigger.eventTime());
  const windows = { uid: "sums", assigner: session(10), trigger: purging, aggregate: spec };
  const plan = windowPlan<Reading, string, unknown, unknown>(windows);
  const sessions = new WindowHarness(plan, t.string);
  sessions.process([{ key: "a", at: 1 }]);
  const state = sessions.snapshot();
  assert.ok(state !== undefined);
  const keyed = backendWith();
  keyed.beginLoad({ schemas: state.schemas, mayDrop: new Set(["sessions"]) });
  const loadAll = (): void => state.rows.forEach((rows) => keyed.load(rows));
  assert.throws(loadAll, /"\$timers\.event" of operator "sums" \(timers of windows\)/);
  keyed.beginLoad({ schemas: state.schemas, mayDrop: new Set(["$windows"]) });
  loadAll();
  keyed.finishLoad(undefined);
  assert.deepEqual([keyed.eventTimers.size, keyed.memory().rowsCount], [0, 0]);

  const timers = backendWith();
  timers.setCurrentKey("a");
  timers.eventTimers.register(0);
  const other = new WindowHarness(plan, t.string);
  const from = { ...snapshot(timers), checkpointId: 1, watermark: 0 };
  assert.throws(() => other.restore(from), /\(timers of no windows\)/);
});
