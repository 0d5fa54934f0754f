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
import { renderType, schemaOf, schemasEqual } from "../types/schema.ts";
import type { SchemaDescription } from "../types/schema.ts";
import type { Type } from "../types/type.ts";

/** Declares a list of an operator; see the file header for `mode`. */
export interface OperatorListDescriptor<T> {
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
  /** Encoded elements. */
  readonly elements: readonly Uint8Array[];
}

/**
 * A list that is dealt out anew when the parallelism changes.
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
export function operatorListState<T>(type: Type<T>): OperatorListDescriptor<T> {
  return Object.freeze({ kind: "operator-list", mode: "split", type });
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
export function unionListState<T>(type: Type<T>): OperatorListDescriptor<T> {
  return Object.freeze({ kind: "operator-list", mode: "union", type });
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
    for (const name of Object.keys(descriptors)) this.#lists.set(name, new ListHandle());
    this.handles = Object.freeze(Object.fromEntries(this.#lists));
  }

  /** One part per declared list, in the order of declaration. The lists may change afterwards. */
  snapshot(): OperatorStateSnapshot[] {
    return Object.entries(this.#descriptors).map(([name, { mode, type }]) => {
      const codec = codecOf(type);
      const list = this.#lists.get(name);
      assert(list !== undefined, "every declared list has a handle");
      const elements = list.values.map((value) => encodeValue(codec, value));
      return { name, mode, schema: schemaOf(type), elements };
    });
  }

  /**
   * Fills the lists. STATE_MISMATCH for a list that is not declared or has elements of another
   * type.
   */
  restore(parts: readonly OperatorStateSnapshot[]): void {
    for (const part of parts) {
      const list = this.#lists.get(part.name);
      if (list === undefined) {
        if (part.elements.length === 0) continue;
        throw this.#mismatch(part, "which the operator does not declare any more");
      }
      const { type, mode } = this.#descriptors[part.name];
      if (mode !== part.mode)
        throw this.#mismatch(part, `a ${part.mode} list, now declared as a ${mode} list`);
      if (!schemasEqual(part.schema as SchemaDescription, schemaOf(type))) {
        throw this.#mismatch(part, `whose elements are of another type than ${renderType(type)}`);
      }
      const codec = codecOf(type);
      list.values = part.elements.map((element) => decodeValue(codec, element));
    }
  }

  #mismatch(part: OperatorStateSnapshot, problem: string): Error {
    return oxbowError(
      "STATE_MISMATCH",
      `The snapshot has operator state "${part.name}" of "${this.#uid}" ` +
        `(${part.elements.length} elements), ${problem}. ` +
        `Declare it as it was, or give the operator a new uid.`,
      { uid: this.#uid, state: part.name },
    );
  }
}
