/**
 * topN: the best records of each key so far, and which ranks change; Flink SQL's Top-N with row
 * numbers over an append-only input, as a keyed process function.
 *
 * I1. `top` is sorted, best first, and has at most n records; of equals the earlier is ahead.
 * I2. `size` is the length of `top`, `worst` the rank of its last record: a record that does not
 *     enter costs one comparison, and `top` is not read.
 * I3. After a restore with another n, `top` is cut or grows with the next record that enters.
 * Semantics: docs/semantics/operators.md, "Top-N".
 */
import { oxbowError } from "../errors.ts";
import { valueState } from "../state/descriptors.ts";
import type { HandleOf, StateDescriptors } from "../state/descriptors.ts";
import { show } from "../types/codec.ts";
import { unknownOption } from "../types/known-options.ts";
import { t } from "../types/t.ts";
import type { StructType, Type } from "../types/type.ts";
import { inputInvalid } from "../window/aggregate-input.ts";
import { compareRanks, isRank, MAX_TOP_COUNT, upperBound } from "../window/ranking.ts";
import type { Comparator, Rank } from "../window/ranking.ts";
import type { KeyedProcessContext } from "./process-function.ts";

/** Names of the fields of `T` by which records can be ranked. */
export type RankField<T> = {
  [F in keyof T & string]: T[F] extends Rank | null | undefined ? F : never;
}[keyof T & string];

/** Declared as a method so that a stream of a type is also one of any wider type. */
export type RankFunction<T> = { rank(record: T): Rank | null | undefined }["rank"];

/** What records are ranked by: a field by name, or a function of the record. */
export type RankBy<T> = RankField<T> | RankFunction<T>;

/** Options of `topN`. */
export interface TopNOptions<T> {
  /** How many records are kept of each key, 1 to 10 000. */
  readonly n: number;
  /**
   * What ranks them; of several the first that differs decides. Numbers, strings (by code units) or
   * bigints; a record where one is undefined, null or NaN is left out.
   */
  readonly by: RankBy<T> | readonly RankBy<T>[];
  /** Largest first by default. */
  readonly order?: "descending" | "ascending";
}

/** One rank of a key that has another record now. */
export interface RankChange<K, T> {
  readonly key: K;
  /** From 1, the best. */
  readonly rank: number;
  readonly record: T;
  /** Whether the rank had a record before. */
  readonly change: "insert" | "update";
}

/** A Top-N as the graph keeps it. */
export interface TopN {
  readonly state: StateDescriptors;
  readonly process: (record: unknown, context: AnyContext) => void;
  /** In words: `3 by delay, descending`. */
  readonly detail: string;
}

type AnyContext = KeyedProcessContext<unknown, StateDescriptors, unknown>;
type AnyRankBy = string | ((record: never) => unknown);

/** Options with types forgotten. */
export interface AnyTopNOptions extends Pick<TopNOptions<never>, "n" | "order"> {
  readonly by: AnyRankBy | readonly AnyRankBy[];
}

/** One per `by`; a single one stands for itself. */
type Ranks = Rank | readonly Rank[];

const OPTIONS = ["n", "by", "order"];
const SIZE = valueState(t.int32, { default: 0 });

/** GRAPH_INVALID for options that make no sense. `recordType`: of the records kept. */
export function topNOf(
  uid: string,
  options: AnyTopNOptions,
  recordType: Type<unknown> | undefined,
): TopN {
  checkOptions(uid, options);
  const { n, order = "descending" } = options;
  const by = listed(options.by);
  const top = valueState(t.list(recordType ?? t.any));
  const texts = by.map((each) => (typeof each === "string" ? each : "function"));
  return {
    state: { top, size: SIZE, worst: valueState(rankType(by, recordType)) },
    process: processOf({ n, ranksOf: ranksReader(uid, by), compare: comparator(order, by.length) }),
    detail: `${n} by ${texts.join(", ")}, ${order}`,
  };
}

/** The fields that are named. */
export function rankFields({ by }: Pick<AnyTopNOptions, "by">): readonly string[] {
  return listed(by).flatMap((each) => (typeof each === "string" ? [each] : []));
}

function listed(by: AnyTopNOptions["by"]): readonly AnyRankBy[] {
  return typeof by === "string" || typeof by === "function" ? [by] : by;
}

interface Parts {
  readonly n: number;
  readonly ranksOf: (record: unknown) => Ranks | undefined;
  readonly compare: Comparator<Ranks>;
}

function processOf({ n, ranksOf, compare }: Parts): TopN["process"] {
  const known = new KnownLists();
  return (record, { state, key, emit }) => {
    const ranks = ranksOf(record);
    if (ranks === undefined) return;
    const size = state["size"] as HandleOf<typeof SIZE>;
    const worst = state["worst"] as HandleOf<ReturnType<typeof worstState>>;
    const before = size.get();
    // Equals stay behind.
    if (before === n && compare(worst.get() as Ranks, ranks) <= 0) return;
    const top = state["top"] as HandleOf<ReturnType<typeof listState>>;
    const lists = known.of(state);
    // Cut: there may be more of them than n is now.
    const kept = (lists.get(key) ?? top.get() ?? []).slice(0, n);
    const at = upperBound<unknown>(kept, record, (a) => compare(ranksOf(a) as Ranks, ranks));
    if (at < n) kept.splice(at, 0, record);
    if (kept.length > n) kept.pop();
    top.set(kept);
    known.keep(lists, key, kept);
    if (kept.length !== before) size.set(kept.length);
    worst.set(ranksOf(kept[kept.length - 1]));
    for (let index = at; index < kept.length; index++) {
      const change = index < before ? "update" : "insert";
      emit({ key, rank: index + 1, record: kept[index], change });
    }
  };
}

type List = readonly unknown[];

/** Keys whose lists are known decoded. */
const KNOWN_KEYS_MAX = 512;

/**
 * Lists as they were last set, so that they are not decoded anew for each record; apart for each
 * backend, which is that of one subtask and attempt.
 */
class KnownLists {
  readonly #byState = new WeakMap<object, Map<unknown, List>>();

  of(state: object): Map<unknown, List> {
    let lists = this.#byState.get(state);
    if (lists === undefined) this.#byState.set(state, (lists = new Map<unknown, List>()));
    return lists;
  }

  keep(lists: Map<unknown, List>, key: unknown, list: List): void {
    if (lists.size >= KNOWN_KEYS_MAX) lists.clear();
    // To a Map −0 is 0; keys tell them apart.
    if (key !== 0) lists.set(key, list);
  }
}

/** Of what ranks records; a field of a known number type is compared without being decoded. */
function rankType(by: readonly AnyRankBy[], recordType: Type<unknown> | undefined): Type<unknown> {
  const [field] = by;
  if (by.length > 1 || typeof field !== "string" || recordType?.kind !== "struct") return t.any;
  const type = (recordType as StructType<unknown>).fields[field];
  return type !== undefined && NUMBER_KINDS.has(type.kind) ? type : t.any;
}

const NUMBER_KINDS = new Set(["int32", "int64", "float64", "timestamp"]);

function worstState() {
  return valueState(t.any);
}

function listState() {
  return valueState(t.list(t.any));
}

function comparator(order: "descending" | "ascending", width: number): Comparator<Ranks> {
  const sign = order === "ascending" ? 1 : -1;
  const one: Comparator<Rank> = (a, b) => sign * compareRanks(a, b);
  const several: Comparator<readonly Rank[]> = (a, b) => {
    for (let index = 0; index < width; index++) {
      const result = compareRanks(a[index], b[index]);
      if (result !== 0) return sign * result;
    }
    return 0;
  };
  return (width === 1 ? one : several) as Comparator<Ranks>;
}

/** Undefined for a record that has no place. */
function ranksReader(uid: string, by: readonly AnyRankBy[]): Parts["ranksOf"] {
  const readers = by.map((each) => rankReader(uid, each));
  if (readers.length === 1) return readers[0];
  return (record) => {
    const ranks: Rank[] = [];
    for (const read of readers) {
      const rank = read(record);
      if (rank === undefined) return undefined;
      ranks.push(rank);
    }
    return ranks;
  };
}

function rankReader(uid: string, by: AnyRankBy): (record: unknown) => Rank | undefined {
  const read =
    typeof by === "string"
      ? (record: unknown) => (record as Readonly<Record<string, unknown>>)[by]
      : (by as (record: unknown) => unknown);
  return (record) => {
    const rank = read(record);
    if (!isRank(rank)) return undefined;
    if (typeof rank === "number" || typeof rank === "string" || typeof rank === "bigint") {
      return rank;
    }
    throw inputInvalid(`topN("${uid}")`, "number, string or bigint to rank by", rank);
  };
}

function checkOptions(uid: string, options: AnyTopNOptions): void {
  const unknown = unknownOption(options, OPTIONS);
  if (unknown !== undefined) throw invalid(uid, unknown);
  const { n, order } = options;
  if (!Number.isSafeInteger(n) || n < 1 || n > MAX_TOP_COUNT) {
    throw invalid(uid, `has n: ${show(n)}, which is no whole number from 1 to ${MAX_TOP_COUNT}.`);
  }
  if (order !== undefined && order !== "descending" && order !== "ascending") {
    throw invalid(uid, `has the order ${show(order)}; there are "descending" and "ascending".`);
  }
  const given: unknown = options.by;
  const by: readonly unknown[] = Array.isArray(given) ? given : [given];
  const wrong = by.filter((each) => typeof each !== "string" && typeof each !== "function");
  if (by.length > 0 && wrong.length === 0) return;
  const shown = by.length === 0 ? "nothing" : show(wrong[0]);
  throw invalid(
    uid,
    `is ranked by ${shown}; name a field, by: "delay", or give a function of the record, or a ` +
      "list of them.",
  );
}

function invalid(uid: string, problem: string): Error {
  return oxbowError("GRAPH_INVALID", `topN("${uid}") ${problem}`, { uid });
}
