/**
 * KeyedOperator: what all operators on keyed streams share: the keys of a batch, and a backend that
 * exists as soon as the type of the keys is known (declared, restored, or seen in the first
 * record).
 *
 * I1. `logic` is made once, by the first of: construction with a declared key type, `useKeyType`,
 *     the first record.
 * I2. All inputs have keys of one type.
 * I3. Batches are processed in the order in which they came, also where the backend is not ready.
 */
import { oxbowError } from "../errors.ts";
import type { Batch } from "../columns/batch.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import { KeyExtractor } from "../columns/key-extractor.ts";
import type { KeySpec } from "../columns/key-extractor.ts";
import type { StateDescriptors } from "../state/descriptors.ts";
import { HashMapBackend } from "../state/hashmap-backend.ts";
import type { KeyedBackend } from "../state/keyed-backend.ts";
import type { OperatorStateBackend } from "../state/operator-state.ts";
import { renderType } from "../types/schema.ts";
import type { Type } from "../types/type.ts";
import { NO_WATERMARK } from "../time/timestamp.ts";
import type { Operator, OperatorContext } from "./operator.ts";
import { callUser } from "./user-function.ts";

/**
 * What a keyed operator does, with a backend whose key type is known. The contract of `Operator`
 * holds.
 */
export interface KeyedLogic {
  readonly backend: KeyedBackend;
  /**
   * State has been restored, or is empty. `watermark` is the one that the operator starts from;
   * `NO_WATERMARK` for none.
   */
  open(watermark: number): void;
  /** `keys` are those of the batch, valid during the call. */
  processKeyed(batch: Batch, keys: KeyColumn, input: number): void;
  advanceWatermark(timestamp: number): void;
  advanceProcessingTime(now: number): void;
  fire(budget: number): boolean;
  nextProcessingTimer(): number;
  /** Right before a barrier: what is kept beside the backend goes into it. */
  prepareBarrier?(): void;
}

/** Rows that upkeep (expired rows, cleared lists) may look at after each batch. */
const UPKEEP_ROWS = 64;

/** The keyed backend of an operator's subtask. */
export function backendFor(
  context: OperatorContext,
  keyType: Type<unknown>,
  states: StateDescriptors,
): KeyedBackend {
  return new HashMapBackend({
    uid: context.uid,
    keyType,
    maxParallelism: context.maxParallelism,
    keyGroupStart: context.keyGroupStart,
    keyGroupEnd: context.keyGroupEnd,
    states,
    clockNow: () => context.env.clock.now(),
    pool: context.chunkPool,
    verify: context.env.verify,
  });
}

/** See the file header. */
export class KeyedOperator implements Operator {
  readonly states: OperatorStateBackend | undefined = undefined;
  readonly #context: OperatorContext;
  readonly #keySpecs: readonly KeySpec[];
  readonly #extractors: readonly KeyExtractor[];
  readonly #create: (keyType: Type<unknown>) => KeyedLogic;
  /** Inputs whose keys have been seen to be of the operator's type. */
  readonly #isChecked: boolean[];
  #keyType: Type<unknown> | undefined;
  #logic: KeyedLogic | undefined;
  /** Batches whose keys the backend fetches, in order; meanwhile nothing else is done. */
  readonly #held: { readonly batch: Batch; readonly input: number }[] = [];
  /** By input. */
  readonly #recordsSeenCounts: number[];
  #isOpen = false;
  #watermark = NO_WATERMARK;

  /** `keys`: one per input. */
  constructor(
    context: OperatorContext,
    keys: readonly KeySpec[],
    create: (keyType: Type<unknown>) => KeyedLogic,
  ) {
    this.#context = context;
    this.#keySpecs = keys;
    this.#create = create;
    this.#extractors = keys.map((key) => new KeyExtractor(key, context.uid));
    this.#isChecked = keys.map(() => false);
    this.#recordsSeenCounts = keys.map(() => 0);
    const declared = keys.find((key) => key.type !== undefined)?.type;
    if (declared !== undefined) this.#make(declared);
  }

  get keyed(): KeyedBackend | undefined {
    return this.#logic?.backend;
  }

  useKeyType(type: Type<unknown>): void {
    if (this.#logic === undefined) this.#make(type);
    else {
      this.#checkType(type, {
        where: "in the snapshot",
        remedy:
          "Keys do not change type: key by a value of the old type, or give the operator a new " +
          "uid and begin with empty state.",
      });
    }
  }

  open(watermark: number): void {
    this.#isOpen = true;
    this.#watermark = watermark;
    this.#logic?.open(watermark);
  }

  processBatch(batch: Batch, input: number): void {
    this.#context.metrics.countRecordsIn(batch.count);
    if (this.#held.length > 0 || !this.#tryProcess(batch, input)) this.#held.push({ batch, input });
  }

  /** False, and nothing was done, while the backend fetches the keys of the batch. */
  #tryProcess(batch: Batch, input: number): boolean {
    const keys = this.#extract(batch, input);
    const logic = this.#logic ?? this.#makeFromFirst(input);
    if (!this.#isChecked[input]) this.#checkInput(input);
    const { backend } = logic;
    if (!backend.isAlwaysReady && backend.prepare(keys) === "pending") return false;
    logic.processKeyed(batch, keys, input);
    this.#recordsSeenCounts[input] += batch.count;
    backend.upkeep(UPKEEP_ROWS);
    return true;
  }

  advanceWatermark(timestamp: number): void {
    this.#watermark = timestamp;
    this.#logic?.advanceWatermark(timestamp);
  }

  advanceProcessingTime(now: number): void {
    this.#logic?.advanceProcessingTime(now);
  }

  fire(budget: number): boolean {
    return this.#logic === undefined || this.#logic.fire(budget);
  }

  nextProcessingTimer(): number {
    return this.#logic?.nextProcessingTimer() ?? Infinity;
  }

  endInput(_input: number): void {}
  prepareBarrier(_checkpointId: number, _isEnd: boolean): void {
    this.#logic?.prepareBarrier?.();
  }
  flushed(): undefined {
    return undefined;
  }
  /** Processes what waited for its keys first. */
  isReady(): boolean {
    while (this.#held.length > 0) {
      const { batch, input } = this.#held[0];
      if (!this.#tryProcess(batch, input)) return false;
      this.#held.shift();
    }
    return true;
  }
  completed(_checkpointId: number): undefined {
    return undefined;
  }
  aborted(_checkpointId: number): void {}
  close(): undefined {
    return undefined;
  }

  #extract(batch: Batch, input: number): KeyColumn {
    const { uid, subtaskIndex } = this.#context;
    return callUser(
      { uid, subtaskIndex, what: "key" },
      () => this.#extractors[input].extract(batch),
      { batch, seenCount: this.#recordsSeenCounts[input] },
    );
  }

  #makeFromFirst(input: number): KeyedLogic {
    const type = this.#extractors[input].codec?.type ?? this.#keySpecs[input].type;
    if (type === undefined) {
      throw oxbowError(
        "KEY_TYPE_UNSUPPORTED",
        `The type of the keys of "${this.#context.uid}" cannot be told from its first record. ` +
          `Declare it: keyBy(fn, type).`,
        { uid: this.#context.uid },
      );
    }
    return this.#make(type);
  }

  #make(type: Type<unknown>): KeyedLogic {
    this.#keyType = type;
    const logic = this.#create(type);
    this.#logic = logic;
    // Time may have gone on while there was no key; nothing can be due.
    if (this.#isOpen) logic.open(this.#watermark);
    return logic;
  }

  /** What is inferred may differ from another input's type, or from that of a snapshot. */
  #checkInput(input: number): void {
    const type = this.#extractors[input].codec?.type;
    if (type === undefined) return;
    this.#isChecked[input] = true;
    this.#checkType(type, {
      where: this.#keySpecs.length === 1 ? "in its input" : `in its input ${input}`,
      remedy: "Declare the type of the keys: keyBy(fn, type).",
    });
  }

  #checkType(
    type: Type<unknown>,
    found: { readonly where: string; readonly remedy: string },
  ): void {
    const [mine, other] = [renderType(this.#keyType as Type<unknown>), renderType(type)];
    if (mine === other) return;
    throw oxbowError(
      "KEY_TYPE_CHANGED",
      `The keys of "${this.#context.uid}" are ${mine}, but ${found.where} they are ${other}. ` +
        found.remedy,
      { uid: this.#context.uid, declared: mine, found: other },
    );
  }
}
