import assert from "node:assert/strict";
import { test } from "node:test";
import { InterruptLadder } from "./interrupts.ts";
import type { InterruptSignal } from "./interrupts.ts";

for (const [isKept, signals, expected] of [
  [true, "INT INT INT INT", "stop cancel end end"],
  [false, "INT INT INT", "cancel end end"],
  [true, "TERM TERM", "cancel end"],
  [true, "INT TERM HUP", "stop cancel end"],
  [true, "TERM INT", "cancel end"],
  [true, "HUP INT", "cancel end"],
] as const) {
  test(`${signals} asks for ${expected} where a run is ${isKept ? "" : "not "}kept`, () => {
    const ladder = new InterruptLadder(isKept);
    const asked = signals.split(" ").map((name) => ladder.next(`SIG${name}` as InterruptSignal));
    assert.equal(asked.join(" "), expected);
  });
}
