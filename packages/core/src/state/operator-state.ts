/**
 * Operator state: what belongs to a subtask, not to a key. `split` lists are dealt out anew when
 * the parallelism changes; `union` lists are given whole to every subtask; of `broadcast` maps
 * (`broadcast-state.ts`) every subtask has a copy. Elements of lists are encoded when a snapshot is
 * taken.
 *
 * I1. `restore` comes before the first access; what it gets replaces everything.
 * Semantics: docs/semantics/state.md.
 */
import { assert } from "../assert.ts";
import { oxbowError } from "../errors.ts";
import type { OxbowError } from "../errors.ts";
import { codecOf, decodeValue, encodeValue } from "../types/codec.ts";
import { schemaOf, typeOfSchema } from "../types/schema.ts";
import { t } from "../types/t.ts";
import type { MapKey, StructType, Type } from "../types/type.ts";
import {
  type BroadcastAccess,
  BroadcastHandle,
  type BroadcastState,
  type BroadcastStateDescriptor,
  entryType,
  type StoredEntry,
} from "./broadcast-state.ts";
import {
  changeOf,
  checkAliases,
  type EvolutionOptions,
  evolutionOf,
  isDropped,
  matchNames,
  type MayDrop,
  migrationOf,
  type StateEvolution,
  stateMismatch,
} from "./state-evolution.ts";

/** Declares a list of an operator; see the file header for `mode`. */
export interface OperatorListDescriptor<T> extends StateEvolution<T> {
  readonly kind: "operator-list";
  readonly mode: "split" | "union";
  readonly type: Type<T>;
}

/** Name → descriptor. */
export type OperatorStateDescriptors = Readonly<Record<string, OperatorListDescriptor<unknown>>>;

/** The list of this subtask. */
export interface OperatorListState<T> {
  add(value: T): void;
  addAll(values: Iterable<T>): void;
  /** The elements in order; must not be changed. */
  get(): readonly T[];
  /** Replaces all elements. */
  update(values: Iterable<T>): void;
  clear(): void;
}

/** Handles of all lists of an operator. */
export type OperatorStateHandles<O extends OperatorStateDescriptors> = {
  readonly [N in keyof O]: O[N] extends OperatorListDescriptor<infer T>
    ? OperatorListState<T>
    : never;
};

/** Lists and maps of an operator by name. */
export type AnyOperatorStates = Readonly<
  Record<string, OperatorListDescriptor<unknown> | BroadcastStateDescriptor<MapKey, unknown>>
>;

type AnyHandleOf<D> =
  D extends OperatorListDescriptor<infer T>
    ? OperatorListState<T>
    : D extends BroadcastStateDescriptor<infer K, infer V>
      ? BroadcastState<K, V>
      : never;

/** Handles of lists and maps; the maps' are those of the broadcast side. */
export type AnyHandlesOf<S extends AnyOperatorStates> = {
  readonly [N in keyof S]: AnyHandleOf<S[N]>;
};

/** How the parts of a state find their subtasks. */
export type OperatorStateMode = "split" | "union" | "broadcast";

/** One named list or map of one subtask in a snapshot. */
export interface OperatorStateSnapshot {
  readonly name: string;
  readonly mode: OperatorStateMode;
  /** Schema description of the elements (`types/schema.ts`). */
  readonly schema: unknown;
  /** Version of the elements; left out for 0. */
  readonly version?: number;
  /** Encoded elements. */
  readonly elements: readonly Uint8Array[];
}

/**
 * A list that is dealt out anew when the parallelism changes. `migrate` is called per element.
 *
 * @example
 * orders.process("numbered", {
 *   operatorState: { seen: operatorListState(t.int32) },
 *   process(order, { operatorState: { seen }, emit }) {
 *     const number = (seen.get()[0] ?? 0) + 1;
 *     seen.update([number]);
 *     emit({ ...order, number });
 *   },
 * });
 */
export function operatorListState<T>(
  type: Type<T>,
  options: EvolutionOptions<NoInfer<T>> = {},
): OperatorListDescriptor<T> {
  const evolution = evolutionOf(type, options);
  return Object.freeze({ kind: "operator-list", mode: "split", type, ...evolution });
}

/**
 * A list that every subtask gets whole after a restore.
 *
 * @example
 * orders.process("largest-so-far", {
 *   operatorState: { largest: unionListState(t.int32) },
 *   process(order, { operatorState: { largest }, emit }) {
 *     const amount = Math.max(order.amount, ...largest.get());
 *     largest.update([amount]);
 *     emit(amount);
 *   },
 * });
 */
export function unionListState<T>(
  type: Type<T>,
  options: EvolutionOptions<NoInfer<T>> = {},
): OperatorListDescriptor<T> {
  const evolution = evolutionOf(type, options);
  return Object.freeze({ kind: "operator-list", mode: "union", type, ...evolution });
}

class ListHandle implements OperatorListState<unknown> {
  values: unknown[] = [];

  add(value: unknown): void {
    this.values.push(value);
  }

  addAll(values: Iterable<unknown>): void {
    for (const value of values) this.values.push(value);
  }

  get(): readonly unknown[] {
    return this.values;
  }

  update(values: Iterable<unknown>): void {
    this.values = [...values];
  }

  clear(): void {
    this.values = [];
  }
}

/** See the file header. */
export class OperatorStateBackend<out S extends AnyOperatorStates = AnyOperatorStates> {
  readonly handles: AnyHandlesOf<S>;
  readonly #uid: string;
  readonly #states: AnyOperatorStates;
  readonly #lists = new Map<string, ListHandle>();
  readonly #maps = new Map<string, BroadcastHandle>();
  readonly #access: BroadcastAccess;

  constructor(uid: string, states: S) {
    this.#uid = uid;
    this.#states = states;
    this.#access = { uid, isWritable: false };
    checkAliases(uid, states);
    for (const [name, state] of Object.entries(states)) {
      if (state.kind === "operator-list") this.#lists.set(name, new ListHandle());
      else this.#maps.set(name, new BroadcastHandle(name, state, this.#access));
    }
    const handles: [string, unknown][] = [...this.#lists, ...this.#maps];
    this.handles = Object.freeze(Object.fromEntries(handles)) as AnyHandlesOf<S>;
  }

  /** Whether what runs from here on is the broadcast side, which may write broadcast state. */
  setBroadcastSide(isBroadcastSide: boolean): void {
    this.#access.isWritable = isBroadcastSide;
  }

  /** One part per declared state, in the order of declaration. They may change afterwards. */
  snapshot(): OperatorStateSnapshot[] {
    return Object.entries(this.#states).map(([name, state]) => {
      const { version } = state;
      const schema = schemaOf(elementType(state));
      const elements = this.#elements(name, state);
      return { name, mode: modeOf(state), schema, ...(version === 0 ? {} : { version }), elements };
    });
  }

  #elements(name: string, { type }: AnyOperatorStates[string]): readonly Uint8Array[] {
    const map = this.#maps.get(name);
    if (map !== undefined) return map.snapshot();
    const list = this.#lists.get(name);
    assert(list !== undefined, "every declared list has a handle");
    const codec = codecOf(type);
    return list.values.map((value) => {
      try {
        return encodeValue(codec, value);
      } catch (error) {
        throw this.#refused(name, error as OxbowError);
      }
    });
  }

  /** Lists are looked at when they are stored: what was put in is told with its state. */
  #refused(name: string, error: OxbowError): Error {
    const { code, message, details } = error;
    const text = `Operator "${this.#uid}", in its state "${name}": ${message}`;
    return oxbowError(code, text, { ...details, uid: this.#uid, state: name }, error);
  }

  /**
   * Fills the states, each from all parts that are its, in order; elements of other types are
   * converted. STATE_MISMATCH for a state that cannot go on, and for one that is not declared, has
   * elements and is not in `mayDrop`; USER_FUNCTION_FAILED for a `migrate`.
   */
  restore(parts: readonly OperatorStateSnapshot[], mayDrop: MayDrop = new Set()): void {
    const names = parts.map((part) => part.name);
    const matched = matchNames(names, Object.entries(this.#states));
    for (const list of this.#lists.values()) list.clear();
    for (const map of this.#maps.values()) map.reset();
    for (const part of parts) {
      const [name, state] = matched.get(part.name) ?? [];
      if (name === undefined || state === undefined) {
        if (part.elements.length === 0 || isDropped(mayDrop, part.name)) continue;
        throw this.#undeclared(part);
      }
      this.#load(name, state, part);
    }
  }

  #load(name: string, state: AnyOperatorStates[string], part: OperatorStateSnapshot): void {
    const stored = typeOfSchema(part.schema);
    const types = storedTypes(part, stored);
    const convert = this.#conversion(state, part, types);
    const codec = codecOf(stored);
    const elements = part.elements.map((element) => decodeValue(codec, element));
    const map = this.#maps.get(name);
    if (map === undefined) {
      this.#lists.get(name)?.addAll(elements.map(convert));
      return;
    }
    for (const { key, value } of elements as readonly StoredEntry[]) {
      map.load({ key, value: convert(value) });
    }
  }

  /** From stored values, or elements, to those of now. */
  #conversion(
    state: AnyOperatorStates[string],
    part: OperatorStateSnapshot,
    stored: StoredTypes,
  ): (value: unknown) => unknown {
    const { type, version, migrate } = state;
    const change = changeOf(
      { kind: KINDS[part.mode], ...stored, version: part.version ?? 0 },
      {
        kind: operatorStateKind(state),
        type,
        keyType: state.kind === "broadcast" ? state.keyType : undefined,
        version,
        hasMigrate: migrate !== undefined,
      },
    );
    switch (change.kind) {
      case "as-is":
        return (value) => value;
      case "migrated":
        return (value) => change.convert(value);
      case "by-function": {
        assert(migrate !== undefined, "a change by function has one");
        const place = { uid: this.#uid, state: part.name, fromVersion: change.fromVersion };
        return migrationOf(place, migrate, type);
      }
      case "incompatible":
        throw stateMismatch(this.#uid, part.name, change);
    }
  }

  #undeclared(part: OperatorStateSnapshot): Error {
    return oxbowError(
      "STATE_MISMATCH",
      `The snapshot has operator state "${part.name}" of "${this.#uid}" ` +
        `(${part.elements.length} elements), which the operator does not declare any more. ` +
        "Declare it as it was, name it in the aliases of another, or allow it to be dropped.",
      { uid: this.#uid, state: part.name },
    );
  }
}

/** Kinds by mode, as the graph describes them. */
const KINDS = {
  split: "operator-list",
  union: "operator-union",
  broadcast: "operator-broadcast",
} as const;

function modeOf(state: AnyOperatorStates[string]): OperatorStateMode {
  return state.kind === "operator-list" ? state.mode : "broadcast";
}

/** The kind of a state as the graph describes it and snapshots name it. */
export function operatorStateKind(state: AnyOperatorStates[string]): string {
  return KINDS[modeOf(state)];
}

/** What the graph describes of a state: of a map, keys and values. */
export function operatorStateType(state: AnyOperatorStates[string]): Type<unknown> {
  return state.kind === "operator-list" ? state.type : t.map(state.keyType, state.type);
}

/** What the elements of a state are in a snapshot: of a map, its entries. */
function elementType(state: AnyOperatorStates[string]): Type<unknown> {
  return state.kind === "operator-list" ? state.type : entryType(state);
}

interface StoredTypes {
  readonly type: Type<unknown>;
  readonly keyType?: Type<unknown>;
}

function storedTypes({ mode }: OperatorStateSnapshot, element: Type<unknown>): StoredTypes {
  if (mode !== "broadcast") return { type: element };
  const { key, value } = (element as StructType<unknown>).fields;
  return { type: value, keyType: key };
}
