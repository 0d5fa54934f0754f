import assert from "node:assert/strict";
import { test } from "node:test";
import { newTimestamps } from "./new-timestamps.ts";

test("timestamps are all 0 and no other has a part of them, whatever their sizes", () => {
  const given = [1, 1024, 3, 4096, 4097, 16_384, 0, 1024, 4000, 4000, 4000, 4000, 1].map(
    (count) => {
      const timestamps = newTimestamps(count);
      assert.equal(timestamps.length, count);
      assert.ok(timestamps.every((timestamp) => timestamp === 0));
      return timestamps;
    },
  );
  for (const [index, timestamps] of given.entries()) timestamps.fill(index + 1);
  for (const [index, timestamps] of given.entries()) {
    assert.ok(timestamps.every((timestamp) => timestamp === index + 1));
  }
});
