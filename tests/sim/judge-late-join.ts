/*
 * Judging interval joins to which records may come late: which ones do is decided by the order
 * between channels, but they are in the late outputs, and all others are joined.
 */
import { differences } from "./differences.ts";
import { intervalPairs } from "./reference.ts";
import type { OperatorSpec, SimRecord } from "./scenario.ts";

type IntervalJoin = Extract<OperatorSpec, { readonly kind: "intervalJoin" }>;

/**
 * What is wrong with the results. `mayMiss`: at another parallelism a subtask begins with the
 * lowest watermark of others, so that a record may not be late although what it would meet is gone.
 */
export function judgeLateJoin(
  operator: IntervalJoin,
  inputs: readonly (readonly SimRecord[])[],
  given: {
    readonly found: readonly unknown[];
    /** By input. */
    readonly late: readonly (readonly unknown[])[];
    readonly mayMiss: boolean;
  },
): string[] {
  const wrong: string[] = [];
  const onTime = inputs.map((records, input) => {
    const late = (given.late[input] as readonly SimRecord[]).map(({ id }) => id);
    const ids = new Set(records.map(({ id }) => id));
    const lateIds = new Set(late);
    if (lateIds.size < late.length) wrong.push(`a record of input ${input} is late twice`);
    for (const id of late) if (!ids.has(id)) wrong.push(`the late record ${id} never came in`);
    return records.filter(({ id }) => !lateIds.has(id));
  });
  const [left, right] = onTime;
  const problems = differences(intervalPairs(operator, left, right), given.found);
  wrong.push(...problems.filter((text) => !given.mayMiss || !text.startsWith("missing")));
  return wrong;
}
