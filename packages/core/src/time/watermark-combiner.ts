/*
 * WatermarkCombiner: one watermark and one status out of many.
 *
 * Used three times: splits → source, channels → task, inputs → operator. Inputs may come and go
 * (splits do). Semantics: docs/semantics/watermarks.md, "Combining".
 *
 * I1. `watermark` = the highest that min over the active inputs has ever reached; it never falls.
 * I2. `isIdle` exactly when there are inputs and all of them are idle. At that moment the watermark
 *     goes to the maximum over all inputs, so that it does not hang on the order in which they fell
 *     idle (Flink's CombinedWatermarkStatus and StatusWatermarkValve).
 * I3. Status changes are reported even when the watermark stands still: an input that wakes up
 *     makes the combination active at once (Flink forgets this, FLINK-40504).
 * I4. An input that wakes up behind the combined watermark holds it where it is until it catches
 *     up.
 */
import { assert } from "../assert.ts";
import { NO_WATERMARK } from "./timestamp.ts";

/** Bits that the updates of a combiner return: what is new and has to be told to who is next. */
export const WATERMARK_CHANGED = 1;
/** See `WATERMARK_CHANGED`. Order of telling: ACTIVE, then the watermark, then IDLE. */
export const STATUS_CHANGED = 2;

/** Most inputs of one combiner: splits of a reader or channels of a task. */
export const MAX_COMBINED_INPUTS = 1_000_000;

/** See the file header. */
export class WatermarkCombiner {
  #watermarks: Float64Array;
  /** 0 free, 1 active, 2 idle. */
  #states: Uint8Array;
  /** Indexes below it have been handed out. */
  #end = 0;
  readonly #free: number[] = [];
  #inputCount = 0;
  #activeCount = 0;
  #watermark = NO_WATERMARK;
  #isIdle = false;

  /** `inputCount` inputs 0, 1, …, all active and without a watermark. More can be added. */
  constructor(inputCount = 0) {
    this.#watermarks = new Float64Array(Math.max(4, inputCount)).fill(NO_WATERMARK);
    this.#states = new Uint8Array(this.#watermarks.length);
    for (let i = 0; i < inputCount; i++) this.addInput();
  }

  /** The combined watermark; `NO_WATERMARK` until every active input has one. */
  get watermark(): number {
    return this.#watermark;
  }

  /** Whether all inputs are idle; false without inputs. */
  get isIdle(): boolean {
    return this.#isIdle;
  }

  get inputCount(): number {
    return this.#inputCount;
  }

  /**
   * A further input, active, with the watermark it had (`NO_WATERMARK` for a new one). Returns its
   * index; indexes of removed inputs are reused. Call `refresh` for what that changes.
   */
  addInput(watermark = NO_WATERMARK): number {
    const index = this.#free.pop() ?? this.#end++;
    assert(index < MAX_COMBINED_INPUTS, "a combiner has too many inputs");
    if (index >= this.#watermarks.length) this.#grow();
    this.#watermarks[index] = watermark;
    this.#states[index] = 1;
    this.#inputCount += 1;
    this.#activeCount += 1;
    return index;
  }

  /** The input is gone and holds nothing back any more. Returns change bits. */
  removeInput(index: number): number {
    assert(this.#states[index] > 0, "only an input that exists can be removed");
    if (this.#states[index] === 1) this.#activeCount -= 1;
    this.#states[index] = 0;
    this.#inputCount -= 1;
    this.#free.push(index);
    return this.refresh();
  }

  /**
   * The input's watermark; one that is not higher than its last is ignored. Returns change bits.
   */
  update(index: number, watermark: number): number {
    assert(this.#states[index] > 0, "a watermark comes from an input that exists");
    const before = this.#watermarks[index];
    if (!(watermark > before)) return 0;
    this.#watermarks[index] = watermark;
    // An idle input counts again when it is active; only the input that is the minimum can move it.
    if (this.#states[index] === 2 || before > this.#watermark) return 0;
    return this.refresh();
  }

  /** The input's status. Returns change bits. */
  setIdle(index: number, isIdle: boolean): number {
    const state = this.#states[index];
    assert(state > 0, "a status comes from an input that exists");
    if ((state === 2) === isIdle) return 0;
    this.#states[index] = isIdle ? 2 : 1;
    this.#activeCount += isIdle ? -1 : 1;
    return this.refresh();
  }

  /** The last watermark of an input. */
  watermarkOf(index: number): number {
    return this.#watermarks[index];
  }

  /** Whether the input is idle. */
  isIdleAt(index: number): boolean {
    return this.#states[index] === 2;
  }

  /** Start from a watermark that was reached before (restore). Only forward. */
  restore(watermark: number): void {
    if (watermark > this.#watermark) this.#watermark = watermark;
  }

  /** Computes watermark and status anew; needed only after `addInput`. Returns change bits. */
  refresh(): number {
    let changes = 0;
    const isIdle = this.#inputCount > 0 && this.#activeCount === 0;
    if (isIdle !== this.#isIdle) {
      this.#isIdle = isIdle;
      changes = STATUS_CHANGED;
    }
    // Once idle, it stays where it is until an input is active again.
    if (this.#inputCount === 0 || (isIdle && changes === 0)) return changes;
    const combined = isIdle ? this.#maximum() : this.#minimumOfActive();
    if (combined > this.#watermark) {
      this.#watermark = combined;
      changes |= WATERMARK_CHANGED;
    }
    return changes;
  }

  #minimumOfActive(): number {
    let minimum = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#end; i++) {
      if (this.#states[i] === 1 && this.#watermarks[i] < minimum) minimum = this.#watermarks[i]!;
    }
    return minimum;
  }

  #maximum(): number {
    let maximum = NO_WATERMARK;
    for (let i = 0; i < this.#end; i++) {
      if (this.#states[i] !== 0 && this.#watermarks[i] > maximum) maximum = this.#watermarks[i]!;
    }
    return maximum;
  }

  #grow(): void {
    const watermarks = new Float64Array(this.#watermarks.length * 2).fill(NO_WATERMARK);
    watermarks.set(this.#watermarks);
    const states = new Uint8Array(watermarks.length);
    states.set(this.#states);
    this.#watermarks = watermarks;
    this.#states = states;
  }
}
