/**
 * deduplicate: of the records of a key the first, or always the latest; Flink SQL's deduplication
 * (`ROW_NUMBER() OVER (PARTITION BY key ORDER BY time) = 1`) as a keyed process function. No record
 * is kept: the state of a key is one bit, or one time.
 *
 * | keep, time | emitted |
 * |---|---|
 * | first, processing | the record that comes first |
 * | first, event | a record that is earlier than all so far: a correction of the one before |
 * | last, event | a record that is not earlier than all so far: an update of the one before |
 *
 * The last by arrival would be every record, and is refused.
 * Semantics: docs/semantics/operators.md, "Deduplication".
 */
import { oxbowError } from "../errors.ts";
import { valueState } from "../state/descriptors.ts";
import type { HandleOf, StateDescriptors } from "../state/descriptors.ts";
import { formatDuration, parseDuration } from "../time/duration.ts";
import type { Duration } from "../time/duration.ts";
import { show } from "../types/codec.ts";
import { unknownOption } from "../types/known-options.ts";
import { t } from "../types/t.ts";
import type { TimeDomain } from "../window/assigner.ts";
import type { KeyedProcessContext } from "./process-function.ts";

/** Options of `deduplicate`. */
export interface DeduplicateOptions {
  /** Which record of a key counts. */
  readonly keep: "first" | "last";
  /**
   * What first and last mean: by the records' timestamps, or (only for `first`) as they come.
   * Default: `processing` for `first`, `event` for `last`.
   */
  readonly time?: TimeDomain;
  /**
   * How long a key is remembered after its last emitted record, in processing time, as a time to
   * live of state; afterwards it counts as new. Default: for ever.
   */
  readonly within?: Duration;
}

/** A deduplication as the graph keeps it. */
export interface Deduplication {
  readonly state: StateDescriptors;
  readonly process: (record: unknown, context: AnyContext) => void;
  readonly needsTimestamps: boolean;
  /** In words: `first by processing time within 1h`. */
  readonly detail: string;
}

type AnyContext = KeyedProcessContext<unknown, StateDescriptors, unknown>;

const OPTIONS = ["keep", "time", "within"];
const SEEN = valueState(t.bool);
const TIME = valueState(t.timestamp);

/** GRAPH_INVALID, DURATION_INVALID for options that make no sense. */
export function deduplication(uid: string, options: DeduplicateOptions): Deduplication {
  const { keep, within } = checked(uid, options);
  const time = options.time ?? (keep === "first" ? "processing" : "event");
  if (keep === "last" && time === "processing") {
    throw invalid(
      uid,
      'keeps the last record by arrival, which is every record. Use time: "event", or leave it ' +
        "out.",
    );
  }
  const ttlMs =
    within === undefined
      ? undefined
      : parseDuration(within, `deduplicate("${uid}"): within`, { minMs: 1 });
  const ttl = ttlMs === undefined ? undefined : { ttlMs };
  const ending = ttlMs === undefined ? "" : ` within ${formatDuration(ttlMs)}`;
  const detail = `${keep} by ${time} time${ending}`;
  if (time === "processing") {
    const state = { seen: Object.freeze({ ...SEEN, ttl }) };
    return { state, process: emitFirst, needsTimestamps: false, detail };
  }
  const state = { time: Object.freeze({ ...TIME, ttl }) };
  return { state, process: byTime(uid, keep), needsTimestamps: true, detail };
}

function checked(uid: string, options: DeduplicateOptions): DeduplicateOptions {
  const unknown = unknownOption(options, OPTIONS);
  if (unknown !== undefined) throw invalid(uid, unknown);
  if (options.keep !== "first" && options.keep !== "last") {
    throw invalid(uid, `keeps ${show(options.keep)}; say keep: "first" or keep: "last".`);
  }
  if (options.time !== undefined && options.time !== "event" && options.time !== "processing") {
    throw invalid(uid, `has the time ${show(options.time)}; there are "event" and "processing".`);
  }
  return options;
}

function emitFirst(record: unknown, { state, emit }: AnyContext): void {
  const seen = state["seen"] as HandleOf<typeof SEEN>;
  if (seen.has()) return;
  seen.set(true);
  emit(record);
}

function byTime(uid: string, keep: "first" | "last"): Deduplication["process"] {
  return (record, { state, emit, timestamp }) => {
    if (timestamp === undefined) {
      throw oxbowError(
        "TIMESTAMP_INVALID",
        `deduplicate("${uid}") orders records by event time, but a record has no timestamp. ` +
          'Give the source watermarks, or use keep: "first" with time: "processing".',
        { uid },
      );
    }
    const time = state["time"] as HandleOf<typeof TIME>;
    const known = time.get();
    if (known !== undefined && (keep === "first" ? timestamp >= known : timestamp < known)) return;
    time.set(timestamp);
    emit(record);
  };
}

function invalid(uid: string, problem: string): Error {
  return oxbowError("GRAPH_INVALID", `deduplicate("${uid}") ${problem}`, { uid });
}
