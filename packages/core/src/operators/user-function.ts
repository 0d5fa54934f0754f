/**
 * user-function: what happens when a function of the user throws, and how loops over user functions
 * are generated.
 */
import { errorCode, oxbowError } from "../errors.ts";
import type { Batch } from "../columns/batch.ts";

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
   * outside of a record. People are told of it as a number from 1.
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
  // An error of the engine (a state access refused, a sum overflown) names its place itself.
  if (errorCode(cause) !== undefined) return cause as Error;
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  const at =
    call.timestamp === undefined || Number.isNaN(call.timestamp)
      ? ""
      : ` at ${time(call.timestamp)}`;
  const recordNumber = call.recordIndex === undefined ? undefined : call.recordIndex + 1;
  const where =
    recordNumber === undefined
      ? ""
      : ` on record ${recordNumber} of its input (counted from 1)${at}`;
  const preview = recordNumber === undefined ? undefined : previewOf(call.record);
  const subtask = call.subtaskIndex === undefined ? "" : ` (subtask ${call.subtaskIndex})`;
  return oxbowError(
    "USER_FUNCTION_FAILED",
    `The ${call.what} function of "${call.uid}"${subtask} threw${where}: ${reason}` +
      (preview === undefined ? "" : ` The record: ${preview}`),
    {
      uid: call.uid,
      subtask: call.subtaskIndex,
      recordNumber,
      timestamp: call.timestamp,
      record: preview,
    },
    cause,
  );
}

/**
 * Calls what runs user functions for many records at once: what they throw is told with the
 * operator, without a record.
 */
export function callUser<R>(
  place: Pick<UserCall, "uid" | "subtaskIndex" | "what">,
  call: () => R,
): R {
  try {
    return call();
  } catch (error) {
    const { uid, subtaskIndex, what } = place;
    const noRecord = { recordIndex: undefined, timestamp: undefined, record: undefined };
    throw userFunctionFailed({ uid, subtaskIndex, what, ...noRecord }, error);
  }
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
