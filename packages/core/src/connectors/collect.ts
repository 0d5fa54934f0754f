/*
 * collect: a sink for tests, whose records the program reads after the run.
 *
 * With checkpoints it is exactly once: the records travel as transactions in the snapshots and
 * count when they are committed. It holds all of them in memory, on the thread
 * that commits, so it is for jobs that run on the program's own thread.
 */
import type { Batch } from "../columns/batch.ts";
import { oxbowError } from "../errors.ts";
import type { Committable, Committer, Sink, SinkWriter, WriterContext } from "./sink.ts";

/** Records that one `collect` may hold. */
export const MAX_COLLECTED = 10_000_000;

/** See `collect`. */
export interface CollectSink<T> extends Sink<T> {
  /** The records committed so far; order as committed, per subtask as written. */
  records(): readonly T[];
}

interface CollectCommittable extends Committable {
  readonly id: string;
  readonly records: readonly unknown[];
}

/**
 * A sink that keeps its records for the program. For tests and small results.
 *
 * @example
 * const results = collect<{ key: string; count: number }>();
 * await runJob(job("words", (env) => {
 *   const words = env.source("words", collection([{ word: "to" }, { word: "be" }]));
 *   words.keyBy("word").aggregate("counts", { count: count() }).sink("out", results);
 * }));
 * results.records().length; // 2
 */
export function collect<T>(): CollectSink<T> {
  const committed: T[] = [];
  const ids = new Set<string>();
  return {
    kind: "sink",
    connector: "collect",
    guarantee: "exactly-once",
    records: () => committed,
    createWriter: (context) => new CollectWriter(context),
    createCommitter: () => new CollectCommitter(committed, ids),
  };
}

class CollectWriter implements SinkWriter {
  readonly #id: string;
  #records: unknown[] = [];

  constructor({ runId, epoch, attempt, subtaskIndex }: WriterContext) {
    this.#id = `${runId}/${epoch}/${attempt}/${subtaskIndex}`;
  }

  open(): void {}

  isReady(): boolean {
    return true;
  }

  write(batch: Batch): void {
    const records = batch.records();
    for (let index = 0; index < batch.count; index++) this.#records.push(records[index]);
    checkCount(this.#records.length);
  }

  prepareCommit(checkpointId: number, isEnd: boolean): readonly CollectCommittable[] {
    if (this.#records.length === 0) return [];
    const id = `${this.#id}/${checkpointId}${isEnd ? "/end" : ""}`;
    const committable = { id, records: this.#records };
    this.#records = [];
    return [committable];
  }

  snapshot(): undefined {
    return undefined;
  }

  flushed(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

class CollectCommitter implements Committer {
  readonly #committed: unknown[];
  readonly #ids: Set<string>;

  constructor(committed: unknown[], ids: Set<string>) {
    this.#committed = committed;
    this.#ids = ids;
  }

  commit(committables: readonly Committable[]): Promise<void> {
    for (const committable of committables as readonly CollectCommittable[]) {
      if (this.#ids.has(committable.id)) continue;
      this.#ids.add(committable.id);
      for (const record of committable.records) this.#committed.push(record);
      checkCount(this.#committed.length);
    }
    return Promise.resolve();
  }
}

function checkCount(count: number): void {
  if (count <= MAX_COLLECTED) return;
  throw oxbowError(
    "CONNECTOR_INVALID",
    `Sink collect: more than ${MAX_COLLECTED} records; write them with fileSink.`,
    { limit: MAX_COLLECTED },
  );
}
