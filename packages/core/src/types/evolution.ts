/*
 * Evolution: whether values that were stored with one schema can go on as values of another type,
 * and how. Rules: docs/semantics/savepoints.md, "Changing types".
 *
 * Not here: versions, `migrate` and kinds of states (`state/state-evolution.ts`).
 *
 * I1. `as-is` only for equal schemas: the same bytes mean the same values.
 * I2. `convert` takes what the codec of the stored schema decodes, gives a value of the declared
 *     type, and changes nothing in what it was given.
 * I3. Keys never change, those of nested maps included.
 */
import { renderType, schemaKey, typeOfSchema, type SchemaDescription } from "./schema.ts";
import { fieldPath } from "./transferable.ts";
import type {
  EnumType,
  ListType,
  MapKey,
  MapType,
  OptionalType,
  StructType,
  Type,
  TypeKind,
  UnionType,
} from "./type.ts";
import { hasDefault, startOf } from "./zero-value.ts";

/** What keeps stored values from going on. Both types are those at the path. */
export interface Incompatible {
  readonly kind: "incompatible";
  /** Path of the field, as `lines[].price`; "" for the value itself. */
  readonly path: string;
  readonly stored: string;
  readonly declared: string;
  /** For people, without a full stop. */
  readonly reason: string;
}

/** How stored values go on. */
export type Evolution =
  | { readonly kind: "as-is" }
  | {
      readonly kind: "migrated";
      /** For people: `delay: added, default 0`, `count: int32 → int64`. */
      readonly changes: readonly string[];
      /** I2. */
      convert(value: unknown): unknown;
    }
  | Incompatible;

/** Compares a stored schema with the declared type. SCHEMA_UNREADABLE for what is none. */
export function evolve(stored: SchemaDescription, declared: Type<unknown>): Evolution {
  return evolveType(typeOfSchema(stored), declared);
}

/** The same, for a schema that was read already. */
export function evolveType(stored: Type<unknown>, declared: Type<unknown>): Evolution {
  const comparison = new Comparison();
  const step = comparison.compare(stored, declared, "");
  if (comparison.problem !== undefined) return comparison.problem;
  if (schemaKey(stored) === schemaKey(declared)) return AS_IS;
  const { convert = (value: unknown) => value } = step;
  return Object.freeze({ kind: "migrated", changes: comparison.changes, convert });
}

/**
 * Which stored field goes on as which declared one: declared name → stored name. A field has its
 * own name's values, or those of the first of its old names that was stored.
 */
export function fieldSources(
  stored: StructType<unknown>,
  declared: StructType<unknown>,
): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  for (const [name, type] of Object.entries(declared.fields)) {
    const from = [name, ...(type.oldNames ?? [])].find((old) => Object.hasOwn(stored.fields, old));
    if (from !== undefined) sources.set(name, from);
  }
  return sources;
}

const AS_IS: Evolution = Object.freeze({ kind: "as-is" });

type Convert = (value: unknown) => unknown;

/** What becomes of a value; without `convert` it stays as it is. */
interface Step {
  readonly convert?: Convert;
}

const SAME: Step = Object.freeze({});

/** Numbers that hold every value of the stored kind, exactly. */
const WIDER: Partial<Record<TypeKind, readonly TypeKind[]>> = {
  int32: ["int64", "float64", "timestamp", "bigint64"],
  int64: ["float64", "timestamp", "bigint64"],
  timestamp: ["float64", "int64", "bigint64"],
};

/** A declared field with what its values are made from. */
interface FieldStep extends Step {
  readonly name: string;
  /** Name of the stored field; undefined: there is none, and the field gets `start`. */
  readonly from: string | undefined;
  readonly start: unknown;
}

/** One comparison: collects changes, and the first problem. */
class Comparison {
  readonly changes: string[] = [];
  problem: Incompatible | undefined;
  /** Places of which a change of the whole type has been told. */
  readonly #told = new Set<string>();

  compare(stored: Type<unknown>, declared: Type<unknown>, path: string): Step {
    if (stored.kind === "optional" || declared.kind === "optional") {
      return this.#compareOptional(stored, declared, path);
    }
    if (stored.kind !== declared.kind) return this.#widen(stored, declared, path);
    switch (declared.kind) {
      case "enum":
        return this.#compareEnum(stored as EnumType<string>, declared as EnumType<string>, path);
      case "list":
        return this.#compareList(stored as ListType<unknown>, declared as ListType<unknown>, path);
      case "map":
        return this.#compareMap(stored as AnyMap, declared as AnyMap, path);
      case "struct":
        return this.#compareStruct(stored as AnyStruct, declared as AnyStruct, path);
      case "union":
        return this.#compareUnion(stored as UnionType<unknown>, declared as AnyUnion, path);
      case "bool":
      case "int32":
      case "int64":
      case "bigint64":
      case "float64":
      case "timestamp":
      case "string":
      case "bytes":
      case "any":
        return SAME;
    }
  }

  #compareOptional(stored: Type<unknown>, declared: Type<unknown>, path: string): Step {
    const [from, to] = [innerOf(stored), innerOf(declared)];
    if (stored.kind === declared.kind) {
      const { convert } = this.compare(from, to, path);
      if (convert === undefined) return SAME;
      return { convert: (value) => (value === undefined ? undefined : convert(value)) };
    }
    if (declared.kind === "optional") {
      this.#tell(path, `${renderType(stored)} → ${renderType(declared)}`);
      return this.compare(from, to, path);
    }
    if (!hasDefault(declared)) {
      return this.#refuse(path, [stored, declared], "absent values need a default: t.withDefault");
    }
    const { defaultValue } = declared;
    const arrow = `${renderType(stored)} → ${renderType(declared)}`;
    this.#tell(path, `${arrow}, where absent ${showShort(defaultValue)}`);
    const { convert = same } = this.compare(from, to, path);
    return { convert: (value) => (value === undefined ? defaultValue : convert(value)) };
  }

  #widen(stored: Type<unknown>, declared: Type<unknown>, path: string): Step {
    if (WIDER[stored.kind]?.includes(declared.kind) !== true) {
      return this.#refuse(path, [stored, declared], "values of one are none of the other");
    }
    this.#tell(path, `${renderType(stored)} → ${renderType(declared)}`);
    return declared.kind === "bigint64" ? { convert: (value) => BigInt(value as number) } : SAME;
  }

  #compareEnum(stored: EnumType<string>, declared: EnumType<string>, path: string): Step {
    const gone = stored.values.filter((value) => !declared.values.includes(value));
    if (gone.length > 0) {
      const names = gone.map((value) => JSON.stringify(value)).join(", ");
      return this.#refuse(path, [stored, declared], `values may have ${names}`);
    }
    const added = declared.values.filter((value) => !stored.values.includes(value));
    const kept = declared.values.filter((value) => stored.values.includes(value));
    for (const value of added) this.#tellMore(path, `value ${JSON.stringify(value)} added`);
    if (kept.some((value, index) => value !== stored.values[index])) {
      this.#tellMore(path, "values in another order");
    }
    return SAME;
  }

  #compareList(stored: ListType<unknown>, declared: ListType<unknown>, path: string): Step {
    const { convert } = this.compare(stored.element, declared.element, `${path}[]`);
    if (convert === undefined) return SAME;
    return { convert: (list) => (list as readonly unknown[]).map(convert) };
  }

  #compareMap(stored: AnyMap, declared: AnyMap, path: string): Step {
    if (schemaKey(stored.key) !== schemaKey(declared.key)) {
      return this.#refuse(`${path}<key>`, [stored.key, declared.key], "keys never change");
    }
    const { convert } = this.compare(stored.value, declared.value, `${path}<>`);
    if (convert === undefined) return SAME;
    return {
      convert: (map) =>
        new Map([...(map as ReadonlyMap<MapKey, unknown>)].map(([k, v]) => [k, convert(v)])),
    };
  }

  #compareStruct(stored: AnyStruct, declared: AnyStruct, path: string): Step {
    const steps = this.#compareFields(stored, declared, path);
    if (steps === undefined) return SAME;
    return { convert: (value) => buildStruct(steps, value, {}) };
  }

  /** What each declared field is made from; undefined: objects stay as they are. */
  #compareFields(
    stored: AnyStruct,
    declared: AnyStruct,
    path: string,
  ): readonly FieldStep[] | undefined {
    const sources = fieldSources(stored, declared);
    const steps = Object.entries(declared.fields).map(([name, type]): FieldStep => {
      const from = sources.get(name);
      const at = fieldPath(path, name);
      if (from === undefined) return this.#gained(name, type, at);
      if (from !== name) this.#tellMore(at, `was ${JSON.stringify(from)}`);
      return { name, from, start: undefined, ...this.compare(stored.fields[from], type, at) };
    });
    const used = new Set(sources.values());
    const lost = Object.keys(stored.fields).filter((name) => !used.has(name));
    for (const name of lost) this.#tellMore(fieldPath(path, name), "removed");
    const kept = Object.keys(stored.fields).filter((name) => used.has(name));
    const now = steps.flatMap(({ from }) => from ?? []);
    if (kept.some((name, index) => name !== now[index])) {
      this.#tellMore(path, "fields in another order");
    }
    const isSame = steps.every(({ name, from, convert }) => from === name && convert === undefined);
    return isSame && lost.length === 0 ? undefined : steps;
  }

  #gained(name: string, type: Type<unknown>, path: string): FieldStep {
    const start = startOf(type);
    if (start === undefined) {
      const reason = "a union has no zero: make it optional, or give it a default (t.withDefault)";
      this.#refuseText(path, ["not there", renderType(type)], reason);
    } else {
      const absent = start.value === undefined;
      this.#tellMore(path, absent ? "added, absent" : `added, default ${showShort(start.value)}`);
    }
    return { name, from: undefined, start: start?.value };
  }

  #compareUnion(stored: AnyUnion, declared: AnyUnion, path: string): Step {
    if (stored.tag !== declared.tag) {
      return this.#refuse(path, [stored, declared], "variants are told apart by another field");
    }
    const steps = new Map<unknown, readonly FieldStep[] | undefined>();
    for (const [name, struct] of Object.entries(stored.variants)) {
      const now = declared.variants[name];
      const at = `${path}(${name})`;
      if (!Object.hasOwn(declared.variants, name)) {
        return this.#refuseText(at, [renderType(struct), "not there"], "values may be of it");
      }
      steps.set(name, this.#compareFields(struct, now, at));
    }
    for (const name of Object.keys(declared.variants)) {
      if (!steps.has(name)) this.#tellMore(`${path}(${name})`, "variant added");
    }
    const kept = Object.keys(declared.variants).filter((name) => steps.has(name));
    if (kept.some((name, index) => name !== [...steps.keys()][index])) {
      this.#tellMore(path, "variants in another order");
    }
    if ([...steps.values()].every((fields) => fields === undefined)) return SAME;
    const { tag } = declared;
    return {
      convert(value) {
        const name = (value as Readonly<Record<string, unknown>>)[tag];
        const fields = steps.get(name);
        return fields === undefined ? value : buildStruct(fields, value, { [tag]: name });
      },
    };
  }

  /** A change of the whole type at a path: smaller ones at the same path go without saying. */
  #tell(path: string, text: string): void {
    if (this.#told.has(path)) return;
    this.#told.add(path);
    this.changes.push(path === "" ? text : `${path}: ${text}`);
  }

  #tellMore(path: string, text: string): void {
    if (!this.#told.has(path)) this.changes.push(path === "" ? text : `${path}: ${text}`);
  }

  #refuse(path: string, types: readonly [Type<unknown>, Type<unknown>], reason: string): Step {
    return this.#refuseText(path, [renderType(types[0]), renderType(types[1])], reason);
  }

  /** The first problem is told; the comparison goes on as if there were none. */
  #refuseText(path: string, texts: readonly [string, string], reason: string): Step {
    const [stored, declared] = texts;
    this.problem ??= Object.freeze({ kind: "incompatible", path, stored, declared, reason });
    return SAME;
  }
}

type AnyMap = MapType<MapKey, unknown>;
type AnyStruct = StructType<unknown>;
type AnyUnion = UnionType<unknown>;

function buildStruct(
  steps: readonly FieldStep[],
  value: unknown,
  into: Record<string, unknown>,
): Record<string, unknown> {
  const stored = value as Readonly<Record<string, unknown>>;
  for (const { name, from, start, convert } of steps) {
    if (from === undefined) into[name] = start;
    else into[name] = convert === undefined ? stored[from] : convert(stored[from]);
  }
  return into;
}

function innerOf(type: Type<unknown>): Type<unknown> {
  return type.kind === "optional" ? (type as OptionalType<unknown>).inner : type;
}

function same(value: unknown): unknown {
  return value;
}

/** Most characters of a default in a change. */
const SHOWN_LENGTH_MAX = 60;

/** A value for people: short, and on one line. */
function showShort(value: unknown): string {
  if (value === undefined) return "undefined";
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "bigint") return `${value}n`;
  const text = JSON.stringify(value, (_, item: unknown) => {
    if (typeof item === "bigint") return `${item}n`;
    if (item instanceof Map) return `a map of ${item.size}`;
    return item instanceof Uint8Array ? `${item.length} bytes` : item;
  });
  return text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text;
}
