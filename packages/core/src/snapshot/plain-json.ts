/*
 * Plain data as JSON that a person can read, without loss: what connectors and operators put into
 * snapshots may hold bytes, bigints and numbers that JSON has no text for.
 *
 * Allowed: null, undefined, booleans, numbers, bigints, strings (lone surrogates too), Uint8Array,
 * arrays and plain objects of these. Anything else is refused with the path to it.
 * Encoding: docs/formats/metadata.md, "Values".
 *
 * I1. `fromPlainJson(JSON.parse(JSON.stringify(toPlainJson(x))))` is deeply equal to x.
 */
import { oxbowError } from "../errors.ts";

/** Deepest nesting of values; more is a cycle or a mistake. */
export const DEPTH_LIMIT = 256;

/** The JSON form of a value. Throws INVALID_ARGUMENT with the path where it is not plain data. */
export function toPlainJson(value: unknown, path = "value"): unknown {
  return encode(value, path, 0);
}

/** The value of a JSON form; throws INVALID_ARGUMENT where a tag is not one that we write. */
export function fromPlainJson(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(fromPlainJson);
  if (typeof json !== "object" || json === null) return json;
  const entries = Object.entries(json);
  const [first] = entries;
  if (first !== undefined && first[0].startsWith("$") && !first[0].startsWith("$$")) {
    return untag(first[0], first[1], entries.length);
  }
  const record: Record<string, unknown> = {};
  for (const [key, member] of entries) {
    set(record, key.startsWith("$$") ? key.slice(1) : key, fromPlainJson(member));
  }
  return record;
}

function encode(value: unknown, path: string, depth: number): unknown {
  if (depth > DEPTH_LIMIT) throw refused(path, `nested deeper than ${DEPTH_LIMIT}`);
  switch (typeof value) {
    case "undefined":
      return { $undefined: true };
    case "boolean":
    case "string":
      return value;
    case "number":
      if (Object.is(value, -0)) return { $number: "-0" };
      return Number.isFinite(value) ? value : { $number: String(value) };
    case "bigint":
      return { $bigint: value.toString() };
    case "object":
      return value === null ? null : encodeObject(value, path, depth);
    case "symbol":
    case "function":
      throw refused(path, `a ${typeof value}`);
  }
}

function encodeObject(value: object, path: string, depth: number): unknown {
  if (value instanceof Uint8Array) return { $bytes: encodeBase64(value) };
  if (Array.isArray(value)) {
    return Array.from(value, (member, i) => encode(member, `${path}[${i}]`, depth + 1));
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw refused(path, `an instance of ${value.constructor.name}`);
  }
  const record: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    set(record, key.startsWith("$") ? `$${key}` : key, encode(member, `${path}.${key}`, depth + 1));
  }
  return record;
}

function untag(tag: string, value: unknown, count: number): unknown {
  if (count === 1) {
    if (tag === "$undefined" && value === true) return undefined;
    if (tag === "$bytes" && typeof value === "string") return decodeBase64(value);
    if (tag === "$bigint" && typeof value === "string" && /^-?\d+$/.test(value))
      return BigInt(value);
    if (tag === "$number" && typeof value === "string" && NUMBERS.has(value)) return Number(value);
  }
  throw refused(tag, "an unknown tag");
}

const NUMBERS = new Set(["-0", "NaN", "Infinity", "-Infinity"]);

function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function decodeBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

/** Assignment to `__proto__` would set the prototype. */
function set(record: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== "__proto__") record[key] = value;
  else
    Object.defineProperty(record, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
}

function refused(path: string, what: string): Error {
  const allowed = "null, booleans, numbers, bigints, strings, Uint8Array, arrays, plain objects";
  const message = `${path} cannot go into a snapshot: it is ${what}. Use plain data (${allowed}).`;
  return oxbowError("INVALID_ARGUMENT", message, { path });
}
