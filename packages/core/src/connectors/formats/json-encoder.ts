/*
 * Writing JSON: the inverse of `coerce.ts`. What JSON cannot say is written as follows, with a type
 * or without: bigint as a string of digits, bytes as base64, a Map as an object or a list of pairs;
 * NaN and the infinities as strings where a float64 is declared, else they are an error.
 *
 * Nothing is dropped or changed silently: a value that has no form here throws RECORD_NOT_WRITABLE.
 * (Properties that are `undefined` are left out, as JSON has it.)
 */
import { oxbowError } from "../../errors.ts";
import type {
  ListType,
  MapType,
  OptionalType,
  StructType,
  Type,
  UnionType,
} from "../../types/type.ts";

type Convert = (value: unknown) => unknown;

/** Deepest nesting of an untyped record. */
const MAX_DEPTH = 64;

/** Makes the function from a record to its JSON text, without a line end. */
export function compileJsonEncoder(type: Type<unknown> | undefined): (record: unknown) => string {
  const convert = type === undefined ? convertUntyped : converterOf(type);
  return (record) => {
    const text = JSON.stringify(convert === undefined ? record : convert(record)) as
      | string
      | undefined;
    return text ?? notWritable("undefined", "", "a line of JSON");
  };
}

/** Undefined: the value is written as it is. */
function converterOf(type: Type<unknown>): Convert | undefined {
  switch (type.kind) {
    case "bool":
    case "int32":
    case "int64":
    case "timestamp":
    case "string":
    case "enum":
      return undefined;
    case "float64":
      return (value) => (Number.isFinite(value) ? value : String(value));
    case "bigint64":
      return String;
    case "bytes":
      return convertUntyped;
    case "any":
      return convertUntyped;
    case "optional": {
      const inner = converterOf((type as OptionalType<unknown>).inner);
      return inner && ((value) => (value === undefined ? undefined : inner(value)));
    }
    case "list": {
      const element = converterOf((type as ListType<unknown>).element);
      return element && ((value) => (value as readonly unknown[]).map((item) => element(item)));
    }
    case "map":
      return mapConverter(type as MapType<never, unknown>);
    case "struct":
      return structConverter(type as StructType<unknown>);
    case "union":
      return unionConverter(type as UnionType<unknown>);
  }
}

function mapConverter(type: MapType<never, unknown>): Convert {
  const keyOf = converterOf(type.key) ?? ((key) => key);
  const valueOf = converterOf(type.value) ?? ((value) => value);
  const isText = type.key.kind === "string" || type.key.kind === "enum";
  return (map) => {
    const entries = [...(map as ReadonlyMap<unknown, unknown>)].map(
      ([key, value]) => [keyOf(key), valueOf(value)] as const,
    );
    return isText ? Object.fromEntries(entries as (readonly [string, unknown])[]) : entries;
  };
}

function structConverter(type: StructType<unknown>): Convert {
  const fields = Object.entries(type.fields).map(
    ([name, field]) => [name, converterOf(field) ?? ((value: unknown) => value)] as const,
  );
  return (value) => {
    const record = value as Readonly<Record<string, unknown>>;
    const written: Record<string, unknown> = {};
    for (const [name, convert] of fields) written[name] = convert(record[name]);
    return written;
  };
}

function unionConverter(type: UnionType<unknown>): Convert {
  const variants = new Map(
    Object.entries(type.variants).map(([name, struct]) => [name, structConverter(struct)]),
  );
  return (value) => {
    const name = (value as Readonly<Record<string, unknown>>)[type.tag] as string;
    const convert = variants.get(name) ?? notWritable(name, type.tag, "a known variant");
    return { [type.tag]: name, ...(convert(value) as object) };
  };
}

/** The value itself where JSON can say it, else a copy that JSON can say. */
function convertUntyped(value: unknown): unknown {
  return isPlain(value, 0) ? value : plainCopy(value, "", 0);
}

function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return true;
    case "number":
      return Number.isFinite(value);
    case "object":
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth >= MAX_DEPTH) return false;
  if (Array.isArray(value)) {
    return value.every((item) => item !== undefined && isPlain(item, depth + 1));
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const name in value) {
    if (!isPlain((value as Record<string, unknown>)[name], depth + 1)) return false;
  }
  return true;
}

function plainCopy(value: unknown, path: string, depth: number): unknown {
  if (depth > MAX_DEPTH) return notWritable("a value", path, `nesting of at most ${MAX_DEPTH}`);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) {
    if (isPlain(value, 0)) return value;
    return notWritable(String(value), path, "a value that JSON can say");
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) => {
      if (item === undefined) return notWritable("undefined", `${path}[${index}]`, "a value");
      return plainCopy(item, `${path}[${index}]`, depth + 1);
    });
  }
  if (value instanceof Map) return plainMap(value, path, depth);
  if (value instanceof Date) return value.toISOString();
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    return notWritable(`a ${value.constructor.name}`, path, "plain data");
  }
  const copy: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    copy[name] = plainCopy(field, path === "" ? name : `${path}.${name}`, depth + 1);
  }
  return copy;
}

function plainMap(map: ReadonlyMap<unknown, unknown>, path: string, depth: number): unknown {
  const entries = [...map].map(
    ([key, value], index) =>
      [
        plainCopy(key, `${path}[${index}]`, depth + 1),
        plainCopy(value, `${path}[${index}]`, depth + 1),
      ] as const,
  );
  const isText = [...map.keys()].every((key) => typeof key === "string");
  return isText ? Object.fromEntries(entries as (readonly [string, unknown])[]) : entries;
}

function notWritable(value: string, path: string, wanted: string): never {
  const where = path === "" ? "A record" : `Field ${path} of a record`;
  throw oxbowError(
    "RECORD_NOT_WRITABLE",
    `${where} cannot be written as JSON: expected ${wanted}, found ${value}.`,
    { path, value },
  );
}
