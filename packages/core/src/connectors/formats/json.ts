/*
 * json: one JSON value per line (JSON Lines, NDJSON), UTF-8, line ends LF or CRLF, blank lines are
 * passed over. With a declared type, values are checked and converted (`coerce.ts`,
 * `json-encoder.ts`).
 *
 * Semantics: docs/connectors.md.
 */
import { isUtf8 } from "node:buffer";
import { Batch } from "../../columns/batch.ts";
import { oxbowError } from "../../errors.ts";
import { show } from "../../types/codec.ts";
import type { Type } from "../../types/type.ts";
import type { ByteWindow } from "./byte-window.ts";
import { CoercionError, compileCoercion, type Coerce } from "./coerce.ts";
import type { Format, RecordDecoder } from "./format.ts";
import { compileJsonEncoder } from "./json-encoder.ts";

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * JSON lines. With a type, records have exactly the declared fields; without one, they are what
 * `JSON.parse` gives. Error: `CONNECTOR_INVALID` for what is no type.
 *
 * @example
 * files("data/flights/*.jsonl", json(t.struct({ origin: t.string, departedAt: t.timestamp })));
 */
export function json(): Format<unknown>;
export function json<T>(type: Type<T>): Format<T>;
export function json<T>(type?: Type<T>): Format<T> {
  if (type !== undefined && typeof (type as Partial<Type<T>> | null)?.kind !== "string") {
    const given = show(type);
    const message = `Format json takes a type such as t.struct({ … }), but is given ${given}.`;
    throw oxbowError("CONNECTOR_INVALID", message, { format: "json" });
  }
  return {
    kind: "format",
    name: "json",
    extension: ".jsonl",
    recordType: type,
    isSplittable: true,
    hasHeader: false,
    createDecoder: () => new JsonDecoder(type === undefined ? undefined : compileCoercion(type)),
    createEncoder() {
      const encode = compileJsonEncoder(type);
      return { header: () => "", encode: (record) => `${encode(record)}\n` };
    },
  };
}

class JsonDecoder implements RecordDecoder {
  readonly #coerce: Coerce | undefined;

  constructor(coerce: Coerce | undefined) {
    this.#coerce = coerce;
  }

  readHeader(): boolean {
    return true;
  }

  decode(window: ByteWindow, limit: number): Batch | undefined {
    const { bytes, end, stop } = window;
    const records: unknown[] = [];
    let start = window.start;
    while (records.length < limit && start < stop) {
      let lineEnd = bytes.indexOf(LINE_FEED, start);
      if (lineEnd < 0) {
        if (!window.isLast || start >= end) break;
        lineEnd = end;
      }
      const textEnd =
        bytes[lineEnd - 1] === CARRIAGE_RETURN && lineEnd > start ? lineEnd - 1 : lineEnd;
      this.#decodeLine(window, { records, start, end: textEnd });
      window.linesCount++;
      start = Math.min(lineEnd + 1, end);
      window.start = start;
    }
    return records.length === 0 ? undefined : Batch.ofRecords(records);
  }

  #decodeLine(window: ByteWindow, line: { records: unknown[]; start: number; end: number }): void {
    const { start, end } = line;
    if (start === end) return;
    const text = window.bytes.toString("utf8", start, end);
    try {
      const value: unknown = JSON.parse(text);
      // Only text with a replacement character can have been something that is no UTF-8.
      if (text.includes("\ufffd") && !isUtf8(window.bytes.subarray(start, end))) {
        throw new CoercionError("", "the line is not valid UTF-8");
      }
      line.records.push(this.#coerce === undefined ? value : this.#coerce(value));
    } catch (error) {
      if (text.trim() === "") return;
      const reason = reasonOf(error);
      window.addMalformed(start, end, { lineIndex: window.linesCount, reason });
    }
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof CoercionError) return error.message;
  if (error instanceof SyntaxError) return `not JSON: ${error.message}`;
  throw error;
}
