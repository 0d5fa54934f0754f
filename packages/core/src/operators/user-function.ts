/**
 * user-function: what happens when a function of the user throws, or a value is not what it was
 * declared to be, and how loops over user functions are generated.
 */
import { errorCode, oxbowError } from "../errors.ts";
import type { ErrorDetails, OxbowError } from "../errors.ts";
import type { Batch } from "../columns/batch.ts";
import { FailedRecord } from "../columns/failed-record.ts";

/** Characters of a record that an error message shows. */
const PREVIEW_LENGTH_MAX = 200;

/** Where a user's function was called. */
export interface UserCall {
  readonly uid: string;
  /** Undefined where it is called for another operator, before an exchange. */
  readonly subtaskIndex: number | undefined;
  /** In words: `map`, `onTimer`. */
  readonly what: string;
  /**
   * Position of the record in the operator's input since the attempt began, from 0; undefined
   * outside of a record, and where it is not counted. People are told of it as a number from 1.
   */
  readonly recordIndex: number | undefined;
  /** Event time of the record or timer, ms; undefined for none. */
  readonly timestamp: number | undefined;
  readonly record: unknown;
}

/**
 * The error of a failed user function: names operator and record, keeps the cause with its stack.
 */
export function userFunctionFailed(call: UserCall, cause: unknown): Error {
  const code = errorCode(cause);
  // Other errors of the engine (a state access refused, a sum overflown) name their place.
  if (code !== undefined && !isNameless(cause as OxbowError)) return cause as Error;
  const { subtask, where, ending, details } = placeOf(call);
  if (code !== undefined) {
    const { message, details: own } = cause as OxbowError;
    const text = `Operator "${call.uid}"${subtask}, in ${call.what}${where}: ${message}${ending}`;
    return oxbowError(code, text, { ...own, ...details }, cause);
  }
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return oxbowError(
    "USER_FUNCTION_FAILED",
    `The ${call.what} function of "${call.uid}"${subtask} threw${where}: ${reason}${ending}`,
    details,
    cause,
  );
}

/** Whether a value was refused by a codec, which knows of no operator. */
function isNameless({ code, details }: OxbowError): boolean {
  const isRefusal = code === "VALUE_TYPE_MISMATCH" || code === "RECORD_NOT_TRANSFERABLE";
  return isRefusal && details["uid"] === undefined && details["operator"] === undefined;
}

/** A call in the words of messages, and as their details. */
function placeOf(call: UserCall): {
  readonly subtask: string;
  readonly where: string;
  readonly ending: string;
  readonly details: ErrorDetails;
} {
  const { uid, subtaskIndex, timestamp } = call;
  const at = timestamp === undefined || Number.isNaN(timestamp) ? "" : ` at ${time(timestamp)}`;
  const recordNumber = call.recordIndex === undefined ? undefined : call.recordIndex + 1;
  const isOfRecord = recordNumber !== undefined || call.record !== undefined;
  const record = isOfRecord ? previewOf(call.record) : undefined;
  const which =
    recordNumber === undefined
      ? "a record"
      : `record ${recordNumber} of its input (counted from 1)`;
  return {
    subtask: subtaskIndex === undefined ? "" : ` (subtask ${subtaskIndex})`,
    where: isOfRecord ? ` on ${which}${at}` : "",
    ending: record === undefined ? "" : ` The record: ${record}`,
    details: { uid, subtask: subtaskIndex, recordNumber, timestamp, record },
  };
}

/** Records that are worked on together. */
export interface CalledBatch {
  readonly batch: Batch;
  /** Records of its input that came before, since the attempt began; undefined: not counted. */
  readonly seenCount: number | undefined;
}

/**
 * Calls what runs user functions for many records at once: what they throw is told with the
 * operator, and with the record where a `FailedRecord` says it, of `records`.
 */
export function callUser<R>(
  { uid, subtaskIndex, what }: Pick<UserCall, "uid" | "subtaskIndex" | "what">,
  call: () => R,
  records?: CalledBatch,
): R {
  try {
    return call();
  } catch (error) {
    const isOfRecord = error instanceof FailedRecord;
    const at = isOfRecord ? recordAt(error.index, records) : NO_RECORD;
    const cause: unknown = isOfRecord ? error.cause : error;
    throw userFunctionFailed({ uid, subtaskIndex, what, ...at }, cause);
  }
}

type CalledRecord = Pick<UserCall, "recordIndex" | "timestamp" | "record">;

const NO_RECORD: CalledRecord = { recordIndex: undefined, timestamp: undefined, record: undefined };

function recordAt(index: number, of: CalledBatch | undefined): CalledRecord {
  if (of === undefined) return NO_RECORD;
  const { batch, seenCount } = of;
  const timestamp = timestampAt(batch, index);
  const recordIndex = seenCount === undefined ? undefined : seenCount + index;
  return { recordIndex, timestamp, record: batch.records()[index] };
}

function time(timestamp: number): string {
  const date = new Date(timestamp);
  return Number.isNaN(date.getTime()) ? String(timestamp) : date.toISOString();
}

/** The record as cut JSON, or its type where it cannot be shown. */
export function previewOf(record: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(record, (_, value: unknown) =>
      typeof value === "bigint" ? `${value}n` : value,
    );
  } catch {
    // A cyclic record has no JSON; its type is all that can be said.
    text = undefined;
  }
  text ??= typeof record;
  return text.length > PREVIEW_LENGTH_MAX ? `${text.slice(0, PREVIEW_LENGTH_MAX)}…` : text;
}

/** Position of the record that a generated loop is at; read when the loop throws. */
export type LoopPosition = Int32Array;

/**
 * Compiles a loop of its own for one operator: `source` is a function expression that sees the
 * bindings by name. V8 lets functions of identical source share code and type feedback, so twelve
 * maps with one loop would all be slow; the uid in the source keeps them apart.
 */
export function compileLoop(
  uid: string,
  bindings: Readonly<Record<string, unknown>>,
  source: string,
): unknown {
  // Generated per operator, from constant text and the quoted uid.
  const text = `"use strict"; /* ${commentSafe(uid)} */\nreturn ${source};`;
  const make = new Function(...Object.keys(bindings), text) as (...bound: unknown[]) => unknown;
  return make(...Object.values(bindings));
}

function commentSafe(uid: string): string {
  return JSON.stringify(uid).replaceAll("*/", "* /");
}

/** The timestamp of one record of a batch; undefined for none. */
export function timestampAt(batch: Batch, index: number): number | undefined {
  return batch.timestamps === undefined ? undefined : batch.timestamps[index];
}
