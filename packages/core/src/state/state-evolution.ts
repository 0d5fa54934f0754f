/*
 * How a declared state goes on from what a snapshot holds of it: the options of declarations, which
 * stored name is whose, and the judgement of one state. The same for keyed state and operator
 * state, before a job starts (from `_metadata`) and while state is loaded (from segments).
 *
 * I1. A state has its own name's values, or those of the first of its aliases that was stored.
 * I2. Where versions differ and there is a `migrate`, every value goes through it, and types are
 *     not compared: only kinds and keys must be the same.
 * Rules: docs/semantics/savepoints.md, "Changing types".
 */
import { oxbowError } from "../errors.ts";
import { ByteWriter } from "../types/byte-writer.ts";
import { codecOf } from "../types/codec.ts";
import { type Evolution, evolveType, type Incompatible } from "../types/evolution.ts";
import { renderType, schemaKey } from "../types/schema.ts";
import { checkNotRenamed } from "../types/t.ts";
import type { Type } from "../types/type.ts";

/** Options by which a state goes on from snapshots of earlier programs. */
export interface EvolutionOptions<T> {
  /**
   * Version of what the values mean, a whole number; default 0. Goes into snapshots. Where it is
   * another than the stored one, values go through `migrate`.
   */
  readonly version?: number;
  /**
   * Makes a value of now out of one of another version, which comes as the snapshot's schema reads
   * it. Called once per value, list element or map value while state is loaded; must be pure. What
   * it throws is USER_FUNCTION_FAILED.
   */
  readonly migrate?: (old: unknown, fromVersion: number) => T;
  /** Names that the state had; of several the first that the snapshot has is taken. */
  readonly aliases?: readonly string[];
}

/** The same options, checked, as descriptors carry them. */
export interface StateEvolution<T> {
  readonly version: number;
  readonly migrate: ((old: unknown, fromVersion: number) => T) | undefined;
  readonly aliases: readonly string[];
}

/** Most names that a state may have had. */
const ALIASES_MAX = 64;

/** Checks the options of a state of `type`. INVALID_ARGUMENT names the option and the value. */
export function evolutionOf<T>(type: Type<T>, options: EvolutionOptions<T>): StateEvolution<T> {
  const { version = 0, migrate, aliases = [] } = options;
  checkNotRenamed(type, "as the type of a state: use the option aliases");
  if (!Number.isSafeInteger(version) || version < 0) {
    throw invalid(`The version of a state is ${String(version)}; it is a whole number from 0 on.`);
  }
  if (migrate !== undefined && typeof migrate !== "function") {
    throw invalid("The option migrate of a state is not a function.");
  }
  if (
    typeof aliases !== "object" ||
    aliases.length > ALIASES_MAX ||
    aliases.some((name) => typeof name !== "string" || name === "")
  ) {
    throw invalid(`The aliases of a state are a list of up to ${ALIASES_MAX} names.`);
  }
  if (new Set(aliases).size < aliases.length) {
    throw invalid(`The aliases of a state have a name twice: ${aliases.join(", ")}.`);
  }
  return { version, migrate, aliases: Object.freeze([...aliases]) };
}

/** Refuses an alias that is the name, or an alias, of another state of the operator. */
export function checkAliases(
  uid: string,
  states: Readonly<Record<string, { readonly aliases: readonly string[] }>>,
): void {
  const claimed = new Map<string, string>();
  for (const [name, { aliases }] of Object.entries(states)) {
    for (const alias of aliases) {
      const other = Object.hasOwn(states, alias) ? alias : claimed.get(alias);
      if (other !== undefined) {
        throw invalid(
          `Operator "${uid}": state "${name}" has the alias "${alias}", which is ` +
            `${other === alias ? "a declared state" : `an alias of "${other}" too`}. ` +
            "What a snapshot has under a name can go on as one state only.",
        );
      }
      claimed.set(alias, name);
    }
  }
}

function invalid(message: string): Error {
  return oxbowError("INVALID_ARGUMENT", message);
}

/** Stored name → declared state that goes on with it (I1). Stored names without one are left. */
export function matchNames<D extends { readonly aliases: readonly string[] }>(
  stored: Iterable<string>,
  declared: Iterable<readonly [name: string, state: D]>,
): Map<string, readonly [name: string, state: D]> {
  const names = new Set(stored);
  const matched = new Map<string, readonly [string, D]>();
  for (const [name, state] of declared) {
    const from = [name, ...state.aliases].find((candidate) => names.has(candidate));
    if (from !== undefined) matched.set(from, [name, state]);
  }
  return matched;
}

/** A state as a snapshot describes it. */
export interface StoredKind {
  readonly kind: string;
  /** Of a value, an element, a map's value, an accumulator. */
  readonly type: Type<unknown>;
  /** Maps only. */
  readonly keyType?: Type<unknown> | undefined;
  readonly version: number;
}

/** A state as it is declared. */
export interface DeclaredKind extends StoredKind {
  readonly hasMigrate: boolean;
}

/** What becomes of the values of a state. */
export type StateChange =
  | Evolution
  /** I2: through `migrate`. */
  | { readonly kind: "by-function"; readonly fromVersion: number };

/** Judges one state, of keyed or operator state. */
export function changeOf(stored: StoredKind, declared: DeclaredKind): StateChange {
  const isFold = FOLDS.has(stored.kind) && FOLDS.has(declared.kind);
  if (stored.kind !== declared.kind && !isFold) return otherKind(stored, declared, KIND_REASON);
  const keys = keyChange(stored, declared);
  if (keys !== undefined) return keys;
  const [from, to] = [stored.version, declared.version];
  if (from !== to && declared.hasMigrate) return { kind: "by-function", fromVersion: from };
  if (from > to) {
    return {
      ...otherKind(stored, declared, "a lower version than the stored one needs a migrate"),
      stored: `version ${from}`,
      declared: `version ${to}`,
    };
  }
  const evolution = evolveType(stored.type, declared.type);
  const texts = from === to ? [] : [`version ${from} → ${to}`];
  if (stored.kind !== declared.kind) {
    if (evolution.kind !== "as-is") return otherKind(stored, declared, FOLD_REASON);
    texts.push(`${stored.kind} → ${declared.kind}`);
  }
  if (evolution.kind === "incompatible") return withAdvice(evolution, declared);
  if (texts.length === 0) return evolution;
  if (evolution.kind === "as-is") {
    return { kind: "migrated", changes: texts, convert: (value) => value };
  }
  return { ...evolution, changes: [...texts, ...evolution.changes] };
}

/** Both keep one value per key and say the same of it. */
const FOLDS: ReadonlySet<string> = new Set(["value", "reducing"]);
const KIND_REASON = "a state never changes its kind";
const FOLD_REASON = "only with the same type can a value become a reducing state, or back";

function otherKind(stored: StoredKind, declared: StoredKind, reason: string): Incompatible {
  const text = ({ kind, type }: StoredKind): string => `${kind} ${renderType(type)}`;
  return {
    kind: "incompatible",
    path: "",
    stored: text(stored),
    declared: text(declared),
    reason,
  };
}

/** Path of a map state's keys in messages. */
export const KEY_PATH = "<key>";

function keyChange(
  { keyType: stored }: StoredKind,
  { keyType: declared }: StoredKind,
): Incompatible | undefined {
  if (stored === undefined || declared === undefined) return undefined;
  if (schemaKey(stored) === schemaKey(declared)) return undefined;
  const texts = { stored: renderType(stored), declared: renderType(declared) };
  return { kind: "incompatible", path: KEY_PATH, ...texts, reason: "keys never change" };
}

function withAdvice(problem: Incompatible, { hasMigrate, version }: DeclaredKind): Incompatible {
  if (!hasMigrate) return problem;
  const advice = `migrate is not called, since the stored version is ${version} too`;
  return { ...problem, reason: `${problem.reason}; ${advice}` };
}

/** The error of a state that cannot go on. Both texts are of the types at the path. */
export function stateMismatch(uid: string, state: string, problem: Incompatible): Error {
  const { path, stored, declared, reason } = problem;
  const where = path === "" ? "" : `, ${path === KEY_PATH ? "its keys" : `field ${path}`}`;
  return oxbowError(
    "STATE_MISMATCH",
    `The snapshot has state "${state}" of operator "${uid}"${where}: ${stored}, now declared as ` +
      `${declared} (${reason}). Declare it as it was, give the changed one another name, ` +
      "or a version and a migrate function.",
    { uid, state, path, stored, declared, reason },
  );
}

/** States of a snapshot that need not go on: their stored names, or "all". */
export type MayDrop = ReadonlySet<string> | "all";

/** Whether a stored state that is not declared may be left out. */
export function isDropped(mayDrop: MayDrop, name: string): boolean {
  return mayDrop === "all" || mayDrop.has(name);
}

/** Which values a `migrate` is called for. */
export interface MigrationPlace {
  readonly uid: string;
  /** Stored name. */
  readonly state: string;
  readonly fromVersion: number;
}

/**
 * `migrate` as a conversion to values of `type`: what it throws, and what it returns that is not of
 * the type, is USER_FUNCTION_FAILED.
 */
export function migrationOf(
  place: MigrationPlace,
  migrate: (old: unknown, fromVersion: number) => unknown,
  type: Type<unknown>,
): (value: unknown) => unknown {
  const codec = codecOf(type);
  const writer = new ByteWriter(256);
  return (old) => {
    let value: unknown;
    try {
      value = migrate(old, place.fromVersion);
    } catch (error) {
      throw migrateFailed(place, error, "threw");
    }
    try {
      writer.reset();
      codec.encode(value, writer);
    } catch (error) {
      throw migrateFailed(place, error, "returned what the state cannot hold");
    }
    return value;
  };
}

function migrateFailed(place: MigrationPlace, cause: unknown, what: string): Error {
  const { uid, state, fromVersion } = place;
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return oxbowError(
    "USER_FUNCTION_FAILED",
    `The migrate function of state "${state}" of "${uid}" ${what}, ` +
      `for a value of version ${fromVersion}: ${reason}`,
    { uid, state, fromVersion },
    cause,
  );
}
