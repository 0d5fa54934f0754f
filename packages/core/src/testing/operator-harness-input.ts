/**
 * What an operator under test is fed with: steps, and how a mode of the harness cuts them into
 * batches.
 *
 * I1. Cutting changes neither the order of records of one input nor what lies between them: a batch
 *     never reaches over a watermark, a clock step or a change of input.
 */
import { Batch } from "../columns/batch.ts";
import type { Random } from "../env/env.ts";
import { decodeElement, ElementEncoder } from "../exchange/frame.ts";
import { dataElement } from "../exchange/element.ts";

/** One thing that happens to an operator; make it with `step`. */
export type OperatorStep =
  | {
      readonly kind: "record";
      readonly input: 0 | 1;
      readonly record: unknown;
      readonly timestamp: number | undefined;
    }
  | { readonly kind: "watermark"; readonly timestamp: number }
  | { readonly kind: "processing-time"; readonly now: number };

/**
 * Makes the steps of an input. Times in ms.
 *
 * @example
 * const input = [step.record({ user: "a" }, 10), step.watermark(20), step.processingTime(500)];
 */
export const step = Object.freeze({
  /** A record for the first (or only) input; `timestamp`: event time, if it has one. */
  record: (record: unknown, timestamp?: number): OperatorStep => ({
    kind: "record",
    input: 0,
    record,
    timestamp,
  }),
  /** A record for the second input of a two-input operator. */
  second: (record: unknown, timestamp?: number): OperatorStep => ({
    kind: "record",
    input: 1,
    record,
    timestamp,
  }),
  /** Event time reaches `timestamp` on all inputs. */
  watermark: (timestamp: number): OperatorStep => ({ kind: "watermark", timestamp }),
  /** The clock shows `now` from here on; it shows 0 before. */
  processingTime: (now: number): OperatorStep => ({ kind: "processing-time", now }),
});

/** How records are cut into batches. */
export type Batching = "single" | "all" | "random";

/** What an operator gets at once. */
export type Feed =
  | {
      readonly kind: "batch";
      readonly input: 0 | 1;
      readonly records: readonly unknown[];
      readonly timestamps: Float64Array | undefined;
    }
  | Exclude<OperatorStep, { kind: "record" }>;

type RecordStep = Extract<OperatorStep, { kind: "record" }>;

/** Cuts steps into feeds. */
export function feedsOf(
  steps: readonly OperatorStep[],
  batching: Batching,
  random: Random,
): readonly Feed[] {
  const feeds: Feed[] = [];
  let run: RecordStep[] = [];
  let limit = 0;
  const flush = (): void => {
    if (run.length > 0) feeds.push(batchFeed(run));
    run = [];
    limit = batching === "single" ? 1 : batching === "all" ? Infinity : 1 + random.int(7);
  };
  flush();
  for (const next of steps) {
    if (next.kind !== "record") {
      flush();
      feeds.push(next);
      continue;
    }
    const [first] = run;
    if (first !== undefined && (run.length >= limit || !belongTogether(first, next))) flush();
    run.push(next);
  }
  flush();
  return feeds;
}

function belongTogether(first: RecordStep, next: RecordStep): boolean {
  return (
    first.input === next.input && (first.timestamp === undefined) === (next.timestamp === undefined)
  );
}

function batchFeed(run: readonly RecordStep[]): Feed {
  const [{ input, timestamp }] = run;
  return {
    kind: "batch",
    input,
    records: run.map(({ record }) => record),
    timestamps:
      timestamp === undefined
        ? undefined
        : Float64Array.from(run, (record) => record.timestamp ?? Number.NaN),
  };
}

/** The batch of a feed: the records themselves, or columns that went through the frame format. */
export function batchOf(
  feed: Extract<Feed, { kind: "batch" }>,
  form: "records" | "columns",
): Batch {
  const { records, timestamps } = feed;
  const batch = Batch.ofRecords([...records], records.length, timestamps?.slice());
  if (form === "records") return batch;
  const payload = new Uint8Array(new ElementEncoder("input").encode(dataElement(batch)));
  const element = decodeElement("data", payload, "input");
  return element.kind === "data" ? element.batch : batch;
}
