/*
 * What tasks and the segment writing service say to each other: plain, structured-clonable data, so
 * that the service may run in a thread of its own. Delivery is in order; buffers are transferred.
 *
 * Life of a segment, as the client sees it: `open`, any number of `chunk`s, `finish`, and at any
 * time `abort`. Every chunk's buffer comes back once, as `returned`, whatever becomes of the
 * segment. `finish` is answered by `finished` or `failed`, unless an `abort` overtook it. `failed`
 * may come before; then no answer to `finish` does.
 */
import type { WireError } from "../errors.ts";
import type { RowLayout } from "../state/layout.ts";
import type { RowChunk } from "../state/row-chunk.ts";
import type { SegmentHandle } from "./metadata.ts";
import type { SegmentTarget } from "./segment-writer.ts";

/** Names a segment between one client and its service; never used twice. */
export type SegmentTicket = number;

/** To the service. */
export type SegmentRequest =
  | {
      readonly kind: "open";
      readonly ticket: SegmentTicket;
      readonly target: SegmentTarget;
      /** What chunks refer to by index. */
      readonly layouts: readonly RowLayout[];
    }
  | { readonly kind: "chunk"; readonly ticket: SegmentTicket; readonly chunk: RowChunk }
  | { readonly kind: "finish"; readonly ticket: SegmentTicket }
  /** Also removes a file that is finished, if nobody was told of it. */
  | { readonly kind: "abort"; readonly ticket: SegmentTicket; readonly target: SegmentTarget };

/** From the service. */
export type SegmentResponse =
  | { readonly kind: "returned"; readonly ticket: SegmentTicket; readonly buffer: ArrayBuffer }
  | {
      readonly kind: "finished";
      readonly ticket: SegmentTicket;
      /** Undefined: there were no rows, so there is no file. */
      readonly handle: SegmentHandle | undefined;
    }
  | { readonly kind: "failed"; readonly ticket: SegmentTicket; readonly error: WireError };

/** One end's way to the other: what `postMessage` of a thread or port is. */
export type PostMessage<M> = (message: M, transfer: readonly ArrayBuffer[]) => void;
