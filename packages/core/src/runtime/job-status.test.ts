import assert from "node:assert/strict";
import { test } from "node:test";
import {
  JOB_STATUSES,
  JOB_TRANSITIONS,
  canJobGo,
  isGloballyTerminal,
  isTerminal,
  nextJobStatus,
} from "./job-status.ts";
import type { JobStatus } from "./job-status.ts";

/** Every allowed pair, once more and written the other way round: who may come before. */
const BEFORE: Readonly<Record<JobStatus, string>> = {
  INITIALIZING: "",
  CREATED: "INITIALIZING RESTARTING",
  RUNNING: "CREATED RESTARTING RECONCILING",
  FAILING: "CREATED RUNNING CANCELLING RESTARTING RECONCILING",
  FAILED: "INITIALIZING FAILING",
  CANCELLING: "INITIALIZING CREATED RUNNING FAILING RESTARTING RECONCILING",
  CANCELED: "INITIALIZING CANCELLING",
  FINISHED: "RUNNING",
  RESTARTING: "RUNNING",
  SUSPENDED: "INITIALIZING CREATED RUNNING FAILING CANCELLING RESTARTING RECONCILING",
  RECONCILING: "INITIALIZING",
};

test("exactly the transitions of the table are possible", () => {
  for (const from of JOB_STATUSES) {
    for (const to of JOB_STATUSES) {
      const isAllowed = BEFORE[to].split(" ").includes(from);
      assert.equal(canJobGo(from, to), isAllowed, `${from} → ${to}`);
      if (isAllowed) assert.equal(nextJobStatus(from, to), to);
      else assert.throws(() => nextJobStatus(from, to), /job goes from/);
    }
  }
});

test("a job ends as FAILED, CANCELED, FINISHED, or here only as SUSPENDED", () => {
  const terminal = JOB_STATUSES.filter((status) => isTerminal(status));
  assert.deepEqual(terminal, ["FAILED", "CANCELED", "FINISHED", "SUSPENDED"]);
  const globally = JOB_STATUSES.filter((status) => isGloballyTerminal(status));
  assert.deepEqual(globally, ["FAILED", "CANCELED", "FINISHED"]);
});

test("every status can be reached from INITIALIZING", () => {
  const reached = new Set<JobStatus>(["INITIALIZING"]);
  for (const status of reached) for (const next of JOB_TRANSITIONS[status]) reached.add(next);
  assert.deepEqual([...reached].toSorted(), [...JOB_STATUSES].toSorted());
});
