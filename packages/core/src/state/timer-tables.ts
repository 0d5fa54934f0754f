/*
 * The tables of a backend's timers, made when a timer is first asked for: a derived table of keys
 * that have timers, and under it one child table each for event time and processing time.
 */
import type { Type } from "../types/type.ts";
import { HeapTimers, type TimerKeys } from "./heap-timers.ts";
import { keyKindOf, type RowLayout, rowLayout } from "./layout.ts";
import { EVENT_TIMERS_TABLE, PROCESSING_TIMERS_TABLE, TIMER_KEYS_TABLE } from "./state-tables.ts";
import { Table, type TableParts } from "./table.ts";

/** Both kinds of timers with their tables. */
export interface TimerTables {
  readonly roots: Table;
  readonly event: HeapTimers;
  readonly processing: HeapTimers;
  /** By name. */
  readonly tables: ReadonlyMap<string, Table>;
}

/** Makes the tables. */
export function makeTimerTables(
  keyType: Type<unknown>,
  keys: TimerKeys,
  partsOf: (layout: RowLayout) => TableParts,
): TimerTables {
  const layout = rowLayout({
    name: TIMER_KEYS_TABLE,
    keyType,
    keyKind: keyKindOf(keyType),
    hasNamespace: false,
    columns: [],
    relations: [EVENT_TIMERS_TABLE, PROCESSING_TIMERS_TABLE],
    isDerived: true,
  });
  const roots = new Table(partsOf(layout), undefined, undefined);
  const tableOf = (name: string): Table => {
    const timers = rowLayout({
      name,
      keyType: undefined,
      keyKind: "f64x3",
      hasNamespace: false,
      parent: layout,
      columns: [],
    });
    return new Table(partsOf(timers), roots, undefined);
  };
  const event = tableOf(EVENT_TIMERS_TABLE);
  const processing = tableOf(PROCESSING_TIMERS_TABLE);
  return {
    roots,
    event: new HeapTimers(keys, roots, event),
    processing: new HeapTimers(keys, roots, processing),
    tables: new Map([
      [EVENT_TIMERS_TABLE, event],
      [PROCESSING_TIMERS_TABLE, processing],
    ]),
  };
}
