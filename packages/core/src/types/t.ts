/*
 * `t`: the builder of types. It checks what a program can get wrong while building (names, empty
 * enums, keys of maps) and freezes the result; encoding is `codec.ts`, keys are `key.ts`.
 *
 * Semantics of every kind: `docs/semantics/types.md`.
 */
import { oxbowError } from "../errors.ts";
import type {
  EnumType,
  Infer,
  ListType,
  MapKey,
  MapType,
  OptionalType,
  PrimitiveType,
  StructType,
  Type,
  TypeKind,
  UnionType,
} from "./type.ts";

/** Most fields of a struct, values of an enum and variants of a union. */
export const MAX_MEMBERS = 4096;
/** Deepest nesting of types; deeper ones are refused when they are built. */
export const MAX_TYPE_DEPTH = 64;

/** Fields of a struct as given to `t.struct`. */
export type Fields = Readonly<Record<string, Type<unknown>>>;

type OptionalNames<F extends Fields> = {
  [N in keyof F]: undefined extends Infer<F[N]> ? (F[N] extends AnyType ? never : N) : never;
}[keyof F];

type Flatten<X> = { [N in keyof X]: X[N] };

/** Static type of a struct: optional fields are optional properties. */
export type StructOf<F extends Fields> = Flatten<
  { [N in Exclude<keyof F, OptionalNames<F>>]: Infer<F[N]> } & {
    [N in OptionalNames<F>]?: Infer<F[N]>;
  }
>;

/** Static type of a tagged union. */
export type UnionOf<Tag extends string, V extends Readonly<Record<string, Fields>>> = {
  [N in keyof V & string]: Flatten<{ [K in Tag]: N } & StructOf<V[N]>>;
}[keyof V & string];

/** `t.any`: its static type is `unknown`; a field of it is required. */
export interface AnyType extends PrimitiveType<unknown> {
  readonly kind: "any";
}

function primitive<T>(kind: PrimitiveType<T>["kind"]): PrimitiveType<T> {
  return Object.freeze({ kind });
}

/**
 * Builder of types.
 *
 * @example
 * const Flight = t.struct({ origin: t.string, delay: t.optional(t.int32), at: t.timestamp });
 * type Flight = Infer<typeof Flight>; // { origin: string; at: number; delay?: number }
 */
export const t = Object.freeze({
  /** `boolean`. */
  bool: primitive<boolean>("bool"),
  /** A `number` that is an integer in [-2^31, 2^31). */
  int32: primitive<number>("int32"),
  /** A `number` that is an integer in the safe range, |n| ≤ 2^53 - 1. */
  int64: primitive<number>("int64"),
  /** A `bigint` in [-2^63, 2^63). */
  bigint64: primitive<bigint>("bigint64"),
  /** Any `number`, NaN, infinities and -0 included. */
  float64: primitive<number>("float64"),
  /** A point in time: a `number` of ms since the epoch, an integer in the safe range. */
  timestamp: primitive<number>("timestamp"),
  /** A `string` of UTF-16 code units, kept exactly, lone surrogates included. */
  string: primitive<string>("string"),
  /** A `Uint8Array`. */
  bytes: primitive<Uint8Array>("bytes"),
  /** Anything that may travel (`docs/semantics/records.md`). */
  any: primitive<unknown>("any") as AnyType,

  /** One of the given strings. Order is part of the encoding, not of the meaning. */
  enum<const V extends readonly [string, ...string[]]>(...values: V): EnumType<V[number]> {
    checkCount(values.length, "an enum", "values");
    if (new Set(values).size !== values.length) {
      throw invalid(`An enum has a value twice: ${values.join(", ")}.`, { values });
    }
    return Object.freeze({ kind: "enum", values: Object.freeze([...values]) });
  },

  /**
   * The type or `undefined`; as a struct field, an optional property. `null` is not `undefined`.
   */
  optional<T>(inner: Type<T>): OptionalType<T> {
    if (inner.kind === "optional") throw invalid("t.optional(t.optional(…)) has no meaning.", {});
    checkNotRenamed(inner, "inside of t.optional: write t.renamed(…, t.optional(…))");
    return checked(Object.freeze({ kind: "optional", inner }));
  },

  /** A dense array. */
  list<T>(element: Type<T>): ListType<T> {
    checkNotRenamed(element, "as an element of t.list");
    return checked(Object.freeze({ kind: "list", element }));
  },

  /** A `Map`; keys are strings, numbers, bigints, booleans or enums. Order of entries is kept. */
  map<K extends MapKey, V>(key: Type<K>, value: Type<V>): MapType<K, V> {
    if (!MAP_KEY_KINDS.has(key.kind)) {
      throw invalid(`A map cannot have keys of type ${key.kind}; ${MAP_KEY_HINT}.`, {
        kind: key.kind,
      });
    }
    checkNotRenamed(key, "as the key of t.map");
    checkNotRenamed(value, "as the value of t.map");
    return checked(Object.freeze({ kind: "map", key, value }));
  },

  /** A plain object with exactly these fields. Fields are encoded in the order given. */
  struct<const F extends Fields>(fields: F): StructType<StructOf<F>> {
    return structOf(fields) as StructType<StructOf<F>>;
  },

  /**
   * One of several structs, told apart by the string in field `tag`.
   *
   * @example
   * t.union("kind", { click: { x: t.int32 }, key: { code: t.string } });
   */
  union<const G extends string, const V extends Readonly<Record<string, Fields>>>(
    tag: G,
    variants: V,
  ): UnionType<UnionOf<G, V>> {
    const names = Object.keys(variants);
    checkCount(names.length, "a union", "variants");
    const structs: Record<string, StructType<unknown>> = {};
    for (const [name, fields] of Object.entries(variants)) {
      if (Object.hasOwn(fields, tag)) {
        throw invalid(`Variant "${name}" of a union declares its tag "${tag}" as a field.`, {
          tag,
        });
      }
      structs[name] = structOf(fields);
    }
    return checked(Object.freeze({ kind: "union", tag, variants: Object.freeze(structs) }));
  },

  /** The same type with a default: what a state holds before its first `set`. */
  withDefault<T>(type: Type<T>, value: T): Type<T> & { readonly defaultValue: T } {
    return Object.freeze({ ...type, defaultValue: value });
  },

  /**
   * A field of a struct, or of a variant, that was called otherwise: what a snapshot has under the
   * old name (of several the first that it has) is the field's. It may go when no snapshot with the
   * old name will be restored any more. Not a part of the schema.
   *
   * @example
   * t.struct({ origin: t.string, delayMinutes: t.renamed("delay", t.optional(t.int32)) });
   */
  renamed<X extends Type<unknown>>(
    oldNames: string | readonly string[],
    type: X,
  ): X & { readonly oldNames: readonly string[] } {
    const given = typeof oldNames === "string" ? [oldNames] : oldNames;
    const names = [...given, ...(type.oldNames ?? [])];
    checkCount(names.length, "t.renamed", "old names");
    if (names.some((name) => typeof name !== "string") || new Set(names).size < names.length) {
      throw invalid(`t.renamed takes names, each once, but got ${names.join(", ")}.`, { names });
    }
    return Object.freeze({ ...type, oldNames: Object.freeze(names) });
  },
});

/** Refuses `t.renamed` where it would mean nothing; `where` says where it stands. */
export function checkNotRenamed(type: Type<unknown>, where: string): void {
  if (type.oldNames === undefined) return;
  throw invalid(`t.renamed has no meaning ${where}. It stands for a field of a struct.`, {
    oldNames: type.oldNames,
  });
}

/** The type of a field as a type of its own, without the names that the field had. */
export function withoutOldNames(type: Type<unknown>): Type<unknown> {
  if (type.oldNames === undefined) return type;
  const { oldNames: _, ...rest } = type;
  return Object.freeze(rest);
}

const MAP_KEY_KINDS: ReadonlySet<TypeKind> = new Set<TypeKind>([
  "bool",
  "int32",
  "int64",
  "bigint64",
  "float64",
  "timestamp",
  "string",
  "enum",
]);
const MAP_KEY_HINT = "use a string, number, bigint, bool or enum";

function structOf(fields: Fields): StructType<unknown> {
  const names = Object.keys(fields);
  if (names.length > MAX_MEMBERS) checkCount(names.length, "a struct", "fields");
  for (const name of names) {
    if (name === "__proto__") throw invalid('A struct field cannot be named "__proto__".', {});
    const type: unknown = fields[name];
    if (typeof type !== "object" || type === null || !("kind" in type)) {
      throw invalid(`Struct field "${name}" is not a type; use t.int32, t.string, ….`, { name });
    }
  }
  checkOldNames(fields);
  const type: StructType<unknown> = { kind: "struct", fields: Object.freeze({ ...fields }) };
  return checked(Object.freeze(type));
}

/** An old name must lead to one field, whatever the snapshot has. */
function checkOldNames(fields: Fields): void {
  const claimed = new Map<string, string>();
  for (const [name, { oldNames }] of Object.entries(fields)) {
    for (const old of oldNames ?? []) {
      const other = Object.hasOwn(fields, old) ? old : claimed.get(old);
      if (other !== undefined) {
        throw invalid(
          `Struct field "${name}" was called "${old}", but "${other}" has or had that name too.`,
          { name, old },
        );
      }
      claimed.set(old, name);
    }
  }
}

function checked<X extends Type<unknown>>(type: X): X {
  if (depthOf(type) > MAX_TYPE_DEPTH) {
    throw invalid(`A type is nested deeper than ${MAX_TYPE_DEPTH} levels; use t.any inside.`, {});
  }
  return type;
}

const DEPTHS = new WeakMap<Type<unknown>, number>();

function depthOf(type: Type<unknown>): number {
  const known = DEPTHS.get(type);
  if (known !== undefined) return known;
  let deepest = 0;
  for (const child of childrenOf(type)) deepest = Math.max(deepest, depthOf(child));
  DEPTHS.set(type, deepest + 1);
  return deepest + 1;
}

/** The types that a type is made of, in order. */
export function childrenOf(type: Type<unknown>): readonly Type<unknown>[] {
  switch (type.kind) {
    case "optional":
      return [(type as OptionalType<unknown>).inner];
    case "list":
      return [(type as ListType<unknown>).element];
    case "map": {
      const map = type as MapType<MapKey, unknown>;
      return [map.key, map.value];
    }
    case "struct":
      return Object.values((type as StructType<unknown>).fields);
    case "union":
      return Object.values((type as UnionType<unknown>).variants);
    case "bool":
    case "int32":
    case "int64":
    case "bigint64":
    case "float64":
    case "timestamp":
    case "string":
    case "bytes":
    case "any":
    case "enum":
      return [];
  }
}

function checkCount(count: number, what: string, members: string): void {
  if (count === 0 || count > MAX_MEMBERS) {
    throw invalid(`${what} needs 1 to ${MAX_MEMBERS} ${members}, but has ${count}.`, { count });
  }
}

function invalid(message: string, details: Readonly<Record<string, unknown>>): Error {
  return oxbowError("INVALID_ARGUMENT", message, details);
}
