/*
 * OpenPanes: the panes of one family that are there, by start and in order of end.
 *
 * I1. The order by end is that of firing. What is here is derived from the family, and can be
 *     derived again after a restore.
 */
import { assert } from "../assert.ts";
import { oxbowError } from "../errors.ts";
import type { Pane, PaneFamily } from "../state/keyed-backend.ts";
import type { AccumulatorTable } from "./aggregate-table.ts";
import type { AccumulatorChild } from "./aggregate.ts";
import type { TimeWindow } from "./assigner.ts";
import { childStore } from "./child-store.ts";

/** A pane with what is known about it. */
export interface OpenPane extends AccumulatorTable {
  readonly pane: Pane;
  /** Its span; also the window, where panes are not shared. */
  readonly window: TimeWindow;
  /** All of it has fired; from then on only late records fire. */
  isFired: boolean;
  /** It was loaded: some of its rows may have fired although it has not. */
  readonly isRestored: boolean;
}

/**
 * Panes of one operator's subtask; above it a job would not have finished a day of 10 ms windows.
 */
export const MAX_OPEN_PANES = 10_000_000;

/** See the file header. */
export class OpenPanes {
  readonly #family: PaneFamily;
  readonly #children: readonly AccumulatorChild[];
  readonly #byStart = new Map<number, OpenPane>();
  /** In order of end. */
  readonly list: OpenPane[] = [];

  constructor(family: PaneFamily, children: readonly AccumulatorChild[]) {
    this.#family = family;
    this.#children = children;
  }

  /**
   * Takes over the panes that were loaded. `paneOf` gives the pane that a time belongs to now:
   * panes of other sizes would count records twice or not at all, so they are refused
   * (`STATE_MISMATCH`).
   */
  restore(uid: string, paneOf: (time: number) => TimeWindow): void {
    assert(this.list.length === 0, "panes are restored once, before the first record");
    for (const pane of this.#family.panes()) {
      const { start, end } = pane.namespace;
      const now = paneOf(start);
      if (now.start !== start || now.end !== end) throw paneMismatch(uid, pane.namespace, now);
      this.#add(pane, true);
    }
  }

  /** The pane that begins at `start`, if it is there. */
  get(start: number): OpenPane | undefined {
    return this.#byStart.get(start);
  }

  /** The pane of a span, made if there is none. */
  open(start: number, end: number): OpenPane {
    return this.#byStart.get(start) ?? this.#add(this.#family.open({ start, end }), false);
  }

  /** Removes a pane with its rows. */
  drop(pane: OpenPane): void {
    this.#family.drop(pane.pane.namespace);
    this.#byStart.delete(pane.window.start);
    this.list.splice(this.list.indexOf(pane), 1);
  }

  #add(pane: Pane, isRestored: boolean): OpenPane {
    assert(this.list.length < MAX_OPEN_PANES, "an operator has too many panes");
    const { start, end } = pane.namespace;
    const stores = this.#children.map((child, n) => childStore(child, pane.children[n]));
    const window = Object.freeze({ start, end });
    const { table } = pane;
    const opened: OpenPane = { pane, table, stores, window, isFired: false, isRestored };
    this.#byStart.set(start, opened);
    let at = this.list.length;
    while (at > 0 && this.list[at - 1].window.end > end) at -= 1;
    this.list.splice(at, 0, opened);
    return opened;
  }
}

function paneMismatch(uid: string, stored: TimeWindow, now: TimeWindow): Error {
  const text = ({ start, end }: TimeWindow): string => `[${start}, ${end})`;
  return oxbowError(
    "STATE_MISMATCH",
    `Operator "${uid}": the snapshot has contents for ${text(stored)}, where the windows as they ` +
      `are declared now have ${text(now)}. Restore with the window's size, slide and offset of ` +
      "the snapshot, or give the operator a new uid.",
    { uid, stored, now },
  );
}
