/*
 * Partitioning: to which subtasks of its consumer an edge's producer sends, and which record goes
 * where.
 *
 * - forward: all to the subtask of the same index.
 * - rebalance: evenly over all subtasks: each batch is cut into one slice per channel, in turn.
 * - rescale: as rebalance, over the subtasks of this producer's group (Flink's pointwise pattern).
 * - broadcast: everything to all.
 * - hash: by key group of the record's key (`types/key-group.ts`).
 *
 * I1. Records with equal keys go to the same subtask, in order.
 */
import { assert } from "../assert.ts";
import type { Batch } from "../columns/batch.ts";
import type { KeySpec } from "../columns/key-extractor.ts";
import { KeyExtractor } from "../columns/key-extractor.ts";
import { callUser } from "../operators/user-function.ts";
import { murmurOfHash, subtaskTable } from "../types/key-group.ts";

/** How records choose a channel; as in a resolved graph. */
export type Partitioning =
  | { readonly kind: "forward" | "rebalance" | "rescale" | "broadcast" }
  | { readonly kind: "hash"; readonly key: KeySpec };

/** One producer subtask of an edge. */
export interface EdgeEnd {
  readonly subtaskIndex: number;
  /** Parallelism of the producer. */
  readonly parallelism: number;
  /** Parallelism of the consumer. */
  readonly targetParallelism: number;
}

/** The consumer subtasks that this producer subtask has channels to, ascending. */
export function targetsOf(kind: Partitioning["kind"], end: EdgeEnd): readonly number[] {
  const { subtaskIndex, parallelism, targetParallelism } = end;
  assert(subtaskIndex >= 0 && subtaskIndex < parallelism, "subtask index is out of range");
  switch (kind) {
    case "forward":
      assert(parallelism === targetParallelism, "a forward edge joins equal parallelisms");
      return [subtaskIndex];
    case "rescale":
      return rescaleTargets(end);
    case "rebalance":
    case "broadcast":
    case "hash":
      return range(0, targetParallelism);
  }
}

/** Flink's EdgeManagerBuildUtil.connectPointwise. */
function rescaleTargets(end: EdgeEnd): readonly number[] {
  const { subtaskIndex, parallelism, targetParallelism } = end;
  if (parallelism >= targetParallelism) {
    for (let target = 0; target < targetParallelism; target++) {
      const last = Math.floor(((target + 1) * parallelism) / targetParallelism);
      if (subtaskIndex < last) return [target];
    }
  }
  return range(
    Math.ceil((subtaskIndex * targetParallelism) / parallelism),
    Math.ceil(((subtaskIndex + 1) * targetParallelism) / parallelism),
  );
}

function range(start: number, end: number): number[] {
  const indexes: number[] = [];
  for (let index = start; index < end; index++) indexes.push(index);
  return indexes;
}

/** Chooses channels by key, for one producer subtask. */
export class HashPartitioner {
  readonly #keys: KeyExtractor;
  readonly #operator: string;
  readonly #subtasks: Uint16Array;
  #channels = new Uint16Array(0);

  /** `operator` is the uid of the keyed consumer, for errors; the other two are the consumer's. */
  constructor(
    key: KeySpec,
    rest: {
      readonly operator: string;
      readonly targetParallelism: number;
      readonly maxParallelism: number;
    },
  ) {
    this.#keys = new KeyExtractor(key, rest.operator);
    this.#operator = rest.operator;
    this.#subtasks = subtaskTable(rest.targetParallelism, rest.maxParallelism);
  }

  /** Subtask per record; longer than the batch, reused by the next call. */
  channelsOf(batch: Batch): Uint16Array {
    const { count } = batch;
    if (this.#channels.length < count) this.#channels = new Uint16Array(count * 2);
    const place = { uid: this.#operator, subtaskIndex: undefined, what: "key" };
    // Its consumer counts records otherwise than this producer.
    const records = { batch, seenCount: undefined };
    const keys = callUser(place, () => this.#keys.extract(batch), records);
    const hashes = keys.hashes();
    const channels = this.#channels;
    const subtasks = this.#subtasks;
    const groups = subtasks.length;
    for (let row = 0; row < count; row++) {
      channels[row] = subtasks[murmurOfHash(hashes[row]) % groups];
    }
    return channels;
  }
}
