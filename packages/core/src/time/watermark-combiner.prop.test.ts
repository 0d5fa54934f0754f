import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NO_WATERMARK } from "./timestamp.ts";
import { STATUS_CHANGED, WATERMARK_CHANGED, WatermarkCombiner } from "./watermark-combiner.ts";

interface Input {
  watermark: number;
  isIdle: boolean;
}

/** What the combination is, straight from the definition. */
class Model {
  readonly inputs = new Map<number, Input>();
  watermark = NO_WATERMARK;
  isIdle = false;

  settle(): void {
    const all = [...this.inputs.values()];
    const active = all.filter((input) => !input.isIdle);
    const wasIdle = this.isIdle;
    this.isIdle = all.length > 0 && active.length === 0;
    if (all.length === 0 || (this.isIdle && wasIdle)) return;
    const combined = this.isIdle
      ? Math.max(...all.map((input) => input.watermark))
      : Math.min(...active.map((input) => input.watermark));
    this.watermark = Math.max(this.watermark, combined);
  }
}

const step = fc.record({
  kind: fc.constantFrom("update", "update", "update", "idle", "active", "add", "remove"),
  pick: fc.nat(),
  watermark: fc.integer({ min: -20, max: 20 }),
});

test("the combination is the minimum over active inputs, never falls, reports each change", () => {
  fc.assert(
    fc.property(fc.nat({ max: 5 }), fc.array(step, { maxLength: 60 }), (inputCount, steps) => {
      const combiner = new WatermarkCombiner(inputCount);
      const model = new Model();
      for (let i = 0; i < inputCount; i++) {
        model.inputs.set(i, { watermark: NO_WATERMARK, isIdle: false });
      }
      for (const { kind, pick, watermark } of steps) {
        const before = { watermark: combiner.watermark, isIdle: combiner.isIdle };
        const indexes = [...model.inputs.keys()];
        const index = indexes[pick % Math.max(1, indexes.length)];
        let changes = 0;
        if (kind === "add") {
          model.inputs.set(combiner.addInput(watermark), { watermark, isIdle: false });
          changes = combiner.refresh();
        } else if (index !== undefined) {
          const input = model.inputs.get(index)!;
          if (kind === "update") {
            input.watermark = Math.max(input.watermark, watermark);
            changes = combiner.update(index, watermark);
          } else if (kind === "remove") {
            model.inputs.delete(index);
            changes = combiner.removeInput(index);
          } else {
            input.isIdle = kind === "idle";
            changes = combiner.setIdle(index, input.isIdle);
          }
          // Watermarks of an idle input count when it is active again, or when the last one falls
          // idle.
          if (kind === "update" && input.isIdle) {
            assert.equal(changes, 0);
            continue;
          }
        }
        model.settle();
        assert.equal(combiner.watermark, model.watermark);
        assert.equal(combiner.isIdle, model.isIdle);
        assert.equal((changes & WATERMARK_CHANGED) !== 0, combiner.watermark !== before.watermark);
        assert.equal((changes & STATUS_CHANGED) !== 0, combiner.isIdle !== before.isIdle);
        assert.ok(combiner.watermark >= before.watermark);
      }
    }),
    { numRuns: 500 },
  );
});

test("an idle input that wakes up makes the combination active without a watermark", () => {
  const combiner = new WatermarkCombiner(2);
  combiner.update(0, 5);
  combiner.update(1, 9);
  assert.equal(combiner.watermark, 5);
  assert.equal(combiner.setIdle(0, true), WATERMARK_CHANGED);
  assert.equal(combiner.watermark, 9);
  assert.equal(combiner.setIdle(1, true), STATUS_CHANGED);
  assert.equal(combiner.setIdle(0, false), STATUS_CHANGED);
  assert.equal(combiner.isIdle, false);
  assert.equal(combiner.watermark, 9, "the input is behind and holds the watermark");
  assert.equal(combiner.update(0, 8), 0);
  assert.equal(combiner.update(0, 12), WATERMARK_CHANGED);
  assert.equal(combiner.watermark, 12);
});

test("the watermark of all idle inputs does not hang on the order in which they fell idle", () => {
  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    const combiner = new WatermarkCombiner(2);
    combiner.update(0, 100);
    combiner.update(1, 50);
    for (const index of order) combiner.setIdle(index, true);
    assert.equal(combiner.watermark, 100);
  }
});

test("a restored watermark is where the combination starts", () => {
  const combiner = new WatermarkCombiner(1);
  combiner.restore(40);
  assert.equal(combiner.update(0, 30), 0);
  assert.equal(combiner.watermark, 40);
  assert.equal(combiner.update(0, 41), WATERMARK_CHANGED);
});
