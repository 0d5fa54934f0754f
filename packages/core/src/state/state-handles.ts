/*
 * Makes the handles of an operator's declared states, and enters those with time to live into the
 * sweep.
 */
import { childValues } from "./child-source.ts";
import type { StateDescriptor } from "./descriptors.ts";
import { foldHandle } from "./fold-handle.ts";
import type { KeyProbe } from "./key-probe.ts";
import type { KeyedBackendOptions } from "./keyed-backend.ts";
import type { RowLayout } from "./layout.ts";
import { ListHandle } from "./list-handle.ts";
import { MapHandle } from "./map-handle.ts";
import type { Table } from "./table.ts";
import type { TtlSweep } from "./ttl-sweep.ts";
import { type CurrentKey, valueHandle } from "./value-handle.ts";

/** What handles are made from. */
export interface HandleParts {
  readonly options: Pick<KeyedBackendOptions<never>, "uid" | "verify">;
  readonly current: CurrentKey;
  readonly main: Table;
  readonly sweep: TtlSweep;
  /** Removes a row of main if nothing is left in it. */
  removeIfEmpty(mainRow: number): void;
  /** Holds keys of a map. */
  subProbe(layout: RowLayout): KeyProbe;
}

/** The handle of a state; `table` is the child table of a list or map. */
export function makeHandle(
  name: string,
  state: StateDescriptor,
  table: Table | undefined,
  parts: HandleParts,
): unknown {
  return table === undefined
    ? makeValueHandle(name, state, parts)
    : makeChildHandle(state, table, parts);
}

function makeValueHandle(name: string, state: StateDescriptor, parts: HandleParts): unknown {
  const { current, main, sweep } = parts;
  const { uid, verify = false } = parts.options;
  const { type, ttl } = state;
  const fallback = state.kind === "value" ? state.default : undefined;
  const handle = valueHandle(
    { uid, name, type, default: fallback, ttl, table: main, verify },
    current,
  );
  if (ttl !== undefined) sweep.add(main, (row, now) => handle.expire(row, now));
  const isFold = state.kind === "reducing" || state.kind === "aggregating";
  return isFold ? foldHandle(state, handle) : handle;
}

function makeChildHandle(state: StateDescriptor, table: Table, parts: HandleParts): unknown {
  const { current } = parts;
  const { uid, verify = false } = parts.options;
  const { type, ttl } = state;
  const values = childValues({ uid, layout: table.layout, type, ttl, verify });
  if (ttl !== undefined) {
    parts.sweep.add(table, (row, now) => {
      if (!values.isExpired(table, row, now)) return;
      const parentRow = table.parentRowOf(row);
      table.remove(row);
      parts.removeIfEmpty(parentRow);
    });
  }
  if (state.kind !== "map") return new ListHandle(current, table, values, ttl);
  return new MapHandle({ current, table, values, probe: parts.subProbe(table.layout), ttl });
}
