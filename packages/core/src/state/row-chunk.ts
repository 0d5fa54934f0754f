/*
 * RowChunk: rows on their way from a table to the thread that writes them, as one transferable
 * buffer. Records grow from the front, the bytes of variable-size values from the end.
 *
 * A record is, in this order (each part a multiple of 8 bytes):
 *   puts        the raw row, parent's header and key (child tables), namespace start and end (f64 ×
 *   2) tombstones  the row's header and key, parent's header and key, namespace
 *   cleared     parent's header and key, namespace: a whole list or map of one key is gone
 *   dropped     namespace: a whole pane is gone, for all keys of the backend's key-group range
 * An arena reference in a record is the byte offset of the value in the buffer. Stamp, links and
 * relations in a record mean nothing.
 *
 * `chunk-reader.ts` turns chunks into columns (`RowColumns`), on whatever thread.
 * Semantics: docs/semantics/state.md.
 */

import type { KeyGroupRange } from "../types/key.ts";

/**
 * A pane's identity: for time windows `[start, end)` in ms; operators may use the pair as they
 * like.
 */
export interface Namespace {
  readonly start: number;
  readonly end: number;
}

/** What the records of a chunk say. Within one snapshot all tombstones apply before all puts. */
export type ChunkKind = "puts" | "tombstones" | "cleared" | "dropped";

/** Plain data; `buffer` may be transferred, and belongs to whoever has the chunk. */
export interface RowChunk {
  /** Position in `BackendSnapshot.layouts`. */
  readonly layoutIndex: number;
  readonly kind: ChunkKind;
  readonly count: number;
  readonly recordBytes: number;
  readonly buffer: ArrayBuffer;
  /** Where the values' bytes begin; they end at the buffer's end. */
  readonly heapStart: number;
}

/** Where slices put chunks. */
export interface ChunkSink {
  /** Takes a chunk over, always. */
  emit(chunk: RowChunk): void;
  /** False: slices stop until there is room again; touched rows go over it. */
  hasRoom(): boolean;
}

/** Byte strings one after another or anywhere in `bytes`; string i is `[starts[i], ends[i])`. */
export interface ByteSlices {
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** Values of one column; entries of absent rows mean nothing. */
export interface ColumnValues {
  readonly name: string;
  readonly values: Uint8Array | Int32Array | Float64Array | BigInt64Array | ByteSlices;
  /** One byte per row, 0: absent; undefined: present in all rows. */
  readonly present: Uint8Array | undefined;
}

/** Rows of one table as columns: what segments store and what `KeyedBackend.load` takes. */
export interface RowColumns {
  readonly table: string;
  readonly kind: ChunkKind;
  readonly count: number;
  /** Key group per row; zeros for `dropped`. */
  readonly keyGroups: Uint16Array;
  /** `dropped` only: the key groups that the rows speak for; undefined: all. */
  readonly droppedRange?: KeyGroupRange | undefined;
  /** Keys in the encoding of `types/key.ts`; empty for `dropped`. */
  readonly keys: ByteSlices;
  /** Undefined for tables without namespaces. */
  readonly namespaces: { readonly starts: Float64Array; readonly ends: Float64Array } | undefined;
  /**
   * Sub keys of child tables: map keys in the encoding of `types/key.ts`, list positions (4 bytes,
   * big-endian), timers (3 × 8 bytes, see `sub-key.ts`); undefined for other tables and `cleared`.
   */
  readonly mapKeys: ByteSlices | undefined;
  /** In the order of the layout's columns; empty unless `puts`. */
  readonly columns: readonly ColumnValues[];
}

/** Smallest and largest buffer of a chunk; one value longer than that gets a buffer of its own. */
export const CHUNK_BYTES_MIN = 16 * 1024;
export const CHUNK_BYTES_MAX = 256 * 1024;
/** Default bound of a pool's bytes in flight. */
export const CHUNK_POOL_BYTES_MAX = 64 * 1024 * 1024;
/** Idle buffers that a pool keeps. */
const IDLE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Buffers of chunks, reused. One per task or worker; whoever has written a chunk gives its buffer
 * back.
 *
 * I1. The bound is a signal, not a refusal: a touched row must be copied whatever it costs.
 * I2. Only what the writer has counts towards the bound. It comes back by itself; buffers that
 *     snapshots still fill, or hold until there is room, would bar the way that they must go.
 */
export class ChunkPool {
  readonly bytesMax: number;
  readonly #idle = new Map<number, ArrayBuffer[]>();
  #idleBytes = 0;
  #takenBytes = 0;
  #lentBytes = 0;

  constructor(bytesMax: number = CHUNK_POOL_BYTES_MAX) {
    this.bytesMax = bytesMax;
  }

  /** Bytes of all buffers that were taken and not given back. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Slices copy no further while this is false. */
  hasRoom(): boolean {
    return this.#lentBytes < this.bytesMax;
  }

  /** A buffer of at least `bytes`, contents unspecified. */
  take(bytes: number): ArrayBuffer {
    let size = CHUNK_BYTES_MIN;
    while (size < bytes && size < CHUNK_BYTES_MAX) size *= 4;
    if (size < bytes) size = Math.ceil(bytes / 8) * 8;
    this.#takenBytes += size;
    const idle = this.#idle.get(size)?.pop();
    if (idle === undefined) return new ArrayBuffer(size);
    this.#idleBytes -= size;
    return idle;
  }

  /** A taken buffer goes to the writer; `returned` or `forget` follows. */
  lend(sizeBytes: number): void {
    this.#lentBytes += sizeBytes;
  }

  /** The writer is done with a buffer of this length (the same, or another's memory). */
  returned(buffer: ArrayBuffer): void {
    this.#lentBytes -= buffer.byteLength;
    this.give(buffer);
  }

  /** Gives a buffer back that was not lent. */
  give(buffer: ArrayBuffer): void {
    const size = buffer.byteLength;
    this.#takenBytes -= size;
    if (size > CHUNK_BYTES_MAX || this.#idleBytes + size > IDLE_BYTES_MAX) return;
    let list = this.#idle.get(size);
    if (list === undefined) this.#idle.set(size, (list = []));
    list.push(buffer);
    this.#idleBytes += size;
  }

  /** Lent buffers are lost (the writer's thread died); only the account is corrected. */
  forget(sizeBytes: number): void {
    this.#lentBytes -= sizeBytes;
    this.#takenBytes -= sizeBytes;
  }
}
