/*
 * Judging Top-N and deduplication: which results there are hangs on the order in which the records
 * of a key come, but not whether they fit each other. Results come with their order.
 */
import { differences } from "./differences.ts";
import * as functions from "./functions.ts";
import type { Numbered } from "./job-tables.ts";
import { groups } from "./reference.ts";
import type { OperatorSpec, SimRecord } from "./scenario.ts";

type Of<K extends OperatorSpec["kind"]> = Extract<OperatorSpec, { readonly kind: K }>;

/** What a Top-N gives out. */
export interface RankResult {
  readonly key: SimRecord["key"];
  readonly rank: number;
  readonly record: SimRecord;
  readonly change: string;
}

/** What is wrong with the numbered results of all keys. */
export function judgeTable(
  operator: Of<"topN" | "deduplicate">,
  input: readonly SimRecord[],
  found: readonly unknown[],
): string[] {
  const results = found as readonly Numbered<unknown>[];
  const foundByKey = groups(results, ({ key }) => key);
  const inputByKey = groups(input, ({ key }) => key);
  const keys = new Set([...inputByKey.keys(), ...foundByKey.keys()]);
  return [...keys].flatMap((key) => {
    const records = inputByKey.get(key) ?? [];
    const own = (foundByKey.get(key) ?? []).toSorted((left, right) => left.nth - right.nth);
    const wrong = own.findIndex(({ nth }, index) => nth !== index + 1);
    if (wrong !== -1) return [`key ${key}: result ${wrong + 1} has the number ${own[wrong].nth}`];
    const given = own.map((result) => result.given);
    const problems =
      operator.kind === "topN"
        ? topNProblems(operator, records, given as readonly RankResult[])
        : duplicateProblems(operator, records, given as readonly SimRecord[]);
    return problems.map((text) => `key ${key}: ${text}`);
  });
}

/**
 * What a record changes begins with that record itself. So the results say in which order those
 * records came that had a place, and in this order they give the same results again. The others
 * come last: whichever of them should have had a place has one then.
 */
function topNProblems(
  operator: Of<"topN">,
  input: readonly SimRecord[],
  found: readonly RankResult[],
): string[] {
  const byId = new Map(input.map((record) => [record.id, record]));
  const placed = new Set(found.map(({ record }) => record.id).filter((id) => byId.has(id)));
  const order = new Set([...placed, ...byId.keys()]);
  const expected = changesOf(
    operator,
    [...order].map((id) => byId.get(id)!),
  );
  const numbered = (all: readonly unknown[]): unknown[] =>
    all.map((one, index) => [index + 1, JSON.stringify(sorted(one))]);
  return differences(numbered(expected), numbered(found));
}

/** The results of records in their order, from a list that is sorted anew with each. */
function changesOf(operator: Of<"topN">, records: readonly SimRecord[]): RankResult[] {
  const { n, form } = operator;
  const sign = operator.order === "ascending" ? 1 : -1;
  const compare = (left: SimRecord, right: SimRecord): number =>
    sign * compareRanks(functions.ranksOf(form, left)!, functions.ranksOf(form, right)!);
  let list: readonly SimRecord[] = [];
  return records.flatMap((record) => {
    if (functions.ranksOf(form, record) === undefined) return [];
    const before = list;
    // Stable: equals stay in the order in which they came.
    list = [...before, record].toSorted(compare).slice(0, n);
    return list.flatMap((one, index): RankResult[] => {
      if (one === before[index]) return [];
      const change = index < before.length ? "update" : "insert";
      return [{ key: record.key, rank: index + 1, record: one, change }];
    });
  });
}

function compareRanks(
  left: readonly (string | number)[],
  right: readonly (string | number)[],
): number {
  const index = left.findIndex((rank, at) => rank !== right[at]);
  if (index === -1) return 0;
  return left[index] < right[index] ? -1 : 1;
}

/** Whatever the order of its properties. */
function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, of]) => [name, sorted(of)]);
}

function duplicateProblems(
  { keep, time }: Of<"deduplicate">,
  input: readonly SimRecord[],
  found: readonly SimRecord[],
): string[] {
  const wrong = differences(input, found).filter((text) => text.includes("too much"));
  if (time === "processing") {
    if (found.length !== Math.min(input.length, 1)) wrong.push(`${found.length} are the first`);
    return wrong;
  }
  const times = found.map(({ at }) => at);
  const isInOrder = times.every((at, index) => {
    if (index === 0) return true;
    return keep === "first" ? at < times[index - 1] : at >= times[index - 1];
  });
  if (!isInOrder) wrong.push(`the ${keep} ones come at ${times.join()}`);
  const all = input.map(({ at }) => at);
  const last = keep === "first" ? Math.min(...all) : Math.max(...all);
  const ofLast = ({ at }: SimRecord): boolean => at === last;
  const [one, other] = [input.filter(ofLast), found.filter(ofLast)];
  const missing = differences(one, other).filter((text) => text.startsWith("missing"));
  // Of several that are first at the same time one is.
  if (keep === "last" ? missing.length > 0 : other.length !== Math.min(one.length, 1)) {
    wrong.push(`of ${last}, which is ${keep}, there are ${other.length} of ${one.length}`);
  }
  return wrong;
}
