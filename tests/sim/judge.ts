/*
 * Judging: whether what the sinks committed is what the reference says, record for record, each
 * exactly once. Results that hang on the order between channels are judged by what holds in every
 * order.
 */
import type { Contents } from "./contents.ts";
import { differences } from "./differences.ts";
import { judgeLateJoin } from "./judge-late-join.ts";
import { judgeLateWindow } from "./judge-late-window.ts";
import { judgeTable } from "./judge-tables.ts";
import { groups } from "./reference.ts";
import type { Expected } from "./reference.ts";
import type { NodeSpec, Scenario, SimRecord, StreamRef } from "./scenario.ts";

/** Most differences that are told of one sink. */
const TOLD_MAX = 5;

/** What is wrong, in words; empty if nothing is. */
export function judge(scenario: Scenario, expected: Expected, committed: Contents): string[] {
  return scenario.nodes
    .filter(({ operator }) => operator.kind === "sink")
    .flatMap((sink) => {
      const found = judgeSink({ scenario, expected, committed, sink });
      return found.slice(0, TOLD_MAX).map((text) => `${sink.uid}: ${text}`);
    });
}

interface SinkCase {
  readonly scenario: Scenario;
  readonly expected: Expected;
  readonly committed: Contents;
  readonly sink: NodeSpec;
}

function judgeSink({ scenario, expected, committed, sink }: SinkCase): string[] {
  const ref: StreamRef = sink.inputs[0].streams[0];
  const node = scenario.nodes.find(({ uid }) => uid === ref.uid)!;
  const found = committed.get(sink.uid) ?? [];
  const inputs = expected.inputs.get(node.uid) ?? [];
  const [input = []] = inputs;
  const { operator } = node;
  if (operator.kind === "window" && operator.isLate) {
    if (ref.tag === "late") return [];
    const late = committed.get(`sink-${node.uid}-late`) ?? [];
    return judgeLateWindow(operator, input, { found, late, mayRepeat: isRescaled(scenario) });
  }
  if (operator.kind === "intervalJoin" && operator.isLate) {
    if (ref.tag !== "main") return [];
    const late = ["late", "late-right"].map((tag) => {
      return committed.get(`sink-${node.uid}-${tag}`) ?? [];
    });
    return judgeLateJoin(operator, inputs, { found, late, mayMiss: isRescaled(scenario) });
  }
  switch (operator.kind) {
    case "running":
      return judgeRunning(input, found.map(runningOf));
    case "pulse":
      return judgeSums(input, found as SimRecord[]);
    case "tally":
    case "census":
      return judgeTally(
        input.length,
        isRescaled(scenario) ? Infinity : node.parallelism,
        found as SimRecord[],
      );
    case "numbered":
      return judgeNumbered({ scenario, expected, committed, sink }, node);
    default:
      return differences(expected.streams.get(`${ref.uid}:${ref.tag}`) ?? [], found);
  }
}

/** By what comes into the operator whose results are numbered. */
function judgeNumbered(
  { scenario, expected, committed, sink }: SinkCase,
  node: NodeSpec,
): string[] {
  const [{ uid }] = node.inputs[0].streams;
  const { operator } = scenario.nodes.find((other) => other.uid === uid)!;
  if (operator.kind !== "topN" && operator.kind !== "deduplicate") {
    return [`the results of ${uid} are numbered`];
  }
  const [input = []] = expected.inputs.get(uid) ?? [];
  return judgeTable(operator, input, committed.get(sink.uid) ?? []);
}

/** Whether subtasks may go on with other watermarks and ends than those that had their state. */
function isRescaled({ runs }: Scenario): boolean {
  return runs.some(({ rescaling }) => rescaling !== "never");
}

interface Running {
  readonly key: SimRecord["key"];
  readonly count: number;
  readonly sum: number;
  readonly low: number | undefined;
  readonly high: number | undefined;
  readonly latest: number;
}

function runningOf(record: unknown): Running {
  const one = record as Running & SimRecord;
  if (one.count !== undefined) return one;
  return {
    key: one.key,
    count: one.n,
    sum: one.value,
    low: undefined,
    high: undefined,
    latest: one.at,
  };
}

/** Each count comes once, and the steps between the sums are the values. */
function judgeRunning(input: readonly SimRecord[], found: readonly Running[]): string[] {
  const wrong: string[] = [];
  const foundByKey = groups(found, ({ key }) => key);
  const inputByKey = groups(input, ({ key }) => key);
  for (const key of foundByKey.keys())
    if (!inputByKey.has(key)) wrong.push(`no key ${key} came in`);
  for (const [key, records] of inputByKey) {
    const own = (foundByKey.get(key) ?? []).toSorted((left, right) => left.count - right.count);
    const problem = runningProblem(records, own);
    if (problem !== undefined) wrong.push(`key ${key}: ${problem}`);
  }
  return wrong;
}

function runningProblem(
  records: readonly SimRecord[],
  found: readonly Running[],
): string | undefined {
  const counts = found.map(({ count }) => count).join(",");
  const expected = records.map((_, index) => index + 1).join(",");
  if (counts !== expected) return `the counts are ${counts}, not 1 to ${records.length}`;
  const steps = found.map(({ sum }, index) => sum - (found[index - 1]?.sum ?? 0));
  const [wrong] = differences(
    records.map(({ value }) => value),
    steps,
  );
  if (wrong !== undefined) return `the steps of the sums: ${wrong}`;
  for (let index = 0; index < found.length; index++) {
    const { low, high } = found[index];
    const seen = steps.slice(0, index + 1);
    if (low !== undefined && low !== Math.min(...seen)) return `min is ${low} after ${seen.join()}`;
    if (high !== undefined && high !== Math.max(...seen))
      return `max is ${high} after ${seen.join()}`;
  }
  const latest = Math.max(...records.map(({ at }) => at));
  const last = found.at(-1)!.latest;
  return last === latest ? undefined : `the latest time is ${last}, not ${latest}`;
}

/** Sums of values and counts per key, over all that was given out. */
function judgeSums(input: readonly SimRecord[], found: readonly SimRecord[]): string[] {
  const total = (records: readonly SimRecord[]): readonly unknown[] =>
    [...groups(records, ({ key }) => key)].map(([key, own]) => ({
      key,
      value: own.reduce((sum, { value }) => sum + value, 0),
      n: own.reduce((sum, { n }) => sum + n, 0),
    }));
  return differences(total(input), total(found));
}

function judgeTally(
  inputCount: number,
  parallelism: number,
  found: readonly SimRecord[],
): string[] {
  const sum = found.reduce((total, { value }) => total + value, 0);
  if (found.length > parallelism) return [`${found.length} results of ${parallelism} subtasks`];
  return sum === inputCount ? [] : [`${sum} records were counted, ${inputCount} came`];
}
