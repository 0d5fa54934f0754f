/**
 * Comparing what an operator emitted in two modes: as multisets, and in order where an order was
 * promised.
 */
import { AssertionError } from "node:assert";

/** One record that came out. */
export interface EmittedRecord {
  readonly record: unknown;
  /** Event time, ms; NaN for none. */
  readonly timestamp: number;
}

/** What came out, by side-output tag; the main output is under `MAIN_OUTPUT`. */
export type Emitted = ReadonlyMap<string, readonly EmittedRecord[]>;

/** Name of the main output; no tag is empty. */
export const MAIN_OUTPUT = "";

/** Differences that one message shows. */
const SHOWN_COUNT_MAX = 5;

/** A failed check of the harness. */
export function unequal(message: string, cause?: unknown): AssertionError {
  const error = new AssertionError({ message });
  if (cause !== undefined) error.cause = cause;
  return error;
}

/** Throws if the two are not the same multiset of texts; `what` begins the message. */
export function checkMultiset(
  what: string,
  actual: readonly string[],
  expected: readonly string[],
): void {
  const counts = new Map<string, number>();
  for (const text of expected) counts.set(text, (counts.get(text) ?? 0) + 1);
  const extra: string[] = [];
  for (const text of actual) {
    const left = counts.get(text) ?? 0;
    if (left === 0) extra.push(text);
    else counts.set(text, left - 1);
  }
  const missing = [...counts].flatMap(([text, count]) => Array.from({ length: count }, () => text));
  if (extra.length + missing.length === 0) return;
  throw unequal(`${what}: ${listOf("missing", missing)}${listOf("not expected", extra)}`.trim());
}

/** Throws if the texts of some key come in another order. */
export function checkOrders(
  what: string,
  actual: ReadonlyMap<string, readonly string[]>,
  expected: ReadonlyMap<string, readonly string[]>,
): void {
  for (const [key, texts] of expected) {
    const others = actual.get(key) ?? [];
    const index = texts.findIndex((text, position) => others[position] !== text);
    if (index < 0) continue;
    throw unequal(
      `${what}: of ${key}, output ${index} is ${others[index]}, but was ${texts[index]}`,
    );
  }
}

function listOf(title: string, texts: readonly string[]): string {
  if (texts.length === 0) return "";
  const shown = texts.slice(0, SHOWN_COUNT_MAX).join(", ");
  const rest = texts.length > SHOWN_COUNT_MAX ? `, … (${texts.length} in all)` : "";
  return `${title} ${shown}${rest}; `;
}

/** An emitted record with its timestamp as text. */
export function emittedText({ record, timestamp }: EmittedRecord): string {
  return Number.isNaN(timestamp) ? textOf(record) : `${textOf(record)} @${timestamp}`;
}

/** A value as text; equal values of plain data have equal texts, whatever the order of fields. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(textOf).join(", ")}]`;
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return `${value.constructor.name}(${bytes.join(" ")})`;
  }
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (value instanceof Map) {
    const entries = [...value].map(([key, of]) => `${textOf(key)}: ${textOf(of)}`);
    return `Map{${entries.sort().join(", ")}}`;
  }
  if (value instanceof Set) return `Set{${[...value].map(textOf).sort().join(", ")}}`;
  const fields = Object.entries(value).map(([name, of]) => `${name}: ${textOf(of)}`);
  return `{${fields.sort().join(", ")}}`;
}
