/**
 * topN: the best records of each key so far, and which ranks change; Flink SQL's Top-N with row
 * numbers over an append-only input. Here are its options, what they mean, and its state; what is
 * done with records is in `top-n-logic.ts`.
 *
 * Semantics: docs/semantics/operators.md, "Top-N".
 */
import { oxbowError } from "../errors.ts";
import { valueState } from "../state/descriptors.ts";
import type { StateDescriptors } from "../state/descriptors.ts";
import { show } from "../types/codec.ts";
import { unknownOption } from "../types/known-options.ts";
import { t } from "../types/t.ts";
import type { StructType, Type } from "../types/type.ts";
import { inputInvalid } from "../window/aggregate-input.ts";
import { compareRanks, isRank, MAX_TOP_COUNT } from "../window/ranking.ts";
import type { Comparator, Rank } from "../window/ranking.ts";

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
export interface TopN extends RankRules {
  readonly uid: string;
  readonly state: StateDescriptors & ReturnType<typeof listStates>;
  /** In words: `3 by delay, descending`. */
  readonly detail: string;
}

/** How records are ranked, and how many are kept. */
export interface RankRules {
  readonly n: number;
  readonly order: "descending" | "ascending";
  /** The field that alone ranks records; undefined: a function does, or several. */
  readonly field: string | undefined;
  /** Undefined for a record that has no place. */
  readonly ranksOf: (record: unknown) => Ranks | undefined;
  readonly compare: Comparator<Ranks>;
  /** Type of the records. */
  readonly recordType: Type<unknown>;
}

type AnyRankBy = string | ((record: never) => unknown);

/** Options with types forgotten. */
export interface AnyTopNOptions extends Pick<TopNOptions<never>, "n" | "order"> {
  readonly by: AnyRankBy | readonly AnyRankBy[];
}

/** One per `by`; a single one stands for itself. */
export type Ranks = Rank | readonly Rank[];

const OPTIONS = ["n", "by", "order"];

/** GRAPH_INVALID for options that make no sense. `recordType`: of the records kept. */
export function topNOf(
  uid: string,
  options: AnyTopNOptions,
  recordType: Type<unknown> = t.any,
): TopN {
  checkOptions(uid, options);
  const { n, order = "descending" } = options;
  const by = listed(options.by);
  const [first] = by;
  const texts = by.map((each) => (typeof each === "string" ? each : "function"));
  return {
    uid,
    n,
    order,
    field: by.length === 1 && typeof first === "string" ? first : undefined,
    ranksOf: ranksReader(uid, by),
    compare: comparator(order, by.length),
    recordType,
    state: listStates(by, recordType),
    detail: `${n} by ${texts.join(", ")}, ${order}`,
  };
}

/** What is kept of a key; see `top-n-logic.ts`. */
function listStates(by: readonly AnyRankBy[], recordType: Type<unknown>) {
  return {
    top: valueState(t.list(recordType)),
    size: valueState(t.int32, { default: 0 }),
    worst: valueState(rankType(by, recordType)),
  };
}

/** The fields that are named. */
export function rankFields({ by }: Pick<AnyTopNOptions, "by">): readonly string[] {
  return listed(by).flatMap((each) => (typeof each === "string" ? [each] : []));
}

function listed(by: AnyTopNOptions["by"]): readonly AnyRankBy[] {
  return typeof by === "string" || typeof by === "function" ? [by] : by;
}

/** Of what ranks records; a field of a known number type is compared without being decoded. */
function rankType(by: readonly AnyRankBy[], recordType: Type<unknown>): Type<unknown> {
  const [field] = by;
  if (by.length > 1 || typeof field !== "string" || recordType.kind !== "struct") return t.any;
  const type = (recordType as StructType<unknown>).fields[field];
  return type !== undefined && NUMBER_KINDS.has(type.kind) ? type : t.any;
}

const NUMBER_KINDS = new Set(["int32", "int64", "float64", "timestamp"]);

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
function ranksReader(uid: string, by: readonly AnyRankBy[]): RankRules["ranksOf"] {
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
