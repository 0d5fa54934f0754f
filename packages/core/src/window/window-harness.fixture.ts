/*
 * WindowHarness: a window operator by itself, on a real backend, with a clock of its own. For tests
 * of this folder: feeds records, moves time in slices of a given size, takes the state out and goes
 * on with a new operator from it.
 */
import { assert } from "../assert.ts";
import { Batch } from "../columns/batch.ts";
import { KeyExtractor } from "../columns/key-extractor.ts";
import { chunkReader } from "../state/chunk-reader.ts";
import { HashMapBackend } from "../state/hashmap-backend.ts";
import type { ChunkKind, RowChunk, RowColumns } from "../state/row-chunk.ts";
import { NO_WATERMARK } from "../time/timestamp.ts";
import type { Type } from "../types/type.ts";
import { createWindowOperator } from "./create-window-operator.ts";
import type { WindowOperator } from "./window-operator.ts";
import type { WindowPlan } from "./window-plan.ts";

/** A record as the harness takes it. */
export interface HarnessRecord {
  readonly key: unknown;
  /** Event time. */
  readonly at: number;
}

/** Something that came out, with its timestamp. */
export interface HarnessOutput {
  readonly record: unknown;
  readonly timestamp: number;
}

/** What a harness carries from one life of the operator to the next. */
export interface HarnessState {
  readonly checkpointId: number;
  /** A full snapshot, and what each one after it has changed, oldest first. */
  readonly rows: readonly RowColumns[];
  /** Of the rows. */
  readonly schemas: Readonly<Record<string, unknown>>;
  readonly watermark: number;
}

/** Tombstones of a snapshot apply before its puts. */
const KIND_ORDER: readonly ChunkKind[] = ["dropped", "cleared", "tombstones", "puts"];

const MAX_PARALLELISM = 128;
/** Rows that one slice of a snapshot copies. */
const COPY_ROWS = 1024;
/** More slices than this is a fire that makes no progress. */
const MAX_SLICES = 1_000_000;

/** See the file header. */
export class WindowHarness {
  readonly results: HarnessOutput[] = [];
  readonly late: HarnessOutput[] = [];
  lateDroppedCount = 0;
  /** Processing time. */
  now = 0;
  #watermark = NO_WATERMARK;
  #checkpointId = 0;
  /** The snapshot that the next one may build on. */
  #base: HarnessState | undefined;
  readonly #plan: WindowPlan;
  readonly #keyType: Type<unknown>;
  #backend: HashMapBackend<Record<never, never>>;
  #keys: KeyExtractor;
  #operator: WindowOperator;

  constructor(plan: WindowPlan, keyType: Type<unknown>) {
    this.#plan = plan;
    this.#keyType = keyType;
    this.#keys = new KeyExtractor({ by: "key", type: keyType }, plan.uid);
    this.#backend = this.#newBackend();
    this.#operator = this.#newOperator();
    this.#operator.restored(NO_WATERMARK);
  }

  /** The operator's watermark. */
  get watermark(): number {
    return this.#operator.currentWatermark;
  }

  get isFiring(): boolean {
    return this.#operator.isFiring;
  }

  /** When the operator wants the clock next. */
  get nextProcessingTime(): number {
    return this.#operator.nextProcessingTime();
  }

  /** Rows in state, timers included. */
  get rowsCount(): number {
    return this.#backend.memory().rowsCount;
  }

  /** Feeds one batch. */
  process(records: readonly HarnessRecord[]): void {
    const timestamps = Float64Array.from(records, (record) => record.at);
    this.processBatch(Batch.ofRecords(records, records.length, timestamps));
  }

  /** Feeds one batch that has its timestamps and a field `key`. */
  processBatch(batch: Batch): void {
    const keys = this.#keys.extract(batch);
    this.#backend.prepare(keys);
    this.#operator.processBatch(batch, keys, 0);
    this.#backend.upkeep(16);
  }

  /** Moves event time, firing `rowsMax` rows at a time. */
  advance(watermark: number, rowsMax = 1000): void {
    this.begin(watermark);
    this.fire(rowsMax);
  }

  /** Moves event time without firing yet. */
  begin(watermark: number): void {
    this.#watermark = Math.max(this.#watermark, watermark);
    this.#operator.advanceWatermark(watermark);
  }

  /** Moves the clock. */
  advanceClock(now: number, rowsMax = 1000): void {
    this.now = now;
    this.#operator.advanceProcessingTime(now);
    this.fire(rowsMax);
  }

  /** Fires until nothing is left, or until `slices` slices are done. */
  fire(rowsMax: number, slices = MAX_SLICES): void {
    let count = 0;
    while (count < slices && !this.#operator.fire(rowsMax)) count += 1;
    assert(count < MAX_SLICES, "firing makes progress");
  }

  /**
   * Takes the state out, as a delta on the last time where there was one; undefined where the
   * operator has to finish firing first. `meanwhile` comes after the snapshot's point in time,
   * before any row is copied.
   */
  snapshot(meanwhile: () => void = () => undefined): HarnessState | undefined {
    if (!this.#operator.prepareSnapshot()) return undefined;
    const backend = this.#backend;
    this.#checkpointId += 1;
    const snapshot = backend.freeze({
      id: this.#checkpointId,
      kind: "checkpoint",
      timestamp: 0,
      base: this.#base?.checkpointId,
    });
    meanwhile();
    const chunks: RowChunk[] = [];
    const sink = { emit: (chunk: RowChunk) => void chunks.push(chunk), hasRoom: () => true };
    while (!snapshot.copySlice(COPY_ROWS, sink));
    const order = (chunk: RowChunk): number => KIND_ORDER.indexOf(chunk.kind);
    const rows = chunks
      .toSorted((a, b) => order(a) - order(b))
      .map((chunk) => chunkReader(snapshot.layouts[chunk.layoutIndex], MAX_PARALLELISM)(chunk));
    const before = snapshot.isDelta ? (this.#base?.rows ?? []) : [];
    this.#base = {
      checkpointId: this.#checkpointId,
      rows: [...before, ...rows],
      schemas: backend.schemas,
      watermark: this.watermark,
    };
    return this.#base;
  }

  /** Goes on with a new operator from a state; the watermark that was under way comes again. */
  restore(state: HarnessState): void {
    const { rows, watermark } = state;
    this.#keys = new KeyExtractor({ by: "key", type: this.#keyType }, this.#plan.uid);
    this.#backend = this.#newBackend();
    this.#operator = this.#newOperator();
    this.#backend.beginLoad({ schemas: state.schemas });
    for (const columns of rows) this.#backend.load(columns);
    this.#backend.finishLoad(state.checkpointId);
    this.#base = state;
    this.#operator.restored(watermark);
    if (this.#watermark > watermark) this.#operator.advanceWatermark(this.#watermark);
  }

  #newBackend(): HashMapBackend<Record<never, never>> {
    return new HashMapBackend({
      uid: this.#plan.uid,
      keyType: this.#keyType,
      maxParallelism: MAX_PARALLELISM,
      keyGroupStart: 0,
      keyGroupEnd: MAX_PARALLELISM,
      states: {},
      clockNow: () => this.now,
      verify: true,
    });
  }

  #newOperator(): WindowOperator {
    return createWindowOperator(this.#plan, this.#backend, {
      now: () => this.now,
      output: {
        emit: (record, timestamp) => void this.results.push({ record, timestamp }),
        emitLate: (record, timestamp) => void this.late.push({ record, timestamp }),
        countLate: (count) => {
          this.lateDroppedCount += count;
        },
      },
    });
  }
}
