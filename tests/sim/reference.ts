/*
 * The reference interpreter: what a scenario's operators give out, computed over all records at
 * once, one thread, no time, no state, none of the engine's operators. Where the outcome hangs on
 * the order between channels (`running`, `pulse`, `tally`, `topN`, windows with late records) it
 * gives only the inputs; `judge.ts` says what must hold of the results.
 */
import type { Contents } from "./contents.ts";
import * as functions from "./functions.ts";
import { sinkOf } from "./stream-sinks.ts";
import { END_AT } from "./scenario.ts";
import type {
  InputRef,
  NodeSpec,
  OperatorSpec,
  Scenario,
  SimRecord,
  WindowSpec,
} from "./scenario.ts";

type Of<K extends OperatorSpec["kind"]> = Extract<OperatorSpec, { readonly kind: K }>;

/** What flows where, whatever the order. */
export interface Expected {
  /** By `uid:tag`; absent where the order decides. */
  readonly streams: ReadonlyMap<string, readonly SimRecord[]>;
  /** All records that reach a node, by uid, per input. */
  readonly inputs: ReadonlyMap<string, readonly (readonly SimRecord[])[]>;
}

/** What had gone by on streams before an operator came, by its uid. */
export type Missed = ReadonlyMap<string, Contents>;

/** Runs the scenario without an engine. */
export function evaluate(scenario: Scenario, missed: Missed = new Map()): Expected {
  const streams = new Map<string, readonly SimRecord[]>();
  const inputs = new Map<string, readonly (readonly SimRecord[])[]>();
  for (const node of scenario.nodes) {
    const own = node.inputs.map((ref) =>
      without(inputOf(ref, node, streams), missedOf(ref, missed.get(node.uid))),
    );
    inputs.set(node.uid, own);
    const { main, side } = outputsOf(node, own);
    if (main !== undefined) streams.set(`${node.uid}:main`, main);
    if (side !== undefined) streams.set(`${node.uid}:side`, side);
    // Where nothing can be late, the late output is there and empty.
    const { kind } = node.operator;
    if ((kind === "window" || kind === "intervalJoin") && !node.operator.isLate) {
      for (const tag of ["late", "late-right"]) streams.set(`${node.uid}:${tag}`, []);
    }
  }
  return { streams, inputs };
}

function inputOf(
  ref: InputRef,
  node: NodeSpec,
  streams: ReadonlyMap<string, readonly SimRecord[]>,
): SimRecord[] {
  const records = ref.streams.flatMap(({ uid, tag }) => streams.get(`${uid}:${tag}`) ?? []);
  const copies = ref.partitioner === "broadcast" ? node.parallelism : 1;
  return Array.from({ length: copies }, () => records).flat();
}

/** What the sinks of an input's streams held when the operator came. */
function missedOf(ref: InputRef, contents: Contents | undefined): readonly unknown[] {
  return ref.streams.flatMap((stream) => contents?.get(sinkOf(stream)) ?? []);
}

function without(records: readonly SimRecord[], gone: readonly unknown[]): readonly SimRecord[] {
  if (gone.length === 0) return records;
  const textOf = (record: unknown): string => {
    const { id, key, value, n, at } = record as SimRecord;
    return JSON.stringify([id, key, value, n, at]);
  };
  const counts = new Map<string, number>();
  for (const record of gone) counts.set(textOf(record), (counts.get(textOf(record)) ?? 0) + 1);
  return records.filter((record) => {
    const count = counts.get(textOf(record)) ?? 0;
    counts.set(textOf(record), count - 1);
    return count <= 0;
  });
}

interface Outputs {
  readonly main: readonly SimRecord[] | undefined;
  readonly side?: readonly SimRecord[];
}

function outputsOf(node: NodeSpec, inputs: readonly (readonly SimRecord[])[]): Outputs {
  const { operator, uid } = node;
  const [first = [], second = []] = inputs;
  switch (operator.kind) {
    case "source":
      return { main: operator.records };
    case "retime":
      return { main: first };
    case "map":
      return { main: first.map((record) => functions.mapRecord(operator, record)) };
    case "filter":
      return { main: first.filter((record) => functions.isKept(operator, record)) };
    case "flatMap":
      return { main: first.flatMap((record) => functions.copiesOf(operator, record)) };
    case "split":
      return {
        main: first.filter((record) => !functions.isAside(operator, record)),
        side: first.filter((record) => functions.isAside(operator, record)),
      };
    case "merge":
      return {
        main: [
          ...first.map((record) => functions.merged(record, 1)),
          ...second.map((record) => functions.merged(record, 2)),
        ],
      };
    case "totals":
      return {
        main: perKey(first, (key, records) => [
          functions.result({ uid, key }, totalOf(operator, records), { at: END_AT }),
        ]),
        side: first.filter((record) => functions.isAside(operator, record)),
      };
    case "buckets":
      return { main: bucketsOf(operator, uid, first) };
    case "pairs":
      return {
        main: perKey(first, (key, records) =>
          repeated(Math.floor(records.length / 2), functions.result({ uid, key }, 2, { at: 0 })),
        ),
      };
    case "join":
      return { main: pairsOf(first, second) };
    case "windowJoin":
      return { main: windowJoinOf(operator, uid, [first, second]) };
    case "intervalJoin":
      return { main: operator.isLate ? undefined : intervalPairs(operator, first, second) };
    case "window":
      return { main: operator.isLate ? undefined : windowsOf(operator, uid, first) };
    case "countWindow":
      return { main: countWindowsOf(operator, uid, first) };
    case "running":
    case "pulse":
    case "tally":
    case "census":
    case "topN":
    case "deduplicate":
    case "numbered":
    case "sink":
      return { main: undefined };
  }
}

function totalOf(operator: Of<"totals">, records: readonly SimRecord[]): number {
  const sum = records.reduce((total, { value }) => total + value, 0);
  switch (operator.state) {
    case "value":
    case "reducing":
    case "ttl":
      return sum;
    case "fields":
      return functions.digest([sum, records.length, records.length]);
    case "aggregating":
      return functions.digest([sum, records.length]);
    case "list":
      return functions.digest(records.map(({ id }) => id).sort());
    case "map": {
      const digits = [0, 1, 2, 3, 4, 5, 6];
      const odd = digits.filter(
        (digit) => records.filter(({ value }) => value % 7 === digit).length % 2 === 1,
      );
      return functions.digest(odd.map((digit) => `digit-${digit}=${digit}`).sort());
    }
  }
}

function bucketsOf(operator: Of<"buckets">, uid: string, all: readonly SimRecord[]): SimRecord[] {
  return perKey(all, (key, records) =>
    [...groups(records, (record) => functions.bucketOf(operator, record.at))].map(
      ([start, own]) => {
        const sum = own.reduce((total, { value }) => total + value, 0);
        const value = functions.digest([sum, own.length]);
        return functions.result({ uid, key }, value, { at: start + operator.sizeMs - 1 });
      },
    ),
  );
}

function pairsOf(left: readonly SimRecord[], right: readonly SimRecord[]): SimRecord[] {
  const byKey = groups(right, functions.joinKey);
  return left.flatMap((record) =>
    (byKey.get(functions.joinKey(record)) ?? []).map((other) =>
      functions.pairOf(record.key, record, other),
    ),
  );
}

/** Every pair of records of which neither was late. */
export function intervalPairs(
  { lowerMs, upperMs }: Pick<Of<"intervalJoin">, "lowerMs" | "upperMs">,
  left: readonly SimRecord[],
  right: readonly SimRecord[],
): SimRecord[] {
  const byKey = groups(right, functions.joinKey);
  return left.flatMap((record) =>
    (byKey.get(functions.joinKey(record)) ?? [])
      .filter(({ at }) => record.at + lowerMs <= at && at <= record.at + upperMs)
      .map((other) => functions.pairOf(record.key, record, other)),
  );
}

function windowJoinOf(
  { window, form }: Of<"windowJoin">,
  uid: string,
  sides: readonly [readonly SimRecord[], readonly SimRecord[]],
): SimRecord[] {
  const all = sides.flatMap((records, side) => records.map((record) => ({ ...record, side })));
  const keyOf = (record: SimRecord): string | number =>
    form === "join" ? functions.joinKey(record) : record.key;
  return [...groups(all, keyOf)].flatMap(([key, own]) =>
    windowed(window, own).flatMap((each) => {
      const [lefts, rights] = [0, 1].map((side) => each.contents.filter((of) => of.side === side));
      if (form === "coGroup") {
        return [functions.coGroupResult({ uid, key }, { lefts, rights, window: each })];
      }
      return lefts.flatMap((left) =>
        rights.map((right) => functions.pairOf(left.key, left, right, each)),
      );
    }),
  );
}

function countWindowsOf(
  { count, isPurging }: Of<"countWindow">,
  uid: string,
  all: readonly SimRecord[],
): SimRecord[] {
  return perKey(all, (key, records) =>
    Array.from({ length: Math.floor(records.length / count) }, (_, index) =>
      functions.result({ uid, key }, isPurging ? count : count * (index + 1), { at: 0 }),
    ),
  );
}

function windowsOf(operator: Of<"window">, uid: string, all: readonly SimRecord[]): SimRecord[] {
  return perKey(all, (key, records) =>
    windowed(operator.window, records).map(({ start, end, contents }) =>
      functions.result({ uid, key }, functions.windowValue(operator.form, contents), {
        at: end - 1,
        name: `${start}-${end}`,
      }),
    ),
  );
}

interface Windowed<T> {
  readonly start: number;
  readonly end: number;
  readonly contents: readonly T[];
}

/** The windows of one key with what is in them, if nothing is late. */
function windowed<T extends SimRecord>(window: WindowSpec, records: readonly T[]): Windowed<T>[] {
  if (window.kind === "session") return sessionsOf(window.gapMs, records);
  const starts = new Set(records.flatMap(({ at }) => startsOf(window, at)));
  const size = window.sizeMs;
  return [...starts].map((start) => ({
    start,
    end: start + size,
    contents: records.filter(({ at }) => at >= start && at < start + size),
  }));
}

/** Starts of all windows that contain a time, by trying every multiple of the slide near it. */
export function startsOf(window: Exclude<WindowSpec, { kind: "session" }>, at: number): number[] {
  const slide = window.kind === "tumbling" ? window.sizeMs : window.slideMs;
  const offset = window.kind === "tumbling" ? window.offsetMs : 0;
  const starts: number[] = [];
  const last = Math.ceil(at / slide) + 1;
  for (let multiple = last; multiple * slide + offset > at - window.sizeMs - slide; multiple--) {
    const start = multiple * slide + offset;
    if (start <= at && at < start + window.sizeMs) starts.push(start);
  }
  return starts;
}

/**
 * Sessions touch if the next record comes exactly at the gap's end: then they are one, as in
 * Flink.
 */
function sessionsOf<T extends SimRecord>(gapMs: number, records: readonly T[]): Windowed<T>[] {
  const sessions: { start: number; end: number; contents: T[] }[] = [];
  for (const record of records.toSorted((left, right) => left.at - right.at)) {
    const last = sessions.at(-1);
    if (last === undefined || record.at > last.end) {
      sessions.push({ start: record.at, end: record.at + gapMs, contents: [record] });
      continue;
    }
    last.end = Math.max(last.end, record.at + gapMs);
    last.contents.push(record);
  }
  return sessions;
}

function perKey<R>(
  records: readonly SimRecord[],
  give: (key: SimRecord["key"], records: readonly SimRecord[]) => readonly R[],
): R[] {
  return [...groups(records, (record) => record.key)].flatMap(([key, own]) => give(key, own));
}

export function groups<T, K>(all: readonly T[], by: (one: T) => K): Map<K, T[]> {
  const found = new Map<K, T[]>();
  for (const one of all) {
    const key = by(one);
    const group = found.get(key);
    if (group === undefined) found.set(key, [one]);
    else group.push(one);
  }
  return found;
}

function repeated<T>(count: number, one: T): T[] {
  return Array.from({ length: count }, () => one);
}
