/*
 * SegmentWriter: one segment on its way to disk. Collects rows, sorts them one sorted run at a
 * time, encodes column blocks, writes, syncs. Format: docs/formats/segment.md.
 *
 * Does not: decide what goes into a snapshot (state), nor when a segment counts (checkpoint-store).
 *
 * I1. The file gets its final, unique name at once; nothing refers to it before `finish` has
 *     resolved, and then it is synced. Its directory entry is made durable by whoever completes the
 *     snapshot.
 * I2. Memory is bounded by the run bound plus what one `add` brings.
 * I3. No rows, no file: `finish` then resolves to undefined.
 */
import { crc32 } from "node:zlib";
import { assert } from "../assert.ts";
import { STORED_BLOCK, type BlockOptions } from "../columns/block.ts";
import { encodeBlock, type EncodableColumn } from "../columns/block-encoder.ts";
import { float64Column, int32Column } from "../columns/column.ts";
import type { Files, WritableFile } from "../env/files.ts";
import type { CheckpointId } from "../state/barrier.ts";
import type { RowColumns } from "../state/row-chunk.ts";
import { ByteWriter } from "../types/byte-writer.ts";
import { encodeCheckedText } from "./checked-text.ts";
import type { SegmentHandle } from "./metadata.ts";
import { RowBuffer, RUN_ROWS_MAX } from "./row-buffer.ts";
import { blockColumns } from "./segment-blocks.ts";
import {
  alignOffset,
  BLOCK_BYTES_GOAL,
  BLOCK_ROWS_MAX,
  encodeSegmentHeader,
  encodeSegmentTrailer,
  FOOTER_FORMAT,
  INDEX_COLUMNS,
  ROW_KINDS,
  SEGMENT_TRAILER_BYTES,
  type IndexEntry,
  type SegmentFooter,
  type SegmentTable,
} from "./segment-format.ts";

/** Bytes of rows after which a run is sorted and written. */
export const RUN_BYTES_MAX = 32 * 1024 * 1024;

/** Bytes that are handed to the file at once. */
const WRITE_BYTES = 1024 * 1024;

/** First size of the two output buffers, which grow: most segments are small. */
const WRITER_BYTES_MIN = 32 * 1024;

/** Rows of a block never go below this, however long they are. */
const BLOCK_ROWS_MIN = 16;

/** What a segment is, and where it goes. Plain data. */
export interface SegmentTarget {
  /** Directory that `file` is relative to: the run's, or a savepoint's. Absolute. */
  readonly directory: string;
  /** Relative path, never used before in the run. */
  readonly file: string;
  readonly kind: "full" | "delta";
  readonly uid: string;
  readonly checkpointId: CheckpointId;
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  readonly maxParallelism: number;
  /** Schema of the operator's key. */
  readonly keySchema: unknown;
  /** Name → schema of all states of the operator, as the backend describes them. */
  readonly schemas: Readonly<Record<string, unknown>>;
  /** Compress blocks with zstd: for savepoints, and where the writer has time. */
  readonly compress: boolean;
}

/** Who writes a segment, for its name. */
export interface SegmentAuthor {
  readonly operatorId: string;
  readonly subtaskIndex: number;
  readonly checkpointId: CheckpointId;
  readonly epoch: number;
  readonly attempt: number;
}

/** A file name that no other segment of the run ever has. */
export function segmentFileName(author: SegmentAuthor): string {
  const { operatorId, subtaskIndex, checkpointId, epoch, attempt } = author;
  return `${operatorId}-${subtaskIndex}-${checkpointId}-${epoch}-${attempt}.seg`;
}

/** See the file header. Calls must not overlap, except that `abort` may come at any time. */
export class SegmentWriter {
  readonly #files: Files;
  readonly #target: SegmentTarget;
  readonly #runBytesMax: number;
  readonly #tables: SegmentTable[] = [];
  readonly #index: IndexEntry[] = [];
  /** Buffers of the run that is being collected, by kind and table. */
  #buffers = new Map<string, RowBuffer>();
  #bufferedRows = 0;
  #runs = 0;
  #rowsCount = 0;
  #tombstonesCount = 0;
  /** The file being created; undefined before. */
  #opening: Promise<void> | undefined;
  #file: WritableFile | undefined;
  #writer = new ByteWriter(WRITER_BYTES_MIN);
  #spare = new ByteWriter(WRITER_BYTES_MIN);
  #writing: Promise<void> = Promise.resolve();
  /** File offset of `#writer`'s first byte. */
  #offset = 0;
  #checksum = 0;
  #isAborted = false;

  constructor(files: Files, target: SegmentTarget, runBytesMax = RUN_BYTES_MAX) {
    assert(target.keyGroupStart < target.keyGroupEnd, "a segment covers key groups");
    this.#files = files;
    this.#target = target;
    this.#runBytesMax = runBytesMax;
  }

  /** Bytes of rows waiting to be written. */
  get bufferedBytes(): number {
    let size = 0;
    for (const buffer of this.#buffers.values()) size += buffer.sizeBytes;
    return size;
  }

  /** Whether `flush` should be called before the next `add`. */
  get isFull(): boolean {
    return this.bufferedBytes >= this.#runBytesMax || this.#bufferedRows >= RUN_ROWS_MAX / 2;
  }

  /**
   * Copies rows in; the arrays are the caller's again. At most `RUN_ROWS_MAX / 2` rows at a time.
   */
  add(rows: RowColumns): void {
    assert(rows.count <= RUN_ROWS_MAX / 2, "too many rows at a time");
    if (rows.count === 0) return;
    const key = `${ROW_KINDS.indexOf(rows.kind)} ${rows.table}`;
    let buffer = this.#buffers.get(key);
    if (buffer === undefined) this.#buffers.set(key, (buffer = new RowBuffer(rows)));
    buffer.append(rows);
    this.#bufferedRows += rows.count;
    if (rows.kind === "puts") this.#rowsCount += rows.count;
    else this.#tombstonesCount += rows.count;
  }

  /** Sorts what was added since the last call, and writes it as a run. */
  async flush(): Promise<void> {
    if (this.#buffers.size === 0) return;
    const buffers = [...this.#buffers.values()].sort(
      (a, b) =>
        ROW_KINDS.indexOf(a.kind) - ROW_KINDS.indexOf(b.kind) ||
        this.#tableOf(a) - this.#tableOf(b),
    );
    this.#buffers = new Map();
    this.#bufferedRows = 0;
    await this.#begin();
    for (const buffer of buffers) await this.#writeSection(buffer);
    this.#runs++;
  }

  /** Writes what is left, index, footer and trailer, and syncs. Once, at the end. */
  async finish(): Promise<SegmentHandle | undefined> {
    await this.flush();
    if (this.#file === undefined) return undefined;
    const { keyGroupStart, keyGroupEnd, kind, checkpointId } = this.#target;
    const indexOffset =
      this.#offset + encodeBlock(this.#writer, indexBlock(this.#index), STORED_BLOCK);
    const indexSizeBytes = this.#offset + this.#writer.position - indexOffset;
    this.#pad();
    const footer = encodeCheckedText(FOOTER_FORMAT, this.#footer());
    this.#writer.raw(footer);
    this.#pad();
    const fileSizeBytes = this.#offset + this.#writer.position + SEGMENT_TRAILER_BYTES;
    const footerSizeBytes = footer.length;
    const trailer = { indexOffset, indexSizeBytes, footerSizeBytes, fileSizeBytes };
    this.#writer.raw(encodeSegmentTrailer(trailer));
    await this.#write();
    await this.#writing;
    assert(this.#file.sizeBytes === fileSizeBytes, "a segment has the size that its trailer says");
    await this.#file.sync();
    await this.#file.close();
    return {
      file: this.#target.file,
      sizeBytes: fileSizeBytes,
      checksum: this.#checksum,
      kind,
      rowsCount: this.#rowsCount,
      tombstonesCount: this.#tombstonesCount,
      keyGroupStart,
      keyGroupEnd,
      createdBy: checkpointId,
    };
  }

  /** Gives the segment up and removes its file. Idempotent; the file may be gone already. */
  async abort(): Promise<void> {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#buffers = new Map();
    // An open file must not be forgotten: it may just be on its way.
    await this.#opening?.catch(() => undefined);
    await this.#writing.catch(() => undefined);
    if (this.#file === undefined) return;
    await this.#file.close();
    await this.#files.remove(this.#path);
  }

  get #path(): string {
    return `${this.#target.directory}/${this.#target.file}`;
  }

  async #begin(): Promise<void> {
    this.#opening ??= this.#create();
    await this.#opening;
  }

  async #create(): Promise<void> {
    this.#file = await this.#files.create(this.#path);
    this.#writer.raw(encodeSegmentHeader());
  }

  async #writeSection(buffer: RowBuffer): Promise<void> {
    const order = buffer.order();
    const table = this.#tableOf(buffer);
    const kind = ROW_KINDS.indexOf(buffer.kind);
    const options: BlockOptions = { ...STORED_BLOCK, compress: this.#target.compress };
    const rowsPerBlock = rowsPerBlockOf(buffer);
    for (let start = 0; start < order.length; start += rowsPerBlock) {
      const rows = order.subarray(start, start + rowsPerBlock);
      const columns = blockColumns(buffer, rows);
      const at = encodeBlock(this.#writer, { columns, rowCount: rows.length }, options);
      this.#index.push({
        kind,
        table,
        run: this.#runs,
        first: buffer.keyGroups[rows[0]],
        last: buffer.keyGroups[rows.at(-1)!],
        offset: this.#offset + at,
        size: this.#writer.position - at,
        rows: rows.length,
      });
      if (this.#writer.position >= WRITE_BYTES) await this.#write();
    }
  }

  /** Hands what is encoded to the file, and goes on in the other buffer. */
  async #write(): Promise<void> {
    this.#pad();
    const full = this.#writer;
    const bytes = full.written();
    this.#checksum = crc32(bytes, this.#checksum);
    this.#offset += bytes.length;
    await this.#writing;
    assert(!this.#isAborted && this.#file !== undefined, "the segment is being written");
    this.#writing = this.#file.write(bytes);
    // Awaited before the buffer is used again; a failure shows there, not as an unhandled
    // rejection.
    this.#writing.catch(() => undefined);
    this.#writer = this.#spare;
    this.#writer.reset();
    this.#spare = full;
  }

  #pad(): void {
    const { position } = this.#writer;
    for (let i = alignOffset(position) - position; i > 0; i--) this.#writer.uint8(0);
  }

  /** Index of the buffer's table in the footer; entered there on first sight. */
  #tableOf(buffer: RowBuffer): number {
    const index = this.#tables.findIndex((table) => table.name === buffer.table);
    const known = this.#tables[index];
    const table: SegmentTable = {
      name: buffer.table,
      hasNamespaces: buffer.starts !== undefined,
      hasMapKeys: buffer.mapKeys !== undefined || known?.hasMapKeys === true,
      columns:
        buffer.kind === "puts"
          ? buffer.columns.map(({ name, kind }) => ({ name, kind }))
          : (known?.columns ?? []),
    };
    if (known === undefined) return this.#tables.push(table) - 1;
    this.#tables[index] = table;
    return index;
  }

  #footer(): SegmentFooter {
    const { kind, uid, checkpointId, keySchema, schemas } = this.#target;
    const { keyGroupStart, keyGroupEnd, maxParallelism } = this.#target;
    return {
      kind,
      uid,
      checkpointId,
      keyGroupStart,
      keyGroupEnd,
      maxParallelism,
      rowsCount: this.#rowsCount,
      tombstonesCount: this.#tombstonesCount,
      runsCount: this.#runs,
      keySchema,
      tables: this.#tables,
      schemas,
    };
  }
}

function rowsPerBlockOf(buffer: RowBuffer): number {
  const rowBytes = Math.max(1, buffer.sizeBytes / Math.max(1, buffer.count));
  const rows = Math.floor(BLOCK_BYTES_GOAL / rowBytes);
  return Math.min(BLOCK_ROWS_MAX, Math.max(BLOCK_ROWS_MIN, rows));
}

function indexBlock(entries: readonly IndexEntry[]): {
  readonly columns: EncodableColumn[];
  readonly rowCount: number;
} {
  const rowCount = entries.length;
  const columns: EncodableColumn[] = INDEX_COLUMNS.map((name) => {
    const values = Int32Array.from(entries, (entry) => entry[name]);
    return { name, role: "field", column: int32Column(values, rowCount) };
  });
  const offsets = Float64Array.from(entries, (entry) => entry.offset);
  columns.push({ name: "offset", role: "field", column: float64Column(offsets, rowCount) });
  return { columns, rowCount };
}
