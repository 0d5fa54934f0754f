/*
 * AlignmentGroups: the job master's side of watermark alignment.
 *
 * Readers report their watermark every `updateInterval`; the answer is how far their source may go:
 * min over all members of the group + the source's own max drift. The reader's side is
 * `SourceWatermarks.align`. Semantics: docs/semantics/watermarks.md, "Alignment".
 *
 * I1. A member that has not reported yet counts as without watermark: nobody runs ahead of it.
 * I2. Idle and ended members hold nobody back. If all are, there is no limit.
 * I3. The limit of a group never falls, so that what was allowed stays allowed.
 */
import { assert } from "../assert.ts";
import { addSaturated, MAX_WATERMARK, NO_WATERMARK } from "./timestamp.ts";
import type { WatermarkAlignment } from "./watermark-strategy.ts";

interface AlignedSource {
  readonly alignment: WatermarkAlignment;
  /** Per subtask: its watermark; idle and ended count as `MAX_WATERMARK`. */
  readonly reports: Float64Array;
}

/** See the file header. */
export class AlignmentGroups {
  readonly #sources = new Map<string, AlignedSource>();
  /** Lowest watermark per group, as far as it ever got. */
  readonly #lowest = new Map<string, number>();

  /** A source takes part with all its subtasks, none of which has reported. */
  addSource(uid: string, parallelism: number, alignment: WatermarkAlignment): void {
    assert(parallelism > 0, "a source has subtasks");
    const reports = new Float64Array(parallelism).fill(NO_WATERMARK);
    this.#sources.set(uid, { alignment, reports });
  }

  /** A reader's report: its watermark, or undefined when it is idle or has ended. */
  report(uid: string, subtaskIndex: number, watermark: number | undefined): void {
    const source = this.#source(uid);
    assert(subtaskIndex < source.reports.length, "a report comes from a subtask of the source");
    source.reports[subtaskIndex] = watermark ?? MAX_WATERMARK;
  }

  /** A reader is gone (its attempt failed) and starts anew: it holds its group until it reports. */
  forget(uid: string, subtaskIndex: number): void {
    this.#source(uid).reports[subtaskIndex] = NO_WATERMARK;
  }

  /** The highest watermark that readers of this source may reach; `MAX_WATERMARK` for no limit. */
  limitOf(uid: string): number {
    const { alignment } = this.#source(uid);
    const { group, maxDriftMs } = alignment;
    let lowest = MAX_WATERMARK;
    for (const source of this.#sources.values()) {
      if (source.alignment.group !== group) continue;
      for (const report of source.reports) if (report < lowest) lowest = report;
    }
    // With everyone idle there is no limit for now, but that is no progress to remember.
    if (lowest === MAX_WATERMARK) return MAX_WATERMARK;
    lowest = Math.max(lowest, this.#lowest.get(group) ?? NO_WATERMARK);
    this.#lowest.set(group, lowest);
    return addSaturated(lowest, maxDriftMs);
  }

  #source(uid: string): AlignedSource {
    const source = this.#sources.get(uid);
    assert(source !== undefined, () => `source "${uid}" takes part in alignment`);
    return source;
  }
}
