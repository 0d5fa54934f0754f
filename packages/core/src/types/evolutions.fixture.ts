/*
 * Types that were changed, for property tests: a type with a later form of it and what becomes of
 * each value, and a type with a form that it cannot become and where.
 */
import fc from "fast-check";
import { valueOf } from "./arbitraries.fixture.ts";
import { t } from "./t.ts";
import { fieldPath } from "./transferable.ts";
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

/** A later form of a type. */
export interface Evolved {
  readonly declared: Type<unknown>;
  /** What becomes of a value. */
  readonly model: (value: unknown) => unknown;
}

const asIs = (value: unknown): unknown => value;
const toBigint = (value: unknown): unknown => BigInt(value as number);

/** Later forms of a type. */
export function evolvedFrom(stored: Type<unknown>): fc.Arbitrary<Evolved> {
  if (stored.kind === "optional") {
    const inner = evolvedFrom((stored as OptionalType<unknown>).inner);
    return fc.oneof(inner.map(nowOptional), inner.chain(nowDefault));
  }
  return fc.oneof({ weight: 4, arbitrary: sameForm(stored) }, sameForm(stored).map(nowOptional));
}

function nowOptional({ declared, model }: Evolved): Evolved {
  if (declared.kind === "optional") return { declared, model: whereThere(model) };
  return { declared: t.optional(declared), model: whereThere(model) };
}

function whereThere(model: Evolved["model"]): Evolved["model"] {
  return (value) => (value === undefined ? undefined : model(value));
}

function nowDefault({ declared, model }: Evolved): fc.Arbitrary<Evolved> {
  if (declared.kind === "optional") return fc.constant({ declared, model: whereThere(model) });
  return valueOf(declared).map((start) => ({
    declared: t.withDefault(declared, start),
    model: (value) => (value === undefined ? start : model(value)),
  }));
}

function sameForm(stored: Type<unknown>): fc.Arbitrary<Evolved> {
  const same = { declared: stored, model: asIs };
  switch (stored.kind) {
    case "int32":
      return fc.constantFrom(
        same,
        { declared: t.int64, model: asIs },
        { declared: t.float64, model: asIs },
        { declared: t.timestamp, model: asIs },
        { declared: t.bigint64, model: toBigint },
      );
    case "int64":
    case "timestamp":
      return fc.constantFrom(
        same,
        { declared: stored.kind === "int64" ? t.timestamp : t.int64, model: asIs },
        { declared: t.float64, model: asIs },
        { declared: t.bigint64, model: toBigint },
      );
    case "enum": {
      const values = [...(stored as EnumType<string>).values, "new value"];
      return fc
        .shuffledSubarray(values, { minLength: values.length })
        .map((shuffled) => ({ declared: t.enum(...(shuffled as [string])), model: asIs }));
    }
    case "list":
      return evolvedFrom((stored as ListType<unknown>).element).map(({ declared, model }) => ({
        declared: t.list(declared),
        model: (list) => (list as readonly unknown[]).map(model),
      }));
    case "map": {
      const { key, value } = stored as MapType<MapKey, unknown>;
      return evolvedFrom(value).map(({ declared, model }) => ({
        declared: t.map(key, declared),
        model: (map) => new Map([...(map as Map<MapKey, unknown>)].map(([k, v]) => [k, model(v)])),
      }));
    }
    case "struct":
      return evolvedFields(stored as StructType<unknown>).map(({ fields, build }) => ({
        declared: t.struct(fields),
        model: (value) => build(value as Record<string, unknown>, {}),
      }));
    case "union":
      return evolvedUnion(stored as UnionType<unknown>);
    default:
      return fc.constant(same);
  }
}

interface EvolvedFields {
  readonly fields: Record<string, Type<unknown>>;
  readonly build: (value: Record<string, unknown>, into: Record<string, unknown>) => unknown;
}

interface EvolvedField {
  readonly name: string;
  readonly type: Type<unknown>;
  readonly from: string | undefined;
  readonly model: (value: unknown) => unknown;
}

/** Fields that a struct may gain, with what they begin with. */
const GAINED: readonly (readonly [type: Type<unknown>, start: unknown])[] = [
  [t.withDefault(t.int32, 7), 7],
  [t.optional(t.string), undefined],
  [t.string, ""],
  [t.bigint64, 0n],
  [t.enum("first", "second"), "first"],
  [t.list(t.any), []],
  [t.map(t.string, t.bool), new Map()],
  [t.struct({ n: t.withDefault(t.int64, 3), o: t.optional(t.bool) }), { n: 3, o: undefined }],
  [t.withDefault(t.union("k", { a: { x: t.int32 } }), { k: "a", x: 1 }), { k: "a", x: 1 }],
];

function evolvedFields(struct: StructType<unknown>): fc.Arbitrary<EvolvedFields> {
  const kept = Object.entries(struct.fields).map(([name, type], index) =>
    fc
      .tuple(evolvedFrom(type), fc.constantFrom("kept", "kept", "kept", "renamed", "lost"))
      .map(([{ declared, model }, fate]): EvolvedField[] => {
        if (fate === "lost") return [];
        if (fate === "kept") return [{ name, type: declared, from: name, model }];
        const renamed = t.renamed([`never there ${index}`, name], declared);
        return [{ name: `renamed ${index}`, type: renamed, from: name, model }];
      }),
  );
  const gained = fc.subarray([...GAINED], { maxLength: 2 }).map((chosen) =>
    chosen.map(([type, start], index): EvolvedField => {
      return { name: `gained ${index}`, type, from: undefined, model: () => start };
    }),
  );
  return fc.tuple(gained, ...kept).chain((parts) => {
    const all = parts.flat();
    return fc.shuffledSubarray(all, { minLength: all.length }).map((fields) => ({
      fields: Object.fromEntries(fields.map(({ name, type }) => [name, type])),
      build(value, into) {
        for (const { name, from, model } of fields) {
          into[name] = model(from === undefined ? undefined : value[from]);
        }
        return into;
      },
    }));
  });
}

function evolvedUnion({ tag, variants }: UnionType<unknown>): fc.Arbitrary<Evolved> {
  const each = Object.entries(variants).map(([name, struct]) =>
    evolvedFields(struct).map((evolved) => [name, evolved] as const),
  );
  return fc.tuple(...each).map((entries) => {
    const now = Object.fromEntries(entries);
    const fields = Object.fromEntries(entries.toReversed().map(([n, f]) => [n, f.fields]));
    return {
      declared: t.union(tag, { added: { x: t.int32 }, ...fields }),
      model(value) {
        const stored = value as Record<string, unknown>;
        const name = stored[tag] as string;
        return now[name].build(stored, { [tag]: name });
      },
    };
  });
}

/** A type that stored values cannot become. */
export interface Broken {
  readonly declared: Type<unknown>;
  /** Path of the place inside of a value at `base`. */
  readonly path: (base: string) => string;
  /** The stored type there. */
  readonly at: Type<unknown>;
}

/** Types that differ at one place, in a way that no rule allows. */
export function brokenFrom(stored: Type<unknown>): fc.Arbitrary<Broken> {
  const other = stored.kind === "string" ? t.bool : t.string;
  const here: Broken = { declared: other, path: (base) => base, at: stored };
  const inside = brokenInside(stored);
  return inside.length === 0 ? fc.constant(here) : fc.oneof(fc.constant(here), ...inside);
}

function brokenInside(stored: Type<unknown>): fc.Arbitrary<Broken>[] {
  const wrap = (
    child: Type<unknown>,
    build: (declared: Type<unknown>) => Type<unknown>,
    step: (base: string) => string,
  ): fc.Arbitrary<Broken> =>
    brokenFrom(child).map(({ declared, path, at }) => ({
      declared: build(declared),
      path: (base) => path(step(base)),
      at,
    }));
  switch (stored.kind) {
    case "enum": {
      const { values } = stored as EnumType<string>;
      const less = t.enum(...(values.slice(1) as [string]));
      return [fc.constant({ declared: less, path: (base) => base, at: stored })];
    }
    case "optional": {
      const { inner } = stored as OptionalType<unknown>;
      return [wrap(inner, (declared) => t.optional(declared), asSame)];
    }
    case "list": {
      const { element } = stored as ListType<unknown>;
      return [
        wrap(
          element,
          (declared) => t.list(declared),
          (base) => `${base}[]`,
        ),
      ];
    }
    case "map": {
      const { key, value } = stored as MapType<MapKey, unknown>;
      const keys = key.kind === "string" ? t.map(t.int32, value) : t.map(t.string, value);
      return [
        wrap(
          value,
          (declared) => t.map(key, declared),
          (base) => `${base}<>`,
        ),
        fc.constant({ declared: keys, path: (base) => `${base}<key>`, at: key }),
      ];
    }
    case "struct": {
      const { fields } = stored as StructType<unknown>;
      return Object.entries(fields).map(([name, type]) =>
        wrap(
          type,
          (now) => t.struct({ ...fields, [name]: now }),
          (base) => fieldPath(base, name),
        ),
      );
    }
    case "union":
      return brokenVariants(stored as UnionType<unknown>, wrap);
    default:
      return [];
  }
}

const asSame = (base: string): string => base;

function brokenVariants(
  { tag, variants }: UnionType<unknown>,
  wrap: (
    child: Type<unknown>,
    build: (declared: Type<unknown>) => Type<unknown>,
    step: (base: string) => string,
  ) => fc.Arbitrary<Broken>,
): fc.Arbitrary<Broken>[] {
  const all = Object.fromEntries(Object.entries(variants).map(([n, { fields }]) => [n, fields]));
  return Object.entries(variants).flatMap(([variant, { fields }]) =>
    Object.entries(fields).map(([name, type]) =>
      wrap(
        type,
        (now) => t.union(tag, { ...all, [variant]: { ...fields, [name]: now } }),
        (base) => fieldPath(`${base}(${variant})`, name),
      ),
    ),
  );
}
