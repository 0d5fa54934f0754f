/*
 * SinkHarness: drives a sink outside of a job, as the engine does: writers, checkpoints, committer,
 * attempts that die and are restored. For conformance tests of connectors.
 *
 * What an engine keeps durable is the `SinkLedger`; a test may stop a harness anywhere, throw it
 * away without closing it, and make the next attempt from the same ledger.
 */
import { assert } from "../assert.ts";
import { Batch } from "../columns/batch.ts";
import type { Env } from "../env/env.ts";
import type { Committable, Committer, Sink, SinkIdentity, SinkWriter } from "./sink.ts";

/** What the latest completed checkpoint of a run says about a sink. */
export interface SinkLedger {
  runId: string;
  /** Starts of attempts so far, 0 before the first. */
  attempts: number;
  checkpointId: number;
  /** Records that the checkpoint covers: the next one to write. */
  position: number;
  /** Transactions of the checkpoint. */
  pending: readonly Committable[];
  states: readonly unknown[];
}

/** Points of a checkpoint at which a test may let the attempt die. */
export type SinkPhase = "written" | "prepared" | "flushed" | "completed" | "committed";

/** How to run a sink. */
export interface SinkHarnessOptions {
  readonly env: Env;
  readonly sink: Sink<unknown>;
  readonly ledger: SinkLedger;
  /** Default 1. */
  readonly parallelism?: number;
  /** Whether writers are told what snapshots name (`WriterContext.retained`); default true. */
  readonly knowsRetained?: boolean;
  /** Called at each point; returning true ends the attempt there. */
  readonly diesAt?: (phase: SinkPhase, checkpointId: number) => boolean;
}

/** An empty ledger of a new run. */
export function newLedger(runId: string): SinkLedger {
  return { runId, attempts: 0, checkpointId: 0, position: 0, pending: [], states: [] };
}

/** See the file header. */
export class SinkHarness {
  readonly writers: readonly SinkWriter[];
  readonly committer: Committer;
  readonly #options: SinkHarnessOptions;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  #batches = 0;

  constructor(options: SinkHarnessOptions) {
    this.#options = options;
    const { env, sink, ledger, parallelism = 1 } = options;
    ledger.attempts++;
    const identity = (subtaskIndex: number): SinkIdentity => ({
      env,
      uid: "sink-under-test",
      runId: ledger.runId,
      epoch: Math.ceil(ledger.attempts / 2),
      attempt: ledger.attempts,
      subtaskIndex,
      parallelism,
    });
    assert(sink.createCommitter !== undefined, "this harness is for sinks with transactions");
    this.committer = sink.createCommitter(identity(0));
    this.writers = Array.from({ length: parallelism }, (_, subtaskIndex) =>
      sink.createWriter({
        ...identity(subtaskIndex),
        restored: subtaskIndex === 0 ? ledger.states : [],
        pending: ledger.pending.filter((_, index) => index % parallelism === subtaskIndex),
        ...(options.knowsRetained === false ? {} : { retained: ledger.pending }),
        hasCheckpoints: true,
        wake: () => this.#wake?.(),
        fail: (error) => {
          this.#failure ??= { error };
          this.#wake?.();
        },
      }),
    );
  }

  /** Commits what was restored, and opens the writers. */
  async start(): Promise<void> {
    await this.committer.commit(this.#options.ledger.pending);
    for (const writer of this.writers) writer.open();
  }

  /** Writes a batch to the next writer in turn, once that is ready. */
  async write(records: readonly unknown[]): Promise<void> {
    const writer = this.writers[this.#batches++ % this.writers.length];
    while (!writer.isReady()) {
      this.#throwFailure();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#throwFailure();
    writer.write(Batch.ofRecords(records));
  }

  /** A checkpoint that covers `position` records. False: the attempt died on the way. */
  async checkpoint(position: number, isEnd = false): Promise<boolean> {
    const { ledger, diesAt = () => false } = this.#options;
    const id = ledger.checkpointId + 1;
    if (diesAt("written", id)) return false;
    const pending = this.writers.flatMap((writer) => writer.prepareCommit(id, isEnd));
    const states = this.writers.map((writer) => writer.snapshot(id));
    if (diesAt("prepared", id)) return false;
    await Promise.all(this.writers.map((writer) => writer.flushed()));
    this.#throwFailure();
    if (diesAt("flushed", id)) return false;
    // Durable from here on; through JSON, since that is all that is promised for it.
    const plain = JSON.parse(JSON.stringify({ pending, states })) as {
      pending: readonly Committable[];
      states: readonly unknown[];
    };
    Object.assign(ledger, { checkpointId: id, position, ...plain });
    if (diesAt("completed", id)) return false;
    await this.committer.commit(plain.pending);
    return !diesAt("committed", id);
  }

  async close(): Promise<void> {
    await Promise.all(this.writers.map((writer) => writer.close()));
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** Settings of `writeAll`. */
export interface SinkJob {
  readonly records: readonly unknown[];
  readonly batchCount: number;
  /** Batches between two checkpoints. */
  readonly checkpointEvery: number;
}

/**
 * Writes what the ledger does not cover yet, with checkpoints. False: the attempt died on the way.
 */
export async function writeAll(
  harness: SinkHarness,
  job: SinkJob,
  ledger: SinkLedger,
): Promise<boolean> {
  const { records, batchCount, checkpointEvery } = job;
  await harness.start();
  let batches = 0;
  for (let position = ledger.position; position < records.length;) {
    const end = Math.min(position + batchCount, records.length);
    await harness.write(records.slice(position, end));
    position = end;
    if (++batches % checkpointEvery !== 0) continue;
    if (!(await harness.checkpoint(position))) return false;
  }
  return harness.checkpoint(records.length, true);
}
