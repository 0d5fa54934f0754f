/**
 * ProcessOperator: process functions without keys, over one input or two. The two are one operator:
 * a function per input.
 */
import type { Batch } from "../columns/batch.ts";
import { OperatorStateBackend } from "../state/operator-state.ts";
import type { OperatorStateDescriptors, OperatorStateHandles } from "../state/operator-state.ts";
import { StatelessOperator } from "./operator.ts";
import type { OperatorContext } from "./operator.ts";
import { ProcessLoop } from "./process-loop.ts";
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
  /** One per input. */
  readonly #loops: readonly ProcessLoop[];
  #openInputsCount: number;

  constructor(context: OperatorContext, functions: ProcessFunctions) {
    super();
    this.#context = context;
    this.#functions = functions;
    this.states = new OperatorStateBackend(context.uid, functions.operatorState);
    this.#collectors = new Collectors(context);
    const user = new UserContext(context, this.#collectors, this.states.handles);
    this.#user = user;
    this.#loops = functions.process.map(
      (process) => new ProcessLoop(context, { process, user, backend: undefined }),
    );
    this.#openInputsCount = functions.process.length;
  }

  override open(watermark: number): void {
    this.#user.watermark = watermark;
    this.#call("open", this.#functions.open);
  }

  processBatch(batch: Batch, input: number): void {
    this.#context.metrics.countRecordsIn(batch.count);
    this.#loops[input].run(batch);
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
