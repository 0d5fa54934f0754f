/*
 * PaneGrouping: sorts the records of a batch into panes, and finds the late ones.
 *
 * All timestamps of one pane's span belong to the same windows, so windows are looked at once per
 * span and not per record.
 *
 * I1. A record is late when all of its windows are past their end and the allowed lateness; a
 *     record in no window at all (a slide longer than the size) is late by its own timestamp, else
 *     just left out.
 */
import { addSaturated } from "../time/timestamp.ts";
import { firstWindowStart, lastWindowEnd, lastWindowStart, paneStart } from "./pane-assignment.ts";
import type { PaneAssignment } from "./pane-assignment.ts";
import { RecordGroups, RecordIndexes } from "./record-groups.ts";

/** How records go into panes. */
export interface PaneGroupingOptions {
  readonly panes: PaneAssignment;
  /** One pane per window (false), or panes that windows share. */
  readonly isShared: boolean;
  readonly latenessMs: number;
}

/** See the file header. */
export class PaneGrouping {
  readonly groups = new RecordGroups();
  /** The batch's late records. */
  readonly late = new RecordIndexes();
  readonly #options: PaneGroupingOptions;
  /** The span [from, to) that was looked at last, and the groups of its records. */
  #from = 0;
  #to = 0;
  readonly #starts: number[] = [];
  #isInWindow = false;
  #watermark = 0;

  constructor(options: PaneGroupingOptions) {
    this.#options = options;
  }

  /** Groups `count` records by their timestamps, judged at `watermark`. */
  group(timestamps: Float64Array, count: number, watermark: number): void {
    this.#begin(watermark);
    if (this.#groupTogether(timestamps, count)) return;
    for (let index = 0; index < count; index++) {
      const time = timestamps[index];
      if (time < this.#from || time >= this.#to) this.#look(time);
      this.#put(time, index);
    }
  }

  /** The usual case: all records are in the span of the first, and in some window. */
  #groupTogether(timestamps: Float64Array, count: number): boolean {
    if (count === 0) return true;
    this.#look(timestamps[0]);
    if (this.#starts.length === 0) return false;
    const from = this.#from;
    const to = this.#to;
    for (let index = 1; index < count; index++) {
      const time = timestamps[index];
      if (time < from || time >= to) return false;
    }
    for (const start of this.#starts) this.groups.addAll(start, count);
    return true;
  }

  /** Groups `count` records that all have the same time; none is late. */
  groupAll(time: number, count: number): void {
    this.#begin(Number.NEGATIVE_INFINITY);
    this.#look(time);
    if (this.#starts.length === 0)
      for (let index = 0; index < count; index++) this.#put(time, index);
    else for (const start of this.#starts) this.groups.addAll(start, count);
  }

  #begin(watermark: number): void {
    this.groups.reset();
    this.late.count = 0;
    this.#from = 0;
    this.#to = 0;
    this.#watermark = watermark;
  }

  #put(time: number, index: number): void {
    const starts = this.#starts;
    for (let at = 0; at < starts.length; at++) this.groups.add(starts[at], index);
    if (starts.length > 0) return;
    if (this.#isInWindow || addSaturated(time, this.#options.latenessMs) <= this.#watermark) {
      this.late.add(index);
    }
  }

  #look(time: number): void {
    const { panes, isShared } = this.#options;
    const start = paneStart(panes, time);
    this.#from = start;
    this.#to = start + panes.paneMs;
    this.#starts.length = 0;
    const lastEnd = lastWindowEnd(panes, { start, end: this.#to });
    this.#isInWindow = lastEnd !== undefined;
    if (lastEnd === undefined || this.#isPast(lastEnd)) return;
    if (isShared) {
      this.#starts.push(start);
      return;
    }
    const first = firstWindowStart(panes, start);
    for (let at = lastWindowStart(panes, start); at >= first; at -= panes.slideMs) {
      if (!this.#isPast(at + panes.sizeMs)) this.#starts.push(at);
    }
  }

  #isPast(windowEnd: number): boolean {
    return addSaturated(windowEnd - 1, this.#options.latenessMs) <= this.#watermark;
  }
}
