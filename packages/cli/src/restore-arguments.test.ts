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
  assert.equal(restoreOptions({}, {}), undefined);
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
