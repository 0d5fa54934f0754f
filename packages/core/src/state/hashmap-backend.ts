/*
 * HashMapBackend: the keyed backend whose rows are all in memory. It puts the parts together:
 * tables and handles (`backend-tables.ts`), the current key, freezing (`backend-freeze.ts`),
 * loading, upkeep.
 *
 * Contract: `keyed-backend.ts`. Semantics: docs/semantics/state.md.
 */
import { assert } from "../assert.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import { oxbowError } from "../errors.ts";
import { BATCH_COUNT } from "../columns/batch.ts";
import { keyGroupOf } from "../types/key.ts";
import type { Type } from "../types/type.ts";
import { schemaOf } from "../types/schema.ts";
import { BackendFreezer } from "./backend-freeze.ts";
import { BackendTables } from "./backend-tables.ts";
import type { Barrier, CheckpointId } from "./barrier.ts";
import type { HandlesOf, StateDescriptors } from "./descriptors.ts";
import type { HeapSnapshot } from "./heap-snapshot.ts";
import type { HeapTimers } from "./heap-timers.ts";
import { KeyProbe } from "./key-probe.ts";
import type {
  BackendMemory,
  ChildTableSpec,
  FamilySpec,
  KeyedBackend,
  KeyedBackendOptions,
  PaneFamily,
} from "./keyed-backend.ts";
import type { ColumnSpec, RowLayout } from "./layout.ts";
import { type LoadOrigin, LoadPlan } from "./load-plan.ts";
import { ChunkPool, type RowColumns } from "./row-chunk.ts";
import { loadRows } from "./row-loader.ts";
import type { Table } from "./table.ts";

/** See the file header. */
export class HashMapBackend<S extends StateDescriptors> implements KeyedBackend<S> {
  readonly uid: string;
  readonly keyType: Type<unknown>;
  readonly maxParallelism: number;
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  /** Row of the current key; 0: none. */
  currentRow = 0;
  readonly #options: KeyedBackendOptions<S>;
  readonly #tables: BackendTables;
  readonly #freezer: BackendFreezer;
  readonly #probe: KeyProbe;
  #main: Table | undefined;
  #keys: KeyColumn;
  #keyIndex = 0;
  #hasKey = false;
  #prepared = new Int32Array(BATCH_COUNT);
  #preparedKeys: KeyColumn | undefined;
  #preparedFilling = -1;
  #preparedRemovals = -1;
  #preparedRowsCount = -1;
  /** How rows are read that are being loaded. */
  #loadPlan: LoadPlan | undefined;
  #isConverting = false;

  constructor(options: KeyedBackendOptions<S>) {
    this.#options = options;
    this.uid = options.uid;
    this.keyType = options.keyType;
    this.maxParallelism = options.maxParallelism;
    this.keyGroupStart = options.keyGroupStart;
    this.keyGroupEnd = options.keyGroupEnd;
    assert(
      this.keyGroupStart >= 0 && this.keyGroupEnd <= this.maxParallelism,
      "key groups of a backend lie outside of max parallelism",
    );
    this.#probe = new KeyProbe(options.keyType, options.uid);
    this.#keys = this.#probe.keys;
    this.#tables = new BackendTables(options, this);
    this.#freezer = new BackendFreezer(this.#tables, options.pool ?? new ChunkPool());
  }

  get layouts(): readonly RowLayout[] {
    return this.#tables.layouts;
  }

  get schemas(): Readonly<Record<string, unknown>> {
    return { $key: schemaOf(this.keyType), ...this.#tables.schemas() };
  }

  get main(): Table {
    return (this.#main ??= this.#tables.main);
  }

  get states(): HandlesOf<S> {
    return this.#tables.handles as HandlesOf<S>;
  }

  get eventTimers(): HeapTimers {
    return this.#tables.eventTimers;
  }

  get processingTimers(): HeapTimers {
    return this.#tables.processingTimers;
  }

  clockNow(): number {
    return this.#options.clockNow();
  }

  get isAlwaysReady(): boolean {
    return true;
  }

  prepare(keys: KeyColumn): "ready" | "pending" {
    if (keys.count > this.#prepared.length) this.#prepared = new Int32Array(keys.count * 2);
    const { main } = this;
    main.code.findAll(main, keys, keys.count, this.#prepared);
    this.#preparedKeys = keys;
    this.#preparedFilling = keys.fillingsCount;
    this.#preparedRemovals = main.removalsCount;
    this.#preparedRowsCount = main.rowsCount;
    return "ready";
  }

  setCurrent(keys: KeyColumn, index: number): void {
    assert(index < keys.count, "a key beyond the end of its column is made current");
    this.#keys = keys;
    this.#keyIndex = index;
    this.#hasKey = true;
    if (this.#options.verify === true) this.#verifyKeyGroup(keys, index);
    const { main } = this;
    this.currentRow = this.#isPrepared(keys, index)
      ? this.#prepared[index]
      : main.code.find(main, keys, index, 0);
  }

  /**
   * Whether what was found for the batch still holds: the column has the same keys, no row was
   * removed, and none was added where the key had none.
   */
  #isPrepared(keys: KeyColumn, index: number): boolean {
    if (keys !== this.#preparedKeys || keys.fillingsCount !== this.#preparedFilling) return false;
    const { removalsCount, rowsCount } = this.main;
    if (removalsCount !== this.#preparedRemovals) return false;
    return this.#prepared[index] !== 0 || rowsCount === this.#preparedRowsCount;
  }

  /** A key that another subtask owns was sent to the wrong place: its state would be lost. */
  #verifyKeyGroup(keys: KeyColumn, index: number): void {
    const keyGroup = keyGroupOf(keys.hashes()[index], this.maxParallelism);
    assert(
      keyGroup >= this.keyGroupStart && keyGroup < this.keyGroupEnd,
      () =>
        `operator ${this.uid} got a key of key group ${keyGroup}, but owns ` +
        `${this.keyGroupStart} to ${this.keyGroupEnd}`,
    );
  }

  setCurrentKey(key: unknown): void {
    this.#probe.set(key);
    this.#useProbe();
  }

  setCurrentRow(row: number): void {
    this.#probe.setFromRow(this.main, row);
    this.#keys = this.#probe.keys;
    this.#keyIndex = 0;
    this.#hasKey = true;
    this.currentRow = row;
  }

  /** For timers: the key of a row of another table with the same keys. */
  setCurrentFromRow(table: Table, row: number): void {
    this.#probe.setFromRow(table, row);
    this.#useProbe();
  }

  #useProbe(): void {
    this.#keys = this.#probe.keys;
    this.#keyIndex = 0;
    this.#hasKey = true;
    const { main } = this;
    this.currentRow = main.code.find(main, this.#keys, 0, 0);
  }

  currentKey(): unknown {
    this.#checkKey();
    return this.#keys === this.#probe.keys
      ? this.#probe.value()
      : this.#keys.valueAt(this.#keyIndex);
  }

  /** The current key as a column, for timers. */
  get probeKeys(): KeyColumn {
    this.#checkKey();
    return this.#keys;
  }

  get probeIndex(): number {
    return this.#keyIndex;
  }

  #checkKey(): void {
    if (this.#hasKey) return;
    throw oxbowError(
      "INVALID_ARGUMENT",
      `Operator "${this.uid}": keyed state or a timer is used without a current key. ` +
        "Use it only while a record or a timer of a key is processed.",
      { uid: this.uid },
    );
  }

  ensureRow(): number {
    if (this.currentRow !== 0) return this.currentRow;
    this.#checkKey();
    const { main } = this;
    this.currentRow = main.code.upsert(main, this.#keys, this.#keyIndex, 0, 0);
    return this.currentRow;
  }

  release(): void {
    if (this.currentRow !== 0) this.releaseRow(this.currentRow);
  }

  releaseRow(row: number): void {
    if (!this.#tables.isEmpty(row)) return;
    if (row === this.currentRow) this.currentRow = 0;
    this.main.remove(row);
  }

  family(spec: FamilySpec): PaneFamily {
    return this.#tables.addFamily(spec);
  }

  childTable(spec: ChildTableSpec): Table {
    return this.#tables.addChild(spec);
  }

  columns(columns: readonly ColumnSpec[]): readonly string[] {
    return this.#tables.addColumns(columns);
  }

  forEachKey(visit: (key: unknown) => void): void {
    const { main } = this;
    for (let row = main.nextRow(0); row !== 0; row = main.nextRow(row)) {
      this.setCurrentRow(row);
      visit(this.currentKey());
    }
    this.#forgetKey();
  }

  #forgetKey(): void {
    this.#hasKey = false;
    this.currentRow = 0;
  }

  freeze(barrier: Barrier): HeapSnapshot {
    return this.#freezer.freeze(barrier);
  }

  beginLoad(origin: LoadOrigin): void {
    this.#loadPlan = new LoadPlan(this.#tables.loadTables(), origin);
    if (this.#loadPlan.isConverting) this.#isConverting = true;
  }

  load(stored: RowColumns): void {
    this.#forgetKey();
    const rows = this.#loadPlan === undefined ? stored : this.#loadPlan.rowsOf(stored);
    if (rows === undefined) return;
    if (rows.kind === "dropped") {
      this.#tables.dropPanes(rows, this.#probe);
      return;
    }
    const place = this.#tables.loadPlace(rows);
    const { keyGroupStart, keyGroupEnd, uid } = this;
    const now = this.clockNow();
    loadRows({ ...place, uid, probe: this.#probe, keyGroupStart, keyGroupEnd, now }, rows);
  }

  finishLoad(restoredFrom: CheckpointId | undefined): boolean {
    const isConverted = this.#isConverting;
    this.#loadPlan = undefined;
    this.#isConverting = false;
    this.#forgetKey();
    if (isConverted) this.#tables.removeEmptyRows();
    this.#freezer.restart(isConverted ? undefined : restoredFrom);
    this.#tables.rebuildTimers();
    return isConverted;
  }

  upkeep(rowsMax: number): boolean {
    this.#forgetKey();
    this.#freezer.boundRemovals();
    this.#tables.sweep(rowsMax, this.clockNow());
    return this.#tables.upkeep(rowsMax);
  }

  memory(): BackendMemory {
    let rowsCount = 0;
    let storedRowsCount = 0;
    let sizeBytes = 0;
    for (const table of this.#tables.all()) {
      rowsCount += table.rowsCount;
      if (!table.layout.isDerived) storedRowsCount += table.rowsCount;
      sizeBytes += table.sizeBytes;
    }
    return { rowsCount, storedRowsCount, sizeBytes };
  }
}
