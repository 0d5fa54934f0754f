/*
 * BackendTables: the tables of one backend: the main one with its child tables, timers, families;
 * their layouts, handles and schemas; which of them rows of a snapshot belong to; and the sweep for
 * expired rows.
 *
 * B1. The main table is made at its first use; what adds columns or child tables comes before.
 */
import { assert } from "../assert.ts";
import { oxbowError } from "../errors.ts";
import { schemaOf } from "../types/schema.ts";
import { Changes } from "./changes.ts";
import type { StateDescriptors } from "./descriptors.ts";
import { dropPanes } from "./dropped-panes.ts";
import { HeapFamily } from "./heap-family.ts";
import type { HeapTimers, TimerKeys } from "./heap-timers.ts";
import { KeyProbe } from "./key-probe.ts";
import type { ChildTableSpec, FamilySpec, KeyedBackendOptions } from "./keyed-backend.ts";
import { type ColumnSpec, keyKindOf, type RowLayout, rowLayout } from "./layout.ts";
import type { RowColumns } from "./row-chunk.ts";
import type { LoadTables } from "./load-plan.ts";
import type { LoadTarget } from "./row-loader.ts";
import { RowTemplate } from "./row-template.ts";
import { type HandleParts, makeHandle } from "./state-handles.ts";
import { checkAliases } from "./state-evolution.ts";
import {
  checkStateName,
  childLayout,
  EVENT_TIMERS_TABLE,
  isChildState,
  MAIN_TABLE,
  mainColumns,
  PROCESSING_TIMERS_TABLE,
  stateSchema,
} from "./state-tables.ts";
import { Table, type TableParts } from "./table.ts";
import { compileTable } from "./table-source.ts";
import { makeTimerTables, type TimerTables } from "./timer-tables.ts";
import { TtlSweep } from "./ttl-sweep.ts";
import type { CurrentKey } from "./value-handle.ts";

/** The parts of a `LoadTarget` that depend on the table. */
export type LoadPlace = Pick<LoadTarget, "layout" | "tableOf" | "subProbe">;

interface MainParts {
  readonly main: Table;
  readonly children: ReadonlyMap<string, Table>;
  readonly handles: Readonly<Record<string, unknown>>;
}

/** See the file header. */
export class BackendTables {
  readonly changes = new Changes();
  readonly layouts: RowLayout[] = [];
  readonly families: HeapFamily[] = [];
  readonly #options: KeyedBackendOptions<StateDescriptors>;
  readonly #current: CurrentKey & TimerKeys;
  readonly #addedColumns: ColumnSpec[] = [];
  readonly #addedChildren: Table[] = [];
  /** Names of child tables that hold parts of accumulators. */
  readonly #accumulatorTables = new Set<string>();
  readonly #subProbes = new Map<RowLayout, KeyProbe>();
  readonly #sweep: TtlSweep;
  #mainParts: MainParts | undefined;
  #timerParts: TimerTables | undefined;
  #emptyMask: Int32Array = new Int32Array(0);

  constructor(options: KeyedBackendOptions<StateDescriptors>, current: CurrentKey & TimerKeys) {
    this.#options = options;
    this.#current = current;
    this.#sweep = new TtlSweep((row) => this.#removeIfEmpty(row));
    // Refuses bad names at once.
    mainColumns(options.uid, options.states);
    checkAliases(options.uid, options.states);
  }

  get main(): Table {
    return this.#parts().main;
  }

  get handles(): Readonly<Record<string, unknown>> {
    return this.#parts().handles;
  }

  get eventTimers(): HeapTimers {
    return this.#timers().event;
  }

  get processingTimers(): HeapTimers {
    return this.#timers().processing;
  }

  /** All tables that were made so far. */
  *all(): Generator<Table> {
    yield* this.#fixed();
    for (const family of this.families) yield* family.tables();
  }

  /** Bounded upkeep. False: nothing was left to do. */
  upkeep(rowsMax: number): boolean {
    let isBusy = false;
    for (const table of this.#fixed()) if (table.upkeep(rowsMax)) isBusy = true;
    for (const family of this.families) if (family.upkeep(rowsMax)) isBusy = true;
    return isBusy || this.changes.waitingChainsCount > 0;
  }

  /** Tables that are no panes. */
  *#fixed(): Generator<Table> {
    if (this.#mainParts !== undefined) {
      yield this.#mainParts.main;
      yield* this.#mainParts.children.values();
    }
    if (this.#timerParts !== undefined) {
      yield this.#timerParts.roots;
      yield* this.#timerParts.tables.values();
    }
  }

  addColumns(columns: readonly ColumnSpec[]): readonly string[] {
    this.#checkOpen();
    for (const { name } of columns) checkStateName(this.#options.uid, name);
    this.#addedColumns.push(...columns);
    return columns.map((column) => column.name);
  }

  /** A child table of main; it is attached when main is made. */
  addChild(spec: ChildTableSpec): Table {
    this.#checkOpen();
    checkStateName(this.#options.uid, spec.name);
    const layout = addedLayout(spec, this.#keyLayout());
    const table = new Table(this.#tableParts(layout), undefined, undefined);
    if (spec.isAccumulator === true) this.#accumulatorTables.add(spec.name);
    this.#addedChildren.push(table);
    return table;
  }

  #checkOpen(): void {
    assert(
      this.#mainParts === undefined,
      () => `operator ${this.#options.uid} declares state after its first use`,
    );
  }

  addFamily(spec: FamilySpec): HeapFamily {
    const { uid, keyType } = this.#options;
    checkStateName(uid, spec.name);
    const children = spec.children ?? [];
    const layout = rowLayout({
      name: spec.name,
      keyType,
      keyKind: keyKindOf(keyType),
      hasNamespace: true,
      columns: spec.columns,
      relations: children.map((child) => child.name),
    });
    const table = this.#tableParts(layout);
    const family = new HeapFamily({
      name: spec.name,
      changes: this.changes,
      table,
      children: children.map((child) => {
        const name = `${spec.name}/${child.name}`;
        if (child.isAccumulator === true) this.#accumulatorTables.add(name);
        return this.#tableParts(addedLayout({ ...child, name }, layout));
      }),
    });
    this.families.push(family);
    return family;
  }

  /** What a child table needs to know of main: its key. The same for every set of columns. */
  #keyLayout(): RowLayout {
    const { keyType } = this.#options;
    return rowLayout({
      name: MAIN_TABLE,
      keyType,
      keyKind: keyKindOf(keyType),
      hasNamespace: false,
      columns: [],
    });
  }

  #tableParts(layout: RowLayout): TableParts {
    const layoutIndex = this.layouts.push(layout) - 1;
    const code = compileTable(layout, this.#options.uid);
    return { layout, layoutIndex, code, template: new RowTemplate(layout), changes: this.changes };
  }

  #parts(): MainParts {
    return (this.#mainParts ??= this.#makeMain());
  }

  #makeMain(): MainParts {
    const { uid, keyType, states } = this.#options;
    const childStates = Object.entries(states).filter(([, state]) => isChildState(state));
    const added = this.#addedChildren;
    const layout = rowLayout({
      name: MAIN_TABLE,
      keyType,
      keyKind: keyKindOf(keyType),
      hasNamespace: false,
      columns: [...mainColumns(uid, states), ...this.#addedColumns],
      relations: [...childStates.map(([name]) => name), ...added.map((t) => t.layout.table)],
    });
    const main = new Table(this.#tableParts(layout), undefined, undefined);
    const children = new Map<string, Table>();
    for (const [name, state] of childStates) {
      const parts = this.#tableParts(childLayout(name, state, layout));
      children.set(name, new Table(parts, main, undefined));
    }
    for (const table of added) {
      table.attachTo(main);
      children.set(table.layout.table, table);
    }
    this.#emptyMask = presenceMask(layout, states);
    const handles = this.#makeHandles(main, children);
    return { main, children, handles };
  }

  #makeHandles(main: Table, children: ReadonlyMap<string, Table>): Record<string, unknown> {
    const parts: HandleParts = {
      options: this.#options,
      current: this.#current,
      main,
      sweep: this.#sweep,
      removeIfEmpty: (row) => this.#removeIfEmpty(row),
      subProbe: (layout) => this.#subProbe(layout),
    };
    const handles: Record<string, unknown> = {};
    for (const [name, state] of Object.entries(this.#options.states)) {
      handles[name] = makeHandle(name, state, children.get(name), parts);
    }
    return Object.freeze(handles);
  }

  #removeIfEmpty(mainRow: number): void {
    if (this.isEmpty(mainRow)) this.main.remove(mainRow);
  }

  /** Holds sub keys of a child table whose sub keys have a type. */
  #subProbe(layout: RowLayout): KeyProbe {
    let probe = this.#subProbes.get(layout);
    if (probe === undefined) {
      assert(layout.keyType !== undefined, "a probe for sub keys without a type");
      probe = new KeyProbe(layout.keyType, this.#options.uid);
      this.#subProbes.set(layout, probe);
    }
    return probe;
  }

  #timers(): TimerTables {
    this.#timerParts ??= makeTimerTables(this.#options.keyType, this.#current, (layout) =>
      this.#tableParts(layout),
    );
    return this.#timerParts;
  }

  /** Whether nothing is left in a row of main (K2). */
  isEmpty(row: number): boolean {
    // Plain columns have no presence: their rows go only when their operator removes them.
    if (this.#addedColumns.length > 0) return false;
    const { main } = this.#parts();
    const page = main.pageOf(row).i32;
    const base = main.baseOf(row);
    const words = base + main.layout.presenceOffset / 4;
    for (let word = 0; word < this.#emptyMask.length; word++) {
      if ((page[words + word] & this.#emptyMask[word]) !== 0) return false;
    }
    for (const table of main.childTables) if (table.links.countOf(row) > 0) return false;
    return true;
  }

  /** Bounded look for expired values. */
  sweep(rowsMax: number, now: number): void {
    this.#sweep.run(rowsMax, now);
  }

  /** What rows of a snapshot are loaded into; no more can be declared afterwards. */
  loadTables(): LoadTables {
    const { uid, keyType, states } = this.#options;
    const tables = [
      ...this.#addedChildren.map((table) => table.layout),
      ...this.families.flatMap((family) => [family.layout, ...family.childLayouts]),
    ];
    return {
      uid,
      keyType,
      states,
      main: this.#parts().main.layout,
      addedColumns: this.#addedColumns.map(({ name }) => name),
      tables: new Map(tables.map((layout) => [layout.table, layout])),
    };
  }

  /** Removes rows of keys of which loading left nothing (K2). */
  removeEmptyRows(): void {
    const { main } = this.#parts();
    for (let row = main.nextRow(0); row !== 0; row = main.nextRow(row)) this.#removeIfEmpty(row);
  }

  /** Where rows of a table of a snapshot belong. */
  loadPlace(rows: RowColumns): LoadPlace {
    const table = this.#tableNamed(rows.table);
    if (table !== undefined)
      return { layout: table.layout, ...this.#place(table.layout, () => table) };
    const [familyName, childName] = rows.table.split("/");
    const family = this.families.find((candidate) => candidate.name === familyName);
    const isPut = rows.kind === "puts";
    const childIndex =
      family?.childLayouts.findIndex((layout) => layout.table === rows.table) ?? -1;
    if (family === undefined || (childName !== undefined && childIndex < 0)) {
      throw this.#unknownTable(rows.table);
    }
    const { namespaces } = rows;
    assert(namespaces !== undefined, () => `rows of family ${family.name} have no namespaces`);
    const layout = childIndex < 0 ? family.layout : family.childLayouts[childIndex];
    return {
      layout,
      ...this.#place(layout, (index) => {
        const namespace = { start: namespaces.starts[index], end: namespaces.ends[index] };
        const pane = isPut ? family.open(namespace) : family.get(namespace);
        return childIndex < 0 ? pane?.table : pane?.children[childIndex];
      }),
    };
  }

  #place(
    layout: RowLayout,
    tableOf: LoadTarget["tableOf"],
  ): Pick<LoadTarget, "tableOf" | "subProbe"> {
    const hasSubKeys = layout.parent !== undefined && layout.keyType !== undefined;
    return { tableOf, subProbe: hasSubKeys ? this.#subProbe(layout) : undefined };
  }

  #tableNamed(name: string): Table | undefined {
    const { main, children } = this.#parts();
    if (name === MAIN_TABLE) return main;
    if (name === EVENT_TIMERS_TABLE || name === PROCESSING_TIMERS_TABLE) {
      return this.#timers().tables.get(name);
    }
    return children.get(name);
  }

  /** Applies range tombstones of panes; `probe` holds keys of the operator. */
  dropPanes(rows: RowColumns, probe: KeyProbe): void {
    const family = this.families.find((candidate) => candidate.name === rows.table);
    if (family === undefined) throw this.#unknownTable(rows.table);
    dropPanes({ ...this.#options, family, probe }, rows);
  }

  #unknownTable(table: string): Error {
    const { uid } = this.#options;
    return oxbowError(
      "STATE_MISMATCH",
      `The snapshot has a table "${table}" of operator "${uid}", ` +
        "which does not declare such a state. " +
        "Declare it as it was, or give the operator a new uid.",
      { uid, table },
    );
  }

  rebuildTimers(): void {
    this.#timerParts?.event.rebuild();
    this.#timerParts?.processing.rebuild();
  }

  /** Schemas of states, families, added columns and tables. */
  schemas(): Readonly<Record<string, unknown>> {
    const schemas: Record<string, unknown> = {};
    for (const [name, state] of Object.entries(this.#options.states)) {
      schemas[name] = stateSchema(state);
    }
    for (const { name, type } of this.#addedColumns) {
      schemas[name] = { kind: "column", type: schemaOf(type) };
    }
    for (const { layout } of this.#addedChildren) schemas[layout.table] = this.#childSchema(layout);
    for (const family of this.families) {
      schemas[family.name] = tableSchema("panes", family.layout);
      for (const layout of family.childLayouts) schemas[layout.table] = this.#childSchema(layout);
    }
    return schemas;
  }

  #childSchema(layout: RowLayout): unknown {
    const schema = tableSchema("table", layout);
    return this.#accumulatorTables.has(layout.table) ? { ...schema, isAccumulator: true } : schema;
  }
}

function addedLayout(spec: ChildTableSpec, parent: RowLayout): RowLayout {
  const isWalked = spec.keyType !== undefined && spec.isIndexed === false;
  assert(!isWalked || spec.keyType?.kind === "timestamp", "sub keys without index are times");
  return rowLayout({
    name: spec.name,
    keyType: spec.keyType,
    keyKind: spec.keyType === undefined ? "int32" : keyKindOf(spec.keyType),
    hasNamespace: parent.hasNamespace,
    parent,
    isIndexed: spec.isIndexed ?? spec.keyType !== undefined,
    columns: spec.columns,
  });
}

function tableSchema(kind: string, layout: RowLayout): object {
  return {
    kind,
    ...(layout.parent !== undefined && layout.keyType !== undefined
      ? { keyType: schemaOf(layout.keyType) }
      : {}),
    columns: layout.columns.map(({ name, type }) => ({ name, type: schemaOf(type) })),
  };
}

/** Presence bits that say that a state has a value. */
function presenceMask(layout: RowLayout, states: StateDescriptors): Int32Array {
  const mask = new Int32Array(layout.presenceWordsCount);
  for (const column of layout.columns) {
    if (column.presenceBit < 0 || !Object.hasOwn(states, column.name)) continue;
    mask[column.presenceBit >>> 5] |= 1 << (column.presenceBit & 31);
  }
  return mask;
}
