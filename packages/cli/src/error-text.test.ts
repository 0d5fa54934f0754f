import assert from "node:assert/strict";
import { test } from "node:test";
import { fromWire, toWire } from "oxbow/testing";
import { oxbowError } from "oxbow/internal";
import { errorText } from "./error-text.ts";

/** As it comes from another thread, with a stack of our making. */
function thrown(name: string, message: string, frames: readonly string[]): Error {
  const error = new Error(message);
  error.name = name;
  error.stack = [`${name}: ${message}`, ...frames.map((frame) => `    at ${frame}`)].join("\n");
  return fromWire(toWire(error));
}

test("a job that gave up: what failed, frames of the job's own files, why it ended", () => {
  const cause = thrown("RangeError", "too much", [
    "check (file:///jobs/alarm.ts:7:9)",
    "process (file:///jobs/node_modules/oxbow/dist/runtime/task.js:3:1)",
    "run (node:internal/process:1:1)",
  ]);
  const message = 'The map function of "alarms" threw: RangeError: too much The record: 7';
  const failure = oxbowError("USER_FUNCTION_FAILED", message, {}, cause);
  const reason = "The job does not restart: the restart strategy is none.";
  const end = oxbowError("JOB_FAILED", `${message} ${reason}`, { reason }, failure);
  assert.equal(
    errorText(end),
    [`USER_FUNCTION_FAILED: ${message}`, "  at check (file:///jobs/alarm.ts:7:9)", reason].join(
      "\n",
    ),
  );
});

test("causes that the message does not say are told", () => {
  const cause = thrown("Error", "ENOSPC: no space left", []);
  const error = oxbowError("FILE_IO", "Writing part-0 failed.", {}, cause);
  assert.equal(
    errorText(error),
    "FILE_IO: Writing part-0 failed.\ncaused by Error: ENOSPC: no space left",
  );
});

test("a cause whose message stands in the one before is not told again", () => {
  const segment = oxbowError("SEGMENT_CORRUPTED", "Segment a.seg is damaged at byte 16: cut.");
  const message = `Checkpoint 3, the newest, cannot be read. ${segment.message} Begin a new run.`;
  const error = oxbowError("CHECKPOINT_UNREADABLE", message, {}, segment);
  assert.equal(errorText(error), `CHECKPOINT_UNREADABLE: ${message}`);
});

test("a defect of Oxbow is told with all frames and what to do", () => {
  const error = oxbowError("INTERNAL_INVARIANT", "the ring is empty");
  error.stack = "x\n    at poll (file:///x/node_modules/oxbow/dist/exchange/ring.js:1:1)";
  assert.equal(
    errorText(error),
    "INTERNAL_INVARIANT: the ring is empty\n" +
      "  at poll (file:///x/node_modules/oxbow/dist/exchange/ring.js:1:1)\n" +
      "This is a defect of Oxbow. Please report it with the lines above.",
  );
});

test("whatever is thrown has a text, cycles of causes included", () => {
  const error: Error & { cause?: unknown } = new TypeError("round");
  error.stack = "";
  error.cause = error;
  assert.equal(errorText(error), "TypeError: round");
  assert.equal(errorText("text"), "error: text");
  assert.equal(errorText(undefined), "error: undefined");
});
