import assert from "node:assert/strict";
import { test } from "node:test";
import { int32Column } from "../columns/column.ts";
import { nodeEnv } from "../env/node-env.ts";
import { SimWorld } from "../testing/sim-env.ts";
import { generator } from "./generator.ts";
import { MAX_CREDIT_MS } from "./pace.ts";
import { sourceChecks } from "./source-conformance.ts";
import { SourceHarness } from "./source-harness.ts";

const env = nodeEnv({ verify: true });
const make = (index: number): { id: number; half: number } => ({ id: index, half: index / 2 });

for (const splits of [1, 3, 5]) {
  const setup = {
    name: `generator of ${splits} split(s)`,
    make: () => Promise.resolve({ env, source: generator({ count: 10_001, splits, make }) }),
    expected: Array.from({ length: 10_001 }, (_, index) => make(index)),
  };
  for (const check of sourceChecks(setup)) test(check.title, check.run);
}

const columnar = {
  name: "columnar generator",
  make: () =>
    Promise.resolve({
      env,
      source: generator({
        count: 5_000,
        splits: 2,
        makeBatch: (first, count) => ({
          names: ["id"],
          columns: [
            int32Column(
              Int32Array.from({ length: count }, (_, i) => first + i),
              count,
            ),
          ],
        }),
      }),
    }),
  expected: Array.from({ length: 5_000 }, (_, id) => ({ id })),
};
for (const check of sourceChecks(columnar)) test(check.title, check.run);

test("a columnar generator emits columns", async () => {
  const harness = new SourceHarness(await columnar.make());
  await harness.run();
  assert.ok(harness.batches.every((batch) => batch.isColumnar));
});

test("the records of a generator do not depend on the number of splits", async () => {
  const bySplits: string[] = [];
  for (const splits of [1, 2, 7]) {
    const source = generator({ count: 20_000, splits, make: (index) => index });
    const harness = new SourceHarness({ env, source, parallelism: 2 });
    await harness.run();
    const numbers = harness.records.map((one) => one.record as number).sort((a, b) => a - b);
    bySplits.push(JSON.stringify(numbers));
  }
  assert.equal(new Set(bySplits).size, 1);
});

test("an endless generator reads all of its splits at once, on one reader too", async () => {
  const source = generator({ splits: 4, make: (index) => index });
  assert.equal(source.boundedness, "unbounded");
  const harness = new SourceHarness({ env, source, parallelism: 1 });
  await harness.run(() => harness.records.length >= 8 * 1024);
  const numbers = harness.records.slice(0, 8 * 1024).map((one) => one.record as number);
  assert.deepEqual(
    numbers.toSorted((a, b) => a - b),
    Array.from({ length: 8 * 1024 }, (_, index) => index),
  );
  await harness.close();
});

test("while some splits of a reader are paused, its others go on", async () => {
  const source = generator({ count: 9 * 1024, splits: 3, make: (index) => index });
  const harness = new SourceHarness({ env, source, parallelism: 1 });
  harness.step();
  const [first, ...others] = harness.activeSplits;
  harness.pauseOrResume(others, []);
  const before = harness.records.length;
  while (harness.step());
  assert.deepEqual(harness.activeSplits, others);
  assert.ok(harness.records.slice(before).every((one) => one.splitId === first));
  harness.pauseOrResume([], others);
  await harness.run();
  assert.equal(harness.records.length, 9 * 1024);
});

test("a paced generator keeps its rate on the clock of Env", async () => {
  const world = new SimWorld({ seed: 1 });
  const process = world.startProcess();
  const source = generator({ ratePerSecond: 100, splits: 2, make: (index) => index });
  const harness = new SourceHarness({
    env: process.env,
    source,
    parallelism: 2,
    progress: () => world.scheduler.runNext(),
  });
  for (const seconds of [1, 2, 5]) {
    await harness.run(() => world.scheduler.nowMs >= seconds * 1_000);
    const expected = seconds * 100;
    assert.ok(Math.abs(harness.records.length - expected) <= 2, `${harness.records.length}`);
  }
  await harness.close();
});

test("a paced generator that was held up makes good one second of it, not more", async () => {
  const world = new SimWorld({ seed: 2 });
  const process = world.startProcess();
  const source = generator({ ratePerSecond: 1_000, splits: 1, make: (index) => index });
  const harness = new SourceHarness({
    env: process.env,
    source,
    progress: () => world.scheduler.runNext(),
  });
  await harness.run(() => harness.records.length >= 10);
  const before = harness.records.length;
  await world.scheduler.advanceTo(world.scheduler.nowMs + 60_000);
  while (harness.step());
  const burst = harness.records.length - before;
  assert.ok(burst >= MAX_CREDIT_MS - 1 && burst <= MAX_CREDIT_MS + 1, `${burst}`);
  await harness.close();
});

test("a slow paced generator waits between its records", async () => {
  const world = new SimWorld({ seed: 3 });
  const process = world.startProcess();
  const source = generator({ count: 3, ratePerSecond: 0.5, splits: 1, make: (index) => index });
  const harness = new SourceHarness({
    env: process.env,
    source,
    progress: () => world.scheduler.runNext(),
  });
  await harness.run();
  assert.ok(harness.isEnded);
  assert.ok(world.scheduler.nowMs >= 6_000 && world.scheduler.nowMs < 6_100);
});

test("a generator refuses settings that cannot work", () => {
  for (const wrong of [{ count: -1 }, { count: 1.5 }, { ratePerSecond: 0 }, { splits: 0 }]) {
    assert.throws(() => generator({ make, ...wrong }), { code: "CONNECTOR_INVALID" });
  }
  assert.throws(() => generator({ make, rate: 5 } as never), { message: /has no option "rate"/ });
  assert.throws(() => generator({ count: 5 } as never), {
    code: "CONNECTOR_INVALID",
    message: /give make, a function of the index/,
  });
});

test("few records keep the rate, however many readers could share them", async () => {
  const world = new SimWorld({ seed: 4 });
  const process = world.startProcess();
  const source = generator({ count: 30, ratePerSecond: 10, make: (index) => index });
  const harness = new SourceHarness({
    env: process.env,
    source,
    parallelism: 2,
    progress: () => world.scheduler.runNext(),
  });
  await harness.run(() => world.scheduler.nowMs >= 2_000);
  assert.ok(Math.abs(harness.records.length - 20) <= 2, `${harness.records.length}`);
  await harness.close();
});
