/*
 * SegmentWriterClient: the tasks' side of the segment writing service. A snapshot's slices put
 * their chunks into a `SegmentSession`; buffers come back into the pool that they were taken from.
 *
 * I1. One client per service and thread; it may serve many tasks and pools.
 * I2. When the service is gone, every session fails, also later ones, and no buffer stays
 *     accounted.
 */
import { assert } from "../assert.ts";
import type { Env } from "../env/env.ts";
import type { CheckpointId } from "../state/barrier.ts";
import type { RowLayout } from "../state/layout.ts";
import { ChunkPool } from "../state/row-chunk.ts";
import { schemaOf } from "../types/schema.ts";
import type { Type } from "../types/type.ts";
import type {
  PostMessage,
  SegmentRequest,
  SegmentResponse,
  SegmentTicket,
} from "./segment-messages.ts";
import { Session, type SegmentSession } from "./segment-session.ts";
import { SegmentWriterService } from "./segment-writer-service.ts";
import type { SegmentTarget } from "./segment-writer.ts";

export type { SegmentSession } from "./segment-session.ts";

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

/** See the file header. */
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

/** Small sorted runs, since sorting and encoding one stops everything else on the thread. */
const INLINE_RUN_BYTES_MAX = 1024 * 1024;

/** What an inline writer is made from. */
export interface InlineSegmentWriterOptions {
  readonly env: Env;
  /** Directory of the run. */
  readonly directory: string;
  readonly pool?: ChunkPool;
}

/**
 * A client with a service of its own on this thread, for the simulator and for jobs on one thread;
 * `close` ends both. Messages go through `clock.soon`, so that neither side ever runs inside a call
 * of the other.
 */
export function inlineSegmentWriter(options: InlineSegmentWriterOptions): SegmentWriterClient {
  const { env, directory } = options;
  const toClient = new Mailbox<SegmentResponse>(env, (response) => client.receive(response));
  const service = new SegmentWriterService({
    files: env.files,
    runBytesMax: INLINE_RUN_BYTES_MAX,
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
