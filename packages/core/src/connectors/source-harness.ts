/*
 * SourceHarness: drives a source outside of a job, as the engine does: one enumerator, some
 * readers, messages that are never delivered re-entrantly, snapshots. For conformance tests of
 * connectors.
 *
 * It gives the order a driver may choose: readers take turns, a poll each, and messages are
 * delivered between polls. A snapshot goes through JSON, since that is all that is promised for it.
 */
import { assert } from "../assert.ts";
import { BATCH_COUNT } from "../columns/batch.ts";
import type { Batch } from "../columns/batch.ts";
import type { Env } from "../env/env.ts";
import type { MalformedRecord, Source, SourceReader, Split, SplitEnumerator } from "./source.ts";

/** What a source has in a snapshot: plain data. */
export interface SourceSnapshot {
  readonly enumerator: unknown;
  /** Splits of all readers; a restore deals them out anew. */
  readonly splits: readonly Split[];
}

/** How to run a source. */
export interface SourceHarnessOptions {
  readonly env: Env;
  readonly source: Source<unknown>;
  /** Readers; default 1. */
  readonly parallelism?: number;
  readonly restored?: SourceSnapshot;
  /** What each poll is asked for at most; default `BATCH_COUNT`. */
  readonly countMax?: number;
  /**
   * Lets the environment do its next piece of work when all readers are idle; false: there is none.
   * Default: waits until somebody wakes the harness.
   */
  readonly progress?: () => Promise<boolean>;
}

/** A record with the split that it came from. */
export interface HarnessRecord {
  readonly splitId: string;
  readonly record: unknown;
}

const STEPS_LIMIT = 10_000_000;

/** See the file header. */
export class SourceHarness {
  /** All records so far, in the order of emission. */
  readonly records: HarnessRecord[] = [];
  readonly malformed: MalformedRecord[] = [];
  /** Batches as they came. */
  readonly batches: Batch[] = [];
  malformedCount = 0;
  /** Most records that one poll has given. */
  polledMost = 0;
  #polledCount = 0;
  readonly #options: SourceHarnessOptions;
  readonly #enumerator: SplitEnumerator<Split>;
  readonly #readers: SourceReader[] = [];
  readonly #ended: boolean[] = [];
  /** Readers that said neither `idle` nor `ended`, or have woken since. */
  readonly #awakeReaders: boolean[] = [];
  readonly #active = new Map<string, number>();
  readonly #messages: (() => void)[] = [];
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  #isClosed = false;
  #next = 0;

  constructor(options: SourceHarnessOptions) {
    this.#options = options;
    const { env, source, restored, parallelism = 1 } = options;
    const shared = { env, uid: "source-under-test", parallelism };
    const fail = (error: unknown): void => this.#fail(error);
    this.#enumerator = source.createEnumerator(
      {
        ...shared,
        assign: (subtask, splits) =>
          this.#post(() => {
            for (const split of splits) this.#active.set(split.id, subtask);
            this.#reader(subtask).addSplits(plain(splits));
          }),
        signalNoMoreSplits: (subtask) => this.#post(() => this.#reader(subtask).noMoreSplits()),
        fail,
      },
      restored?.enumerator,
    );
    for (let subtaskIndex = 0; subtaskIndex < parallelism; subtaskIndex++) {
      const reader = this.#createReader(subtaskIndex);
      this.#readers.push(reader);
      this.#ended.push(false);
      this.#awakeReaders.push(true);
      reader.open();
    }
    this.#enumerator.start();
    this.#deal(restored?.splits ?? []);
    for (let index = 0; index < parallelism; index++) {
      this.#post(() => this.#enumerator.addReader(index));
    }
  }

  /** Whether every reader has ended. */
  get isEnded(): boolean {
    return this.#ended.every((ended) => ended);
  }

  /** Splits that a reader has and has not finished. */
  get activeSplits(): readonly string[] {
    return [...this.#active.keys()];
  }

  /**
   * Delivers messages and polls each reader once. False: nothing happened. Throws what the source
   * threw.
   */
  step(): boolean {
    let progressed = this.#deliver();
    for (let count = 0; count < this.#readers.length; count++) {
      const index = (this.#next + count) % this.#readers.length;
      if (this.#ended[index] || !this.#awakeReaders[index]) continue;
      this.#awakeReaders[index] = false;
      this.#polledCount = 0;
      const result = this.#reader(index).poll(
        {
          emit: (splitId, batch) => this.#emit(splitId, batch),
          finishSplit: (splitId) => {
            assert(this.#active.delete(splitId), `split ${splitId} was finished twice`);
          },
          emitMalformed: (record) => this.malformed.push(record),
        },
        this.#options.countMax ?? BATCH_COUNT,
      );
      this.polledMost = Math.max(this.polledMost, this.#polledCount);
      if (result === "ended") this.#ended[index] = true;
      if (result === "idle") continue;
      progressed = true;
      this.#awakeReaders[index] = true;
    }
    this.#next++;
    this.#throwFailure();
    return progressed;
  }

  /** Steps until `isDone`, the end, or nothing is left that could happen. */
  async run(isDone: () => boolean = () => false): Promise<void> {
    for (let steps = 0; !this.isEnded && !isDone(); steps++) {
      assert(steps < STEPS_LIMIT, "the source does not come to an end");
      if (this.step() || this.#messages.length > 0) continue;
      if (!(await this.#waitForWork())) break;
    }
    this.#throwFailure();
  }

  /** A snapshot as at a barrier: messages of the enumerator arrive before it. */
  snapshot(checkpointId = 1): SourceSnapshot {
    this.#deliver();
    const enumerator = this.#enumerator.snapshot(checkpointId);
    const splits = this.#readers.flatMap((reader) => reader.snapshot(checkpointId));
    return plain({ enumerator, splits });
  }

  /** Watermark alignment for every reader. */
  pauseOrResume(pause: readonly string[], resume: readonly string[]): void {
    for (const reader of this.#readers) reader.pauseOrResumeSplits?.(pause, resume);
  }

  /** A reader failed: its splits go back, a new one registers and starts from nothing. */
  async returnSplits(subtaskIndex: number, splits: readonly Split[]): Promise<void> {
    this.#deliver();
    await this.#finishWork(this.#reader(subtaskIndex).close());
    for (const [id, owner] of this.#active) if (owner === subtaskIndex) this.#active.delete(id);
    this.#readers[subtaskIndex] = this.#createReader(subtaskIndex);
    this.#awakeReaders[subtaskIndex] = true;
    this.#ended[subtaskIndex] = false;
    this.#reader(subtaskIndex).open();
    this.#enumerator.addSplitsBack(plain(splits), subtaskIndex);
    this.#enumerator.addReader(subtaskIndex);
  }

  /** Closes readers and enumerator; nothing may wake or fail the harness afterwards. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    const closing = [...this.#readers.map((reader) => reader.close()), this.#enumerator.close()];
    this.#isClosed = true;
    await this.#finishWork(Promise.all(closing));
  }

  #createReader(subtaskIndex: number): SourceReader {
    const { source, env, parallelism = 1 } = this.#options;
    return source.createReader({
      env,
      uid: "source-under-test",
      parallelism,
      subtaskIndex,
      requestSplit: () => this.#post(() => this.#enumerator.handleSplitRequest(subtaskIndex)),
      wake: () => {
        this.#awakeReaders[subtaskIndex] = true;
        this.#awake();
      },
      fail: (error) => this.#fail(error),
      countMalformed: () => this.malformedCount++,
    });
  }

  #deal(splits: readonly Split[]): void {
    const dealt = this.#readers.map((): Split[] => []);
    for (const [index, split] of splits.entries()) {
      dealt[index % dealt.length].push(split);
      this.#active.set(split.id, index % dealt.length);
    }
    for (const [index, mine] of dealt.entries()) {
      if (mine.length > 0) this.#reader(index).addSplits(mine);
    }
  }

  #emit(splitId: string, batch: Batch): void {
    this.#polledCount += batch.count;
    assert(this.#active.has(splitId), `a batch of split ${splitId} came, which nobody has`);
    assert(batch.count > 0, "an empty batch was emitted");
    this.batches.push(batch);
    const records = batch.records();
    for (let index = 0; index < batch.count; index++) {
      this.records.push({ splitId, record: records[index] });
    }
  }

  #reader(index: number): SourceReader {
    const reader = this.#readers[index];
    assert(reader !== undefined, `there is no reader ${index}`);
    return reader;
  }

  #post(message: () => void): void {
    this.#messages.push(message);
    this.#awake();
  }

  #deliver(): boolean {
    const hadMessages = this.#messages.length > 0;
    for (let message = this.#messages.shift(); message !== undefined;) {
      message();
      message = this.#messages.shift();
    }
    return hadMessages;
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.#failure ??= { error };
    this.#awake();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #awake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  async #waitForWork(): Promise<boolean> {
    const { progress } = this.#options;
    if (progress !== undefined) return progress();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    return true;
  }

  async #finishWork(work: Promise<unknown>): Promise<void> {
    const { progress } = this.#options;
    let isDone = false;
    const settle = (): void => {
      isDone = true;
    };
    work.then(settle, settle);
    while (progress !== undefined && !isDone) if (!(await progress())) break;
    await work;
  }
}

/** What is left of plain data after it was stored. */
function plain<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T);
}
