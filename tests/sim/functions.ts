/*
 * The user functions of simulated jobs: pure functions of records. The engine's job and the
 * reference interpreter call the same ones, since they are not what is tested.
 */
import { keyOf } from "./workload.ts";
import type { OperatorSpec, SimRecord } from "./scenario.ts";

type Of<K extends OperatorSpec["kind"]> = Extract<OperatorSpec, { readonly kind: K }>;

/** Changes values, and with `keys` > 0 the key too. */
export function mapRecord(operator: Of<"map">, record: SimRecord): SimRecord {
  const value = (record.value * operator.factor + operator.add) % 100;
  const kind = typeof record.key === "number" ? "number" : "string";
  const key = operator.keys === 0 ? record.key : keyOf(kind, value % operator.keys);
  return { ...record, value, key };
}

export function isKept(operator: Of<"filter">, record: SimRecord): boolean {
  return record.value % operator.modulus !== 0;
}

/** None, one or more copies with ids of their own. */
export function copiesOf(operator: Of<"flatMap">, record: SimRecord): SimRecord[] {
  return Array.from({ length: record.value % operator.modulus }, (_, index) => ({
    ...record,
    id: `${record.id}.${index}`,
  }));
}

/** Whether the record (also) goes to the side output. */
export function isAside(
  operator: { readonly modulus: number },
  record: Pick<SimRecord, "value">,
): boolean {
  return record.value % operator.modulus === 0;
}

export function merged(record: SimRecord, input: 1 | 2): SimRecord {
  return { ...record, id: `${record.id}/${input}` };
}

/** Records are paired within a key and the last digit of their value, so that pairs are few. */
export function joinKey(record: SimRecord): string {
  return `${record.key}#${record.value % 10}`;
}

type Part = Pick<SimRecord, "id" | "value" | "at">;

/** `window`: where the two met, if it was in one. */
export function pairOf(
  key: SimRecord["key"],
  left: Part,
  right: Part,
  window?: { readonly start: number; readonly end: number },
): SimRecord {
  const at = window === undefined ? Math.max(left.at, right.at) : window.end - 1;
  const where = window === undefined ? "" : `@${window.start}`;
  const value = left.value + right.value;
  return { id: `${left.id}&${right.id}${where}`, key, value, n: 1, at };
}

/** What all records of a key and window of two streams come to. */
export function coGroupResult(
  from: { readonly uid: string; readonly key: SimRecord["key"] },
  group: {
    readonly lefts: readonly Pick<SimRecord, "id">[];
    readonly rights: readonly Pick<SimRecord, "id">[];
    readonly window: { readonly start: number; readonly end: number };
  },
): SimRecord {
  const [lefts, rights] = [group.lefts, group.rights].map((side) => side.map(({ id }) => id));
  const { start, end } = group.window;
  const value = digest([...lefts.sort(), "/", ...rights.sort()]);
  return result(from, value, { at: end - 1, name: `${start}-${end}` });
}

/** Commutative and associative. */
export function combined(left: SimRecord, right: SimRecord): SimRecord {
  return {
    id: left.id < right.id ? left.id : right.id,
    key: left.key,
    value: left.value + right.value,
    n: left.n + right.n,
    at: Math.max(left.at, right.at),
  };
}

/** Start of the stretch of time that a record belongs to. */
export function bucketOf(operator: Of<"buckets">, at: number): number {
  return Math.floor(at / operator.sizeMs) * operator.sizeMs;
}

/** What Top-N ranks a record by, first things first; undefined: the record has no place. */
export function ranksOf(
  form: Of<"topN">["form"],
  { id, value }: SimRecord,
): readonly (string | number)[] | undefined {
  switch (form) {
    case "field":
    case "typed":
      return [value];
    case "function":
      return value % 7 === 0 ? undefined : [value % 20];
    case "several":
      return [value % 10, id];
  }
}

/** One number for several; equal lists give equal numbers. */
export function digest(parts: readonly (string | number)[]): number {
  let hash = 17;
  for (const part of parts) {
    for (const char of `${part}|`) hash = (hash * 31 + char.codePointAt(0)!) % 1_000_000_007;
  }
  return hash;
}

/** What an operator gives out for a key and a time. */
export function result(
  from: { readonly uid: string; readonly key: SimRecord["key"] },
  value: number,
  time: { readonly at: number; readonly name?: string },
): SimRecord {
  const id = `${from.uid}/${from.key}/${time.name ?? time.at}`;
  return { id, key: from.key, value, n: 1, at: time.at };
}

/** What a window gives out of the records in it, by the form of its function. */
export function windowValue(
  form: Of<"window">["form"],
  records: readonly Pick<SimRecord, "id" | "value" | "at">[],
): number {
  const values = records.map(({ value }) => value);
  const sum = values.reduce((total, value) => total + value, 0);
  switch (form) {
    case "aggregate":
      return digest([records.length, sum, Math.min(...values), Math.max(...values)]);
    case "reduce":
      return digest([records.length, sum, Math.max(...records.map(({ at }) => at))]);
    case "process":
      return digest(records.map(({ id }) => id).sort());
  }
}
