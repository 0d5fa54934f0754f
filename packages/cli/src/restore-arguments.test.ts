import assert from "node:assert/strict";
import { test } from "node:test";
import {
  readClaimMode,
  readNonRestored,
  readRestoreSinks,
  restoreOptions,
} from "./restore-arguments.ts";

test("flags make the options of the restore, and go before the configuration", () => {
  const configuration = {
    "execution.savepoint.path": "/old",
    "execution.state-recovery.claim-mode": "CLAIM",
  };
  assert.deepEqual(restoreOptions({}, configuration), { path: "/old", claimMode: "CLAIM" });
  assert.deepEqual(
    restoreOptions(
      { fromSavepoint: "/new", allowNonRestoredState: ["sums"], restoreSinks: "discard" },
      configuration,
    ),
    { path: "/new", claimMode: "CLAIM", allowNonRestoredState: ["sums"], sinks: "discard" },
  );
  const { "execution.state-recovery.claim-mode": _, ...rest } = configuration;
  assert.deepEqual(restoreOptions({ fromSavepoint: "/new" }, rest), { path: "/new" });
  const claiming = { "execution.state-recovery.claim-mode": "CLAIM" };
  assert.deepEqual(restoreOptions({ fromSavepoint: "/new" }, claiming), {
    path: "/new",
    claimMode: "CLAIM",
  });
  assert.equal(restoreOptions({}, claiming), undefined);
  assert.equal(restoreOptions({}, {}), undefined);
});

test("what may be left behind of its own state is said to a run without a snapshot", () => {
  const configuration = { "execution.state-recovery.ignore-unclaimed-state": "true" };
  assert.deepEqual(restoreOptions({}, configuration), { allowNonRestoredState: true });
  assert.deepEqual(restoreOptions({ allowNonRestoredState: ["sums"] }, configuration), {
    allowNonRestoredState: ["sums"],
  });
});

test("flags about a snapshot that is not named are refused", () => {
  assert.throws(() => restoreOptions({ claimMode: "CLAIM" }, {}), {
    name: "UsageError",
    message: "--claim-mode says how to restore a snapshot; name one with -s <path>",
  });
});

test("claim modes are read in any case, and LEGACY is refused with the reason", () => {
  assert.deepEqual([readClaimMode("claim"), readClaimMode("no-claim")], ["CLAIM", "NO_CLAIM"]);
  assert.throws(() => readClaimMode("LEGACY"), /nobody knows who may delete the snapshot/);
  assert.throws(() => readClaimMode("mine"), /NO_CLAIM or CLAIM/);
});

test("choices for sinks are read for all or per uid", () => {
  assert.equal(readRestoreSinks("commit"), "commit");
  assert.deepEqual(readRestoreSinks("out=discard, a=b=commit"), {
    out: "discard",
    "a=b": "commit",
  });
  for (const text of ["", "keep", "out", "=commit", "out=commit,out=discard", "out=commit,"]) {
    assert.throws(() => readRestoreSinks(text), /commit or discard/, text);
  }
});

test("names of state that may be left behind are a list with commas", () => {
  assert.deepEqual(readNonRestored("sums, counts/total"), ["sums", "counts/total"]);
  assert.throws(() => readNonRestored("sums,"), /uids of operators/);
});
