/*
 * A source for simulations: small batches with pauses between them, so that barriers, assignments
 * and faults fall between any two of them. Built from the connectors' own queue and cursor reader.
 */
import { Batch } from "../../packages/core/src/columns/batch.ts";
import { CursorReader } from "../../packages/core/src/connectors/cursor-reader.ts";
import type { SplitCursor } from "../../packages/core/src/connectors/cursor-reader.ts";
import {
  queueEnumerator,
  spreadEnumerator,
} from "../../packages/core/src/connectors/split-queue.ts";
import type {
  ReaderContext,
  ReaderOutput,
  Source,
  Split,
} from "../../packages/core/src/connectors/source.ts";
import type { Random } from "../../packages/core/src/env/env.ts";
import type { SimRecord, SourceSpec } from "./scenario.ts";

interface PacedSplit extends Split {
  readonly position: number;
  readonly end: number;
}

/** Splits one after the other, or (`isSpread`) all at the same time. */
export function pacedSource(spec: SourceSpec, isSpread: boolean): Source<SimRecord> {
  const enumerator = isSpread ? spreadEnumerator : queueEnumerator;
  return {
    kind: "source",
    connector: "paced",
    boundedness: "bounded",
    recordType: undefined,
    createEnumerator: (context, restored) =>
      enumerator<PacedSplit>(context, () => splitsOf(spec), restored),
    createReader: (context) => {
      const random = context.env.random.fork(`paced/${context.uid}/${context.subtaskIndex}`);
      return new CursorReader<PacedSplit>(context, {
        openLimit: isSpread ? Infinity : 1,
        openCursor: (split) => new PacedCursor(spec, split, { context, random }),
      });
    },
  };
}

function splitsOf({ records, splitsCount }: SourceSpec): PacedSplit[] {
  return Array.from({ length: splitsCount }, (_, index) => ({
    id: `split-${index}`,
    position: Math.floor((records.length * index) / splitsCount),
    end: Math.floor((records.length * (index + 1)) / splitsCount),
  }));
}

class PacedCursor implements SplitCursor<PacedSplit> {
  readonly #spec: SourceSpec;
  readonly #split: PacedSplit;
  readonly #context: ReaderContext;
  readonly #random: Random;
  #position: number;
  #readyAtMs = 0;
  #cancelWake: (() => void) | undefined;

  constructor(
    spec: SourceSpec,
    split: PacedSplit,
    machine: { readonly context: ReaderContext; readonly random: Random },
  ) {
    this.#spec = spec;
    this.#split = split;
    this.#context = machine.context;
    this.#random = machine.random;
    this.#position = split.position;
  }

  poll(output: ReaderOutput): "more" | "idle" | "finished" {
    const { end, id } = this.#split;
    if (this.#position >= end) return "finished";
    const { clock } = this.#context.env;
    if (clock.monotonicMs() < this.#readyAtMs) return "idle";
    const { records, batchMax, pauseMs } = this.#spec;
    const stop = Math.min(end, this.#position + 1 + this.#random.int(batchMax));
    output.emit(id, Batch.ofRecords(records.slice(this.#position, stop)));
    this.#position = stop;
    if (this.#random.int(2) === 0) {
      const delayMs = this.#random.next() * pauseMs;
      this.#readyAtMs = clock.monotonicMs() + delayMs;
      this.#cancelWake?.();
      this.#cancelWake = clock.schedule(delayMs, () => this.#context.wake());
    }
    return "more";
  }

  position(): PacedSplit {
    return { ...this.#split, position: this.#position };
  }

  close(): Promise<void> {
    this.#cancelWake?.();
    return Promise.resolve();
  }
}
