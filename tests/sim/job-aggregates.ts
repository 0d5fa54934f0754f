/* The built-in aggregates of simulated jobs, by the names of fields or by functions. */
import { count, max, min, sum } from "../../packages/core/src/window/aggregates.ts";
import type { Generation } from "./evolution.ts";
import type { SimRecord } from "./scenario.ts";

/** Count, sum, least and greatest value, and latest time; in generation 1 one more in front. */
export function sumOf(byName: boolean, generation: Generation = 0) {
  const columns = byName ? columnsByName() : columnsByFunction();
  if (generation !== 1) return columns;
  const { count: counted, ...others } = columns;
  return { more: count(), ...others, count: counted } as unknown as typeof columns;
}

function columnsByName() {
  return {
    count: count(),
    sum: sum("value"),
    low: min("value"),
    high: max("value"),
    latest: max("at"),
  };
}

function columnsByFunction() {
  const value = (record: SimRecord): number => record.value;
  const at = (record: SimRecord): number => record.at;
  return { count: count(), sum: sum(value), low: min(value), high: max(value), latest: max(at) };
}
