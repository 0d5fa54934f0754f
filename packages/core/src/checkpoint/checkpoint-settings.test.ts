import assert from "node:assert/strict";
import { test } from "node:test";
import { errorCode } from "../errors.ts";
import { isCheckpointKey, withCheckpointConfig } from "./checkpoint-config.ts";
import {
  MAX_CHECKPOINT_PAUSE_MS,
  UNLIMITED_FAILURES,
  baseIntervalMs,
  checkpointSettings,
  retentionOf,
} from "./checkpoint-settings.ts";
import type { CheckpointOptions } from "../graph/checkpoint-options.ts";

test("the defaults are Flink's, but incremental, and kept when the job failed", () => {
  assert.deepEqual(checkpointSettings(), {
    intervalMs: undefined,
    minPauseMs: 0,
    timeoutMs: 600_000,
    mode: "exactly-once",
    maxConcurrent: 1,
    tolerableFailures: 0,
    isIncremental: true,
    retain: { count: 1, onCancellation: "delete", onFailure: "keep" },
  });
});

test("durations are text or ms; the pause is capped at a year and stretches the interval", () => {
  const settings = checkpointSettings({ interval: "10s", minPause: "1m", timeout: 5_000 });
  assert.deepEqual(
    [settings.intervalMs, settings.minPauseMs, settings.timeoutMs],
    [10_000, 60_000, 5_000],
  );
  assert.equal(baseIntervalMs(settings), 60_000);
  assert.equal(checkpointSettings({ minPause: "1000d" }).minPauseMs, MAX_CHECKPOINT_PAUSE_MS);
  assert.equal(baseIntervalMs(checkpointSettings()), undefined);
});

test("what cannot work is refused with its name", () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [{ interval: 9 }, /checkpoint\.interval: 9 is less than 10ms/],
    [{ interval: "often" }, /checkpoint\.interval: "often"/],
    [{ timeout: 9 }, /checkpoint\.timeout/],
    [{ minPause: -1 }, /checkpoint\.minPause/],
    [{ mode: "once" }, /checkpoint\.mode is "once"; expected one of exactly-once, at-least-once/],
    [{ maxConcurrent: 0 }, /checkpoint\.maxConcurrent is "0"/],
    [{ tolerableFailures: -2 }, /checkpoint\.tolerableFailures is "-2"/],
    [{ retain: { count: 0 } }, /checkpoint\.retain\.count is "0"/],
    [{ retain: { onCancellation: "maybe" } }, /checkpoint\.retain\.onCancellation is "maybe"/],
    [{ retain: { onCancellation: "keep", onFailure: "delete" } }, /checkpoint\.retain\.onFailure/],
  ];
  for (const [options, message] of cases) {
    assert.throws(() => checkpointSettings(options as CheckpointOptions), message);
  }
});

test("unaligned checkpoints are refused as not supported; asking for aligned ones is fine", () => {
  const cases: CheckpointOptions[] = [{ unaligned: true }, { alignedTimeout: "1s" }];
  for (const options of cases) {
    assert.throws(
      () => checkpointSettings(options),
      (error) => errorCode(error) === "SETTING_NOT_SUPPORTED",
    );
  }
  checkpointSettings({ unaligned: false, alignedTimeout: 0 });
});

test("any number of failures can be tolerated", () => {
  for (const tolerableFailures of ["unlimited", -1] as const) {
    const settings = checkpointSettings({ tolerableFailures });
    assert.equal(settings.tolerableFailures, UNLIMITED_FAILURES);
  }
});

test("configuration keys of Flink win over the program, one by one", () => {
  const options = withCheckpointConfig(
    { interval: "1h", mode: "exactly-once", retain: { count: 5, onCancellation: "keep" } },
    {
      "execution.checkpointing.interval": "3 min",
      "execution.checkpointing.min-pause": "500",
      "execution.checkpointing.timeout": "20 minutes",
      "execution.checkpointing.mode": "AT_LEAST_ONCE",
      "execution.checkpointing.max-concurrent-checkpoints": "2",
      "execution.checkpointing.tolerable-failed-checkpoints": "7",
      "execution.checkpointing.num-retained": "3",
      "execution.checkpointing.incremental": "False",
      "execution.checkpointing.unaligned.enabled": "false",
      "execution.checkpointing.aligned-checkpoint-timeout": "0",
      "execution.checkpointing.dir": "/somewhere",
      "execution.checkpointing.storage": "filesystem",
      "other.key": "untouched",
    },
  );
  assert.deepEqual(checkpointSettings(options), {
    intervalMs: 180_000,
    minPauseMs: 500,
    timeoutMs: 1_200_000,
    mode: "at-least-once",
    maxConcurrent: 2,
    tolerableFailures: 7,
    isIncremental: false,
    retain: { count: 3, onCancellation: "keep", onFailure: "keep" },
  });
});

test("retention has Flink's three policies, and what the store makes of them", () => {
  const cases = [
    ["NO_EXTERNALIZED_CHECKPOINTS", "delete", "delete", "none"],
    ["DELETE_ON_CANCELLATION", "delete", "keep", "delete-on-cancellation"],
    ["RETAIN_ON_CANCELLATION", "keep", "keep", "retain-on-cancellation"],
  ] as const;
  const key = "execution.checkpointing.externalized-checkpoint-retention";
  for (const [text, onCancellation, onFailure, policy] of cases) {
    const settings = checkpointSettings(withCheckpointConfig({}, { [key]: text }));
    assert.deepEqual(settings.retain, { count: 1, onCancellation, onFailure });
    assert.equal(retentionOf(settings), policy);
  }
});

test("keys without a counterpart are refused, unknown ones are named", () => {
  const cases = [
    ["execution.checkpointing.unaligned.forced", "true", "SETTING_NOT_SUPPORTED"],
    ["execution.checkpointing.storage", "jobmanager", "SETTING_NOT_SUPPORTED"],
    ["execution.checkpointing.interval-during-backlog", "1h", "SETTING_NOT_SUPPORTED"],
    ["execution.checkpointing.file-merging.max-file-size", "1mb", "SETTING_NOT_SUPPORTED"],
    ["execution.checkpointing.checkpoints-after-tasks-finish", "false", "SETTING_NOT_SUPPORTED"],
    ["execution.checkpointing.intervall", "1s", "SETTING_INVALID"],
    ["execution.checkpointing.mode", "TWICE", "SETTING_INVALID"],
    ["execution.checkpointing.incremental", "yes", "SETTING_INVALID"],
    ["execution.checkpointing.num-retained", "many", "SETTING_INVALID"],
    ["execution.checkpointing.interval", "sometimes", "DURATION_INVALID"],
  ] as const;
  for (const [key, text, code] of cases) {
    assert.equal(isCheckpointKey(key), true);
    assert.throws(
      () => withCheckpointConfig({}, { [key]: text }),
      (error: Error) => errorCode(error) === code && error.message.includes(key),
      key,
    );
  }
  assert.equal(isCheckpointKey("restart-strategy"), false);
});

test("older names of keys still work", () => {
  const options = withCheckpointConfig(
    {},
    { "state.checkpoints.num-retained": "4", "state.backend.incremental": "true" },
  );
  assert.deepEqual(options, { retain: { count: 4 }, incremental: true });
});
