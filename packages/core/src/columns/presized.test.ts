import assert from "node:assert/strict";
import test from "node:test";
import { presized } from "./presized.ts";

test("an array has the length that was asked for, and is nobody else's", () => {
  for (const count of [0, 1, 1024, 2048, 2049, 5000]) {
    const first = presized<number>(count);
    assert.equal(first.length, count);
    // No holes: every index is a property.
    assert.equal(Object.keys(first).length, count);
    first.fill(7);
    assert.ok(presized<number>(count).every((element) => element === undefined));
  }
});
