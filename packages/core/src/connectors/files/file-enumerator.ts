/*
 * FileEnumerator: finds the files of a source and hands out their ranges on demand, in order.
 *
 * Bounded: it looks once; after that, a restore goes on with the files that were found then.
 * Watching: it looks again and again, takes what it has not seen, and remembers what is still
 * there. A file that is gone is forgotten, so that its name may come back with new content.
 *
 * I1. A file is seen, and its ranges are pending, in one step: no snapshot has one without the
 *     other.
 * I2. Ranges are cut as they are handed out; the state holds files, not ranges.
 */
import { assert } from "../../assert.ts";
import { oxbowError } from "../../errors.ts";
import type { EnumeratorContext, SplitEnumerator } from "../source.ts";
import type { Compression } from "./decompressor.ts";
import { byTime, discoverFiles } from "./file-discovery.ts";
import { type FileSplit, type FoundFile, splitFile } from "./file-split.ts";

/** What an enumerator needs to know. */
export interface FileEnumeratorOptions {
  readonly paths: readonly string[];
  /** Undefined: bounded. */
  readonly watchMs: number | undefined;
  /** 0: a file is one split. */
  readonly splitBytes: number;
  readonly compressionOf: (path: string) => Compression;
}

interface FileEnumeratorState {
  readonly kind: "files";
  /** Whether a bounded source has looked. */
  readonly hasLooked: boolean;
  /** Paths that were taken, while watching. */
  readonly seen: readonly string[];
  /** Splits that were cut and not handed out, then files that were not cut. */
  readonly splits: readonly FileSplit[];
  readonly files: readonly FoundFile[];
}

/** See the file header. */
export class FileEnumerator implements SplitEnumerator<FileSplit> {
  readonly #context: EnumeratorContext<FileSplit>;
  readonly #options: FileEnumeratorOptions;
  readonly #waiting: number[] = [];
  #splits: FileSplit[] = [];
  #files: FoundFile[] = [];
  #seen = new Set<string>();
  #hasLooked = false;
  #isClosed = false;
  #looking: Promise<void> = Promise.resolve();
  #cancelTimer: (() => void) | undefined;

  constructor(
    context: EnumeratorContext<FileSplit>,
    options: FileEnumeratorOptions,
    restored: unknown,
  ) {
    this.#context = context;
    this.#options = options;
    if (restored !== undefined) this.#restore(restored);
  }

  start(): void {
    if (!this.#hasLooked || this.#options.watchMs !== undefined) this.#look();
  }

  addReader(subtaskIndex: number): void {
    // What an earlier reader of this subtask had asked for died with it.
    const index = this.#waiting.indexOf(subtaskIndex);
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  handleSplitRequest(subtaskIndex: number): void {
    assert(!this.#waiting.includes(subtaskIndex), "a reader asked twice");
    this.#waiting.push(subtaskIndex);
    this.#serve();
  }

  addSplitsBack(splits: readonly FileSplit[]): void {
    this.#splits.unshift(...splits);
    this.#serve();
  }

  snapshot(): FileEnumeratorState {
    return {
      kind: "files",
      hasLooked: this.#hasLooked,
      seen: [...this.#seen],
      splits: [...this.#splits],
      files: [...this.#files],
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer?.();
    await this.#looking;
  }

  #restore(restored: unknown): void {
    const state = restored as Partial<FileEnumeratorState>;
    if (state.kind !== "files" || state.splits === undefined || state.files === undefined) {
      throw oxbowError(
        "CONNECTOR_INVALID",
        "The enumerator's state in the snapshot is not that of a files source. Give a source " +
          "that was replaced by another connector a new uid.",
        {},
      );
    }
    this.#hasLooked = state.hasLooked ?? false;
    this.#seen = new Set(state.seen);
    this.#splits = [...state.splits];
    this.#files = [...state.files];
  }

  #look(): void {
    const { paths, watchMs } = this.#options;
    const isWatching = watchMs !== undefined;
    this.#looking = discoverFiles(this.#context.env, paths, isWatching).then(
      (found) => {
        if (this.#isClosed) return;
        this.#take(found);
        if (isWatching) this.#lookAgain(watchMs);
        this.#serve();
      },
      (error: unknown) => {
        if (!this.#isClosed) this.#context.fail(error);
      },
    );
  }

  #lookAgain(watchMs: number): void {
    this.#cancelTimer = this.#context.env.clock.schedule(watchMs, () => this.#look());
  }

  #take(found: readonly FoundFile[]): void {
    const isWatching = this.#options.watchMs !== undefined;
    const fresh = found.filter((file) => !this.#seen.has(file.path));
    this.#files.push(...(isWatching ? fresh.sort(byTime) : fresh));
    this.#hasLooked = true;
    if (isWatching) this.#seen = new Set(found.map((file) => file.path));
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const split = this.#nextSplit();
      if (split === undefined) {
        if (!this.#hasLooked || this.#options.watchMs !== undefined) return;
        this.#context.signalNoMoreSplits(this.#waiting.shift()!);
      } else this.#context.assign(this.#waiting.shift()!, [split]);
    }
  }

  #nextSplit(): FileSplit | undefined {
    while (this.#splits.length === 0) {
      const file = this.#files.shift();
      if (file === undefined) return undefined;
      const compression = this.#options.compressionOf(file.path);
      this.#splits = splitFile(file, { compression, splitBytes: this.#options.splitBytes });
    }
    return this.#splits.shift();
  }
}
