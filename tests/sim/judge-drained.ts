/*
 * Judging a job that was drained: its results are those of the records that its sources had given
 * by then, which the sinks of the sources themselves show.
 */
import type { Contents } from "./contents.ts";
import { differences } from "./differences.ts";
import { judge } from "./judge.ts";
import { sinkOf } from "./stream-sinks.ts";
import { evaluate } from "./reference.ts";
import type { Missed } from "./reference.ts";
import type { Scenario, SimRecord } from "./scenario.ts";

/** What is wrong with what a drained job committed. */
export function judgeDrained(scenario: Scenario, contents: Contents, missed: Missed): string[] {
  const problems: string[] = [];
  const nodes = scenario.nodes.map((node) => {
    const { uid, operator } = node;
    if (operator.kind !== "source") return node;
    const given = (contents.get(sinkOf({ uid, tag: "main" })) ?? []) as readonly SimRecord[];
    const extra = differences(operator.records, given).filter((text) => text.includes("too much"));
    problems.push(...extra.map((text) => `${uid}: ${text}`));
    return { ...node, operator: { ...operator, records: given } };
  });
  const drained = { ...scenario, nodes };
  return [...problems, ...judge(drained, evaluate(drained, missed), contents)];
}
