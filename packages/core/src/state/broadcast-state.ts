/**
 * Broadcast state: maps of which every subtask of an operator has the whole, because each of them
 * gets every record of the broadcast input. Flink's broadcast state pattern.
 *
 * I1. Only the broadcast side writes: a change that one subtask alone makes would leave the copies
 *     different. `access` says which side runs; a write on the other is refused.
 * I2. An entry is encoded, and so checked, when it is set; a snapshot is a list of these bytes. The
 *     value is frozen, so that it stays what the bytes say.
 * Semantics: docs/semantics/state.md, "Broadcast state".
 */
import { oxbowError } from "../errors.ts";
import { codecOf, encodeValue } from "../types/codec.ts";
import type { Codec } from "../types/codec.ts";
import { freezeDeep } from "../types/freeze-deep.ts";
import { checkNotRenamed, t } from "../types/t.ts";
import type { MapKey, StructType, Type } from "../types/type.ts";
import { type EvolutionOptions, evolutionOf, type StateEvolution } from "./state-evolution.ts";

/** Declares a map that every subtask has whole. */
export interface BroadcastStateDescriptor<K extends MapKey, V> extends StateEvolution<V> {
  readonly kind: "broadcast";
  readonly keyType: Type<K>;
  readonly type: Type<V>;
}

/** Name → descriptor. */
export type BroadcastStateDescriptors = Readonly<
  Record<string, BroadcastStateDescriptor<MapKey, unknown>>
>;

/** What the side that is not broadcast sees of the map. */
export interface ReadOnlyBroadcastState<K extends MapKey, V> {
  get(key: K): V | undefined;
  has(key: K): boolean;
  /** In the order in which the keys were first set, also after a restore. */
  keys(): Iterable<K>;
  values(): Iterable<V>;
  entries(): Iterable<readonly [K, V]>;
  readonly size: number;
}

/** The map as the broadcast side sees it. Values are frozen when they are set. */
export interface BroadcastState<K extends MapKey, V> extends ReadOnlyBroadcastState<K, V> {
  /** VALUE_TYPE_MISMATCH for a key or value that is not of the declared type. */
  set(key: K, value: V): void;
  /** Whether there was an entry. */
  delete(key: K): boolean;
  clear(): void;
}

/** Handles of all broadcast states of an operator, for its broadcast side. */
export type BroadcastHandlesOf<B extends BroadcastStateDescriptors> = {
  readonly [N in keyof B]: B[N] extends BroadcastStateDescriptor<infer K, infer V>
    ? BroadcastState<K, V>
    : never;
};

/** The same for the other side. */
export type ReadOnlyBroadcastHandlesOf<B extends BroadcastStateDescriptors> = {
  readonly [N in keyof B]: B[N] extends BroadcastStateDescriptor<infer K, infer V>
    ? ReadOnlyBroadcastState<K, V>
    : never;
};

/**
 * Declares a map that every subtask has whole; give it to `broadcast` of the stream that fills it.
 *
 * @example
 * const paid = payments.broadcast({ paid: broadcastState(t.int32, t.int32) });
 * orders.connect(paid).process<string>("open", {
 *   process(order, { broadcastState: { paid }, emit }) {
 *     emit(`${order.customer} ${order.amount - (paid.get(order.id) ?? 0)}`);
 *   },
 *   processBroadcast(payment, { broadcastState: { paid } }) {
 *     paid.set(payment.order, payment.paid);
 *   },
 * });
 */
export function broadcastState<K extends MapKey, V>(
  keyType: Type<K>,
  type: Type<V>,
  options: EvolutionOptions<NoInfer<V>> = {},
): BroadcastStateDescriptor<K, V> {
  checkNotRenamed(keyType, "as the key of a broadcast state");
  const evolution = evolutionOf(type, options);
  // Made for its checks of the key's type.
  t.map(keyType, type);
  return Object.freeze({ kind: "broadcast", keyType, type, ...evolution });
}

/** Type of a stored element: an entry. A map would make one of the keys 0 and -0. */
export function entryType({
  keyType,
  type,
}: Pick<BroadcastStateDescriptor<MapKey, unknown>, "keyType" | "type">): StructType<StoredEntry> {
  return t.struct({ key: keyType, value: type }) as StructType<StoredEntry>;
}

/** An entry as snapshots have it. */
export interface StoredEntry {
  readonly key: MapKey;
  readonly value: unknown;
}

/** Which side of the operator runs; one for all its broadcast states. */
export interface BroadcastAccess {
  readonly uid: string;
  isWritable: boolean;
}

interface Entry {
  readonly key: MapKey;
  readonly value: unknown;
  readonly bytes: Uint8Array;
}

/** Keys are equal as Java's boxes are: 0 and -0 differ as floats, which a `Map` does not see. */
const NEGATIVE_ZERO = Symbol("-0");

/** See the file header. */
export class BroadcastHandle implements BroadcastState<MapKey, unknown> {
  readonly #name: string;
  readonly #access: BroadcastAccess;
  readonly #codec: Codec<StoredEntry>;
  readonly #isFloat: boolean;
  readonly #entries = new Map<MapKey | symbol, Entry>();

  constructor(
    name: string,
    descriptor: BroadcastStateDescriptor<MapKey, unknown>,
    access: BroadcastAccess,
  ) {
    this.#name = name;
    this.#access = access;
    this.#codec = codecOf(entryType(descriptor));
    this.#isFloat = descriptor.keyType.kind === "float64";
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: MapKey): unknown {
    return this.#entries.get(this.#place(key))?.value;
  }

  has(key: MapKey): boolean {
    return this.#entries.has(this.#place(key));
  }

  *keys(): Iterable<MapKey> {
    for (const { key } of this.#entries.values()) yield key;
  }

  *values(): Iterable<unknown> {
    for (const { value } of this.#entries.values()) yield value;
  }

  *entries(): Iterable<readonly [MapKey, unknown]> {
    for (const { key, value } of this.#entries.values()) yield [key, value];
  }

  set(key: MapKey, value: unknown): void {
    this.#checkWritable("set");
    this.load({ key, value });
  }

  delete(key: MapKey): boolean {
    this.#checkWritable("delete");
    return this.#entries.delete(this.#place(key));
  }

  clear(): void {
    this.#checkWritable("clear");
    this.#entries.clear();
  }

  /** Every entry, in order. */
  snapshot(): readonly Uint8Array[] {
    return Array.from(this.#entries.values(), ({ bytes }) => bytes);
  }

  /** Forgets everything, before a restore. */
  reset(): void {
    this.#entries.clear();
  }

  /** Sets an entry, whichever side runs: for `set`, and while state is restored. */
  load({ key, value }: StoredEntry): void {
    const bytes = encodeValue(this.#codec, { key, value });
    this.#entries.set(this.#place(key), { key, value: freezeDeep(value), bytes });
  }

  #place(key: MapKey): MapKey | symbol {
    return this.#isFloat && Object.is(key, -0) ? NEGATIVE_ZERO : key;
  }

  #checkWritable(what: string): void {
    const { isWritable, uid } = this.#access;
    if (isWritable) return;
    throw oxbowError(
      "INVALID_ARGUMENT",
      `Operator "${uid}": ${what} on the broadcast state "${this.#name}" outside of ` +
        "processBroadcast. It is the same in every subtask only if each changes it with the " +
        "records that all of them get: change it in processBroadcast.",
      { uid, state: this.#name },
    );
  }
}
