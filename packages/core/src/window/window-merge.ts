/*
 * WindowMerge: a window over shared panes giving its results: first its panes are merged into a
 * table outside of state, then the keys of that table are emitted, both in slices.
 */
import { assert } from "../assert.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import type { TableAggregates } from "./aggregate-table.ts";
import type { TimeWindow } from "./assigner.ts";
import type { OpenPane } from "./open-panes.ts";
import { ScratchAccumulators } from "./scratch-accumulators.ts";
import type { WindowResults } from "./window-results.ts";

interface Firing {
  readonly window: TimeWindow;
  readonly panes: readonly OpenPane[];
  /** Position in `panes`; at its end: emitting. */
  at: number;
  /** Last row done in the pane, or in the merged table. */
  cursor: number;
}

/** See the file header. */
export class WindowMerge {
  readonly #aggregates: TableAggregates;
  readonly #results: WindowResults;
  #scratch: ScratchAccumulators | undefined;
  #firing: Firing | undefined;

  constructor(aggregates: TableAggregates, results: WindowResults) {
    this.#aggregates = aggregates;
    this.#results = results;
  }

  /** The window that is being fired. */
  get window(): TimeWindow | undefined {
    return this.#firing?.window;
  }

  /** Begins with a window; `panes` are all of its, at least one. */
  begin(window: TimeWindow, panes: readonly OpenPane[]): void {
    assert(this.#firing === undefined && panes.length > 0, "one window fires at a time");
    // The rows of a single pane need no merging: they are emitted from where they are.
    this.#firing = { window, panes, at: panes.length === 1 ? 1 : 0, cursor: 0 };
  }

  /**
   * Does up to `rowsMax` rows; how many it had left over. `window` is undefined when it is done.
   */
  fire(rowsMax: number): number {
    assert(this.#firing !== undefined, "a window was begun");
    const left = this.#mergeRows(this.#firing, rowsMax);
    return this.#firing.at < this.#firing.panes.length ? left : this.#emitRows(this.#firing, left);
  }

  #mergeRows(firing: Firing, rowsMax: number): number {
    const { panes } = firing;
    const scratch = this.#scratchFor(panes[0]);
    let left = rowsMax;
    while (firing.at < panes.length && left > 0) {
      const pane = panes[firing.at];
      const row = pane.table.nextRow(firing.cursor);
      firing.cursor = row;
      left -= 1;
      if (row === 0) firing.at += 1;
      else this.#aggregates.merge(scratch, scratch.rowLike(pane.table, row), pane, row);
    }
    return left;
  }

  #emitRows(firing: Firing, rowsMax: number): number {
    const [first] = firing.panes;
    const merged = firing.panes.length === 1 ? first : this.#scratchFor(first);
    let left = rowsMax;
    while (left > 0) {
      const row = merged.table.nextRow(firing.cursor);
      firing.cursor = row;
      left -= 1;
      if (row !== 0) {
        this.#results.emitRow(merged, row, firing.window);
        continue;
      }
      this.#firing = undefined;
      this.#scratch?.clear();
      break;
    }
    return left;
  }

  /** Emits a window for the key at `index` of a column; some pane has it. */
  emitKey(window: TimeWindow, panes: readonly OpenPane[], keys: KeyColumn, index: number): void {
    const scratch = this.#scratchFor(panes[0]);
    let row = 0;
    for (const pane of panes) {
      const paneRow = pane.table.find(keys, index);
      if (paneRow === 0) continue;
      row = scratch.rowLike(pane.table, paneRow);
      this.#aggregates.merge(scratch, row, pane, paneRow);
    }
    assert(row !== 0, "a pane of the window has the key");
    this.#results.emitRow(scratch, row, window);
    scratch.clear();
  }

  #scratchFor(like: OpenPane): ScratchAccumulators {
    const { children } = this.#aggregates.plan;
    return (this.#scratch ??= new ScratchAccumulators(like.pane, children));
  }
}
