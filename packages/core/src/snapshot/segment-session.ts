/*
 * SegmentSession: one segment on its way from a task to the writing service. Made by
 * `SegmentWriterClient.open`; protocol: `segment-messages.ts`.
 *
 * I1. Emitting never fails and never waits; whether slices should go on is `hasRoom`.
 * I2. A session ends once: `finish` settles, or it is aborted and `finish` never settles.
 * I3. Every buffer is given back to the pool, or forgotten there if the service is gone.
 */
import { assert } from "../assert.ts";
import { fromWire } from "../errors.ts";
import type { ChunkPool, ChunkSink, RowChunk } from "../state/row-chunk.ts";
import type { SegmentHandle } from "./metadata.ts";
import type {
  PostMessage,
  SegmentRequest,
  SegmentResponse,
  SegmentTicket,
} from "./segment-messages.ts";
import type { SegmentTarget } from "./segment-writer.ts";

/** A segment on its way. */
export interface SegmentSession extends ChunkSink {
  /** All chunks are in. The handle of the durable file; undefined if there were no rows. */
  finish(): Promise<SegmentHandle | undefined>;
  /**
   * Gives it up, also after `finish`, as long as nobody was told of the handle; the file is
   * removed. Idempotent.
   */
  abort(): void;
}

/** What a session is made from. */
export interface SessionParts {
  readonly ticket: SegmentTicket;
  readonly target: SegmentTarget;
  readonly pool: ChunkPool;
  readonly post: PostMessage<SegmentRequest>;
  readonly onOver: () => void;
  readonly onRoom: (() => void) | undefined;
}

/** See the file header. */
export class Session implements SegmentSession {
  readonly #parts: SessionParts;
  /** Buffers that the service has. */
  #outstandingBytes = 0;
  #outstandingCount = 0;
  #state: "open" | "finishing" | "finished" | "failed" | "aborted" = "open";
  #failure: { readonly error: unknown } | undefined;
  #isServiceGone = false;
  #isWaitingForRoom = false;
  readonly #settle = Promise.withResolvers<SegmentHandle | undefined>();

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  emit(chunk: RowChunk): void {
    const { ticket, pool, post } = this.#parts;
    assert(this.#state !== "finishing" && this.#state !== "finished", "no chunk after finish");
    const { buffer } = chunk;
    if (this.#state !== "open") {
      pool.give(buffer);
      return;
    }
    pool.lend(buffer.byteLength);
    this.#outstandingBytes += buffer.byteLength;
    this.#outstandingCount++;
    post({ kind: "chunk", ticket, chunk }, [buffer]);
  }

  hasRoom(): boolean {
    const hasRoom = this.#parts.pool.hasRoom();
    if (!hasRoom) this.#isWaitingForRoom = true;
    return hasRoom;
  }

  tellRoom(): void {
    if (!this.#isWaitingForRoom || !this.#parts.pool.hasRoom()) return;
    this.#isWaitingForRoom = false;
    this.#parts.onRoom?.();
  }

  finish(): Promise<SegmentHandle | undefined> {
    const { ticket, post } = this.#parts;
    assert(this.#state === "open" || this.#state === "failed", "a session is finished once");
    if (this.#failure !== undefined) this.#settle.reject(this.#failure.error);
    else {
      this.#state = "finishing";
      post({ kind: "finish", ticket }, []);
    }
    return this.#settle.promise;
  }

  abort(): void {
    if (this.#state === "aborted") return;
    const { ticket, target, post } = this.#parts;
    this.#state = "aborted";
    if (!this.#isServiceGone) post({ kind: "abort", ticket, target }, []);
    this.#endIfDone();
  }

  receive(response: SegmentResponse): void {
    switch (response.kind) {
      case "returned":
        this.#outstandingBytes -= response.buffer.byteLength;
        this.#outstandingCount--;
        this.#parts.pool.returned(response.buffer);
        break;
      case "finished":
        if (this.#state !== "finishing") break;
        this.#state = "finished";
        this.#settle.resolve(response.handle);
        break;
      case "failed":
        this.#fail(fromWire(response.error));
        break;
    }
    this.#endIfDone();
  }

  lose(error: unknown): void {
    this.#isServiceGone = true;
    this.#parts.pool.forget(this.#outstandingBytes);
    this.#outstandingBytes = 0;
    this.#outstandingCount = 0;
    this.#fail(error);
    this.#endIfDone();
  }

  #fail(error: unknown): void {
    if (this.#state === "finishing") this.#settle.reject(error);
    if (this.#state !== "open" && this.#state !== "finishing") return;
    this.#failure = { error };
    this.#state = "failed";
  }

  #endIfDone(): void {
    if (this.#state !== "open" && this.#state !== "finishing" && this.#outstandingCount === 0) {
      this.#parts.onOver();
    }
  }
}
