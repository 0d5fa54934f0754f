/**
 * Type<T>: a frozen description of values, for state, keys and connectors. It carries the static
 * type, drives codecs and table layouts, and has a versioned schema description (`schema.ts`) that
 * goes into snapshots.
 *
 * Semantics of the kinds: `docs/semantics/types.md`.
 */

/** Phantom carrier of the static type. */
declare const VALUE: unique symbol;

/** A description of values of static type `T`. Build it with `t`. */
export interface Type<T> {
  readonly kind: TypeKind;
  readonly [VALUE]?: T;
  /**
   * What a state of this type holds before its first `set`, and a struct field when it is left out
   * (`t.withDefault`).
   */
  readonly defaultValue?: T;
  /** Other names that a struct field of this type had, the latest first (`t.renamed`). */
  readonly oldNames?: readonly string[];
}

/** All kinds. `any` is encoded as MessagePack; the others have an encoding of their own. */
export type TypeKind =
  | "bool"
  | "int32"
  | "int64"
  | "bigint64"
  | "float64"
  | "timestamp"
  | "string"
  | "bytes"
  | "any"
  | "enum"
  | "optional"
  | "list"
  | "map"
  | "struct"
  | "union";

export interface PrimitiveType<T> extends Type<T> {
  readonly kind:
    | "bool"
    | "int32"
    | "int64"
    | "bigint64"
    | "float64"
    | "timestamp"
    | "string"
    | "bytes"
    | "any";
}
export interface EnumType<T extends string> extends Type<T> {
  readonly kind: "enum";
  readonly values: readonly T[];
}
export interface OptionalType<T> extends Type<T | undefined> {
  readonly kind: "optional";
  readonly inner: Type<T>;
}
export interface ListType<T> extends Type<readonly T[]> {
  readonly kind: "list";
  readonly element: Type<T>;
}
export interface MapType<K extends MapKey, V> extends Type<ReadonlyMap<K, V>> {
  readonly kind: "map";
  readonly key: Type<K>;
  readonly value: Type<V>;
}
export type MapKey = string | number | bigint | boolean;
export interface StructType<T> extends Type<T> {
  readonly kind: "struct";
  readonly fields: Readonly<Record<string, Type<unknown>>>;
}
/** A tagged union: `{ kind: "a", …fields of a }`; `tag` is the name of the discriminating field. */
export interface UnionType<T> extends Type<T> {
  readonly kind: "union";
  readonly tag: string;
  readonly variants: Readonly<Record<string, StructType<unknown>>>;
}

/** Static type of a `Type`. */
export type Infer<X> = X extends Type<infer T> ? T : never;
