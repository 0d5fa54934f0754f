/**
 * TopNLogic: what a Top-N does with records. The lists of its latest keys are held as lists beside
 * their rows: a list that is encoded anew for each record that enters costs more than all else.
 *
 * I1. `records` is sorted, best first, and has at most n; of equals the earlier is ahead. `ranks`
 *     are those of `records`.
 * I2. In a row, `size` is the length of `top`, and `worst` the rank of its last record: a record
 *     that does not enter costs one comparison, and `top` is not read.
 * I3. A held list that changed counts for more than its row. It is written back before another
 *     takes its place, and before each barrier.
 * I4. What enters a list is encoded once, although the bytes are not used: a record that is not of
 *     its type is refused where it comes in, not later with the list.
 * I5. After a restore with another n, a list is cut or grows with the next record that enters.
 * Semantics: docs/semantics/operators.md, "Top-N".
 */
import { BATCH_COUNT } from "../columns/batch.ts";
import type { Batch } from "../columns/batch.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import type { HandlesOf } from "../state/descriptors.ts";
import type { KeyedBackend } from "../state/keyed-backend.ts";
import { ByteWriter } from "../types/byte-writer.ts";
import { codecOf } from "../types/codec.ts";
import type { KeyedLogic } from "./keyed-operator.ts";
import type { OperatorContext } from "./operator.ts";
import { RecordCollector } from "./output.ts";
import type { Ranks, TopN } from "./top-n.ts";
import { compileLoop, timestampAt, userFunctionFailed } from "./user-function.ts";
import type { LoopPosition } from "./user-function.ts";

/**
 * Records in all lists that are held: a barrier waits until they are encoded, half a millisecond
 * for small typed ones, three for `any`.
 */
export const HELD_RECORDS_MAX = 16_384;
/** Lists that are held, however short. */
export const HELD_LISTS_MAX = 1024;
/** Where the Env verifies, lists come and go all the time. */
const HELD_LISTS_VERIFIED = 2;

/** The list of one key. */
interface HeldList {
  /** Row of the key. */
  readonly row: number;
  readonly records: unknown[];
  readonly ranks: Ranks[];
  /** Whether it differs from what is in the row. */
  isChanged: boolean;
}

/** Finds the ranks of a batch's records; whether all of them have some. */
type RankLoop = (records: readonly unknown[], count: number) => boolean;
/** Puts the records that it found ranks of into their lists. */
type EnterLoop = (
  batch: Batch,
  records: readonly unknown[],
  keys: KeyColumn,
  rows: Int32Array,
) => void;

/** See the file header. */
export class TopNLogic implements KeyedLogic {
  readonly backend: KeyedBackend;
  readonly #context: OperatorContext;
  readonly #held: HeldLists;
  readonly #collector: RecordCollector;
  readonly #rank: RankLoop;
  readonly #enter: EnterLoop;
  readonly #position: LoopPosition = new Int32Array(1);
  #rows = new Int32Array(BATCH_COUNT);
  #recordsSeenCount = 0;

  constructor(context: OperatorContext, backend: KeyedBackend, topN: TopN) {
    this.#context = context;
    this.backend = backend;
    this.#held = new HeldLists(backend, topN, context.env.verify);
    this.#collector = new RecordCollector(context.output);
    const scratch = new ByteWriter();
    const codec = codecOf(topN.recordType);
    const bindings = {
      held: this.#held,
      slots: this.#held.slots,
      ranksOf: topN.ranksOf,
      compare: topN.compare,
      ranks: [],
      collector: this.#collector,
      position: this.#position,
      check(record: unknown): void {
        scratch.reset();
        codec.encode(record, scratch);
      },
    };
    this.#rank = compileLoop(context.uid, bindings, rankSource(topN)) as RankLoop;
    const source = enterSource(topN, backend, this.#held.slots.length);
    this.#enter = compileLoop(context.uid, bindings, source) as EnterLoop;
  }

  open(_watermark: number): void {}

  processKeyed(batch: Batch, keys: KeyColumn): void {
    const { count } = batch;
    if (this.#rows.length < count) this.#rows = new Int32Array(count * 2);
    const rows = this.#rows;
    const records = batch.records();
    let what = "by";
    try {
      // A key whose records have no rank has no row.
      const mode = this.#rank(records, count) ? "upsert" : "find";
      what = "topN";
      this.backend.main.lookup(keys, count, rows, mode);
      this.#enter(batch, records, keys, rows);
    } catch (error) {
      const { uid, subtaskIndex } = this.#context;
      const index = this.#position[0];
      throw userFunctionFailed(
        {
          uid,
          subtaskIndex,
          what,
          recordIndex: this.#recordsSeenCount + index,
          timestamp: timestampAt(batch, index),
          record: records[index],
        },
        error,
      );
    }
    this.#recordsSeenCount += count;
    this.#collector.flush();
  }

  prepareBarrier(): void {
    this.#held.writeBack();
  }

  advanceWatermark(_timestamp: number): void {}
  advanceProcessingTime(_now: number): void {}
  fire(_budget: number): boolean {
    return true;
  }
  nextProcessingTimer(): number {
    return Infinity;
  }
}

/** A slot in which no list is. */
const NO_LIST: HeldList = Object.freeze({ row: -1, records: [], ranks: [], isChanged: false });

/** The lists that are held. */
class HeldLists {
  /** By row, modulo their number, which is a power of two. */
  readonly slots: HeldList[];
  readonly #backend: KeyedBackend;
  readonly #topN: TopN;
  readonly #states: HandlesOf<TopN["state"]>;

  constructor(backend: KeyedBackend, topN: TopN, verify: boolean) {
    this.#backend = backend;
    this.#topN = topN;
    this.#states = backend.states as HandlesOf<TopN["state"]>;
    const countMax = verify ? HELD_LISTS_VERIFIED : HELD_LISTS_MAX;
    const count = Math.min(countMax, Math.max(1, HELD_RECORDS_MAX / topN.n));
    this.slots = Array.from({ length: 2 ** Math.floor(Math.log2(count)) }, () => NO_LIST);
  }

  /**
   * The list of a key that is not held under the row that a look-up found (0: none), from now on
   * held. Undefined: a record with these ranks does not enter.
   */
  take(keys: KeyColumn, index: number, found: number, ranks: Ranks): HeldList | undefined {
    const { main } = this.#backend;
    // Earlier records of the batch may have made the row.
    const row = found === 0 ? main.upsert(keys, index) : found;
    const slot = row & (this.slots.length - 1);
    if (this.slots[slot].row === row) return this.slots[slot];
    this.#backend.setCurrentRow(row);
    if (this.#isBehind(ranks)) return undefined;
    const list = this.#read(row);
    this.#write(this.slots[slot]);
    this.slots[slot] = list;
    return list;
  }

  /** Whether the current key's list is full of better ones. */
  #isBehind(ranks: Ranks): boolean {
    const { n, compare } = this.#topN;
    const { size, worst } = this.#states;
    // Equals stay behind.
    return size.get() === n && compare(worst.get() as Ranks, ranks) <= 0;
  }

  /** The current key's list. */
  #read(row: number): HeldList {
    const { n, ranksOf } = this.#topN;
    const stored = this.#states.top.get() ?? [];
    // Cut: there may be more of them than n is now.
    const records = stored.slice(0, n);
    return {
      row,
      records,
      ranks: records.map((record) => ranksOf(record) ?? []),
      isChanged: false,
    };
  }

  /** Afterwards rows are what lists are. */
  writeBack(): void {
    for (const list of this.slots) this.#write(list);
  }

  #write(list: HeldList): void {
    if (!list.isChanged) return;
    const { records, ranks } = list;
    const { top, size, worst } = this.#states;
    this.#backend.setCurrentRow(list.row);
    top.set(records);
    size.set(records.length);
    worst.set(ranks[ranks.length - 1]);
    list.isChanged = false;
  }
}

/** With a single field, nothing is called to rank a record. */
function rankSource({ field }: TopN): string {
  const read =
    field === undefined
      ? "const rank = ranksOf(record);"
      : `let rank = record[${JSON.stringify(field)}];
    if (typeof rank !== "number" || rank !== rank) rank = ranksOf(record);`;
  return `(records, count) => {
  let areAll = true;
  for (let i = 0; i < count; i++) {
    position[0] = i;
    const record = records[i];
    ${read}
    if (rank === undefined) areAll = false;
    ranks[i] = rank;
  }
  return areAll;
}`;
}

/** Puts the records of a batch into their lists. */
function enterSource(topN: TopN, backend: KeyedBackend, slotsCount: number): string {
  const { n, field, order } = topN;
  const isInteger = backend.keyType.kind === "int32";
  const isAhead = (of: string): string => {
    if (field === undefined) return `compare(${of}, rank) > 0`;
    return order === "ascending" ? `${of} > rank` : `${of} < rank`;
  };
  return `(batch, records, keys, rows) => {
  const { count, timestamps } = batch;
  for (let i = 0; i < count; i++) {
    position[0] = i;
    const record = records[i];
    let rank = ranks[i];
    if (rank === undefined) continue;
    const row = rows[i];
    let list = slots[row & ${slotsCount - 1}];
    if (list.row !== row) {
      list = held.take(keys, i, row, rank);
      if (list === undefined) continue;
    }
    const { records: kept, ranks: keptRanks } = list;
    const size = kept.length;
    if (size === ${n} && !(${isAhead(`keptRanks[${n - 1}]`)})) continue;
    check(record);
    let at = 0;
    for (let high = size; at < high;) {
      const middle = (at + high) >>> 1;
      if (${isAhead("keptRanks[middle]")}) high = middle;
      else at = middle + 1;
    }
    const time = timestamps === undefined ? NaN : timestamps[i];
    const key = ${isInteger ? "keys.numbers[i] | 0" : "keys.valueAt(i)"};
    list.isChanged = true;
    let moved = record;
    for (; at < size; at++) {
      const next = kept[at], nextRank = keptRanks[at];
      kept[at] = moved;
      keptRanks[at] = rank;
      collector.collect({ key, rank: at + 1, record: moved, change: "update" }, time);
      moved = next;
      rank = nextRank;
    }
    if (size === ${n}) continue;
    kept.push(moved);
    keptRanks.push(rank);
    collector.collect({ key, rank: size + 1, record: moved, change: "insert" }, time);
  }
}`;
}
