/*
 * A process function per kind of state that gives out what it holds when everything has been
 * seen.
 */
import type { HandlesOf } from "../../packages/core/src/state/descriptors.ts";
import type { KeyedProcessFunction } from "../../packages/core/src/operators/process-function.ts";
import { listed, totalsStates } from "./evolution.ts";
import type { Generation, Listed, TotalsStates } from "./evolution.ts";
import * as functions from "./functions.ts";
import { SIDE, check } from "./job-hooks.ts";
import type { ProcessParts } from "./job-hooks.ts";
import { END_AT } from "./scenario.ts";
import type { OperatorSpec, SimRecord, TotalsState } from "./scenario.ts";

type Handles = HandlesOf<TotalsStates>;

export function totalsFunction(
  operator: Extract<OperatorSpec, { readonly kind: "totals" }>,
  parts: ProcessParts,
): KeyedProcessFunction<SimRecord["key"], SimRecord, SimRecord, TotalsStates> {
  const { uid, generation = 0 } = parts.node;
  return {
    state: totalsStates(generation),
    process(record, context) {
      check(parts, context, record.at);
      if (generation === 0) add(operator.state, context.state, record);
      else addLater(operator.state, context.state, { record, generation, parts });
      if (functions.isAside(operator, record)) context.output(SIDE, record);
      context.timers.registerEventTime(END_AT);
    },
    onTimer(_timer, context) {
      const { state } = context;
      const value =
        generation === 0 ? read(operator.state, state) : readLater(operator.state, state, parts);
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

/** States as later generations have them, as far as they differ. */
interface LaterHandles {
  readonly fields: {
    get(): { readonly count: number; readonly base: number; readonly since: number };
    readonly fields: { base: number; since: number };
  };
  readonly list: { add(value: Listed): void; get(): readonly Listed[] };
  readonly reducing: { get(): number | undefined; set(value: number): void };
  readonly visits: { get(): number; set(value: number): void };
}

function addLater(
  kind: TotalsState,
  state: Handles,
  given: {
    readonly record: SimRecord;
    readonly generation: Generation;
    readonly parts: ProcessParts;
  },
): void {
  const { record, generation, parts } = given;
  const later = state as unknown as LaterHandles;
  switch (kind) {
    case "fields":
      if (generation === 1) checkAdded(later, parts);
      add(kind, state, record);
      break;
    case "list":
      later.list.add(listed(record.id));
      break;
    case "reducing":
      later.reducing.set((later.reducing.get() ?? 0) + record.value);
      break;
    case "value":
    case "map":
    case "aggregating":
    case "ttl":
      add(kind, state, record);
      break;
  }
}

/** What was added began at its default, and is kept since. */
function checkAdded({ fields, visits }: LaterHandles, { node, hooks }: ProcessParts): void {
  const { count, base, since } = fields.get();
  if (base === -1) fields.fields.base = count;
  const isNew = base === -1 && since === 0;
  if (!isNew && base + since !== count) {
    hooks.violation(`${node.uid}: ${base} and ${since} are not ${count}`);
  }
  if (visits.get() !== since) hooks.violation(`${node.uid}: ${visits.get()} is not ${since}`);
  fields.fields.since = since + 1;
  visits.set(since + 1);
}

function readLater(kind: TotalsState, state: Handles, { node, hooks }: ProcessParts): number {
  const later = state as unknown as LaterHandles;
  switch (kind) {
    case "list": {
      const all = [...later.list.get()];
      const wrong = all.find(({ id, size }) => id.length !== size);
      if (wrong !== undefined) hooks.violation(`${node.uid}: ${JSON.stringify(wrong)}`);
      return functions.digest(all.map(({ id }) => id).sort());
    }
    case "reducing":
      return later.reducing.get()!;
    case "value":
    case "fields":
    case "map":
    case "aggregating":
    case "ttl":
      return read(kind, state);
  }
}
