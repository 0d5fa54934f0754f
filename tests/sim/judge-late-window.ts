/*
 * Judging windows to which records may come late: each record is counted once, in its windows or in
 * the late output, and a window's results only grow.
 */
import { groups, startsOf } from "./reference.ts";
import type { LateResult } from "./job-windows.ts";
import type { OperatorSpec, SimRecord } from "./scenario.ts";

type WindowOperator = Extract<OperatorSpec, { readonly kind: "window" }>;

/**
 * What is wrong with the results and the late output of a window operator. `mayRepeat`: at another
 * parallelism a subtask begins with the lowest watermark of others, so that a window that has fired
 * and gone may come again.
 */
export function judgeLateWindow(
  operator: WindowOperator,
  input: readonly SimRecord[],
  given: {
    readonly found: readonly unknown[];
    readonly late: readonly unknown[];
    readonly mayRepeat: boolean;
  },
): string[] {
  const results = given.found as readonly LateResult[];
  const late = (given.late as readonly SimRecord[]).map(({ id }) => id);
  const byId = new Map(input.map((record) => [record.id, record]));
  const lateIds = new Set(late);
  const inWindows = new Set(results.flatMap(({ ids }) => ids));
  const wrong: string[] = [];
  if (lateIds.size < late.length) wrong.push("a record is in the late output twice");
  for (const id of late) {
    if (!byId.has(id)) wrong.push(`the late record ${id} never came in`);
    if (inWindows.has(id)) wrong.push(`${id} is in a window and in the late output`);
  }
  for (const id of byId.keys()) {
    if (!lateIds.has(id) && !inWindows.has(id)) wrong.push(`${id} is in no window and not late`);
  }
  for (const one of results) wrong.push(...shapeProblems(operator, one, byId));
  if (given.mayRepeat) return wrong;
  wrong.push(...growthProblems(operator, results));
  if (operator.window.kind === "sliding") wrong.push(...suffixProblems(operator, byId, results));
  return wrong;
}

/** A window holds records of its key and time only, none twice. */
function shapeProblems(
  { window }: WindowOperator,
  { key, start, end, ids }: LateResult,
  byId: ReadonlyMap<string, SimRecord>,
): string[] {
  const name = `window ${key} ${start}-${end}`;
  if (new Set(ids).size < ids.length) return [`${name} has a record twice`];
  const records = ids.map((id) => byId.get(id));
  if (records.some((record) => record === undefined)) return [`${name} has an unknown record`];
  const times = (records as SimRecord[]).map(({ at }) => at);
  if (records.some((record) => record!.key !== key)) return [`${name} has another key's record`];
  if (window.kind === "session") {
    const isRight = start === Math.min(...times) && end === Math.max(...times) + window.gapMs;
    return isRight ? [] : [`${name} does not fit its records at ${times.join()}`];
  }
  const isRight = times.every((at) => startsOf(window, at).includes(start));
  return isRight && end === start + window.sizeMs
    ? []
    : [`${name} does not contain ${times.join()}`];
}

/** A window that gives its result again has all that it had, and more. */
function growthProblems(operator: WindowOperator, results: readonly LateResult[]): string[] {
  const wrong: string[] = [];
  const byWindow = groups(results, ({ key, start, end }) => JSON.stringify([key, start, end]));
  for (const [name, all] of byWindow) {
    if (operator.latenessMs === 0 && all.length > 1) wrong.push(`window ${name} fired twice`);
    const sorted = all.toSorted((left, right) => left.ids.length - right.ids.length);
    for (let index = 1; index < sorted.length; index++) {
      const [before, after] = [sorted[index - 1], sorted[index]];
      const grew =
        before.ids.length < after.ids.length && before.ids.every((id) => after.ids.includes(id));
      if (!grew)
        wrong.push(`window ${name} gave ${before.ids.join()} and then ${after.ids.join()}`);
    }
  }
  return wrong;
}

/** A record that came too late for some of its windows is in all later ones. */
function suffixProblems(
  { window }: WindowOperator,
  byId: ReadonlyMap<string, SimRecord>,
  results: readonly LateResult[],
): string[] {
  if (window.kind === "session") return [];
  const starts = new Map<string, Set<number>>();
  for (const { start, ids } of results) {
    for (const id of ids) starts.set(id, (starts.get(id) ?? new Set()).add(start));
  }
  const wrong: string[] = [];
  for (const [id, found] of starts) {
    const all = startsOf(window, byId.get(id)!.at).toSorted((left, right) => right - left);
    const isSuffix = all.slice(0, found.size).every((start) => found.has(start));
    if (!isSuffix)
      wrong.push(`${id} is in the windows from ${[...found].join()}, but not in later ones`);
  }
  return wrong;
}
