/**
 * IntervalBuffer: the records of one side of an interval join that may still meet others: kept per
 * key, found by a range of time, let go of by time.
 *
 * Flink keeps a map from timestamp to records per key, walks over all of it for each look-up, and
 * registers a timer per record to remove it. Here time is cut into panes (`PaneFamily`), a small
 * table key → list of (timestamp, record) each. A look-up asks the few panes that its range touches
 * for the key and compares timestamps there; nothing is decoded but what matches. A pane goes as a
 * whole, with its pages, when the watermark has passed it, without a timer or a step per record.
 * The price: a record stays up to a pane's length longer than it must.
 *
 * I1. A record lies in exactly one pane, one that contains its timestamp.
 * I2. Panes of one length are disjoint. Those of a snapshot may have another length, where the
 *     interval was another; they are found and let go of all the same, and take nothing new.
 */
import { assert } from "../assert.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import type { KeyedBackend, Pane, PaneFamily } from "../state/keyed-backend.ts";
import type { RowLayout } from "../state/layout.ts";
import type { Table } from "../state/table.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import { FieldAccessor } from "../window/accumulator-fields.ts";

/** Panes that the length of an interval is cut into: the part of it that records stay too long. */
const PANES_PER_INTERVAL = 8;
/** Shorter panes cost more than the records that they let go of earlier. */
const PANE_MS_MIN = 1_000;

/** Names of the parts of a buffer in state; they go into snapshots. */
const RECORDS = "records";
const TIMESTAMP = "timestamp";
const RECORD = "record";

/** Records that a look-up found, by position: ordered by time, of equal times as they came. */
export interface FoundRecords {
  readonly count: number;
  timestampAt(position: number): number;
  /** Decodes it. */
  recordAt(position: number): unknown;
}

interface Found {
  readonly timestamp: number;
  readonly table: Table;
  readonly row: number;
}

/** See the file header. */
export class IntervalBuffer implements FoundRecords {
  readonly #family: PaneFamily;
  readonly #paneMs: number;
  readonly #record: FieldAccessor;
  /** Of the timestamp in a row, in float64s. */
  readonly #timestampOffset: number;
  /** The pane that took the last record. */
  #last: Pane | undefined;
  /** The longest pane there has been. */
  #spanMs: number;
  /** When the first pane ends; Infinity for none. */
  #firstEnd = Number.POSITIVE_INFINITY;
  #found: Found[] = [];

  /** `name`: of the family in state; `lengthMs`: of the interval. */
  constructor(
    backend: KeyedBackend,
    {
      name,
      type,
      lengthMs,
    }: {
      readonly name: string;
      readonly type: Type<unknown> | undefined;
      readonly lengthMs: number;
    },
  ) {
    this.#family = backend.family({
      name,
      columns: [],
      children: [
        {
          name: RECORDS,
          keyType: undefined,
          columns: [
            { name: TIMESTAMP, type: t.timestamp },
            { name: RECORD, type: type ?? t.any },
          ],
        },
      ],
    });
    const layout = backend.layouts.find(({ table }) => table === `${name}/${RECORDS}`);
    assert(layout !== undefined, "a family declares its child tables");
    const timestamp = columnOf(layout, TIMESTAMP);
    assert(timestamp.kind === "f64", "timestamps are float64s");
    this.#timestampOffset = timestamp.offset >>> 3;
    this.#record = new FieldAccessor(layout, columnOf(layout, RECORD));
    this.#paneMs = Math.max(PANE_MS_MIN, Math.ceil(lengthMs / PANES_PER_INTERVAL));
    this.#spanMs = this.#paneMs;
  }

  /** State has been loaded, or found empty. */
  restored(): void {
    for (const { namespace } of this.#family.panes()) {
      this.#spanMs = Math.max(this.#spanMs, namespace.end - namespace.start);
    }
    this.#findFirstEnd();
  }

  /** Keeps a record for the key at `index`. */
  add(
    keys: KeyColumn,
    index: number,
    of: { readonly timestamp: number; readonly record: unknown },
  ): void {
    const { table, children } = this.#paneOf(of.timestamp);
    const [records] = children;
    const row = records.links.append(table.upsert(keys, index));
    records.pageOf(row).f64[(records.baseOf(row) >>> 1) + this.#timestampOffset] = of.timestamp;
    this.#record.set(records, row, of.record);
  }

  #paneOf(timestamp: number): Pane {
    const last = this.#last;
    if (last !== undefined && last.namespace.start <= timestamp && timestamp < last.namespace.end) {
      return last;
    }
    const start = Math.floor(timestamp / this.#paneMs) * this.#paneMs;
    const end = start + this.#paneMs;
    const pane = this.#family.open({ start, end });
    this.#last = pane;
    this.#firstEnd = Math.min(this.#firstEnd, end);
    return pane;
  }

  /** Finds the records of the key at `index` from `from` to `to`, both inclusive; see `count`. */
  find(
    keys: KeyColumn,
    index: number,
    range: { readonly from: number; readonly to: number },
  ): void {
    const { from, to } = range;
    this.#found.length = 0;
    let isSorted = true;
    let latest = Number.NEGATIVE_INFINITY;
    const panes = this.#family.panes();
    for (let at = firstAfter(panes, from - this.#spanMs); at < panes.length; at++) {
      const { namespace, table, children } = panes[at];
      if (namespace.start > to) break;
      const parent = namespace.end <= from ? 0 : table.find(keys, index);
      if (parent === 0) continue;
      const [records] = children;
      const { links } = records;
      for (let row = links.firstOf(parent); row !== 0; row = links.nextOf(row)) {
        const timestamp =
          records.pageOf(row).f64[(records.baseOf(row) >>> 1) + this.#timestampOffset];
        if (timestamp < from || timestamp > to) continue;
        this.#found.push({ timestamp, table: records, row });
        if (timestamp < latest) isSorted = false;
        latest = timestamp;
      }
    }
    if (!isSorted) this.#found.sort((a, b) => a.timestamp - b.timestamp);
  }

  get count(): number {
    return this.#found.length;
  }

  timestampAt(position: number): number {
    return this.#found[position].timestamp;
  }

  recordAt(position: number): unknown {
    const { table, row } = this.#found[position];
    return this.#record.get(table, row);
  }

  /** Lets go of the panes that have no record from `time` on. */
  dropBefore(time: number): void {
    if (this.#firstEnd > time) return;
    this.#found.length = 0;
    for (const { namespace } of this.#family.panes()) {
      if (namespace.end > time) continue;
      if (this.#last?.namespace === namespace) this.#last = undefined;
      this.#family.drop(namespace);
    }
    this.#findFirstEnd();
  }

  #findFirstEnd(): void {
    const ends = this.#family.panes().map(({ namespace }) => namespace.end);
    this.#firstEnd = ends.reduce((first, end) => Math.min(first, end), Number.POSITIVE_INFINITY);
  }
}

function columnOf(layout: RowLayout, name: string): RowLayout["columns"][number] {
  const column = layout.columns.find((candidate) => candidate.name === name);
  assert(column !== undefined, () => `table ${layout.table} has no column ${name}`);
  return column;
}

/** Position of the first pane that begins after `time`; panes are in order of start. */
function firstAfter(panes: readonly Pane[], time: number): number {
  let low = 0;
  let high = panes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (panes[middle].namespace.start <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
