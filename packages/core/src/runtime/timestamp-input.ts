/** A batch as timestamp extraction sees it (`time/timestamp-extractor.ts`). */
import type { Batch } from "../columns/batch.ts";
import type { TimestampInput } from "../time/timestamp-extractor.ts";

/** See the file header. Records are made only if somebody asks for one. */
export function timestampInput(batch: Batch): TimestampInput {
  return {
    count: batch.count,
    numbersOf(field) {
      const column = batch.column(field);
      if (column === undefined || column.presence !== undefined) return undefined;
      return column.kind === "float64" || column.kind === "int32" ? column.values : undefined;
    },
    recordAt: (index) => batch.records()[index],
  };
}
