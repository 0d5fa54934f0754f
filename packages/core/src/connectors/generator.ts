/*
 * generator: a source that computes its records from their index. Bounded or endless, as fast as it
 * can or at a rate, resumed exactly.
 *
 * The index space 0, 1, 2, … is cut into blocks of `BLOCK_COUNT`; of n splits, split s has the
 * blocks s, s + n, s + 2n, … So which records there are does not depend on the number of splits,
 * and splits that are read at the same speed are at about the same index, which keeps event times
 * together.
 *
 * I1. `make` is called once per index and attempt, in ascending order within a split.
 * I2. A paced split never emits record k of its own before k / rate seconds after it was opened;
 *     what it missed while held up is made good at full speed, but no more than `MAX_CREDIT_MS` of
 *     it.
 */
import { Batch, type ColumnSet } from "../columns/batch.ts";
import { presized } from "../columns/presized.ts";
import { oxbowError } from "../errors.ts";
import { callUser } from "../operators/user-function.ts";
import type { Type } from "../types/type.ts";
import { checkOptions } from "./check-options.ts";
import { checkSplitsCount } from "./collection.ts";
import { CursorReader, type SplitCursor } from "./cursor-reader.ts";
import { Pace } from "./pace.ts";
import type { ReaderContext, ReaderOutput, Source, Split } from "./source.ts";
import { spreadEnumerator } from "./split-queue.ts";

/** Indexes of a block; see the file header. Part of what a snapshot means, so it never changes. */
const BLOCK_COUNT = 1024;

/** Of `splitsCount` splits, number `splitIndex`; `position` is the next index to make. */
export interface GeneratorSplit extends Split {
  readonly splitIndex: number;
  readonly splitsCount: number;
  readonly position: number;
}

const OPTIONS = ["count", "ratePerSecond", "splits", "type", "make", "makeBatch"];

interface GeneratorBase<T> {
  /** Records in all; undefined or Infinity: endless. */
  readonly count?: number;
  /** Records per second of all splits together; undefined: as fast as possible. */
  readonly ratePerSecond?: number;
  /** Parts that are read side by side; default: the parallelism of the first start. */
  readonly splits?: number;
  /** Type of the records. */
  readonly type?: Type<T>;
}

/** Settings of `generator`: `make` builds one record, `makeBatch` a set of columns. */
export type GeneratorOptions<T> = GeneratorBase<T> &
  (
    | { readonly make: (index: number) => T; readonly makeBatch?: undefined }
    | { readonly makeBatch: (first: number, count: number) => ColumnSet; readonly make?: undefined }
  );

/**
 * A source of computed records. `make` must depend on the index only; it is called again after a
 * restart. Errors: `CONNECTOR_INVALID`; what `make` throws fails the attempt.
 *
 * @example
 * generator({ count: 1_000, make: (index) => ({ id: index, value: index * 2 }) });
 */
export function generator<T>(options: GeneratorOptions<T>): Source<T, GeneratorSplit> {
  checkOptions("Source generator", options, OPTIONS);
  const count = options.count ?? Infinity;
  const rate = options.ratePerSecond;
  if (options.splits !== undefined) checkSplitsCount(options.splits, "generator");
  if (!(count === Infinity || (Number.isSafeInteger(count) && count >= 0))) {
    throw invalid(`count must be an integer of 0 or more, but is ${count}`, { count });
  }
  if (typeof options.make !== "function" && typeof options.makeBatch !== "function") {
    throw invalid("give make, a function of the index that builds a record, or makeBatch", {});
  }
  if (rate !== undefined && !(rate > 0 && rate < Infinity)) {
    throw invalid(`ratePerSecond must be a number above 0, but is ${rate}`, { rate });
  }
  return {
    kind: "source",
    connector: "generator",
    boundedness: count === Infinity ? "unbounded" : "bounded",
    recordType: options.type,
    createEnumerator: (context, restored) =>
      spreadEnumerator(
        context,
        () => splitsOf(Math.min(options.splits ?? context.parallelism, blocksOf(count))),
        restored,
      ),
    createReader: (context) =>
      new CursorReader<GeneratorSplit>(context, {
        openLimit: Infinity,
        openCursor: (split) => new GeneratorCursor({ context, split, count, generate: options }),
      }),
  };
}

/** Blocks that hold any record; a split without one would only take its share of the rate. */
function blocksOf(count: number): number {
  return Math.max(1, Math.ceil(count / BLOCK_COUNT));
}

function splitsOf(splitsCount: number): GeneratorSplit[] {
  return Array.from({ length: splitsCount }, (_, splitIndex) => ({
    id: `generator-${splitIndex}-of-${splitsCount}`,
    splitIndex,
    splitsCount,
    position: splitIndex * BLOCK_COUNT,
  }));
}

interface CursorOptions {
  readonly context: ReaderContext;
  readonly split: GeneratorSplit;
  readonly count: number;
  readonly generate: GeneratorOptions<unknown>;
}

class GeneratorCursor implements SplitCursor<GeneratorSplit> {
  readonly #options: CursorOptions;
  readonly #pace: Pace | undefined;
  #position: number;

  constructor(options: CursorOptions) {
    const { split, generate, context } = options;
    this.#options = options;
    this.#position = split.position;
    const { ratePerSecond } = generate;
    if (ratePerSecond !== undefined)
      this.#pace = new Pace(context, ratePerSecond / split.splitsCount);
  }

  poll(output: ReaderOutput, countMax: number): "more" | "idle" | "finished" {
    const { split, count } = this.#options;
    const first = this.#position;
    if (first >= count) return "finished";
    const blockRest = BLOCK_COUNT - (first % BLOCK_COUNT);
    const wanted = Math.min(blockRest, countMax, count - first);
    const allowed = Math.min(wanted, this.#pace?.credit() ?? wanted);
    if (allowed === 0) return "idle";
    this.#pace?.spend(allowed);
    const { uid, subtaskIndex } = this.#options.context;
    const place = { uid, subtaskIndex, what: "make" };
    const batch = callUser(place, () => this.#make(first, allowed));
    output.emit(split.id, batch);
    this.#position += allowed;
    if (allowed === blockRest) this.#position += (split.splitsCount - 1) * BLOCK_COUNT;
    return this.#position >= count ? "finished" : "more";
  }

  position(): GeneratorSplit {
    return { ...this.#options.split, position: this.#position };
  }

  close(): Promise<void> {
    this.#pace?.stop();
    return Promise.resolve();
  }

  #make(first: number, count: number): Batch {
    const { make, makeBatch } = this.#options.generate;
    if (makeBatch !== undefined) return Batch.ofColumns(makeBatch(first, count), count);
    const records = presized(count);
    for (let place = 0; place < count; place++) records[place] = make(first + place);
    return Batch.ofRecords(records);
  }
}

function invalid(reason: string, details: Readonly<Record<string, unknown>>): Error {
  return oxbowError("CONNECTOR_INVALID", `Source generator: ${reason}.`, details);
}
