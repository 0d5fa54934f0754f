/**
 * Operator state: lists that belong to a subtask, not to a key. `split` lists are dealt out anew
 * when the parallelism changes; `union` lists are given whole to every subtask. Elements are
 * encoded when a snapshot is taken.
 *
 * I1. `restore` comes before the first access; what it gets replaces everything.
 * Semantics: docs/semantics/state.md.
 */
import { assert } from "../assert.ts";
import { oxbowError } from "../errors.ts";
import { codecOf, decodeValue, encodeValue } from "../types/codec.ts";
import { schemaOf, typeOfSchema } from "../types/schema.ts";
import type { Type } from "../types/type.ts";
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

/** One named list of one subtask in a snapshot. */
export interface OperatorStateSnapshot {
  readonly name: string;
  readonly mode: "split" | "union";
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
export class OperatorStateBackend {
  readonly handles: OperatorStateHandles<OperatorStateDescriptors>;
  readonly #uid: string;
  readonly #descriptors: OperatorStateDescriptors;
  readonly #lists = new Map<string, ListHandle>();

  constructor(uid: string, descriptors: OperatorStateDescriptors) {
    this.#uid = uid;
    this.#descriptors = descriptors;
    checkAliases(uid, descriptors);
    for (const name of Object.keys(descriptors)) this.#lists.set(name, new ListHandle());
    this.handles = Object.freeze(Object.fromEntries(this.#lists));
  }

  /** One part per declared list, in the order of declaration. The lists may change afterwards. */
  snapshot(): OperatorStateSnapshot[] {
    return Object.entries(this.#descriptors).map(([name, { mode, type, version }]) => {
      const codec = codecOf(type);
      const list = this.#lists.get(name);
      assert(list !== undefined, "every declared list has a handle");
      const elements = list.values.map((value) => encodeValue(codec, value));
      const schema = schemaOf(type);
      return { name, mode, schema, ...(version === 0 ? {} : { version }), elements };
    });
  }

  /**
   * Fills the lists, each from all parts that are its, in order; elements of other types are
   * converted. STATE_MISMATCH for a list that cannot go on, and for one that is not declared, has
   * elements and is not in `mayDrop`; USER_FUNCTION_FAILED for a `migrate`.
   */
  restore(parts: readonly OperatorStateSnapshot[], mayDrop: MayDrop = new Set()): void {
    const names = parts.map((part) => part.name);
    const matched = matchNames(names, Object.entries(this.#descriptors));
    for (const list of this.#lists.values()) list.clear();
    for (const part of parts) {
      const [name, descriptor] = matched.get(part.name) ?? [];
      const list = name === undefined ? undefined : this.#lists.get(name);
      if (descriptor === undefined || list === undefined) {
        if (part.elements.length === 0 || isDropped(mayDrop, part.name)) continue;
        throw this.#undeclared(part);
      }
      list.addAll(this.#elementsOf(part, descriptor));
    }
  }

  #elementsOf(
    part: OperatorStateSnapshot,
    descriptor: OperatorListDescriptor<unknown>,
  ): readonly unknown[] {
    const { type, mode, version, migrate } = descriptor;
    const stored = typeOfSchema(part.schema);
    const change = changeOf(
      { kind: KINDS[part.mode], type: stored, version: part.version ?? 0 },
      { kind: KINDS[mode], type, version, hasMigrate: migrate !== undefined },
    );
    const codec = codecOf(stored);
    const values = part.elements.map((element) => decodeValue(codec, element));
    switch (change.kind) {
      case "as-is":
        return values;
      case "migrated":
        return values.map((value) => change.convert(value));
      case "by-function": {
        assert(migrate !== undefined, "a change by function has one");
        const place = { uid: this.#uid, state: part.name, fromVersion: change.fromVersion };
        return values.map(migrationOf(place, migrate, type));
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
const KINDS = { split: "operator-list", union: "operator-union" } as const;
