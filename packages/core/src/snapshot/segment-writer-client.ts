/*
 * SegmentWriterClient: the tasks' side of the segment writing service. A snapshot's slices put
 * their chunks into a `SegmentSession`; buffers come back into the pool that they were taken from.
 *
 * I1. Emitting never fails and never waits; whether slices should go on is `hasRoom`.
 * I2. A session ends once: `finish` settles, or it is aborted and `finish` never settles.
 * I3. Every buffer is given back to the pool, or forgotten there if the service is gone.
 */
import { assert } from "../assert.ts";
import type { Env } from "../env/env.ts";
import { fromWire } from "../errors.ts";
import type { CheckpointId } from "../state/barrier.ts";
import type { RowLayout } from "../state/layout.ts";
import { ChunkPool, type ChunkSink, type RowChunk } from "../state/row-chunk.ts";
import { schemaOf } from "../types/schema.ts";
import type { Type } from "../types/type.ts";
import type { SegmentHandle } from "./metadata.ts";
import type {
  PostMessage,
  SegmentRequest,
  SegmentResponse,
  SegmentTicket,
} from "./segment-messages.ts";
import { SegmentWriterService } from "./segment-writer-service.ts";
import type { SegmentTarget } from "./segment-writer.ts";

/** A segment to be written. */
export interface SegmentSpec {
  /** Never used before in the run; relative to `directory`. */
  readonly file: string;
  /** Default: the client's. */
  readonly directory?: string;
  readonly checkpointId: CheckpointId;
  readonly kind: "full" | "delta";
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  readonly keyType: Type<unknown>;
  readonly maxParallelism: number;
  /** What chunks refer to by index. */
  readonly layouts: readonly RowLayout[];
  /** Name → schema of all states of the operator, as the backend describes them. */
  readonly schemas: Readonly<Record<string, unknown>>;
  readonly uid: string;
  /** Compress with zstd; default false. */
  readonly compress?: boolean;
  /** Where the buffers of the session's chunks come from; default: the client's. */
  readonly pool?: ChunkPool;
  /** There is room again, after `hasRoom` was false. */
  readonly onRoom?: () => void;
}

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

/** What a client needs. */
export interface SegmentWriterClientOptions {
  /** Directory of the run: what `SegmentSpec.file` is relative to. */
  readonly directory: string;
  readonly post: PostMessage<SegmentRequest>;
  /**
   * Where all chunks' buffers come from; default: a pool of its own, see
   * `SegmentWriterClient.pool`.
   */
  readonly pool?: ChunkPool;
  /** Ends the service; called once, by `close`. */
  readonly onClose?: () => Promise<void>;
}

/** See the file header. One per service and thread. */
export class SegmentWriterClient {
  /**
   * The pool from which backends must take the buffers of chunks, unless a session names another.
   */
  readonly pool: ChunkPool;
  readonly #options: SegmentWriterClientOptions;
  readonly #sessions = new Map<SegmentTicket, Session>();
  #tickets = 0;
  #failure: { readonly error: unknown } | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: SegmentWriterClientOptions) {
    this.#options = options;
    this.pool = options.pool ?? new ChunkPool();
  }

  /** Begins a segment. If the service is gone, its `finish` rejects. */
  open(spec: SegmentSpec): SegmentSession {
    assert(this.#closed === undefined, "no segment begins after close");
    const ticket = ++this.#tickets;
    const { post, directory } = this.#options;
    const target = targetOf(spec, directory);
    const { pool = this.pool } = spec;
    const onOver = (): void => void this.#sessions.delete(ticket);
    const { onRoom } = spec;
    const session = new Session({ ticket, target, pool, post, onOver, onRoom });
    this.#sessions.set(ticket, session);
    if (this.#failure !== undefined) session.lose(this.#failure.error);
    else post({ kind: "open", ticket, target, layouts: spec.layouts }, []);
    return session;
  }

  /** Takes a message of the service. */
  receive(response: SegmentResponse): void {
    const session = this.#sessions.get(response.ticket);
    // A session that is over has no buffers out; only its last answer may be late.
    session?.receive(response);
    assert(session !== undefined || response.kind !== "returned", "a buffer comes back once");
    if (response.kind !== "returned") return;
    for (const other of this.#sessions.values()) other.tellRoom();
  }

  /** The service is gone (its thread died): all sessions fail, also later ones. */
  fail(error: unknown): void {
    this.#failure = { error };
    for (const session of [...this.#sessions.values()]) session.lose(error);
  }

  /** Aborts what is open and ends the service. Idempotent. */
  close(): Promise<void> {
    if (this.#closed === undefined) {
      for (const session of [...this.#sessions.values()]) session.abort();
      this.#closed = this.#options.onClose?.() ?? Promise.resolve();
    }
    return this.#closed;
  }
}

/** What an inline writer is made from. */
export interface InlineSegmentWriterOptions {
  readonly env: Env;
  /** Directory of the run. */
  readonly directory: string;
  readonly pool?: ChunkPool;
}

/**
 * A client with a service of its own on this thread: for the simulator and for jobs on one thread.
 * Messages go through `clock.soon`, so that neither side ever runs inside a call of the other.
 */
export function inlineSegmentWriter(options: InlineSegmentWriterOptions): SegmentWriterClient {
  const { env, directory } = options;
  const toClient = new Mailbox<SegmentResponse>(env, (response) => client.receive(response));
  const service = new SegmentWriterService({
    files: env.files,
    post: (response) => toClient.post(response),
  });
  const toService = new Mailbox<SegmentRequest>(env, (request) => service.receive(request));
  const client = new SegmentWriterClient({
    directory,
    post: (request) => toService.post(request),
    onClose: async () => {
      await toService.delivered();
      await service.settled();
      await toClient.delivered();
    },
    ...(options.pool === undefined ? {} : { pool: options.pool }),
  });
  return client;
}

/** Delivers in order, in a later turn, each time all that is there. */
class Mailbox<M> {
  readonly #env: Env;
  readonly #deliver: (message: M) => void;
  #waiting: M[] = [];
  #delivery: PromiseWithResolvers<void> | undefined;

  constructor(env: Env, deliver: (message: M) => void) {
    this.#env = env;
    this.#deliver = deliver;
  }

  post(message: M): void {
    this.#waiting.push(message);
    if (this.#delivery !== undefined) return;
    this.#delivery = Promise.withResolvers();
    this.#env.clock.soon(() => {
      const messages = this.#waiting;
      const delivery = this.#delivery;
      this.#waiting = [];
      this.#delivery = undefined;
      for (const each of messages) this.#deliver(each);
      delivery?.resolve();
    });
  }

  /** Resolves when what was posted so far is delivered. */
  async delivered(): Promise<void> {
    await this.#delivery?.promise;
  }
}

function targetOf(spec: SegmentSpec, directory: string): SegmentTarget {
  return {
    directory: spec.directory ?? directory,
    file: spec.file,
    kind: spec.kind,
    uid: spec.uid,
    checkpointId: spec.checkpointId,
    keyGroupStart: spec.keyGroupStart,
    keyGroupEnd: spec.keyGroupEnd,
    maxParallelism: spec.maxParallelism,
    keySchema: schemaOf(spec.keyType),
    schemas: spec.schemas,
    compress: spec.compress ?? false,
  };
}

interface SessionParts {
  readonly ticket: SegmentTicket;
  readonly target: SegmentTarget;
  readonly pool: ChunkPool;
  readonly post: PostMessage<SegmentRequest>;
  readonly onOver: () => void;
  readonly onRoom: (() => void) | undefined;
}

class Session implements SegmentSession {
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
        this.#parts.pool.give(response.buffer);
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
