/*
 * Arbitrary types, values of a type, and values of any kind that may travel; for property tests.
 */
import fc from "fast-check";
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

/** Strings of any UTF-16 code units: Latin-1, wide, lone surrogates. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
    .map((units) => String.fromCharCode(...units)),
  fc.constantFrom("", "\ud800", "\udc00\ud800", "\u0000", "é", "x".repeat(300), "界".repeat(100)),
);

/** Numbers, with the special ones. */
export const anyNumber: fc.Arbitrary<number> = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.maxSafeInteger(),
  fc.constantFrom(
    0,
    -0,
    NaN,
    Infinity,
    -Infinity,
    2 ** 31,
    -(2 ** 31),
    2 ** 53,
    127,
    128,
    -32,
    -33,
  ),
);

/** Bigints of up to 200 bits. */
export const anyBigint: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
);

const fieldName = fc.oneof(
  fc.constantFrom("a", "b", "c", "odd name", "constructor", "toString", "1", "ü", ""),
  fc.string({ minLength: 1, maxLength: 5 }).filter((name) => name !== "__proto__"),
);

/** Values of every kind in docs/semantics/records.md. */
export const anyValue: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    fc.oneof(
      fc.constantFrom(null, undefined, true, false),
      anyNumber,
      anyText,
      anyBigint,
      fc.date({ noInvalidDate: false }),
      fc.uint8Array({ maxLength: 10 }),
      fc.uint8Array({ maxLength: 10 }).map((bytes) => Buffer.from(bytes)),
      fc.uint8Array({ maxLength: 10 }).map((bytes) => new Uint8Array(bytes).buffer),
      fc.float64Array({ maxLength: 4 }),
      fc.int16Array({ maxLength: 4 }),
      fc.bigInt64Array({ maxLength: 4 }),
    ),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(fieldName, tie("value"), { maxKeys: 5, noNullPrototype: false }),
    fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 4 }).map((e) => new Map(e)),
    fc.array(tie("value"), { maxLength: 4 }).map((values) => new Set(values)),
  ),
})).value;

const primitives: fc.Arbitrary<Type<unknown>> = fc.constantFrom<Type<unknown>>(
  t.bool,
  t.int32,
  t.int64,
  t.bigint64,
  t.float64,
  t.timestamp,
  t.string,
  t.bytes,
  t.any,
  t.enum("red", "green", "blue"),
);

/** Types of every kind, nested. */
export const anyType: fc.Arbitrary<Type<unknown>> = typesFrom(primitives, true);

/** Types that may be keys. */
export const anyKeyType: fc.Arbitrary<Type<unknown>> = typesFrom(
  primitives.filter((type) => type.kind !== "any"),
  false,
);

function typesFrom(leaf: fc.Arbitrary<Type<unknown>>, all: boolean): fc.Arbitrary<Type<unknown>> {
  return fc.letrec<{ type: Type<unknown> }>((tie) => {
    const field = fc.oneof(
      tie("type"),
      tie("type").map((type) => (type.kind === "optional" ? type : t.optional(type))),
    );
    const fields = fc.dictionary(fieldName, field, { maxKeys: 10, noNullPrototype: true });
    const nested: fc.Arbitrary<Type<unknown>>[] = [
      tie("type").map((type) => t.list(type)),
      fields.map((given) => t.struct({ ...given })),
    ];
    if (all) {
      nested.push(
        tie("type").map((type) => t.map(t.string, type)),
        tie("type").map((type) => t.map(t.int64, type)),
        fc.tuple(fields, fields).map(([x, y]) => {
          const { tag: _x, ...first } = x;
          const { tag: _y, ...second } = y;
          return t.union("tag", { first, second });
        }),
      );
    }
    return { type: fc.oneof({ maxDepth: 3, depthSize: "small" }, leaf, ...nested) };
  }).type;
}

/** Values of a type. Structs have all fields, in order; integers are not -0. */
export function valueOf(type: Type<unknown>): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case "bool":
      return fc.boolean();
    case "int32":
      return fc.integer();
    case "int64":
    case "timestamp":
      return fc.maxSafeInteger().map((value) => value + 0);
    case "bigint64":
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case "float64":
      return anyNumber;
    case "string":
      return anyText;
    case "bytes":
      return fc.uint8Array({ maxLength: 20 });
    case "any":
      return anyValue;
    case "enum":
      return fc.constantFrom(...(type as EnumType<string>).values);
    case "optional":
      return fc.option(valueOf((type as OptionalType<unknown>).inner), { nil: undefined });
    case "list":
      return fc.array(valueOf((type as ListType<unknown>).element), { maxLength: 5 });
    case "map": {
      const { key, value } = type as MapType<MapKey, unknown>;
      return fc
        .array(fc.tuple(valueOf(key), valueOf(value)), { maxLength: 4 })
        .map((entries) => new Map(entries));
    }
    case "struct":
      return recordOf((type as StructType<unknown>).fields);
    case "union": {
      const { tag, variants } = type as UnionType<unknown>;
      const each = Object.entries(variants).map(([name, struct]) =>
        recordOf(struct.fields).map((record) => ({ [tag]: name, ...record })),
      );
      return fc.oneof(...each);
    }
  }
}

function recordOf(fields: Readonly<Record<string, Type<unknown>>>): fc.Arbitrary<object> {
  const entries = Object.entries(fields);
  return fc
    .tuple(...entries.map(([, type]) => valueOf(type)))
    .map((values) => Object.fromEntries(entries.map(([name], index) => [name, values[index]])));
}
