/*
 * forEach, discard and print: sinks without transactions. What was given out before a failure is
 * given out again after it.
 */
import type { Batch } from "../columns/batch.ts";
import { oxbowError } from "../errors.ts";
import { callUser, compileLoop } from "../operators/user-function.ts";
import { compileJsonEncoder } from "./formats/json-encoder.ts";
import type { Sink, SinkWriter } from "./sink.ts";

/**
 * Calls a function for every record, in the order of arrival, at least once. The function must not
 * be asynchronous. What it throws fails the attempt.
 *
 * @example
 * let total = 0;
 * orders.sink("total", forEach((order) => (total += order.amount)));
 */
export function forEach<T>(take: (record: T) => void): Sink<T> {
  return {
    kind: "sink",
    connector: "forEach",
    guarantee: "at-least-once",
    createWriter: ({ uid, subtaskIndex }) => {
      const takeAll = compileLoop(
        uid,
        { take },
        "(records, count) => { for (let index = 0; index < count; index++) take(records[index]); }",
      ) as (records: readonly unknown[], count: number) => void;
      const place = { uid, subtaskIndex, what: "forEach" };
      return new PlainWriter((batch) => {
        const records = batch.records();
        callUser(place, () => takeAll(records, batch.count));
      });
    },
  };
}

/**
 * Takes records and forgets them: for measuring, and for jobs that matter by their side outputs.
 *
 * @example
 * orders.filter((order) => order.amount > 100).sink("nowhere", discard());
 */
export function discard(): Sink<unknown> {
  return {
    kind: "sink",
    connector: "discard",
    guarantee: "none",
    createWriter: () => new PlainWriter(() => undefined),
  };
}

/** Settings of `print`. */
export interface PrintOptions {
  /** Put before every line; default none. */
  readonly prefix?: string;
}

/**
 * Writes every record as a line of JSON to standard output (`Env.output`), at least once. With more
 * than one subtask, lines begin with the subtask's number, as in Flink: `2> {"word":"to"}`.
 *
 * @example
 * orders.filter((order) => order.amount > 190).sink("out", print({ prefix: "large" }));
 */
export function print(options: PrintOptions = {}): Sink<unknown> {
  const { prefix } = options;
  return {
    kind: "sink",
    connector: "print",
    guarantee: "at-least-once",
    createWriter({ env, uid, subtaskIndex, parallelism }) {
      const { output } = env;
      if (output === undefined) {
        throw oxbowError("CONNECTOR_INVALID", `Sink ${uid}: there is no output to print to here.`, {
          uid,
        });
      }
      const number = parallelism > 1 ? String(subtaskIndex + 1) : undefined;
      const parts = [prefix, number].filter((part) => part !== undefined);
      const head = parts.length === 0 ? "" : `${parts.join(":")}> `;
      const encode = compileJsonEncoder(undefined);
      return new PlainWriter((batch) => {
        const records = batch.records();
        let text = "";
        for (let index = 0; index < batch.count; index++) {
          text += `${head}${encode(records[index])}\n`;
        }
        output.write(text);
      });
    },
  };
}

class PlainWriter implements SinkWriter {
  readonly #take: (batch: Batch) => void;

  constructor(take: (batch: Batch) => void) {
    this.#take = take;
  }

  open(): void {}

  isReady(): boolean {
    return true;
  }

  write(batch: Batch): void {
    this.#take(batch);
  }

  prepareCommit(): readonly [] {
    return [];
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
