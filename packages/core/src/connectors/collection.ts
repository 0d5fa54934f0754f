/*
 * collection: a bounded source of records that the program has at hand. For tests, examples and
 * small reference data; every thread that runs the program holds all records.
 *
 * Semantics: docs/connectors.md.
 */
import { Batch } from "../columns/batch.ts";
import { oxbowError } from "../errors.ts";
import type { Type } from "../types/type.ts";
import { CursorReader, type SplitCursor } from "./cursor-reader.ts";
import type { ReaderOutput, Source, Split } from "./source.ts";
import { queueEnumerator } from "./split-queue.ts";

/** A range of a collection; `position` is the index of the next record, `end` exclusive. */
export interface CollectionSplit extends Split {
  readonly position: number;
  readonly end: number;
}

/** Settings of `collection`. */
export interface CollectionOptions<T> {
  /** Ranges of about equal size that readers may share; default 1, which keeps the order. */
  readonly splits?: number;
  /** Type of the records. */
  readonly type?: Type<T>;
}

/** Most splits of a collection or generator. */
export const MAX_SPLITS = 65_536;

/**
 * A bounded source of the given records, in order within a split. The program must give the same
 * records wherever it runs. Errors: `CONNECTOR_INVALID`.
 *
 * @example
 * collection([{ word: "to" }, { word: "be" }]);
 */
export function collection<T>(
  records: readonly T[],
  options: CollectionOptions<T> = {},
): Source<T, CollectionSplit> {
  const splitsCount = checkSplitsCount(options.splits ?? 1, "collection");
  return {
    kind: "source",
    connector: "collection",
    boundedness: "bounded",
    recordType: options.type,
    createEnumerator: (context, restored) =>
      queueEnumerator(context, () => rangesOf(records.length, splitsCount), restored),
    createReader: (context) =>
      new CursorReader<CollectionSplit>(context, {
        openLimit: 1,
        openCursor: (split) => new CollectionCursor(records, split),
      }),
  };
}

/** A number of splits that a user gave, checked. */
export function checkSplitsCount(splits: number, connector: string): number {
  if (Number.isInteger(splits) && splits >= 1 && splits <= MAX_SPLITS) return splits;
  throw oxbowError(
    "CONNECTOR_INVALID",
    `Source ${connector}: splits must be an integer from 1 to ${MAX_SPLITS}, but is ${splits}.`,
    { connector, splits },
  );
}

function rangesOf(count: number, splitsCount: number): CollectionSplit[] {
  const splits: CollectionSplit[] = [];
  for (let index = 0; index < splitsCount; index++) {
    const position = Math.floor((count * index) / splitsCount);
    const end = Math.floor((count * (index + 1)) / splitsCount);
    if (position < end) splits.push({ id: `range-${index}`, position, end });
  }
  return splits;
}

class CollectionCursor implements SplitCursor<CollectionSplit> {
  readonly #records: readonly unknown[];
  readonly #split: CollectionSplit;
  #position: number;

  constructor(records: readonly unknown[], split: CollectionSplit) {
    this.#records = records;
    this.#split = split;
    this.#position = split.position;
    if (split.end > records.length) {
      throw oxbowError(
        "CONNECTOR_INVALID",
        `Source collection: the snapshot says that there are ${split.end} records or more, but ` +
          `the program gives ${records.length}. Give those of the run that took the snapshot.`,
        { end: split.end, records: records.length },
      );
    }
  }

  poll(output: ReaderOutput, countMax: number): "more" | "finished" {
    const { id, end } = this.#split;
    const stop = Math.min(this.#position + countMax, end);
    if (stop === this.#position) return "finished";
    output.emit(id, Batch.ofRecords(this.#records.slice(this.#position, stop)));
    this.#position = stop;
    return stop === end ? "finished" : "more";
  }

  position(): CollectionSplit {
    return { ...this.#split, position: this.#position };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
