/*
 * Dropped panes of a snapshot that is being loaded. A `dropped` row speaks for the key groups of
 * the segment that it is in, and no others: where segments of several old subtasks are loaded into
 * one backend, each with its own base and deltas, one's pane may be gone while another's rows of
 * it are there.
 */
import { assert } from "../assert.ts";
import type { KeyGroupRange } from "../types/key.ts";
import type { HeapFamily } from "./heap-family.ts";
import type { KeyProbe } from "./key-probe.ts";
import type { Namespace, RowColumns } from "./row-chunk.ts";

/** Whose panes go. */
export interface DropTarget {
  readonly family: HeapFamily;
  /** Holds keys of the operator. */
  readonly probe: KeyProbe;
  readonly maxParallelism: number;
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
}

/** Applies `dropped` rows of a table of the family. */
export function dropPanes(target: DropTarget, rows: RowColumns): void {
  const { family, keyGroupStart, keyGroupEnd } = target;
  const { namespaces, droppedRange: range } = rows;
  assert(rows.kind === "dropped" && namespaces !== undefined, "dropped panes have namespaces");
  const isWhole = range === undefined || (range.start <= keyGroupStart && range.end >= keyGroupEnd);
  for (let index = 0; index < rows.count; index++) {
    const namespace = { start: namespaces.starts[index], end: namespaces.ends[index] };
    if (isWhole) family.drop(namespace);
    else dropPart(target, namespace, range);
  }
}

/** Removes a pane's rows of some key groups, and the pane if nothing is left in it. */
function dropPart(target: DropTarget, namespace: Namespace, range: KeyGroupRange): void {
  const { family, probe, maxParallelism } = target;
  const table = family.get(namespace)?.table;
  if (table === undefined) return;
  for (let row = table.nextRow(0); row !== 0; row = table.nextRow(row)) {
    probe.setFromRow(table, row);
    const keyGroup = probe.keyGroup(maxParallelism);
    if (keyGroup >= range.start && keyGroup < range.end) table.remove(row);
  }
  if (table.rowsCount === 0) family.drop(namespace);
}
