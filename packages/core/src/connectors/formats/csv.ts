/*
 * csv: RFC 4180 with a header or without, read into typed columns.
 *
 * Semantics: docs/connectors.md.
 */
import { oxbowError } from "../../errors.ts";
import type { OptionalType, Type } from "../../types/type.ts";
import { CsvDecoder } from "./csv-decoder.ts";
import { csvLayout, type CsvLayout, type CsvOptions } from "./csv-layout.ts";
import type { Format, RecordEncoder } from "./format.ts";
import { compileJsonEncoder } from "./json-encoder.ts";

export type { CsvOptions } from "./csv-layout.ts";

/**
 * CSV. With a `type` (a struct) fields are read by name from the header, or by order without one;
 * without a type all values are strings. Errors: `CONNECTOR_INVALID`.
 *
 * @example
 * const Delay = t.struct({ origin: t.string, delay: t.optional(t.int32) });
 * files("data/*.csv", csv({ type: Delay, delimiter: ";" }));
 */
export function csv(
  options?: CsvOptions<Readonly<Record<string, string>>>,
): Format<Readonly<Record<string, string>>>;
export function csv<T>(options: CsvOptions<T> & { readonly type: Type<T> }): Format<T>;
export function csv<T>(options: CsvOptions<T> = {}): Format<T> {
  const layout = csvLayout(options);
  const { names } = layout;
  return {
    kind: "format",
    name: "csv",
    extension: ".csv",
    recordType: options.type,
    isSplittable: !layout.quotedNewlines,
    hasHeader: layout.hasHeader,
    createDecoder: () =>
      names === undefined ? CsvDecoder.ofHeader(layout) : new CsvDecoder(layout, names),
    createEncoder: () => csvEncoder(layout),
  };
}

function csvEncoder<T>(layout: CsvLayout): RecordEncoder<T> {
  const { names } = layout;
  if (names === undefined) {
    throw oxbowError("CONNECTOR_INVALID", "Format csv: to write, give type or columns.", {});
  }
  const delimiter = String.fromCharCode(layout.delimiter);
  const quote = String.fromCharCode(layout.quote);
  const needsQuotes = new RegExp(`[\\r\\n${escapeInClass(delimiter)}${escapeInClass(quote)}]`);
  const quoted = (text: string): string => quote + text.replaceAll(quote, quote + quote) + quote;
  const write = names.map((name) => fieldWriter(name, layout.typeOf(name)));
  const line = (fields: readonly (string | undefined)[]): string => {
    const texts = fields.map((text) => {
      // An empty field without quotes is "no value", but an empty line is no record.
      if (text === undefined && fields.length === 1) throw missing(names[0]);
      if (text === undefined) return "";
      return text === "" || needsQuotes.test(text) ? quoted(text) : text;
    });
    return `${texts.join(delimiter)}\n`;
  };
  return {
    header: () => (layout.hasHeader ? line(names) : ""),
    encode(record) {
      const fields = record as Readonly<Record<string, unknown>>;
      return line(names.map((name, index) => write[index](fields[name])));
    },
  };
}

function fieldWriter(
  name: string,
  declared: Type<unknown>,
): (value: unknown) => string | undefined {
  const isOptional = declared.kind === "optional";
  const type = isOptional ? (declared as OptionalType<unknown>).inner : declared;
  const asJson = compileJsonEncoder(type);
  const isNested = ["any", "list", "map", "struct", "union"].includes(type.kind);
  return (value) => {
    if (value === undefined || value === null) {
      if (isOptional) return undefined;
      throw missing(name);
    }
    if (typeof value === "string" && !isNested) return value;
    if (value instanceof Uint8Array && !isNested) return Buffer.from(value).toString("base64");
    const isScalar = typeof value === "number" || typeof value === "bigint";
    return isScalar && !isNested ? String(value) : asJson(value);
  };
}

function missing(name: string): Error {
  return oxbowError("RECORD_NOT_WRITABLE", `A record has no ${name}, which CSV cannot express.`, {
    name,
  });
}

function escapeInClass(character: string): string {
  return /[\\\]^-]/.test(character) ? `\\${character}` : character;
}
