import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CHECKPOINT_FAILURE_REASONS } from "../checkpoint/failure-reason.ts";
import { JOB_STATUSES, JOB_TRANSITIONS } from "./job-status.ts";
import { JOB_METRICS, OPERATOR_METRICS, TASK_METRICS } from "./metrics.ts";
import type { MetricSpec } from "./metrics.ts";
import { TASK_STATUSES, TASK_TRANSITIONS } from "./task-status.ts";

function doc(name: string): string {
  return readFileSync(new URL(`../../../../docs/${name}`, import.meta.url), "utf8");
}

/** Cells of the table rows of a section of a page, without header and rule. */
function rows(page: string, heading: string): string[][] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  assert(section !== undefined, heading);
  return [...section.matchAll(/^\| (.*?) ?\|$/gm)].slice(1).map(([, row]) => row.split(/ ?\| ?/));
}

function listed(cell: string): string[] {
  return cell === "" ? [] : cell.split(", ").map((word) => word.replaceAll("`", ""));
}

test("docs/semantics/failures.md lists exactly the transitions of the code", () => {
  const page = doc("semantics/failures.md");
  for (const [heading, statuses, transitions] of [
    ["Status of a job", JOB_STATUSES, JOB_TRANSITIONS],
    ["Status of a subtask", TASK_STATUSES, TASK_TRANSITIONS],
  ] as const) {
    const told = new Map(
      rows(page, heading).flatMap(([from, to = ""]) =>
        listed(from).map((each) => [each, listed(to)] as const),
      ),
    );
    assert.deepEqual([...told.keys()].toSorted(), [...statuses].toSorted());
    for (const [from, to] of Object.entries(transitions))
      assert.deepEqual(told.get(from), to, from);
  }
});

test("docs/semantics/checkpoints.md lists exactly the reasons of the code", () => {
  const told = rows(doc("semantics/checkpoints.md"), "Failed checkpoints").map(
    ([reason, message, counted]) => [listed(reason)[0], `${message} ${counted}`] as const,
  );
  const known = Object.entries(CHECKPOINT_FAILURE_REASONS).map(
    ([reason, { message, isCounted }]) =>
      [reason, `${message} ${isCounted ? "yes" : "no"}`] as const,
  );
  assert.deepEqual(new Map(told), new Map(known));
});

test("docs/metrics.md lists exactly the metrics of the code, with their rates", () => {
  const page = doc("metrics.md");
  const cases: readonly (readonly [string, Readonly<Record<string, MetricSpec>>])[] = [
    ["Job", JOB_METRICS],
    ["Subtask", TASK_METRICS],
    ["Operator", OPERATOR_METRICS],
  ];
  for (const [heading, metrics] of cases) {
    const told = rows(page, heading);
    assert.deepEqual(
      told.flatMap(([name]) => listed(name)),
      Object.keys(metrics),
    );
    if (heading === "Job") continue;
    const rates = Object.values(metrics).flatMap(({ rate }) => rate ?? []);
    assert.deepEqual(
      told.flatMap(([, rate = ""]) => listed(rate)),
      rates,
    );
  }
});
