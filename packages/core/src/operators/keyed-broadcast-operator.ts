/**
 * KeyedBroadcastOperator: a keyed process function with a second input that has no keys and is
 * broadcast. The keyed side is `KeyedProcessLogic`; here are the broadcast state and the other
 * side.
 *
 * I1. Broadcast state may be written only while a batch of the broadcast input is processed.
 * I2. Broadcast records may come before the type of the keys is known; then no key has state.
 */
import type { Batch } from "../columns/batch.ts";
import type { KeySpec } from "../columns/key-extractor.ts";
import type { BroadcastStateDescriptors } from "../state/broadcast-state.ts";
import type { StateDescriptors } from "../state/descriptors.ts";
import { OperatorStateBackend } from "../state/operator-state.ts";
import type { KeyedBroadcastContext } from "./broadcast-function.ts";
import { KeyedOperator, backendFor } from "./keyed-operator.ts";
import { KeyedProcessLogic } from "./keyed-process-operator.ts";
import type { KeyedProcessFunctions } from "./keyed-process-operator.ts";
import type { OperatorContext } from "./operator.ts";
import { ProcessLoop } from "./process-loop.ts";
import { BROADCAST_INPUT } from "./process-operator.ts";
import { Collectors, RecordContext } from "./record-context.ts";

type Context = KeyedBroadcastContext<unknown, StateDescriptors, unknown, BroadcastStateDescriptors>;
type Backend = OperatorStateBackend<BroadcastStateDescriptors>;

/** What the operator is made from; `functions` are those of the keyed side. */
export interface KeyedBroadcastFunctions {
  readonly key: KeySpec;
  readonly state: StateDescriptors;
  readonly broadcastState: BroadcastStateDescriptors;
  readonly functions: Omit<KeyedProcessFunctions, "broadcastState">;
  readonly processBroadcast: (record: unknown, context: Context) => void;
}

/** See the file header. */
export class KeyedBroadcastOperator extends KeyedOperator {
  override readonly states: Backend;
  readonly #context: OperatorContext;
  readonly #collectors: Collectors;
  readonly #user: BroadcastUserContext;
  readonly #loop: ProcessLoop;

  constructor(context: OperatorContext, of: KeyedBroadcastFunctions) {
    const states = new OperatorStateBackend(context.uid, of.broadcastState);
    const functions = { ...of.functions, broadcastState: states.handles };
    super(
      context,
      [of.key],
      (keyType) =>
        new KeyedProcessLogic(context, backendFor(context, keyType, of.state), functions),
    );
    this.states = states;
    this.#context = context;
    this.#collectors = new Collectors(context);
    const user = new BroadcastUserContext(context, this.#collectors, this);
    this.#user = user;
    this.#loop = new ProcessLoop(context, {
      process: of.processBroadcast,
      user,
      backend: undefined,
      what: "processBroadcast",
    });
  }

  override open(watermark: number): void {
    this.#user.watermark = watermark;
    super.open(watermark);
  }

  override processBatch(batch: Batch, input: number): void {
    if (input !== BROADCAST_INPUT) {
      super.processBatch(batch, input);
      return;
    }
    this.#context.metrics.countRecordsIn(batch.count);
    this.states.setBroadcastSide(true);
    this.#loop.run(batch);
    this.states.setBroadcastSide(false);
    this.#collectors.flush();
  }

  override advanceWatermark(timestamp: number): void {
    this.#user.watermark = timestamp;
    super.advanceWatermark(timestamp);
  }
}

class BroadcastUserContext extends RecordContext implements Context {
  readonly broadcastState: Context["broadcastState"];
  readonly #operator: KeyedBroadcastOperator;

  constructor(context: OperatorContext, collectors: Collectors, operator: KeyedBroadcastOperator) {
    super(context, collectors);
    this.#operator = operator;
    this.broadcastState = operator.states.handles;
  }

  // Bound, since users take it out of the context, as `emit`.
  readonly applyToKeyedState: Context["applyToKeyedState"] = (visit) => {
    const backend = this.#operator.keyed;
    backend?.forEachKey((key) => visit(key, backend.states));
  };
}
