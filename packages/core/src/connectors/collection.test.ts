import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeEnv } from "../env/node-env.ts";
import { collection } from "./collection.ts";
import { sourceChecks } from "./source-conformance.ts";
import { SourceHarness } from "./source-harness.ts";

const env = nodeEnv({ verify: true });
const records = Array.from({ length: 5_000 }, (_, index) => ({ index, text: `r${index}` }));

for (const splits of [1, 3, 40]) {
  const source = collection(records, { splits });
  const setup = {
    name: `collection in ${splits} split(s)`,
    make: () => Promise.resolve({ env, source }),
    expected: records,
  };
  for (const check of sourceChecks(setup)) test(check.title, check.run);
}

test("a collection of one split keeps the order of its records", async () => {
  const harness = new SourceHarness({ env, source: collection([3, 1, 2]) });
  await harness.run();
  assert.deepEqual(
    harness.records.map((one) => one.record),
    [3, 1, 2],
  );
});

test("an empty collection ends at once, also in several splits", async () => {
  for (const splits of [1, 7]) {
    const harness = new SourceHarness({ env, source: collection([], { splits }), parallelism: 2 });
    await harness.run();
    assert.ok(harness.isEnded);
    assert.equal(harness.records.length, 0);
  }
});

test("a collection refuses a number of splits that is no positive integer", () => {
  for (const splits of [0, -1, 1.5, NaN, 1e9]) {
    assert.throws(() => collection([1], { splits }), { code: "CONNECTOR_INVALID" });
  }
});

test("a collection that became shorter than its snapshot says so", async () => {
  const first = new SourceHarness({ env, source: collection(records) });
  first.step();
  first.step();
  const restored = first.snapshot();
  assert.equal(restored.splits.length, 1);
  const second = new SourceHarness({ env, source: collection(records.slice(0, 10)), restored });
  await assert.rejects(second.run(), { code: "CONNECTOR_INVALID" });
});

test("a source refuses the enumerator state of another connector", () => {
  const restored = { enumerator: { kind: "files" }, splits: [] };
  assert.throws(() => new SourceHarness({ env, source: collection([1]), restored }), {
    code: "CONNECTOR_INVALID",
  });
});
