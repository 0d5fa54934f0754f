/*
 * Element: what flows on a channel, in order. Plain data, told apart by `kind`.
 *
 * On every channel: any number of elements, then `end-of-data` (unless the producer failed), then
 * `end-of-partition`, and nothing after it. The numbers of the kinds in frames:
 * `docs/formats/frame.md`; numbers for an announced barrier (unaligned checkpoints) are reserved
 * there.
 */
import type { Batch } from "../columns/batch.ts";
import type { Barrier, CheckpointId } from "../state/barrier.ts";

/** Records. */
export interface DataElement {
  readonly kind: "data";
  readonly batch: Batch;
}
/** No record with a smaller or equal timestamp comes later on this channel (late ones aside). */
export interface WatermarkElement {
  readonly kind: "watermark";
  /** Event time, ms; `Infinity` at the end of all time. */
  readonly timestamp: number;
}
/** Whether the channel holds the watermark of its consumer back. */
export interface StatusElement {
  readonly kind: "status";
  readonly isIdle: boolean;
}
/** A checkpoint's barrier. */
export interface BarrierElement {
  readonly kind: "barrier";
  readonly barrier: Barrier;
}
/** The checkpoint will not complete; stop aligning for it. */
export interface CancelBarrierElement {
  readonly kind: "cancel-barrier";
  readonly checkpointId: CheckpointId;
}
/**
 * All records were sent; barriers may still follow. `isDrain`: event time was driven to its end.
 */
export interface EndOfDataElement {
  readonly kind: "end-of-data";
  readonly isDrain: boolean;
}
/** Nothing follows. */
export interface EndOfPartitionElement {
  readonly kind: "end-of-partition";
}

/** See the file header. */
export type Element =
  | DataElement
  | WatermarkElement
  | StatusElement
  | BarrierElement
  | CancelBarrierElement
  | EndOfDataElement
  | EndOfPartitionElement;

/** Everything but data. */
export type ControlElement = Exclude<Element, DataElement>;

export type ElementKind = Element["kind"];

/** The channel is idle. */
export const STATUS_IDLE: StatusElement = Object.freeze({ kind: "status", isIdle: true });
/** The channel is active again. */
export const STATUS_ACTIVE: StatusElement = Object.freeze({ kind: "status", isIdle: false });
/** See `EndOfDataElement`. */
export const END_OF_DATA: EndOfDataElement = Object.freeze({ kind: "end-of-data", isDrain: true });
/** See `EndOfDataElement`: stopped without driving event time to its end. */
export const END_OF_DATA_WITHOUT_DRAIN: EndOfDataElement = Object.freeze({
  kind: "end-of-data",
  isDrain: false,
});
/** See `EndOfPartitionElement`. */
export const END_OF_PARTITION: EndOfPartitionElement = Object.freeze({ kind: "end-of-partition" });

/** Wraps a batch. */
export function dataElement(batch: Batch): DataElement {
  return { kind: "data", batch };
}

/** Wraps a watermark, event time in ms. */
export function watermarkElement(timestamp: number): WatermarkElement {
  return { kind: "watermark", timestamp };
}

/** Wraps a barrier. */
export function barrierElement(barrier: Barrier): BarrierElement {
  return { kind: "barrier", barrier };
}

/** Announces that a checkpoint was given up. */
export function cancelBarrierElement(checkpointId: CheckpointId): CancelBarrierElement {
  return { kind: "cancel-barrier", checkpointId };
}
