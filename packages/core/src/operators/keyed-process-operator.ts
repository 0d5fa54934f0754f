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
import type {
  BroadcastStateDescriptors,
  ReadOnlyBroadcastHandlesOf,
} from "../state/broadcast-state.ts";
import type { StateDescriptors } from "../state/descriptors.ts";
import type { KeyedBackend, TimerService } from "../state/keyed-backend.ts";
import type { KeyedLogic } from "./keyed-operator.ts";
import type { OperatorContext } from "./operator.ts";
import { ProcessLoop } from "./process-loop.ts";
import { Collectors, RecordContext } from "./record-context.ts";
import type { FiredTimer, KeyedProcessContext, Timers } from "./process-function.ts";
import { userFunctionFailed } from "./user-function.ts";

type Context = KeyedProcessContext<unknown, StateDescriptors, unknown>;

/** The functions, per input. */
export interface KeyedProcessFunctions {
  readonly process: readonly ((record: unknown, context: Context) => void)[];
  readonly onTimer: ((timer: FiredTimer, context: Context) => void) | undefined;
  /** Handles of broadcast state, where the operator has a broadcast side. */
  readonly broadcastState?: ReadOnlyBroadcastHandlesOf<BroadcastStateDescriptors>;
}

/** See the file header. */
export class KeyedProcessLogic implements KeyedLogic {
  readonly backend: KeyedBackend;
  readonly #context: OperatorContext;
  readonly #onTimer: KeyedProcessFunctions["onTimer"];
  readonly #collectors: Collectors;
  readonly #user: KeyedUserContext;
  /** One per input. */
  readonly #loops: readonly ProcessLoop[];
  #processingTime = -Infinity;

  constructor(context: OperatorContext, backend: KeyedBackend, functions: KeyedProcessFunctions) {
    this.#context = context;
    this.backend = backend;
    this.#onTimer = functions.onTimer;
    this.#collectors = new Collectors(context);
    const user = new KeyedUserContext(context, { backend, functions }, this.#collectors);
    this.#user = user;
    this.#loops = functions.process.map(
      (process) => new ProcessLoop(context, { process, user, backend }),
    );
  }

  open(watermark: number): void {
    this.#user.watermark = watermark;
  }

  processKeyed(batch: Batch, keys: KeyColumn, input: number): void {
    // All rows of the batch are looked up at once, which overlaps their cache misses.
    this.backend.prepare(keys);
    this.#loops[input].run(batch, keys);
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
      this.#fireTimer({ timestamp, time }),
    );
    this.#collectors.flush();
    return fired;
  }

  #fireTimer(timer: FiredTimer): void {
    const user = this.#user;
    // Processing time is no event time: what such a timer emits has no timestamp, as in Flink.
    user.time = timer.time === "event" ? timer.timestamp : NaN;
    try {
      this.#onTimer?.(timer, user);
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
  /** Declared in the contexts of functions with a broadcast side only. */
  readonly broadcastState: KeyedProcessFunctions["broadcastState"];
  readonly #backend: KeyedBackend;

  constructor(
    context: OperatorContext,
    { backend, functions }: { backend: KeyedBackend; functions: KeyedProcessFunctions },
    collectors: Collectors,
  ) {
    super(context, collectors);
    this.#backend = backend;
    this.broadcastState = functions.broadcastState;
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
