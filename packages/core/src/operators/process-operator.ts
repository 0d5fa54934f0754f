/**
 * ProcessOperator: process functions without keys, over one input or two. The two are one operator:
 * a function per input.
 */
import type { Batch } from "../columns/batch.ts";
import { OperatorStateBackend } from "../state/operator-state.ts";
import type { OperatorStateDescriptors, OperatorStateHandles } from "../state/operator-state.ts";
import { StatelessOperator } from "./operator.ts";
import type { OperatorContext } from "./operator.ts";
import { Collectors, RecordContext } from "./record-context.ts";
import type { OperatorStateContext } from "./process-function.ts";
import { userFunctionFailed } from "./user-function.ts";

type Context = OperatorStateContext<unknown, OperatorStateDescriptors>;

/** The functions, per input. */
export interface ProcessFunctions {
  readonly operatorState: OperatorStateDescriptors;
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
  readonly #recordsSeenCounts = [0, 0];
  #openInputsCount: number;

  constructor(context: OperatorContext, functions: ProcessFunctions) {
    super();
    this.#context = context;
    this.#functions = functions;
    this.states = new OperatorStateBackend(context.uid, functions.operatorState);
    this.#collectors = new Collectors(context);
    this.#user = new UserContext(context, this.#collectors, this.states.handles);
    this.#openInputsCount = functions.process.length;
  }

  override open(watermark: number): void {
    this.#user.watermark = watermark;
    this.#call("open", this.#functions.open);
  }

  processBatch(batch: Batch, input: number): void {
    this.#context.metrics.countRecordsIn(batch.count);
    const process = this.#functions.process[input];
    const records = batch.records();
    const user = this.#user;
    const { timestamps } = batch;
    let index = 0;
    try {
      for (; index < batch.count; index++) {
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
    this.#recordsSeenCounts[input] += batch.count;
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

  constructor(
    context: OperatorContext,
    collectors: Collectors,
    operatorState: OperatorStateHandles<OperatorStateDescriptors>,
  ) {
    super(context, collectors);
    this.operatorState = operatorState;
  }
}
