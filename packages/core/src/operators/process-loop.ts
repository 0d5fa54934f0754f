/**
 * process-loop: calls a process function for every record of a batch, with keys or without. Sets
 * what the context says of the record, counts records, and names the record at which it threw.
 *
 * Each input of each operator has a loop of its own, compiled with the operator's uid (see
 * `user-function.ts`).
 */
import type { Batch } from "../columns/batch.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import type { KeyedBackend } from "../state/keyed-backend.ts";
import type { OperatorContext } from "./operator.ts";
import type { RecordContext } from "./record-context.ts";
import { compileLoop, timestampAt, userFunctionFailed } from "./user-function.ts";
import type { LoopPosition } from "./user-function.ts";

/** What a loop calls, and with what. */
export interface ProcessCall {
  readonly process: (record: unknown, context: never) => void;
  /** The context that the function takes; its time is set before each call. */
  readonly user: RecordContext;
  /** Its current key is set before each call; undefined without keys. */
  readonly backend: KeyedBackend | undefined;
  /** What the function is called in messages; default `process`. */
  readonly what?: string;
}

type Loop = (batch: Batch, records: readonly unknown[], keys: KeyColumn | undefined) => void;

/** The loop of one input of an operator. */
export class ProcessLoop {
  readonly #context: OperatorContext;
  readonly #position: LoopPosition = new Int32Array(1);
  readonly #loop: Loop;
  readonly #what: string;
  #recordsSeenCount = 0;

  constructor(context: OperatorContext, call: ProcessCall) {
    this.#context = context;
    this.#what = call.what ?? "process";
    const setKey = call.backend === undefined ? "" : "backend.setCurrent(keys, i);";
    this.#loop = compileLoop(
      context.uid,
      { ...call, position: this.#position },
      `({ count, timestamps }, records, keys) => {
        for (let i = 0; i < count; i++) {
          position[0] = i;
          ${setKey}
          user.time = timestamps === undefined ? NaN : timestamps[i];
          process(records[i], user);
        }
      }`,
    ) as Loop;
  }

  /** `keys`: those of the batch, where there are any; the backend is prepared for them. */
  run(batch: Batch, keys?: KeyColumn): void {
    const records = batch.records();
    try {
      this.#loop(batch, records, keys);
    } catch (error) {
      const { uid, subtaskIndex } = this.#context;
      const index = this.#position[0];
      throw userFunctionFailed(
        {
          uid,
          subtaskIndex,
          what: this.#what,
          recordIndex: this.#recordsSeenCount + index,
          timestamp: timestampAt(batch, index),
          record: records[index],
        },
        error,
      );
    }
    this.#recordsSeenCount += batch.count;
  }
}
