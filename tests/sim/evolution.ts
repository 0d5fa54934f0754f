/*
 * States of simulated jobs in three generations: what a later one declares goes on from what an
 * earlier one stored: fields in another order, added, removed, wider, optional; other kinds;
 * `migrate`. Results stay the same, and what was added checks itself against the rest.
 */
import {
  aggregatingState,
  listState,
  mapState,
  reducingState,
  valueState,
} from "../../packages/core/src/state/descriptors.ts";
import { t } from "../../packages/core/src/types/t.ts";
import * as functions from "./functions.ts";

/** 0: the first program; later ones read the snapshots of all earlier ones. */
export type Generation = 0 | 1 | 2;

/** A number that became wider twice. */
export const WIDENED = [t.int32, t.int64, t.float64] as const;

interface Summed {
  readonly sum: number;
  readonly count: number;
  readonly note: string;
}

const SUMMED = [
  t.struct({ sum: t.float64, count: t.int32, note: t.string }),
  // `base`: the count when the field was added; `since`: what has come since then.
  t.struct({
    count: t.int64,
    base: t.withDefault(t.int32, -1),
    note: t.optional(t.string),
    since: t.int32,
    sum: t.float64,
  }),
  t.struct({ note: t.optional(t.string), sum: t.float64, count: t.float64, tail: t.string }),
] as const;

const NOTHING = { sum: 0, count: 0, note: "", base: 0, since: 0, tail: "" };

/** A record in a list, from generation 1 on. */
export interface Listed {
  readonly id: string;
  readonly size: number;
}

const LISTED = [
  t.string,
  t.struct({ id: t.string, size: t.int32 }),
  t.struct({ size: t.int64, mark: t.optional(t.string), id: t.string }),
] as const;

/** States of `totals`, of all kinds; the types are those of the first generation. */
export const TOTALS_STATES = {
  value: valueState(t.float64),
  fields: valueState(SUMMED[0], { default: NOTHING }),
  list: listState(t.string),
  map: mapState(t.string, t.int32),
  reducing: reducingState(t.float64, (left: number, right: number) => left + right),
  aggregating: aggregating(0),
  ttl: valueState(t.float64, { ttl: { ttlMs: 10_000_000_000 } }),
};

export type TotalsStates = typeof TOTALS_STATES;

/** `visits` is there in generation 1 only. */
export function totalsStates(generation: Generation): TotalsStates {
  if (generation === 0) return TOTALS_STATES;
  const states = {
    ttl: TOTALS_STATES.ttl,
    aggregating: aggregating(generation),
    reducing: valueState(t.float64),
    map: mapState(t.string, WIDENED[generation]),
    list: listState(LISTED[generation] as (typeof LISTED)[1], {
      version: 1,
      migrate: (old) => listed(old as string),
    }),
    fields: valueState(SUMMED[generation] as (typeof SUMMED)[1], { default: NOTHING }),
    value: valueState(t.optional(t.float64)),
    ...(generation === 1 ? { visits: valueState(t.int32, { default: 0 }) } : {}),
  };
  return states as unknown as TotalsStates;
}

/** What a list holds for a record. */
export function listed(id: string): Listed {
  return { id, size: id.length };
}

function aggregating(generation: Generation) {
  return aggregatingState(SUMMED[generation] as unknown as (typeof SUMMED)[0], {
    create: (): Summed => NOTHING,
    add: (all, value: number) => ({ ...all, sum: all.sum + value, count: all.count + 1 }),
    result: (all) => functions.digest([all.sum, all.count]),
  });
}
