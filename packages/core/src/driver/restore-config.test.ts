import assert from "node:assert/strict";
import { test } from "node:test";
import { restoreConfig, withRestoreConfig } from "./restore-config.ts";
import type { RunOptions } from "./run-job.ts";

test("Flink's keys for restoring and savepoints are read, others are left alone", () => {
  assert.deepEqual(
    restoreConfig({
      "execution.state-recovery.path": " /backups/savepoint-1 ",
      "execution.state-recovery.claim-mode": "claim",
      "execution.state-recovery.ignore-unclaimed-state": "true",
      "execution.state-recovery.from-local": "false",
      "execution.checkpointing.savepoint-dir": "/backups",
      "execution.checkpointing.interval": "5s",
      "flights.out": "results",
    }),
    {
      restore: {
        path: "/backups/savepoint-1",
        claimMode: "CLAIM",
        allowNonRestoredState: true,
      },
      savepointDirectory: "/backups",
    },
  );
  assert.deepEqual(restoreConfig({}), { restore: {} });
});

test("without a path the keys say what may be left behind, and not who owns the snapshot", () => {
  const configuration = {
    "execution.state-recovery.claim-mode": "CLAIM",
    "execution.state-recovery.ignore-unclaimed-state": "true",
  };
  const restoreOf = (options: RunOptions): RunOptions["restore"] =>
    withRestoreConfig(options).restore;
  assert.deepEqual(restoreOf({ configuration }), { allowNonRestoredState: true });
  // What is given as an option goes before them.
  const restore = { allowNonRestoredState: ["sums"] };
  assert.deepEqual(restoreOf({ configuration, restore }), restore);
});

test("the older names mean the same", () => {
  assert.deepEqual(
    restoreConfig({
      "execution.savepoint.path": "/s",
      "execution.savepoint-restore-mode": "NO_CLAIM",
      "execution.savepoint.ignore-unclaimed-state": "false",
      "state.savepoints.dir": "/backups",
    }),
    {
      restore: { path: "/s", claimMode: "NO_CLAIM", allowNonRestoredState: false },
      savepointDirectory: "/backups",
    },
  );
});

for (const [key, text, code, message] of [
  ["execution.state-recovery.claim-mode", "LEGACY", "SETTING_NOT_SUPPORTED", /who may delete/],
  ["execution.savepoint-restore-mode", "legacy", "SETTING_NOT_SUPPORTED", /NO_CLAIM leaves/],
  ["execution.state-recovery.claim-mode", "MINE", "SETTING_INVALID", /NO_CLAIM, CLAIM/],
  ["execution.state-recovery.path", " ", "SETTING_INVALID", /expected a path/],
  ["execution.state-recovery.ignore-unclaimed-state", "yes", "SETTING_INVALID", /true or false/],
  ["execution.state-recovery.from-local", "true", "SETTING_NOT_SUPPORTED", /Leave the key out/],
  ["execution.state-recovery.pth", "x", "SETTING_INVALID", /mean execution\.state-recovery\.path/],
] as const) {
  test(`${key}=${text} is refused with ${code}`, () => {
    assert.throws(() => restoreConfig({ [key]: text }), { code, message });
  });
}
