import assert from "node:assert/strict";
import { test } from "node:test";
import {
  TASK_STATUSES,
  TASK_TRANSITIONS,
  canTaskGo,
  isTaskTerminal,
  nextTaskStatus,
} from "./task-status.ts";
import type { TaskStatus } from "./task-status.ts";

/** Every allowed pair, once more and written the other way round: who may come before. */
const BEFORE: Readonly<Record<TaskStatus, string>> = {
  CREATED: "",
  SCHEDULED: "CREATED",
  DEPLOYING: "SCHEDULED",
  INITIALIZING: "DEPLOYING",
  RUNNING: "INITIALIZING",
  FINISHED: "RUNNING",
  CANCELING: "DEPLOYING INITIALIZING RUNNING",
  CANCELED: "CREATED SCHEDULED CANCELING",
  FAILED: "CREATED SCHEDULED DEPLOYING INITIALIZING RUNNING CANCELING",
};

test("exactly the transitions of the table are possible", () => {
  for (const from of TASK_STATUSES) {
    for (const to of TASK_STATUSES) {
      const isAllowed = BEFORE[to].split(" ").includes(from);
      assert.equal(canTaskGo(from, to), isAllowed, `${from} → ${to}`);
      if (isAllowed) assert.equal(nextTaskStatus(from, to), to);
      else assert.throws(() => nextTaskStatus(from, to), /task goes from/);
    }
  }
});

test("a task ends as FINISHED, CANCELED or FAILED, and can reach every status", () => {
  const terminal = TASK_STATUSES.filter((status) => isTaskTerminal(status));
  assert.deepEqual(terminal, ["FINISHED", "CANCELED", "FAILED"]);
  const reached = new Set<TaskStatus>(["CREATED"]);
  for (const status of reached) for (const next of TASK_TRANSITIONS[status]) reached.add(next);
  assert.deepEqual([...reached].toSorted(), [...TASK_STATUSES].toSorted());
});
