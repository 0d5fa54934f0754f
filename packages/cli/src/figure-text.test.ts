import assert from "node:assert/strict";
import { test } from "node:test";
import { countText, durationText, sizeText, watermarkText } from "./figure-text.ts";

test("counts and sizes have three digits and a unit", () => {
  assert.deepEqual(
    [0, 7, 999, 999.4, 1_000, 9_994, 12_340, 999_499, 999_500, 3e6, 4.5e9].map(countText),
    ["0", "7", "999", "999", "1.00 k", "9.99 k", "12.3 k", "999 k", "1.00 M", "3.00 M", "4.50 G"],
  );
  assert.deepEqual([0, 1_536, 2e6].map(sizeText), ["0 B", "1.54 KB", "2.00 MB"]);
});

test("durations go from ms to minutes", () => {
  assert.deepEqual([0, 999, 1_000, 59_949, 59_950, 125_000].map(durationText), [
    "0 ms",
    "999 ms",
    "1.0 s",
    "59.9 s",
    "1 min 00 s",
    "2 min 05 s",
  ]);
});

test("a watermark is a time, nothing yet, or the end", () => {
  assert.equal(watermarkText(Date.UTC(2001, 1, 11, 5, 12)), "2001-02-11 05:12");
  assert.equal(watermarkText(undefined), "-");
  assert.equal(watermarkText(-Infinity), "-");
  assert.equal(watermarkText(Number.MAX_SAFE_INTEGER), "ended");
});
