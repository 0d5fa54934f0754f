/*
 * KeyedBackend: all keyed state of one operator's subtask. Its main table has one row per key;
 * every declared state is a column of it (or a child table: lists, maps, timers), so that one
 * look-up serves all states of a record. Window operators add families of panes.
 *
 * Not here: when barriers come (checkpoint), how rows are written (snapshot).
 *
 * K1. Handles work on the current key, which the operator sets before it calls a user's function.
 * K2. A row is created by the first write and removed when nothing of its key is left.
 * K3. Tables, families and states are all declared before the first `load` and the first key.
 * Semantics: docs/semantics/state.md.
 */
import type { KeyColumn } from "../columns/key-column.ts";
import type { Type } from "../types/type.ts";
import type { Barrier, CheckpointId } from "./barrier.ts";
import type { HandlesOf, StateDescriptors } from "./descriptors.ts";
import type { ColumnSpec, RowLayout } from "./layout.ts";
import type { LoadOrigin } from "./load-plan.ts";
import type { ChunkPool, ChunkSink, Namespace, RowColumns } from "./row-chunk.ts";
import type { Table } from "./table.ts";

/** What a backend is made from. */
export interface KeyedBackendOptions<S extends StateDescriptors> {
  readonly uid: string;
  readonly keyType: Type<unknown>;
  readonly maxParallelism: number;
  /** Key groups of this subtask, `end` exclusive. */
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  readonly states: S;
  /** Processing time in ms, for TTL. */
  readonly clockNow: () => number;
  /** Buffers of chunks; shared by the operators of a task. */
  readonly pool?: ChunkPool;
  /** Freeze what `get` returns, check more. */
  readonly verify?: boolean;
}

/** A child table for operators that keep rows of their own per key (sessions). */
export interface ChildTableSpec {
  readonly name: string;
  /** Type of the sub key; undefined: positions 0, 1, 2, … and no index. */
  readonly keyType: Type<unknown> | undefined;
  /** False: a key has few rows, and its list is walked to find one. Default: if it has a type. */
  readonly isIndexed?: boolean;
  readonly columns: readonly ColumnSpec[];
  /**
   * Its rows are parts of accumulators: a restore leaves them out where the operator keeps others
   * now. Default false.
   */
  readonly isAccumulator?: boolean;
}

/** A family of panes: per namespace a table key → columns, and child lists per key. */
export interface FamilySpec {
  /** Unique among states, families and tables of the operator. */
  readonly name: string;
  readonly columns: readonly ColumnSpec[];
  /** Child tables of every pane. */
  readonly children?: readonly ChildTableSpec[];
}

/** One namespace of a family. Gone after `drop`. */
export interface Pane {
  readonly namespace: Namespace;
  readonly table: Table;
  /** By position in `FamilySpec.children`. */
  readonly children: readonly Table[];
}

/** See `FamilySpec`. */
export interface PaneFamily {
  readonly name: string;
  /** Layout of every pane's table, for generated code. */
  readonly layout: RowLayout;
  /** The pane of a namespace, made if there is none. */
  open(namespace: Namespace): Pane;
  get(namespace: Namespace): Pane | undefined;
  /** Removes a pane with all its rows; costs nothing per row. */
  drop(namespace: Namespace): void;
  /** All panes, in order of start, then end. */
  panes(): readonly Pane[];
}

/** Timers of one kind, of all keys. A timer is (key, namespace, timestamp), there once. */
export interface TimerService {
  /** Registers a timer of the current key; nothing happens if it is there. */
  register(timestamp: number, namespace?: Namespace): void;
  /** Removes a timer of the current key, if it is there. */
  delete(timestamp: number, namespace?: Namespace): void;
  /** The earliest timer's timestamp, ms; Infinity for none. */
  nextTimestamp(): number;
  /**
   * Takes up to `countMax` timers with timestamp ≤ `upTo`, earliest first: for each, makes its key
   * current, removes it and calls `fire`, which may register others. Returns how many fired; fewer
   * than `countMax`: none is due any more.
   */
  popDue(
    upTo: number,
    countMax: number,
    fire: (timestamp: number, namespace: Namespace) => void,
  ): number;
  /** Timers of all keys. */
  readonly size: number;
}

/** One snapshot in flight. */
export interface BackendSnapshot {
  readonly barrier: Barrier;
  /** Whether it holds changes since `barrier.base` only. */
  readonly isDelta: boolean;
  /** What chunks refer to by index. */
  readonly layouts: readonly RowLayout[];
  /**
   * Copies up to about `rowsMax` rows into the sink; called between batches. True when everything
   * is in the sink; then the snapshot is over. Returns false at once while the sink has no room.
   */
  copySlice(rowsMax: number, sink: ChunkSink): boolean;
  /** Ends the snapshot early; it costs nothing any more. Harmless after the end. */
  abort(): void;
  /** Rows copied because they were touched before a slice came to them. */
  readonly touchedCount: number;
}

/** Sizes. */
export interface BackendMemory {
  readonly rowsCount: number;
  /** Of these, the ones that a full snapshot holds. */
  readonly storedRowsCount: number;
  readonly sizeBytes: number;
}

/** See the file header. */
export interface KeyedBackend<S extends StateDescriptors = StateDescriptors> {
  readonly uid: string;
  readonly keyType: Type<unknown>;
  readonly maxParallelism: number;
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  /** All layouts so far; a position never changes. */
  readonly layouts: readonly RowLayout[];
  /**
   * Name → versioned schema (plain JSON) of every state, family and timer table: goes into
   * snapshots.
   */
  readonly schemas: Readonly<Record<string, unknown>>;

  /** Whether `prepare` never answers `pending`, so that calling it is a matter of speed only. */
  readonly isAlwaysReady: boolean;
  /**
   * Called with the key column of each batch before it is processed; `pending`: call again after a
   * wake-up.
   */
  prepare(keys: KeyColumn): "ready" | "pending";
  /** Makes the key at `index` of a column current. */
  setCurrent(keys: KeyColumn, index: number): void;
  /** Makes a key given as a value current. */
  setCurrentKey(key: unknown): void;
  /** Makes the key of a row of main current. */
  setCurrentRow(row: number): void;
  /** The current key. */
  currentKey(): unknown;
  /** Row of the current key in `main`; 0: none. */
  readonly currentRow: number;
  /** Row of the current key in `main`, made if there is none; `release` it if it stays empty. */
  ensureRow(): number;
  /** Removes the current key's row if nothing is left in it (K2). */
  release(): void;
  /** The same for any row of `main`. */
  releaseRow(row: number): void;

  /** One row per key; for generated loops over all keys of a batch. */
  readonly main: Table;
  readonly states: HandlesOf<S>;
  readonly eventTimers: TimerService;
  readonly processingTimers: TimerService;
  /** Declares a family. */
  family(spec: FamilySpec): PaneFamily;
  /** Declares a child table of `main`. */
  childTable(spec: ChildTableSpec): Table;
  /**
   * Declares plain columns of `main` (aggregates that keep their accumulator there). Returns their
   * names. A key with a row has them all; such rows go only by `main.remove`.
   */
  columns(columns: readonly ColumnSpec[]): readonly string[];
  /** Calls `visit` with each key that has a row, as current key. `visit` may write and clear. */
  forEachKey(visit: (key: unknown) => void): void;

  /** Takes the snapshot's point in time; O(tables + rows / 32). */
  freeze(barrier: Barrier): BackendSnapshot;
  /**
   * The rows that follow were stored with these schemas: they are judged at once, and rows are
   * converted while they are loaded. Without it rows have the declared schemas. STATE_MISMATCH with
   * state, path and both types for what cannot go on.
   */
  beginLoad(origin: LoadOrigin): void;
  /**
   * Fills tables: base first, then deltas, oldest first. Rows outside of the key-group range are
   * left out. USER_FUNCTION_FAILED for a `migrate`; the backend is of no use afterwards.
   */
  load(rows: RowColumns): void;
  /**
   * Ends loading: nothing is dirty. `restoredFrom`: the checkpoint that later barriers may name as
   * base; undefined: the next checkpoint writes everything. Returns whether stored schemas were
   * others than the declared ones; then `restoredFrom` is no base, since deltas never build on
   * segments of another schema.
   */
  finishLoad(restoredFrom: CheckpointId | undefined): boolean;
  /**
   * Bounded upkeep between batches: expired rows, cleared lists, arena. False: nothing was left to
   * do.
   */
  upkeep(rowsMax: number): boolean;
  memory(): BackendMemory;
}
