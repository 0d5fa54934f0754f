/*
 * SplitWatermark: the watermark of one split.
 *
 * Owns: the generator's state, which belongs to the split and travels with it (snapshot, another
 * reader), and the split's idleness. Combining splits is `source-watermarks.ts`.
 *
 * I1. `watermark` never falls. For a bounded delay it is max(timestamps) − delay − 1: a record with
 *     the highest timestamp may still have equals (Flink's BoundedOutOfOrdernessWatermarks).
 * I2. It moves after a batch, never within one: the records of a batch see the watermark before it.
 */
import { IdlenessTimer } from "./idleness.ts";
import { NO_WATERMARK } from "./timestamp.ts";
import type {
  WatermarkGenerator,
  WatermarkOutput,
  WatermarkPolicy,
  WatermarkStrategy,
} from "./watermark-strategy.ts";

/**
 * A batch as generators see it: one timestamp per record, and the records where they are asked for.
 */
export interface TimestampedRecords {
  readonly count: number;
  /** Only indexes < `count` are valid. */
  readonly timestamps: Float64Array;
  /** The records as objects; called for custom generators only. May be longer than `count`. */
  records(): readonly unknown[];
}

/** What a split starts with; `restored` is what `snapshot` returned. */
export interface SplitStart {
  readonly splitId: string;
  readonly restored: unknown;
  /** Monotonic ms. */
  readonly nowMs: number;
}

/** See the file header. */
export class SplitWatermark {
  readonly #generator: BatchGenerator;
  readonly #idleness: IdlenessTimer | undefined;

  constructor(strategy: WatermarkStrategy, start: SplitStart) {
    this.#generator = batchGenerator(strategy.policy, start);
    const { idleAfterMs } = strategy;
    this.#idleness =
      idleAfterMs === undefined ? undefined : new IdlenessTimer(idleAfterMs, start.nowMs);
  }

  /** The split's watermark, `NO_WATERMARK` before the first. */
  get watermark(): number {
    return this.#generator.watermark;
  }

  /** Records of this split were read. `nowMs` is monotonic. */
  onBatch(batch: TimestampedRecords, nowMs: number): void {
    if (batch.count === 0) return;
    this.#generator.onBatch(batch);
    this.#idleness?.onActivity(nowMs);
  }

  /** Time goes by. */
  onPeriodic(): void {
    this.#generator.onPeriodic();
  }

  /** Idle by its timer or because its generator says so. */
  isIdle(nowMs: number): boolean {
    return this.#generator.isIdle || (this.#idleness?.isIdle(nowMs) ?? false);
  }

  /** Blocked time does not count as idle; calls nest. */
  pause(nowMs: number): void {
    this.#idleness?.pause(nowMs);
  }

  /** See `pause`. */
  resume(nowMs: number): void {
    this.#idleness?.resume(nowMs);
  }

  /** Plain data that goes into the snapshot of the split; undefined for none. */
  snapshot(): unknown {
    return this.#generator.snapshot();
  }
}

interface BatchGenerator {
  readonly watermark: number;
  readonly isIdle: boolean;
  onBatch(batch: TimestampedRecords): void;
  onPeriodic(): void;
  snapshot(): unknown;
}

function batchGenerator(policy: WatermarkPolicy, start: SplitStart): BatchGenerator {
  const { splitId, restored } = start;
  switch (policy.kind) {
    case "bounded":
      return new BoundedGenerator(policy.delayMs, restored);
    case "custom":
      return new CustomGenerator(policy, splitId, restored);
  }
}

/**
 * Highest timestamp − delay − 1. Its state is the highest timestamp: it outlives a changed delay.
 */
class BoundedGenerator implements BatchGenerator {
  readonly isIdle = false;
  readonly #delayMs: number;
  #highest: number;

  constructor(delayMs: number, restored: unknown) {
    this.#delayMs = delayMs;
    this.#highest = typeof restored === "number" ? restored : NO_WATERMARK;
  }

  get watermark(): number {
    return this.#highest - this.#delayMs - 1;
  }

  onBatch({ timestamps, count }: TimestampedRecords): void {
    let highest = this.#highest;
    for (let i = 0; i < count; i++) {
      if (timestamps[i] > highest) highest = timestamps[i]!;
    }
    this.#highest = highest;
  }

  onPeriodic(): void {}

  snapshot(): unknown {
    return this.#highest === NO_WATERMARK ? undefined : this.#highest;
  }
}

/** The user's generator. State: its own, and the watermark that it had reached. */
class CustomGenerator implements BatchGenerator, WatermarkOutput {
  readonly #generator: WatermarkGenerator<unknown>;
  watermark: number = NO_WATERMARK;
  isIdle = false;

  constructor(policy: WatermarkPolicy & { kind: "custom" }, splitId: string, restored: unknown) {
    const state = isCustomState(restored) ? restored : undefined;
    this.watermark = state?.watermark ?? NO_WATERMARK;
    this.#generator = policy.create({ splitId, restored: state?.own });
  }

  onBatch(batch: TimestampedRecords): void {
    this.isIdle = false;
    const records = batch.records();
    for (let i = 0; i < batch.count; i++) {
      this.#generator.onRecord(records[i], batch.timestamps[i], this);
    }
    this.#generator.onPeriodic(this);
  }

  onPeriodic(): void {
    this.#generator.onPeriodic(this);
  }

  emitWatermark(timestamp: number): void {
    if (timestamp > this.watermark) this.watermark = timestamp;
  }

  markIdle(): void {
    this.isIdle = true;
  }

  snapshot(): unknown {
    const own = this.#generator.snapshot?.();
    const watermark = this.watermark === NO_WATERMARK ? null : this.watermark;
    return { watermark, own: own ?? null };
  }
}

interface CustomState {
  readonly watermark: number | null;
  readonly own: unknown;
}

function isCustomState(value: unknown): value is CustomState {
  return typeof value === "object" && value !== null && "watermark" in value && "own" in value;
}
