/**
 * ProcessOperator: process functions without keys, over one input or two. The two are one operator:
 * a function per input. The second input may be broadcast; only while it is processed broadcast
 * state may be written.
 */
import type { Batch } from "../columns/batch.ts";
import type {
  BroadcastStateDescriptors,
  ReadOnlyBroadcastHandlesOf,
} from "../state/broadcast-state.ts";
import { OperatorStateBackend } from "../state/operator-state.ts";
import type { OperatorStateDescriptors, OperatorStateHandles } from "../state/operator-state.ts";
import { StatelessOperator } from "./operator.ts";
import type { OperatorContext } from "./operator.ts";
import { ProcessLoop } from "./process-loop.ts";
import { Collectors, RecordContext } from "./record-context.ts";
import type { OperatorStateContext } from "./process-function.ts";
import { userFunctionFailed } from "./user-function.ts";

type Context = OperatorStateContext<unknown, OperatorStateDescriptors>;

/** The second input of an operator with a broadcast side. */
export const BROADCAST_INPUT = 1;

/** The functions, per input. */
export interface ProcessFunctions {
  readonly operatorState: OperatorStateDescriptors;
  /** Undefined: no input is broadcast; else `BROADCAST_INPUT` is. */
  readonly broadcastState?: BroadcastStateDescriptors;
  readonly open: ((context: Context) => void) | undefined;
  readonly process: readonly ((record: unknown, context: Context) => void)[];
  readonly end: ((context: Context) => void) | undefined;
}

/** See the file header. */
export class ProcessOperator extends StatelessOperator {
  override readonly states: OperatorStateBackend;
  readonly #context: OperatorContext;
  readonly #functions: ProcessFunctions;
  readonly #collectors: Collectors;
  readonly #user: UserContext;
  /** One per input. */
  readonly #loops: readonly ProcessLoop[];
  #openInputsCount: number;

  constructor(context: OperatorContext, functions: ProcessFunctions) {
    super();
    this.#context = context;
    this.#functions = functions;
    const { operatorState, broadcastState } = functions;
    this.states = new OperatorStateBackend(context.uid, { ...operatorState, ...broadcastState });
    this.#collectors = new Collectors(context);
    const user = new UserContext(context, this.#collectors, this.states);
    this.#user = user;
    this.#loops = functions.process.map((process, input) => {
      const isBroadcast = broadcastState !== undefined && input === BROADCAST_INPUT;
      const what = isBroadcast ? "processBroadcast" : "process";
      return new ProcessLoop(context, { process, user, backend: undefined, what });
    });
    this.#openInputsCount = functions.process.length;
  }

  override open(watermark: number): void {
    this.#user.watermark = watermark;
    this.#call("open", this.#functions.open);
  }

  processBatch(batch: Batch, input: number): void {
    this.#context.metrics.countRecordsIn(batch.count);
    this.states.setBroadcastSide(input === BROADCAST_INPUT);
    this.#loops[input].run(batch);
    this.states.setBroadcastSide(false);
    this.#collectors.flush();
  }

  override advanceWatermark(timestamp: number): void {
    this.#user.watermark = timestamp;
  }

  override endInput(_input: number): void {
    this.#openInputsCount -= 1;
    if (this.#openInputsCount === 0) this.#call("end", this.#functions.end);
  }

  #call(what: string, fn: ((context: Context) => void) | undefined): void {
    if (fn === undefined) return;
    this.#user.time = NaN;
    try {
      fn(this.#user);
    } catch (error) {
      const { uid, subtaskIndex } = this.#context;
      const call = {
        uid,
        subtaskIndex,
        what,
        recordIndex: undefined,
        timestamp: undefined,
        record: undefined,
      };
      throw userFunctionFailed(call, error);
    }
    this.#collectors.flush();
  }
}

class UserContext extends RecordContext implements Context {
  readonly operatorState: OperatorStateHandles<OperatorStateDescriptors>;
  /** Declared in the contexts of functions with a broadcast side only. */
  readonly broadcastState: ReadOnlyBroadcastHandlesOf<BroadcastStateDescriptors>;

  constructor(context: OperatorContext, collectors: Collectors, { handles }: OperatorStateBackend) {
    super(context, collectors);
    // Which of the two a state is says the descriptor under its name, and with it the user's type.
    this.operatorState = handles as OperatorStateHandles<OperatorStateDescriptors>;
    this.broadcastState = handles as ReadOnlyBroadcastHandlesOf<BroadcastStateDescriptors>;
  }
}
