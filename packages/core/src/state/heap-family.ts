/*
 * HeapFamily: the panes of one window state: a table per namespace, and the record of dropped ones.
 *
 * F1. A dropped pane's tables belong to the snapshots in flight that hold rows of them; nobody else
 *     has them.
 * F2. A pane opened in this epoch and dropped again leaves no record: no snapshot has it, or an
 *     earlier drop of its namespace is on record.
 */
import { oxbowError } from "../errors.ts";
import type { Changes } from "./changes.ts";
import type { Pane, PaneFamily } from "./keyed-backend.ts";
import type { RowLayout } from "./layout.ts";
import { recordShape } from "./record-buffer.ts";
import { RecordLog } from "./record-log.ts";
import type { Namespace } from "./row-chunk.ts";
import { Table, type TableParts } from "./table.ts";

/** Panes that one call of `upkeep` looks at: it costs no more with thousands of them. */
const PANES_PER_UPKEEP = 8;

interface HeapPane extends Pane {
  readonly openedEpoch: number;
}

/** What a family is made from. */
export interface HeapFamilyParts {
  readonly name: string;
  readonly changes: Changes;
  readonly table: TableParts;
  readonly children: readonly TableParts[];
}

/** See the file header. */
export class HeapFamily implements PaneFamily {
  readonly name: string;
  readonly layout: RowLayout;
  readonly childLayouts: readonly RowLayout[];
  readonly #parts: HeapFamilyParts;
  readonly #byStart = new Map<number, HeapPane[]>();
  readonly #all = new Set<HeapPane>();
  /** Goes round all panes, for upkeep. */
  #round: Iterator<HeapPane> = this.#all.values();
  /** The pane that was opened last, while it is there: the next one gets room for as many rows. */
  #latest: HeapPane | undefined;
  #sorted: readonly HeapPane[] | undefined;
  #dropped: RecordLog | undefined;
  #kept: { interval: number; log: RecordLog }[] = [];

  constructor(parts: HeapFamilyParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.layout = parts.table.layout;
    this.childLayouts = parts.children.map((child) => child.layout);
  }

  get(namespace: Namespace): HeapPane | undefined {
    const panes = this.#byStart.get(namespace.start);
    if (panes === undefined) return undefined;
    for (const pane of panes) if (pane.namespace.end === namespace.end) return pane;
    return undefined;
  }

  open(namespace: Namespace): HeapPane {
    const known = this.get(namespace);
    if (known !== undefined) return known;
    const { start, end } = namespace;
    if (Number.isNaN(start) || Number.isNaN(end)) {
      throw oxbowError(
        "INVALID_ARGUMENT",
        `A pane of "${this.name}" cannot have the namespace ${start} to ${end}.`,
        { family: this.name },
      );
    }
    // −0 and 0 are one namespace.
    const own = Object.freeze({ start: start + 0, end: end + 0 });
    const table = new Table(this.#parts.table, undefined, own);
    if (this.#latest !== undefined) table.reserve(this.#latest.table.rowsCount);
    const children = this.#parts.children.map((parts) => new Table(parts, table, own));
    const openedEpoch = this.#parts.changes.epoch;
    const pane: HeapPane = Object.freeze({ namespace: own, table, children, openedEpoch });
    const panes = this.#byStart.get(own.start);
    if (panes === undefined) this.#byStart.set(own.start, [pane]);
    else panes.push(pane);
    this.#all.add(pane);
    this.#latest = pane;
    this.#sorted = undefined;
    return pane;
  }

  drop(namespace: Namespace): void {
    const pane = this.get(namespace);
    if (pane === undefined) return;
    const { start, end } = pane.namespace;
    const { changes } = this.#parts;
    const panes = (this.#byStart.get(start) ?? []).filter((other) => other !== pane);
    if (panes.length === 0) this.#byStart.delete(start);
    else this.#byStart.set(start, panes);
    this.#all.delete(pane);
    if (this.#latest === pane) this.#latest = undefined;
    this.#sorted = undefined;
    for (const child of pane.children) child.links.forgetChains();
    if (!changes.tracksRemovals || pane.openedEpoch === changes.epoch) return;
    this.#dropped ??= new RecordLog(
      recordShape(this.layout, this.#parts.table.layoutIndex, "dropped"),
    );
    this.#dropped.appendNamespace(start, end);
  }

  panes(): readonly HeapPane[] {
    this.#sorted ??= [...this.#byStart.values()]
      .flat()
      .toSorted(
        (a, b) => a.namespace.start - b.namespace.start || a.namespace.end - b.namespace.end,
      );
    return this.#sorted;
  }

  /** Tables of all panes. */
  *tables(): Generator<Table> {
    for (const pane of this.#all) {
      yield pane.table;
      yield* pane.children;
    }
  }

  /** Bounded upkeep of the next few panes. False: there was nothing to do in them. */
  upkeep(rowsMax: number): boolean {
    let isBusy = false;
    for (let left = Math.min(PANES_PER_UPKEEP, this.#all.size); left > 0; left--) {
      let next = this.#round.next();
      if (next.done === true) {
        this.#round = this.#all.values();
        next = this.#round.next();
      }
      if (next.done === true) return isBusy;
      const { table, children } = next.value;
      if (table.upkeep(rowsMax)) isBusy = true;
      for (const child of children) if (child.upkeep(rowsMax)) isBusy = true;
    }
    return isBusy;
  }

  /** The interval ends. */
  endInterval(interval: number): void {
    if (this.#dropped !== undefined) this.#kept.push({ interval, log: this.#dropped });
    this.#dropped = undefined;
  }

  logsSince(interval: number): RecordLog[] {
    return this.#kept.filter((kept) => kept.interval > interval).map((kept) => kept.log);
  }

  dropUpTo(interval: number): void {
    this.#kept = this.#kept.filter((kept) => kept.interval > interval);
  }

  merge(from: number, into: number): void {
    for (const kept of this.#kept) if (kept.interval === from) kept.interval = into;
  }

  reset(): void {
    this.#dropped = undefined;
    this.#kept = [];
  }

  get removalsBytes(): number {
    let bytes = this.#dropped?.sizeBytes ?? 0;
    for (const { log } of this.#kept) bytes += log.sizeBytes;
    return bytes;
  }
}
