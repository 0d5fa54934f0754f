/*
 * ParquetEnumerator: finds files once, and hands out their row groups on demand, in order. A file's
 * footer is read when its first row group is about to be handed out.
 */
import {
  discoverFiles,
  type EnumeratorContext,
  type FoundFile,
  oxbowError,
  type SplitEnumerator,
} from "oxbow/internal";
import { openParquet } from "./async-file.ts";
import type { ParquetSplit } from "./row-group-cursor.ts";

interface ParquetEnumeratorState {
  readonly kind: "parquet";
  /** Undefined: not looked yet. */
  readonly files: readonly FoundFile[] | undefined;
  readonly splits: readonly ParquetSplit[];
}

/** See the file header. */
export class ParquetEnumerator implements SplitEnumerator<ParquetSplit> {
  readonly #context: EnumeratorContext<ParquetSplit>;
  readonly #paths: readonly string[];
  readonly #waiting: number[] = [];
  #files: readonly FoundFile[] | undefined;
  #splits: readonly ParquetSplit[] = [];
  #working: Promise<void> | undefined;
  #isClosed = false;

  constructor(
    context: EnumeratorContext<ParquetSplit>,
    paths: readonly string[],
    restored: unknown,
  ) {
    this.#context = context;
    this.#paths = paths;
    if (restored === undefined) return;
    const state = restored as Partial<ParquetEnumeratorState>;
    if (state.kind !== "parquet" || state.splits === undefined) {
      throw oxbowError(
        "CONNECTOR_INVALID",
        "The enumerator's state in the snapshot is not that of a parquet source. Give a source " +
          "that was replaced by another connector a new uid.",
        {},
      );
    }
    this.#files = state.files;
    this.#splits = state.splits;
  }

  start(): void {
    this.#serve();
  }

  addReader(subtaskIndex: number): void {
    // What an earlier reader of this subtask had asked for died with it.
    const index = this.#waiting.indexOf(subtaskIndex);
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  handleSplitRequest(subtaskIndex: number): void {
    this.#waiting.push(subtaskIndex);
    this.#serve();
  }

  addSplitsBack(splits: readonly ParquetSplit[]): void {
    this.#splits = [...splits, ...this.#splits];
    this.#serve();
  }

  snapshot(): ParquetEnumeratorState {
    return { kind: "parquet", files: this.#files, splits: this.#splits };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#working;
  }

  #serve(): void {
    while (this.#waiting.length > 0 && this.#splits.length > 0) {
      const [split, ...rest] = this.#splits;
      this.#splits = rest;
      this.#context.assign(this.#waiting.shift()!, [split]);
    }
    if (this.#working !== undefined || this.#isClosed) return;
    if (this.#files === undefined) this.#work(this.#look());
    else if (this.#files.length > 0) {
      if (this.#splits.length === 0 && this.#waiting.length > 0) {
        this.#work(this.#openNext(this.#files));
      }
    } else if (this.#splits.length === 0) {
      for (const subtask of this.#waiting.splice(0)) this.#context.signalNoMoreSplits(subtask);
    }
  }

  #work(work: Promise<void>): void {
    this.#working = work.then(
      () => {
        this.#working = undefined;
        if (!this.#isClosed) this.#serve();
      },
      (error: unknown) => {
        this.#working = undefined;
        if (!this.#isClosed) this.#context.fail(error);
      },
    );
  }

  async #look(): Promise<void> {
    this.#files = await discoverFiles(this.#context.env, this.#paths, false);
  }

  /** The file and its row groups change places in one step, so that no snapshot misses them. */
  async #openNext([next, ...rest]: readonly FoundFile[]): Promise<void> {
    const splits = await rowGroupsOf(this.#context, next);
    this.#files = rest;
    this.#splits = [...this.#splits, ...splits];
  }
}

async function rowGroupsOf(
  context: EnumeratorContext<ParquetSplit>,
  found: FoundFile,
): Promise<readonly ParquetSplit[]> {
  const { path, sizeBytes } = found;
  const file = await openParquet(context.env.files, found);
  await file.close();
  const splits: ParquetSplit[] = [];
  let rowStart = 0;
  for (const [index, group] of file.metadata.row_groups.entries()) {
    const rowsCount = Number(group.num_rows);
    const id = `${path}:${index}`;
    if (rowsCount > 0) {
      splits.push({ id, path, fileBytes: sizeBytes, rowStart, rowsCount, position: 0 });
    }
    rowStart += rowsCount;
  }
  return splits;
}
