/*
 * Events in arrays of 1 024, as contestants without an engine get them.
 */
import type { NexmarkEvent } from "./events.ts";

const BATCH_COUNT = 1024;

export function* batchesOf(
  count: number,
  make: (index: number) => NexmarkEvent,
): Generator<readonly NexmarkEvent[]> {
  for (let start = 0; start < count; start += BATCH_COUNT) {
    const batch: NexmarkEvent[] = [];
    const end = Math.min(count, start + BATCH_COUNT);
    for (let index = start; index < end; index++) batch.push(make(index));
    yield batch;
  }
}
