/*
 * Schema: a type as plain JSON with a version, as it goes into snapshots, and back.
 *
 * Defaults are not part of it: a default belongs to the program that reads, not to the data. Fields
 * are a list, since their order is the order of the encoding. Semantics: `docs/semantics/types.md`.
 */
import { errorCode, oxbowError } from "../errors.ts";
import { t } from "./t.ts";
import type {
  EnumType,
  ListType,
  MapKey,
  MapType,
  OptionalType,
  StructType,
  Type,
  UnionType,
} from "./type.ts";

/** Version that this code writes. */
export const SCHEMA_VERSION = 1;

/** A type as plain JSON. */
export interface SchemaDescription {
  readonly version: typeof SCHEMA_VERSION;
  readonly type: TypeDescription;
}

/** A field of a struct. */
export interface FieldDescription {
  readonly name: string;
  readonly type: TypeDescription;
}

/** One node of a schema. */
export type TypeDescription =
  | { readonly kind: PrimitiveKind }
  | { readonly kind: "enum"; readonly values: readonly string[] }
  | { readonly kind: "optional"; readonly inner: TypeDescription }
  | { readonly kind: "list"; readonly element: TypeDescription }
  | { readonly kind: "map"; readonly key: TypeDescription; readonly value: TypeDescription }
  | { readonly kind: "struct"; readonly fields: readonly FieldDescription[] }
  | {
      readonly kind: "union";
      readonly tag: string;
      readonly variants: readonly VariantDescription[];
    };

/** A variant of a union. */
export interface VariantDescription {
  readonly name: string;
  readonly fields: readonly FieldDescription[];
}

const PRIMITIVES = {
  bool: t.bool,
  int32: t.int32,
  int64: t.int64,
  bigint64: t.bigint64,
  float64: t.float64,
  timestamp: t.timestamp,
  string: t.string,
  bytes: t.bytes,
  any: t.any,
} as const;
type PrimitiveKind = keyof typeof PRIMITIVES;

/** The schema of a type; plain JSON. */
export function schemaOf(type: Type<unknown>): SchemaDescription {
  return { version: SCHEMA_VERSION, type: describe(type) };
}

function describe(type: Type<unknown>): TypeDescription {
  switch (type.kind) {
    case "enum":
      return { kind: "enum", values: (type as EnumType<string>).values };
    case "optional":
      return { kind: "optional", inner: describe((type as OptionalType<unknown>).inner) };
    case "list":
      return { kind: "list", element: describe((type as ListType<unknown>).element) };
    case "map": {
      const { key, value } = type as MapType<MapKey, unknown>;
      return { kind: "map", key: describe(key), value: describe(value) };
    }
    case "struct":
      return { kind: "struct", fields: describeFields(type as StructType<unknown>) };
    case "union": {
      const { tag, variants } = type as UnionType<unknown>;
      return {
        kind: "union",
        tag,
        variants: Object.entries(variants).map(([name, struct]) => ({
          name,
          fields: describeFields(struct),
        })),
      };
    }
    case "bool":
    case "int32":
    case "int64":
    case "bigint64":
    case "float64":
    case "timestamp":
    case "string":
    case "bytes":
    case "any":
      return { kind: type.kind };
  }
}

function describeFields(struct: StructType<unknown>): FieldDescription[] {
  return Object.entries(struct.fields).map(([name, type]) => ({ name, type: describe(type) }));
}

/** The type of a schema; SCHEMA_UNREADABLE for anything that `schemaOf` did not make. */
export function typeOfSchema(schema: unknown): Type<unknown> {
  const { version, type } = record(schema, "schema");
  if (version !== SCHEMA_VERSION) {
    throw unreadable("schema", `its version is ${String(version)}, known is ${SCHEMA_VERSION}`);
  }
  try {
    return build(type, "type");
  } catch (error) {
    if (error instanceof RangeError) throw unreadable("type", "it is nested too deeply");
    if (errorCode(error) !== "INVALID_ARGUMENT") throw error;
    // What the builder refuses, `schemaOf` never wrote.
    throw unreadable("type", (error as Error).message.replace(/\.$/, ""));
  }
}

function build(from: unknown, path: string): Type<unknown> {
  const node = record(from, path);
  const { kind } = node;
  if (typeof kind !== "string") throw unreadable(path, "it has no kind");
  if (Object.hasOwn(PRIMITIVES, kind)) return PRIMITIVES[kind as PrimitiveKind];
  switch (kind) {
    case "enum":
      return t.enum(...(list(node.values, `${path}.values`).map(String) as [string, ...string[]]));
    case "optional":
      return t.optional(build(node.inner, `${path}.inner`));
    case "list":
      return t.list(build(node.element, `${path}.element`));
    case "map":
      return t.map(
        build(node.key, `${path}.key`) as Type<MapKey>,
        build(node.value, `${path}.value`),
      );
    case "struct":
      return t.struct(buildFields(node.fields, `${path}.fields`));
    case "union": {
      const variants: Record<string, Record<string, Type<unknown>>> = {};
      for (const item of list(node.variants, `${path}.variants`)) {
        const { name, fields } = record(item, `${path}.variants`);
        variants[String(name)] = buildFields(fields, `${path}.${String(name)}`);
      }
      return t.union(String(node.tag), variants);
    }
    default:
      throw unreadable(path, `its kind "${kind}" is not known`);
  }
}

function buildFields(from: unknown, path: string): Record<string, Type<unknown>> {
  const fields: Record<string, Type<unknown>> = {};
  for (const item of list(from, path)) {
    const { name, type } = record(item, path);
    if (typeof name !== "string" || name === "__proto__" || Object.hasOwn(fields, name)) {
      throw unreadable(path, "a field has no name of its own");
    }
    fields[name] = build(type, `${path}.${name}`);
  }
  return fields;
}

function record(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw unreadable(path, "it is not an object");
}

function list(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw unreadable(path, "it is not a list");
}

function unreadable(path: string, reason: string): Error {
  return oxbowError(
    "SCHEMA_UNREADABLE",
    `A schema cannot be read at ${path}: ${reason}. ` +
      "It was written by a newer version of Oxbow, or the snapshot is damaged.",
    { path, reason },
  );
}

/** Whether two schemas describe the same encoding of the same values. Field order counts. */
export function schemasEqual(a: SchemaDescription, b: SchemaDescription): boolean {
  return canonical(a) === canonical(b);
}

/** One text per schema: equal schemas, equal texts. */
export function schemaKey(type: Type<unknown>): string {
  return canonical(schemaOf(type));
}

function canonical(schema: SchemaDescription): string {
  return JSON.stringify(schemaOf(typeOfSchema(schema)));
}

/** A schema for people: `struct{origin: string, delay?: int32}`. */
export function renderSchema(schema: unknown): string {
  return renderType(typeOfSchema(schema));
}

/** A type for people; see `renderSchema`. */
export function renderType(type: Type<unknown>): string {
  switch (type.kind) {
    case "enum":
      return `enum(${(type as EnumType<string>).values.map((v) => JSON.stringify(v)).join(" | ")})`;
    case "optional":
      return `${renderType((type as OptionalType<unknown>).inner)}?`;
    case "list":
      return `list<${renderType((type as ListType<unknown>).element)}>`;
    case "map": {
      const { key, value } = type as MapType<MapKey, unknown>;
      return `map<${renderType(key)}, ${renderType(value)}>`;
    }
    case "struct":
      return `struct${renderFields(type as StructType<unknown>)}`;
    case "union": {
      const { tag, variants } = type as UnionType<unknown>;
      const parts = Object.entries(variants).map(([name, v]) => `${name}${renderFields(v)}`);
      return `union(${tag}: ${parts.join(" | ")})`;
    }
    case "bool":
    case "int32":
    case "int64":
    case "bigint64":
    case "float64":
    case "timestamp":
    case "string":
    case "bytes":
    case "any":
      return type.kind;
  }
}

function renderFields(struct: StructType<unknown>): string {
  const parts = Object.entries(struct.fields).map(([name, type]) =>
    type.kind === "optional"
      ? `${name}?: ${renderType((type as OptionalType<unknown>).inner)}`
      : `${name}: ${renderType(type)}`,
  );
  return `{${parts.join(", ")}}`;
}
