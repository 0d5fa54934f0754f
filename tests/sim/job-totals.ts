/*
 * A process function per kind of state that gives out what it holds when everything has been
 * seen.
 */
import {
  aggregatingState,
  listState,
  mapState,
  reducingState,
  valueState,
} from "../../packages/core/src/state/descriptors.ts";
import type { HandlesOf } from "../../packages/core/src/state/descriptors.ts";
import type { KeyedProcessFunction } from "../../packages/core/src/operators/process-function.ts";
import { t } from "../../packages/core/src/types/t.ts";
import * as functions from "./functions.ts";
import { SIDE, check } from "./job-hooks.ts";
import type { ProcessParts } from "./job-hooks.ts";
import { END_AT } from "./scenario.ts";
import type { OperatorSpec, SimRecord, TotalsState } from "./scenario.ts";

const SUM_AND_COUNT = t.struct({ sum: t.float64, count: t.int32, note: t.string });

/** All kinds are declared; each operator uses one, and the others stay empty. */
const STATES = {
  value: valueState(t.float64),
  fields: valueState(SUM_AND_COUNT, { default: { sum: 0, count: 0, note: "" } }),
  list: listState(t.string),
  map: mapState(t.string, t.int32),
  reducing: reducingState(t.float64, (left: number, right: number) => left + right),
  aggregating: aggregatingState(SUM_AND_COUNT, {
    create: () => ({ sum: 0, count: 0, note: "" }),
    add: (all, value: number) => ({ ...all, sum: all.sum + value, count: all.count + 1 }),
    result: (all) => functions.digest([all.sum, all.count]),
  }),
  ttl: valueState(t.float64, { ttl: { ttlMs: 10_000_000_000 } }),
};

type Handles = HandlesOf<typeof STATES>;

export function totalsFunction(
  operator: Extract<OperatorSpec, { readonly kind: "totals" }>,
  parts: ProcessParts,
): KeyedProcessFunction<SimRecord["key"], SimRecord, SimRecord, typeof STATES> {
  const { uid } = parts.node;
  return {
    state: STATES,
    process(record, context) {
      check(parts, context, record.at);
      add(operator.state, context.state, record);
      if (functions.isAside(operator, record)) context.output(SIDE, record);
      context.timers.registerEventTime(END_AT);
    },
    onTimer(_timer, context) {
      const value = read(operator.state, context.state);
      context.emit(functions.result({ uid, key: context.key }, value, { at: END_AT }));
    },
  };
}

function add(kind: TotalsState, state: Handles, record: SimRecord): void {
  const { value, id } = record;
  switch (kind) {
    case "value":
      state.value.set((state.value.get() ?? 0) + value);
      break;
    case "fields":
      state.fields.fields.sum += value;
      state.fields.fields.count++;
      state.fields.fields.note = "n".repeat(state.fields.fields.count);
      break;
    case "list":
      if (value % 5 === 0) state.list.update([...state.list.get(), id]);
      else state.list.add(id);
      break;
    case "map": {
      // There after an odd number of records.
      const name = `digit-${value % 7}`;
      if (!state.map.delete(name)) state.map.set(name, value % 7);
      break;
    }
    case "reducing":
      state.reducing.add(value);
      break;
    case "aggregating":
      state.aggregating.add(value);
      break;
    case "ttl":
      state.ttl.set((state.ttl.get() ?? 0) + value);
      break;
  }
}

function read(kind: TotalsState, state: Handles): number {
  switch (kind) {
    case "value":
      return state.value.get()!;
    case "fields": {
      const { sum, count, note } = state.fields.get();
      return functions.digest([sum, count, note.length]);
    }
    case "list":
      return functions.digest([...state.list.get()].sort());
    case "map":
      return functions.digest([...state.map.entries()].map(([name, at]) => `${name}=${at}`).sort());
    case "reducing":
      return state.reducing.get()!;
    case "aggregating":
      return state.aggregating.get()!;
    case "ttl":
      return state.ttl.get()!;
  }
}
