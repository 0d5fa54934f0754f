import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeEnv } from "../env/node-env.ts";
import { errorCode } from "../errors.ts";
import { SimWorld } from "../testing/sim-env.ts";
import { collection } from "./collection.ts";
import { paced } from "./paced.ts";
import { sourceChecks } from "./source-conformance.ts";
import { SourceHarness } from "./source-harness.ts";

const NUMBERS = Array.from({ length: 5_000 }, (_, index) => index);

const setup = {
  name: "paced collection",
  make: () =>
    Promise.resolve({
      env: nodeEnv({ verify: true }),
      source: paced(collection(NUMBERS, { splits: 3 }), 10_000_000),
    }),
  expected: NUMBERS,
};
for (const check of sourceChecks(setup)) test(check.title, check.run);

test("a paced source emits at its rate, a batch ahead at most", async () => {
  const world = new SimWorld({ seed: 1 });
  const { env } = world.startProcess();
  const source = paced(collection(NUMBERS), 1_000);
  const harness = new SourceHarness({ env, source });
  let isDone = false;
  void harness.run().then(() => (isDone = true));
  const emitted = (): number => harness.batches.reduce((sum, { count }) => sum + count, 0);
  for (const atMs of [500, 1_500, 3_000]) {
    await world.scheduler.advanceTo(atMs);
    assert.ok(emitted() >= atMs - 1 && emitted() <= atMs + 1_024, `${emitted()} at ${atMs} ms`);
  }
  await world.scheduler.advanceTo(6_000);
  assert.ok(isDone);
});

test("a rate that is none is refused", () => {
  for (const rate of [0, -1, Number.NaN, Infinity]) {
    assert.throws(
      () => paced(collection([1]), rate),
      (error) => errorCode(error) === "CONNECTOR_INVALID",
    );
  }
});
