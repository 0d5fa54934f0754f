/*
 * HeapSnapshot: one snapshot in flight of a backend in memory. It owns the copy sets of all tables
 * that were there at the freeze, panes dropped since included: it keeps their tables, which nobody
 * else touches.
 *
 * Order of work in slices: finished chunks, removals, rows table by table.
 */
import type { Barrier } from "./barrier.ts";
import type { Changes } from "./changes.ts";
import { CopySet, type RowTaker } from "./copy-set.ts";
import type { BackendSnapshot } from "./keyed-backend.ts";
import type { RowLayout } from "./layout.ts";
import type { RowBits } from "./pages.ts";
import { bytesFor, RecordBuffer, type RecordShape, recordShape } from "./record-buffer.ts";
import type { RecordLog } from "./record-log.ts";
import {
  CHUNK_BYTES_MAX,
  CHUNK_BYTES_MIN,
  type ChunkKind,
  type ChunkPool,
  type ChunkSink,
  type RowChunk,
} from "./row-chunk.ts";
import type { Table } from "./table.ts";

/** What a freeze finds. */
export interface FrozenParts {
  readonly barrier: Barrier;
  readonly isDelta: boolean;
  readonly layouts: readonly RowLayout[];
  readonly changes: Changes;
  readonly pool: ChunkPool;
  /** Removals of the intervals that a delta covers. */
  readonly logs: readonly RecordLog[];
  readonly onEnd: (snapshot: HeapSnapshot) => void;
}

/** An open chunk; each next one of its shape is larger. */
interface OpenChunk {
  readonly shape: RecordShape;
  buffer: RecordBuffer | undefined;
  nextBytes: number;
}

/** See the file header. */
export class HeapSnapshot implements BackendSnapshot, RowTaker {
  readonly barrier: Barrier;
  readonly isDelta: boolean;
  readonly layouts: readonly RowLayout[];
  readonly #parts: FrozenParts;
  readonly #frozenEpoch: number;
  readonly #copySets: CopySet[] = [];
  readonly #open = new Map<string, OpenChunk>();
  /** By layout index, for rows: saves the look-up by name. */
  readonly #openPuts: (OpenChunk | undefined)[] = [];
  #ready: RowChunk[] = [];
  #nextCopySet = 0;
  #nextLog = 0;
  #nextLogBuffer = 0;
  #nextLogRecord = 0;
  #touchedBefore = 0;
  #isOver = false;

  /** Made right after the freeze ended the epoch `frozenEpoch`. */
  constructor(parts: FrozenParts, frozenEpoch: number) {
    this.#parts = parts;
    this.barrier = parts.barrier;
    this.isDelta = parts.isDelta;
    this.layouts = parts.layouts;
    this.#frozenEpoch = frozenEpoch;
  }

  /** Rows of a table that belong to the snapshot. The bits are its own from now on. */
  add(table: Table, rows: RowBits): void {
    this.#copySets.push(new CopySet(table, rows, this, this.#frozenEpoch));
  }

  get touchedCount(): number {
    let count = this.#touchedBefore;
    for (let at = this.#nextCopySet; at < this.#copySets.length; at++) {
      count += this.#copySets[at].touchedCount;
    }
    return count;
  }

  copySlice(rowsMax: number, sink: ChunkSink): boolean {
    if (this.#isOver) return true;
    if (!this.#emitReady(sink)) return false;
    let left = this.#copyLogs(rowsMax);
    while (left > 0 && this.#nextCopySet < this.#copySets.length) {
      if (!this.#emitReady(sink)) return false;
      const copySet = this.#copySets[this.#nextCopySet];
      left -= copySet.copySlice(Math.min(left, SLICE_ROWS)) + 1;
      if (copySet.isDone) this.#finish(copySet);
    }
    if (left <= 0 && this.#nextCopySet < this.#copySets.length) return false;
    if (this.#nextLog < this.#parts.logs.length) return false;
    this.#closeChunks();
    if (!this.#emitReady(sink)) return false;
    this.#end();
    return true;
  }

  abort(): void {
    if (this.#isOver) return;
    const { pool } = this.#parts;
    for (const chunk of this.#ready) pool.give(chunk.buffer);
    for (const { buffer } of this.#open.values())
      if (buffer !== undefined) pool.give(buffer.buffer);
    this.#ready = [];
    this.#open.clear();
    this.#end();
  }

  takeRow(table: Table, row: number): void {
    const index = table.layoutIndex;
    const open = (this.#openPuts[index] ??= this.#openChunk(table.layout, index, "puts"));
    this.#bufferFor(open, bytesFor(open.shape, table, row)).append(table, row);
  }

  takeRows(table: Table, rows: Int32Array, count: number): void {
    const index = table.layoutIndex;
    const open = (this.#openPuts[index] ??= this.#openChunk(table.layout, index, "puts"));
    const { recordBytes, isPlain } = open.shape;
    if (!isPlain) {
      for (let at = 0; at < count; at++) this.takeRow(table, rows[at]);
      return;
    }
    for (let at = 0; at < count;) {
      at += this.#bufferFor(open, recordBytes).appendRows(table, rows, { from: at, to: count });
    }
  }

  #finish(copySet: CopySet): void {
    copySet.close();
    this.#touchedBefore += copySet.touchedCount;
    this.#nextCopySet += 1;
  }

  /** Copies removals; returns what is left of the budget. */
  #copyLogs(recordsMax: number): number {
    const { logs } = this.#parts;
    let left = recordsMax;
    while (left > 0 && this.#nextLog < logs.length) {
      const log = logs[this.#nextLog];
      if (this.#nextLogBuffer >= log.buffers.length) {
        this.#nextLog += 1;
        this.#nextLogBuffer = 0;
        continue;
      }
      const from = log.buffers[this.#nextLogBuffer];
      const { layoutIndex, kind } = log.shape;
      const open = this.#openChunk(this.layouts[layoutIndex], layoutIndex, kind);
      for (; left > 0 && this.#nextLogRecord < from.count; left--) {
        const bytes = from.bytesAt(this.#nextLogRecord);
        this.#bufferFor(open, bytes).appendFrom(from, this.#nextLogRecord);
        this.#nextLogRecord += 1;
      }
      if (this.#nextLogRecord >= from.count) {
        this.#nextLogBuffer += 1;
        this.#nextLogRecord = 0;
      }
    }
    return left;
  }

  #openChunk(layout: RowLayout, layoutIndex: number, kind: ChunkKind): OpenChunk {
    const id = `${layoutIndex}/${kind}`;
    let open = this.#open.get(id);
    if (open === undefined) {
      const shape = recordShape(layout, layoutIndex, kind);
      open = { shape, buffer: undefined, nextBytes: CHUNK_BYTES_MIN };
      this.#open.set(id, open);
    }
    return open;
  }

  #bufferFor(open: OpenChunk, bytes: number): RecordBuffer {
    let { buffer } = open;
    if (buffer !== undefined && buffer.hasRoom(bytes)) return buffer;
    if (buffer !== undefined) this.#ready.push(buffer.toChunk());
    buffer = new RecordBuffer(open.shape, this.#parts.pool.take(Math.max(bytes, open.nextBytes)));
    open.nextBytes = Math.min(open.nextBytes * 4, CHUNK_BYTES_MAX);
    open.buffer = buffer;
    return buffer;
  }

  #closeChunks(): void {
    for (const open of this.#open.values()) {
      if (open.buffer !== undefined) this.#ready.push(open.buffer.toChunk());
      open.buffer = undefined;
    }
  }

  /** False: the sink is full. */
  #emitReady(sink: ChunkSink): boolean {
    if (this.#ready.length === 0) return sink.hasRoom();
    let emitted = 0;
    while (emitted < this.#ready.length && sink.hasRoom()) {
      const chunk = this.#ready[emitted];
      emitted += 1;
      sink.emit(chunk);
    }
    this.#ready.splice(0, emitted);
    return this.#ready.length === 0;
  }

  #end(): void {
    this.#isOver = true;
    for (let at = this.#nextCopySet; at < this.#copySets.length; at++) {
      this.#touchedBefore += this.#copySets[at].touchedCount;
      this.#copySets[at].close();
    }
    this.#copySets.length = 0;
    this.#nextCopySet = 0;
    this.#openPuts.length = 0;
    this.#parts.onEnd(this);
  }
}

/** Rows between two looks at the sink. */
const SLICE_ROWS = 1024;
