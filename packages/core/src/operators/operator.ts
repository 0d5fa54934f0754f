/**
 * Operator: the contract between a chain and the operators in it. An operator is a synchronous
 * state machine; it owns its logic and its state, and knows nothing of channels, barriers'
 * alignment, threads or files.
 *
 * Call order: `open` once (its state has been restored before); then any of the others in any
 * order, never re-entrantly; `endInput` once per input; `close` last, also after a failure.
 *
 * I1. `processBatch` processes the whole batch. Emitting never blocks and never refuses: the chain
 *     asked its outputs for room before.
 * I2. What an operator emits during a call it has handed over when the call returns (no output
 *     buffers between calls), except where `prepareBarrier` and `advanceWatermark` flush it (local
 *     aggregation).
 * I3. `advanceWatermark` and `advanceProcessingTime` only note the time; the work is done in
 *     `fire`, a bounded slice per call, until it returns true. The chain gives the operator no
 *     batch, barrier or later watermark before that.
 * I4. A user's function that throws makes the operator throw USER_FUNCTION_FAILED; the chain adds
 *     nothing.
 */
import { assert } from "../assert.ts";
import type { Batch } from "../columns/batch.ts";
import type { Env } from "../env/env.ts";
import type { KeyedBackend } from "../state/keyed-backend.ts";
import type { ChunkPool } from "../state/row-chunk.ts";
import type { OperatorStateBackend } from "../state/operator-state.ts";
import type { Type } from "../types/type.ts";
import type { OperatorMetrics, Output } from "./output.ts";

/** What an operator gets from its task. Lives as long as the operator. */
export interface OperatorContext {
  readonly env: Env;
  readonly uid: string;
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly maxParallelism: number;
  /** Key groups of this subtask, `end` exclusive. */
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  /** The main output. */
  readonly output: Output;
  /** The output of a side-output tag; emits nowhere if nothing is connected to it. */
  sideOutput(tag: string): Output;
  readonly metrics: OperatorMetrics;
  /** Buffers of snapshots in flight, shared by the operators of a worker. */
  readonly chunkPool: ChunkPool;
  /** Asks the task to step again soon; for sources and sinks whose readiness changes by itself. */
  wake(): void;
  /** Fails the attempt from an asynchronous callback. */
  fail(error: unknown): void;
}

/** See the file header. */
export interface Operator {
  /**
   * Keyed state and timers, if it has any; snapshots and restores go through it. Undefined as long
   * as the type of the keys is not known: see `useKeyType`.
   */
  readonly keyed: KeyedBackend | undefined;
  /** Operator list and union state, if it has any. Valid from construction. */
  readonly states: OperatorStateBackend | undefined;
  /** Before state is restored: the type that the keys have in the snapshot. */
  useKeyType(type: Type<unknown>): void;
  /** `watermark` is the one that the subtask starts from, ms; `NO_WATERMARK` for none. */
  open(watermark: number): void;
  /** `input` is 0, or 1 for the second input of a two-input operator. */
  processBatch(batch: Batch, input: number): void;
  /** Event time has reached `timestamp` (only grows). */
  advanceWatermark(timestamp: number): void;
  /** Processing time is `now`; timers up to it are due. */
  advanceProcessingTime(now: number): void;
  /** Does at most about `budget` firings of due timers; true when none is left. */
  fire(budget: number): boolean;
  /** The earliest processing-time timer, ms; Infinity for none. */
  nextProcessingTimer(): number;
  endInput(input: number): void;
  /**
   * Right before the barrier passes on: hand over what is held back. `isEnd`: no batch will ever
   * follow.
   */
  prepareBarrier(checkpointId: number, isEnd: boolean): void;
  /**
   * Resolves when what `prepareBarrier` set under way outside of the state (pending files) is
   * durable; undefined: nothing is.
   */
  flushed(): Promise<void> | undefined;
  /**
   * False while it can take no further batch: a sink whose buffers are full, a keyed operator whose
   * backend fetches keys. It may go on with what it had put off. Asked before every step.
   */
  isReady(): boolean;
  /**
   * The checkpoint is complete: everything that it covers may become visible. Resolves when that is
   * done.
   */
  completed(checkpointId: number): Promise<void> | undefined;
  aborted(checkpointId: number): void;
  close(): Promise<void> | undefined;
}

/** Firings of timers or panes per slice of `fire`. */
export const FIRE_BUDGET = 1024;

/** Defaults for operators that have no state, no timers and nothing to flush. */
export abstract class StatelessOperator implements Operator {
  readonly keyed: KeyedBackend | undefined = undefined;
  readonly states: OperatorStateBackend | undefined = undefined;
  useKeyType(_type: Type<unknown>): void {
    assert(false, "an operator without keys has no key type");
  }
  open(_watermark: number): void {}
  abstract processBatch(batch: Batch, input: number): void;
  advanceWatermark(_timestamp: number): void {}
  advanceProcessingTime(_now: number): void {}
  fire(_budget: number): boolean {
    return true;
  }
  nextProcessingTimer(): number {
    return Infinity;
  }
  endInput(_input: number): void {}
  prepareBarrier(_checkpointId: number, _isEnd: boolean): void {}
  flushed(): Promise<void> | undefined {
    return undefined;
  }
  isReady(): boolean {
    return true;
  }
  completed(_checkpointId: number): Promise<void> | undefined {
    return undefined;
  }
  aborted(_checkpointId: number): void {}
  close(): Promise<void> | undefined {
    return undefined;
  }
}
