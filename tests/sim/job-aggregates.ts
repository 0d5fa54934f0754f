/* The built-in aggregates of simulated jobs, by the names of fields or by functions. */
import { count, max, min, sum } from "../../packages/core/src/window/aggregates.ts";
import type { SimRecord } from "./scenario.ts";

/** Count, sum, least and greatest value, and latest time. */
export function sumOf(byName: boolean) {
  const value = (record: SimRecord): number => record.value;
  const at = (record: SimRecord): number => record.at;
  return byName
    ? {
        count: count(),
        sum: sum("value"),
        low: min("value"),
        high: max("value"),
        latest: max("at"),
      }
    : { count: count(), sum: sum(value), low: min(value), high: max(value), latest: max(at) };
}
