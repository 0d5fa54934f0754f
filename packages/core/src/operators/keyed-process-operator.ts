/**
 * KeyedProcessLogic: process functions on keyed streams, over one input or two: state of the
 * current key, both kinds of timers.
 *
 * I1. The current key is set before each call of a user's function, and only read in it.
 * I2. Timers fire in the order of their timestamps; a timer registered while firing for a time that
 *     has been reached fires in the same advance.
 */
import type { Batch } from "../columns/batch.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import type { StateDescriptors } from "../state/descriptors.ts";
import type { KeyedBackend, TimerService } from "../state/keyed-backend.ts";
import type { KeyedLogic } from "./keyed-operator.ts";
import type { OperatorContext } from "./operator.ts";
import { Collectors, RecordContext } from "./record-context.ts";
import type { FiredTimer, KeyedProcessContext, Timers } from "./process-function.ts";
import { userFunctionFailed } from "./user-function.ts";

type Context = KeyedProcessContext<unknown, StateDescriptors, unknown>;

/** The functions, per input. */
export interface KeyedProcessFunctions {
  readonly process: readonly ((record: unknown, context: Context) => void)[];
  readonly onTimer: ((timer: FiredTimer, context: Context) => void) | undefined;
}

/** See the file header. */
export class KeyedProcessLogic implements KeyedLogic {
  readonly backend: KeyedBackend;
  readonly #context: OperatorContext;
  readonly #functions: KeyedProcessFunctions;
  readonly #collectors: Collectors;
  readonly #user: KeyedUserContext;
  readonly #recordsSeenCounts = [0, 0];
  #processingTime = -Infinity;

  constructor(context: OperatorContext, backend: KeyedBackend, functions: KeyedProcessFunctions) {
    this.#context = context;
    this.backend = backend;
    this.#functions = functions;
    this.#collectors = new Collectors(context);
    this.#user = new KeyedUserContext(context, backend, this.#collectors);
  }

  open(watermark: number): void {
    this.#user.watermark = watermark;
  }

  processKeyed(batch: Batch, keys: KeyColumn, input: number): void {
    const process = this.#functions.process[input];
    const { backend } = this;
    // All rows of the batch are looked up at once, which overlaps their cache misses.
    backend.prepare(keys);
    const records = batch.records();
    const user = this.#user;
    const { timestamps, count } = batch;
    let index = 0;
    try {
      for (; index < count; index++) {
        backend.setCurrent(keys, index);
        user.time = timestamps === undefined ? NaN : timestamps[index];
        process(records[index], user);
      }
    } catch (error) {
      throw userFunctionFailed(
        {
          uid: this.#context.uid,
          subtaskIndex: this.#context.subtaskIndex,
          what: "process",
          recordIndex: this.#recordsSeenCounts[input] + index,
          timestamp: user.timestamp,
          record: records[index],
        },
        error,
      );
    }
    this.#recordsSeenCounts[input] += count;
    this.#collectors.flush();
  }

  advanceWatermark(timestamp: number): void {
    this.#user.watermark = timestamp;
  }

  advanceProcessingTime(now: number): void {
    this.#processingTime = Math.max(this.#processingTime, now);
  }

  fire(budget: number): boolean {
    const fired = this.#fireDue("event", this.backend.eventTimers, {
      upTo: this.#user.watermark,
      budget,
    });
    if (fired >= budget) return false;
    const rest = budget - fired;
    const due = { upTo: this.#processingTime, budget: rest };
    return this.#fireDue("processing", this.backend.processingTimers, due) < rest;
  }

  nextProcessingTimer(): number {
    return this.backend.processingTimers.nextTimestamp();
  }

  #fireDue(
    time: FiredTimer["time"],
    timers: TimerService,
    due: { readonly upTo: number; readonly budget: number },
  ): number {
    if (timers.nextTimestamp() > due.upTo) return 0;
    const fired = timers.popDue(due.upTo, due.budget, (timestamp) =>
      this.#onTimer({ timestamp, time }),
    );
    this.#collectors.flush();
    return fired;
  }

  #onTimer(timer: FiredTimer): void {
    const user = this.#user;
    // Processing time is no event time: what such a timer emits has no timestamp, as in Flink.
    user.time = timer.time === "event" ? timer.timestamp : NaN;
    try {
      this.#functions.onTimer?.(timer, user);
    } catch (error) {
      const { uid, subtaskIndex } = this.#context;
      const what = `onTimer (key ${String(user.key)}, ${timer.time} time ${timer.timestamp})`;
      throw userFunctionFailed(
        {
          uid,
          subtaskIndex,
          what,
          recordIndex: undefined,
          timestamp: timer.timestamp,
          record: undefined,
        },
        error,
      );
    }
  }
}

class KeyedUserContext extends RecordContext implements Context {
  readonly state: Context["state"];
  readonly timers: Timers;
  readonly #backend: KeyedBackend;

  constructor(context: OperatorContext, backend: KeyedBackend, collectors: Collectors) {
    super(context, collectors);
    this.#backend = backend;
    this.state = backend.states;
    this.timers = {
      registerEventTime: (timestamp) => backend.eventTimers.register(timestamp),
      registerProcessingTime: (timestamp) => {
        backend.processingTimers.register(timestamp);
        context.wake();
      },
      deleteEventTime: (timestamp) => backend.eventTimers.delete(timestamp),
      deleteProcessingTime: (timestamp) => backend.processingTimers.delete(timestamp),
    };
  }

  get key(): unknown {
    return this.#backend.currentKey();
  }
}
