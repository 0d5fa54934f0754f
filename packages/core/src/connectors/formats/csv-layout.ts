/*
 * CsvLayout: the checked settings of a CSV format.
 */
import { oxbowError } from "../../errors.ts";
import { t } from "../../types/t.ts";
import { checkOptions } from "../check-options.ts";
import type { StructType, Type } from "../../types/type.ts";

/** Settings of `csv`. */
export interface CsvOptions<T> {
  /** A struct: names and types of the columns. Without it all values are strings. */
  readonly type?: Type<T>;
  /** Names in order; needed where there is neither a type nor a header to read, or to write. */
  readonly columns?: readonly string[];
  /** Whether the first record of a file names the columns; default true. */
  readonly header?: boolean;
  /** One ASCII character between fields; default `,`. */
  readonly delimiter?: string;
  /** One ASCII character around fields; default `"`. */
  readonly quote?: string;
  /**
   * Whether files may be read from the middle, which needs every line feed to end a record; default
   * true. Set it to false where quoted fields contain line feeds.
   */
  readonly splittable?: boolean;
}

/** See the file header. Characters are codes. */
export interface CsvLayout {
  readonly delimiter: number;
  readonly quote: number;
  readonly hasHeader: boolean;
  readonly quotedNewlines: boolean;
  /** Undefined: the header says. */
  readonly names: readonly string[] | undefined;
  readonly typeOf: (name: string) => Type<unknown>;
}

const OPTIONS: readonly (keyof CsvOptions<unknown>)[] = [
  "type",
  "columns",
  "header",
  "delimiter",
  "quote",
  "splittable",
];

/** Checks the settings; CONNECTOR_INVALID. */
export function csvLayout(options: CsvOptions<unknown>): CsvLayout {
  checkOptions("Format csv", options, OPTIONS);
  const { type } = options;
  if (type !== undefined && type.kind !== "struct") {
    throw invalid(`type must be a t.struct, but is a ${type.kind}`);
  }
  const struct = type as StructType<unknown> | undefined;
  const { columns } = options;
  if (columns !== undefined && (columns.length === 0 || new Set(columns).size < columns.length)) {
    throw invalid(`columns must be different names, but are ${JSON.stringify(columns)}`);
  }
  const fields = struct?.fields;
  const unknownName = columns?.find((name) => fields !== undefined && !Object.hasOwn(fields, name));
  if (unknownName !== undefined) throw invalid(`column ${unknownName} is no field of the type`);
  const names = columns ?? (fields === undefined ? undefined : Object.keys(fields));
  const hasHeader = options.header ?? true;
  if (!hasHeader && names === undefined) throw invalid("without a header, give type or columns");
  const delimiter = codeOf("delimiter", options.delimiter ?? ",");
  const quote = codeOf("quote", options.quote ?? '"');
  if (delimiter === quote) throw invalid("delimiter and quote are the same character");
  return {
    delimiter,
    quote,
    hasHeader,
    quotedNewlines: options.splittable === false,
    names,
    typeOf: (name) => fields?.[name] ?? t.string,
  };
}

function codeOf(setting: string, text: string): number {
  const code = text.charCodeAt(0);
  if (text.length !== 1 || code >= 128 || code === 10 || code === 13) {
    throw invalid(`${setting} must be one ASCII character, but is ${JSON.stringify(text)}`);
  }
  return code;
}

function invalid(reason: string): Error {
  return oxbowError("CONNECTOR_INVALID", `Format csv: ${reason}.`, { format: "csv" });
}
