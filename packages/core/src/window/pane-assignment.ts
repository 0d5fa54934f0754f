/*
 * Panes of windows with a fixed size: into which pane a record goes, and which panes a window is
 * made of.
 *
 * With one pane per window a record of a sliding window is written size / slide times. With shared
 * panes (slices, gcd(size, slide) long) it is written once, and a window merges its panes when it
 * fires. Sharing needs an aggregate that can merge and the event-time trigger; everything else
 * keeps one pane per window.
 *
 * I1. Panes are disjoint and cover time; a pane lies wholly inside or wholly outside of each
 *     window.
 * I2. Every window is the union of `panesPerWindow` neighbouring panes.
 */
import type { SlidingAssigner, TimeWindow, TumblingAssigner } from "./assigner.ts";
import { windowStart } from "./assigner.ts";

/** Windows of a fixed size over shared panes. Frozen data. */
export interface PaneAssignment {
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
  /** Length of a pane, a divisor of size and slide. */
  readonly paneMs: number;
  readonly panesPerWindow: number;
}

/** The shared panes of an assigner; a tumbling window is one pane. */
export function paneAssignment(assigner: TumblingAssigner | SlidingAssigner): PaneAssignment {
  const { sizeMs, offsetMs } = assigner;
  const slideMs = assigner.kind === "sliding" ? assigner.slideMs : sizeMs;
  const paneMs = greatestCommonDivisor(sizeMs, slideMs);
  return Object.freeze({ sizeMs, slideMs, offsetMs, paneMs, panesPerWindow: sizeMs / paneMs });
}

/** The pane that contains `time`. */
export function paneAt(panes: PaneAssignment, time: number): TimeWindow {
  const start = paneStart(panes, time);
  return { start, end: start + panes.paneMs };
}

/** Start of the pane that contains `time`. */
export function paneStart(panes: PaneAssignment, time: number): number {
  return windowStart(time, panes.paneMs, panes.offsetMs);
}

/**
 * Start of the last window that contains `time`, or would if it were long enough (slide > size).
 */
export function lastWindowStart(panes: PaneAssignment, time: number): number {
  return windowStart(time, panes.slideMs, panes.offsetMs);
}

/**
 * Start of the first window that contains `time`; after the last one where no window contains it.
 */
export function firstWindowStart(panes: PaneAssignment, time: number): number {
  const afterMs = windowStart(time - panes.sizeMs, panes.slideMs, panes.offsetMs);
  return afterMs + panes.slideMs;
}

/** End of the last window that contains the pane; undefined where no window does (slide > size). */
export function lastWindowEnd(panes: PaneAssignment, pane: TimeWindow): number | undefined {
  const start = lastWindowStart(panes, pane.start);
  return start > pane.start - panes.sizeMs ? start + panes.sizeMs : undefined;
}

/** End of the first window that contains the pane; undefined where no window does. */
export function firstWindowEnd(panes: PaneAssignment, pane: TimeWindow): number | undefined {
  const start = firstWindowStart(panes, pane.start);
  return start <= pane.start ? start + panes.sizeMs : undefined;
}

/**
 * End of the first window with its last timestamp after `time` that has one of the panes; Infinity
 * for none. `panes` are in order.
 */
export function nextWindowEnd(
  assignment: PaneAssignment,
  panes: readonly { readonly window: TimeWindow }[],
  time: number,
): number {
  const { slideMs } = assignment;
  let next = Number.POSITIVE_INFINITY;
  for (const { window } of panes) {
    const firstEnd = firstWindowEnd(assignment, window);
    const lastEnd = lastWindowEnd(assignment, window);
    if (firstEnd === undefined || lastEnd === undefined) continue;
    // Later panes have later windows.
    if (firstEnd >= next) break;
    const pastCount = Math.max(0, Math.floor((time + 1 - firstEnd) / slideMs) + 1);
    const end = pastCount === 0 ? firstEnd : firstEnd + pastCount * slideMs;
    if (end <= lastEnd) next = Math.min(next, end);
  }
  return next;
}

/** Exact for safe integers. */
export function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}
