/*
 * paced: a source at a rate: replays what lies in files as if it came in now. What is read, its
 * order and its snapshots are those of the source; only how fast is another.
 */
import type { Batch } from "../columns/batch.ts";
import { oxbowError } from "../errors.ts";
import { Pace } from "./pace.ts";
import type { MalformedRecord, ReaderOutput, Source, SourceReader, Split } from "./source.ts";

/**
 * The source, at about `recordsPerSecond` of all subtasks together: a batch goes as soon as its
 * first record may, so short bursts are of a batch. Errors: `CONNECTOR_INVALID`.
 *
 * @example
 * env.source("orders", paced(files("orders/*.jsonl", json(Order)), 1_000));
 */
export function paced<T, S extends Split>(
  source: Source<T, S>,
  recordsPerSecond: number,
): Source<T, S> {
  if (!(recordsPerSecond > 0 && recordsPerSecond < Infinity)) {
    throw oxbowError(
      "CONNECTOR_INVALID",
      `Source paced: recordsPerSecond must be a number above 0, but is ${recordsPerSecond}.`,
      { recordsPerSecond },
    );
  }
  return {
    ...source,
    createEnumerator: (context, restored) => source.createEnumerator(context, restored),
    createReader: (context) => {
      const pace = new Pace(context, recordsPerSecond / context.parallelism);
      return new PacedReader(source.createReader(context), pace);
    },
  };
}

class PacedReader<S extends Split> implements SourceReader<S>, ReaderOutput {
  /** Only where the source's reader can do it: the engine asks. */
  pauseOrResumeSplits?: (pause: readonly string[], resume: readonly string[]) => void;
  readonly #reader: SourceReader<S>;
  readonly #pace: Pace;
  #output: ReaderOutput | undefined;

  constructor(reader: SourceReader<S>, pace: Pace) {
    this.#reader = reader;
    this.#pace = pace;
    const pauseOrResume = reader.pauseOrResumeSplits?.bind(reader);
    if (pauseOrResume !== undefined) this.pauseOrResumeSplits = pauseOrResume;
  }

  open(): void {
    this.#reader.open();
  }

  addSplits(splits: readonly S[]): void {
    this.#reader.addSplits(splits);
  }

  noMoreSplits(): void {
    this.#reader.noMoreSplits();
  }

  poll(output: ReaderOutput, countMax: number): "more" | "idle" | "ended" {
    if (this.#pace.credit() === 0) return "idle";
    this.#output = output;
    return this.#reader.poll(this, countMax);
  }

  emit(splitId: string, batch: Batch): void {
    this.#pace.spend(batch.count);
    this.#output?.emit(splitId, batch);
  }

  finishSplit(splitId: string): void {
    this.#output?.finishSplit(splitId);
  }

  emitMalformed(record: MalformedRecord): void {
    this.#output?.emitMalformed(record);
  }

  snapshot(checkpointId: number): readonly S[] {
    return this.#reader.snapshot(checkpointId);
  }

  completed(checkpointId: number): void {
    this.#reader.completed?.(checkpointId);
  }

  close(): Promise<void> {
    this.#pace.stop();
    return this.#reader.close();
  }
}
