/*
 * CursorReader: the source reader of connectors that read a split by a cursor. It owns the queue of
 * assigned splits, asking for further ones, pausing, finishing, and the snapshot; a cursor owns the
 * position within one split.
 *
 * I1. A split is in `snapshot` from `addSplits` until its cursor said `finished`.
 * I2. At most `openLimit` splits are read at a time, in the order of assignment; a paused one does
 *     not count. With more than one they take turns, a batch each.
 * I3. One request for a split is open at a time, and only when no split is left.
 */
import { assert } from "../assert.ts";
import type { ReaderContext, ReaderOutput, SourceReader, Split } from "./source.ts";

/** Reads one split. Methods are called on one thread and return without waiting. */
export interface SplitCursor<S extends Split> {
  /**
   * Emits at most about `countMax` records (≥ 1). `more`: call again at once. `idle`: nothing now,
   * the cursor calls `ReaderContext.wake` later. `finished`: everything was emitted.
   */
  poll(output: ReaderOutput, countMax: number): "more" | "idle" | "finished";
  /** The split with the position after the last emitted record. */
  position(): S;
  close(): Promise<void>;
}

/** How a connector uses `CursorReader`. */
export interface CursorReaderOptions<S extends Split> {
  /** Begins to read a split, from its position on. */
  readonly openCursor: (split: S) => SplitCursor<S>;
  /** Splits that are read at the same time; 1 reads them one after the other. */
  readonly openLimit: number;
}

interface Entry<S extends Split> {
  readonly split: S;
  cursor: SplitCursor<S> | undefined;
  isPaused: boolean;
}

/** See the file header. */
export class CursorReader<S extends Split> implements SourceReader<S> {
  readonly #context: ReaderContext;
  readonly #options: CursorReaderOptions<S>;
  readonly #closing = new Set<Promise<void>>();
  #entries: Entry<S>[] = [];
  #next = 0;
  #hasNoMore = false;
  #isRequested = false;

  constructor(context: ReaderContext, options: CursorReaderOptions<S>) {
    assert(options.openLimit >= 1, "a reader must be able to open a split");
    this.#context = context;
    this.#options = options;
  }

  open(): void {}

  addSplits(splits: readonly S[]): void {
    this.#isRequested = false;
    for (const split of splits) {
      assert(
        !this.#entries.some((entry) => entry.split.id === split.id),
        () => `split ${split.id} was assigned twice`,
      );
      this.#entries.push({ split, cursor: undefined, isPaused: false });
    }
    this.#context.wake();
  }

  noMoreSplits(): void {
    this.#isRequested = false;
    this.#hasNoMore = true;
    this.#context.wake();
  }

  poll(output: ReaderOutput, countMax: number): "more" | "idle" | "ended" {
    const count = this.#entries.length;
    if (count === 0) return this.#askForSplit();
    let openCount = 0;
    for (let step = 0; step < count && openCount < this.#options.openLimit; step++) {
      const index = (this.#next + step) % count;
      const entry = this.#entries[index];
      if (entry.isPaused) continue;
      openCount++;
      entry.cursor ??= this.#options.openCursor(entry.split);
      const result = entry.cursor.poll(output, countMax);
      if (result === "idle") continue;
      if (result === "finished") this.#finish(index, output);
      else if (this.#options.openLimit > 1) this.#next = (index + 1) % count;
      return "more";
    }
    return "idle";
  }

  snapshot(): readonly S[] {
    return this.#entries.map((entry) => entry.cursor?.position() ?? entry.split);
  }

  pauseOrResumeSplits(pause: readonly string[], resume: readonly string[]): void {
    for (const entry of this.#entries) {
      if (pause.includes(entry.split.id)) entry.isPaused = true;
      if (resume.includes(entry.split.id)) entry.isPaused = false;
    }
    this.#context.wake();
  }

  async close(): Promise<void> {
    const closing = this.#entries.map((entry) => entry.cursor?.close());
    this.#entries = [];
    await Promise.all([...closing, ...this.#closing]);
  }

  #askForSplit(): "idle" | "ended" {
    if (this.#hasNoMore) return "ended";
    if (!this.#isRequested) {
      this.#isRequested = true;
      this.#context.requestSplit();
    }
    return "idle";
  }

  #finish(index: number, output: ReaderOutput): void {
    const [entry] = this.#entries.splice(index, 1);
    assert(entry?.cursor !== undefined, "a split was finished that is not there");
    output.finishSplit(entry.split.id);
    this.#next = 0;
    const closing = entry.cursor.close();
    this.#closing.add(closing);
    closing.then(
      () => void this.#closing.delete(closing),
      (error: unknown) => this.#context.fail(error),
    );
  }
}
