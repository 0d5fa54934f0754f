/*
 * Coercion: from what JSON can say to values of a declared type. Files come from other programs, so
 * there is some tolerance, each piece of it written down in docs/connectors.md; everything else is
 * an error that names the field and the reason.
 *
 * I1. The result has exactly the declared fields, in the declared order, missing optional ones as
 *     undefined, so that all records of a source have one hidden class.
 */
import type {
  EnumType,
  ListType,
  MapType,
  OptionalType,
  StructType,
  Type,
  UnionType,
} from "../../types/type.ts";
import { parseIsoTime } from "./iso-time.ts";

/** Turns a JSON value into a value of the type; throws `CoercionError`. */
export type Coerce = (value: unknown) => unknown;

/** Why a value does not fit. `path` is the field, `a.b[2]`; empty for the record itself. */
export class CoercionError extends Error {
  readonly path: string;
  readonly reason: string;

  constructor(path: string, reason: string) {
    super(path === "" ? reason : `field ${path}: ${reason}`);
    this.path = path;
    this.reason = reason;
  }
}

/** Makes the coercion of a type. */
export function compileCoercion(type: Type<unknown>): Coerce {
  switch (type.kind) {
    case "bool":
      return (value) => (typeof value === "boolean" ? value : fail(value, "true or false"));
    case "int32":
      // The zero of "-0" becomes a plain one.
      return (value) => {
        const int = (value as number) | 0;
        return value === int ? int : fail(value, "an int32");
      };
    case "int64":
      return coerceInt64;
    case "bigint64":
      return coerceBigint64;
    case "float64":
      return coerceFloat64;
    case "timestamp":
      return coerceTimestamp;
    case "string":
      return (value) => (typeof value === "string" ? value : fail(value, "a string"));
    case "bytes":
      return coerceBytes;
    case "any":
      return (value) => value;
    case "enum":
      return enumCoercion(type as EnumType<string>);
    case "optional":
      return optionalCoercion(type as OptionalType<unknown>);
    case "list":
      return listCoercion(type as ListType<unknown>);
    case "map":
      return mapCoercion(type as MapType<never, unknown>);
    case "struct":
      return structCoercion(type as StructType<unknown>);
    case "union":
      return unionCoercion(type as UnionType<unknown>);
  }
}

function fail(value: unknown, wanted: string): never {
  throw new CoercionError("", `expected ${wanted}, found ${shown(value)}`);
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = typeof value === "bigint" ? `${value}n` : JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`;
}

const DECIMAL_INTEGER = /^-?\d{1,20}$/;

function coerceInt64(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value + 0;
  // JavaScript and Java programs write large integers as strings.
  if (typeof value === "string" && DECIMAL_INTEGER.test(value)) {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number + 0;
  }
  return fail(value, "an integer in the safe range");
}

function coerceBigint64(value: unknown): bigint {
  const isText = typeof value === "string" && DECIMAL_INTEGER.test(value);
  if (isText || (typeof value === "number" && Number.isSafeInteger(value))) {
    const big = BigInt(value);
    if (BigInt.asIntN(64, big) === big) return big;
  }
  return fail(value, "an integer of 64 bits");
}

function coerceFloat64(value: unknown): number {
  if (typeof value === "number") return value;
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
  return fail(value, "a number");
}

function coerceTimestamp(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value + 0;
  const time = typeof value === "string" ? parseIsoTime(value) : undefined;
  return time ?? fail(value, "a time (ISO 8601, or an integer of ms)");
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

function coerceBytes(value: unknown): Uint8Array {
  if (typeof value === "string" && value.length % 4 === 0 && BASE64.test(value)) {
    return new Uint8Array(Buffer.from(value, "base64"));
  }
  return fail(value, "bytes in base64");
}

function enumCoercion(type: EnumType<string>): Coerce {
  const values = new Set(type.values);
  const wanted = `one of ${type.values.slice(0, 10).join(", ")}`;
  return (value) => (values.has(value as string) ? value : fail(value, wanted));
}

function optionalCoercion(type: OptionalType<unknown>): Coerce {
  const inner = compileCoercion(type.inner);
  return (value) => (value === undefined || value === null ? undefined : inner(value));
}

function listCoercion(type: ListType<unknown>): Coerce {
  const element = compileCoercion(type.element);
  return (value) => {
    if (!Array.isArray(value)) return fail(value, "a list");
    return value.map((item: unknown, index) => at(`[${index}]`, () => element(item)));
  };
}

function mapCoercion(type: MapType<never, unknown>): Coerce {
  const keyOf = compileCoercion(type.key);
  const valueOf = compileCoercion(type.value);
  const isText = type.key.kind === "string" || type.key.kind === "enum";
  return (value) => {
    const entries = isText && isObject(value) ? Object.entries(value) : value;
    if (!Array.isArray(entries)) return fail(value, isText ? "an object" : "a list of pairs");
    const map = new Map<unknown, unknown>();
    for (const [index, pair] of entries.entries()) {
      if (!Array.isArray(pair) || pair.length !== 2) return fail(pair, "a pair of key and value");
      const key = at(`[${index}]`, () => keyOf(pair[0]));
      map.set(
        key,
        at(`[${JSON.stringify(pair[0])}]`, () => valueOf(pair[1])),
      );
    }
    return map;
  };
}

function structCoercion(type: StructType<unknown>): Coerce {
  const names = Object.keys(type.fields);
  const fields = names.map((name) => compileCoercion(type.fields[name]));
  const wanted = `an object with ${names.slice(0, 10).join(", ")}`;
  // One literal per type keeps the records of a source in one hidden class.
  const literal = names.map(
    (name, index) => `[${JSON.stringify(name)}]: ${fieldSource(name, index)}`,
  );
  const body = `"use strict";
return (value) => {
  let field = 0;
  try { return {${literal.join(", ")}}; } catch (error) { throw located(error, names[field]); }
};`;
  const compiled = new Function("fields", "names", "located", body) as (
    given: readonly Coerce[],
    fieldNames: readonly string[],
    locate: typeof located,
  ) => Coerce;
  const build = compiled(fields, names, located);
  return (value) => (isObject(value) ? build(value) : fail(value, wanted));
}

function fieldSource(name: string, index: number): string {
  const quoted = JSON.stringify(name);
  // JSON.parse makes own properties only; "__proto__" and "toString" must not be found above.
  const read =
    name in {}
      ? `(Object.hasOwn(value, ${quoted}) ? value[${quoted}] : undefined)`
      : `value[${quoted}]`;
  return `(field = ${index}, fields[${index}](${read}))`;
}

function unionCoercion(type: UnionType<unknown>): Coerce {
  const { tag } = type;
  const variants = new Map(
    Object.entries(type.variants).map(([name, fields]) => [name, compileCoercion(fields)]),
  );
  const wanted = `one of ${[...variants.keys()].slice(0, 10).join(", ")}`;
  return (value) => {
    if (!isObject(value)) return fail(value, `an object with ${tag}`);
    const name = value[tag];
    const variant = variants.get(name as string);
    if (variant === undefined) return at(tag, () => fail(name, wanted));
    return { [tag]: name, ...(variant(value) as object) };
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function at<R>(path: string, read: () => R): R {
  try {
    return read();
  } catch (error) {
    throw located(error, path);
  }
}

function located(error: unknown, path: string): unknown {
  if (!(error instanceof CoercionError)) return error;
  const separator = error.path === "" || error.path.startsWith("[") ? "" : ".";
  return new CoercionError(`${path}${separator}${error.path}`, error.reason);
}
