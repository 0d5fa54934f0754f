// What a wrong name was probably meant to be.
import assert from "node:assert/strict";
import { test } from "node:test";
import { didYouMean, listNames, nearestName } from "./nearest-name.ts";

const FIELDS = ["origin", "destination", "delay", "at"];

test("a name is close where a third of its letters or one letter is wrong", () => {
  for (const [wanted, nearest] of [
    ["orgin", "origin"],
    ["Origin", "origin"],
    ["dealy", "delay"],
    ["destinaton", "destination"],
    ["a", "at"],
    ["time", undefined],
    ["", undefined],
  ] as const) {
    assert.equal(nearestName(wanted, FIELDS), nearest, wanted);
  }
  assert.equal(nearestName("x", []), undefined);
});

test("the closest of several wins, the first of equals", () => {
  assert.equal(nearestName("interval", ["intervals", "interval-ms", "internal"]), "intervals");
  assert.equal(nearestName("abd", ["abc", "abe"]), "abc");
});

test("a message has the suggestion where there is one, and of many names the first twenty", () => {
  assert.equal(didYouMean("orgin", FIELDS), ' Did you mean "origin"?');
  assert.equal(didYouMean("time", FIELDS), "");
  assert.equal(listNames(FIELDS), "origin, destination, delay, at");
  const many = Array.from({ length: 25 }, (_, index) => `f${index}`);
  assert.match(listNames(many), /f19 and 5 more$/);
});
