/*
 * ByteStream: the (decompressed) bytes of a file from an offset on, read ahead asynchronously,
 * taken synchronously.
 *
 * I1. At most `READ_AHEAD_BYTES` (and one chunk's decompressed content) wait to be taken.
 * I2. Up to `softEnd` it reads ahead in large chunks; beyond, only when asked, in small ones, since
 *     whoever reads a range needs no more than the rest of its last record.
 * I3. Nothing is read, woken or failed after `close`.
 */
import type { Files, ReadableFile } from "../../env/files.ts";
import { oxbowError } from "../../errors.ts";
import { type Compression, Decompressor } from "./decompressor.ts";

/** Bytes of one read. */
export const CHUNK_BYTES = 256 * 1024;
/** Bytes that may wait to be taken. */
export const READ_AHEAD_BYTES = 1024 * 1024;
/** Bytes of one read beyond the soft end. */
const TAIL_BYTES = 32 * 1024;

/** What to read. Offsets count decompressed bytes. */
export interface ByteStreamOptions {
  readonly files: Files;
  readonly path: string;
  /** Size that the file must have. */
  readonly fileBytes: number;
  readonly compression: Compression;
  readonly start: number;
  readonly softEnd: number;
  /** Something can be taken, or the end was reached. */
  readonly wake: () => void;
  readonly fail: (error: unknown) => void;
}

/** See the file header. */
export class ByteStream {
  readonly #options: ByteStreamOptions;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #file: ReadableFile | undefined;
  #decompressor: Decompressor | undefined;
  /** Next byte to read of the file as it lies on disk. */
  #fileOffset: number;
  /** Decompressed bytes to drop before `start`. */
  #dropBytes: number;
  #isEnded = false;
  #isClosed = false;
  #isWanted = false;
  #pumping: Promise<void> | undefined;

  constructor(options: ByteStreamOptions) {
    this.#options = options;
    const isPlain = options.compression === "none";
    this.#fileOffset = isPlain ? options.start : 0;
    this.#dropBytes = isPlain ? 0 : options.start;
    this.#pump();
  }

  /** Whether the queue is empty and nothing follows. */
  get isEnded(): boolean {
    return this.#isEnded && this.#queue.length === 0;
  }

  /**
   * The next bytes; undefined: not there yet (`wake` will tell), or the end. They belong to the
   * caller.
   */
  take(): Uint8Array | undefined {
    const chunk = this.#queue.shift();
    if (chunk !== undefined) this.#queuedBytes -= chunk.length;
    else this.#isWanted = true;
    this.#pump();
    return chunk;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#queue.length = 0;
    await this.#pumping;
    this.#decompressor?.close();
    await this.#file?.close();
    this.#file = undefined;
  }

  #pump(): void {
    if (this.#pumping !== undefined || !this.#wantsMore()) return;
    this.#pumping = this.#readAhead().then(
      () => this.#afterPump(),
      (error: unknown) => {
        this.#pumping = undefined;
        this.#isEnded = true;
        if (!this.#isClosed) this.#options.fail(error);
      },
    );
  }

  #afterPump(): void {
    this.#pumping = undefined;
    if (!this.#isClosed) this.#pump();
  }

  #wantsMore(): boolean {
    if (this.#isEnded || this.#isClosed) return false;
    if (this.#queue.length === 0 && this.#isWanted) return true;
    return this.#fileOffset < this.#options.softEnd && this.#queuedBytes < READ_AHEAD_BYTES;
  }

  async #readAhead(): Promise<void> {
    const file = (this.#file ??= await this.#open());
    while (this.#wantsMore()) {
      const { softEnd, fileBytes } = this.#options;
      const rest = softEnd - this.#fileOffset;
      const length = Math.min(
        rest > 0 ? Math.min(CHUNK_BYTES, rest) : TAIL_BYTES,
        fileBytes - this.#fileOffset,
      );
      const chunk = length > 0 ? await file.read(this.#fileOffset, length) : EMPTY;
      if (chunk.length < length) throw this.#changed("it is shorter than when it was found");
      this.#fileOffset += length;
      const isEnd = this.#fileOffset >= fileBytes;
      for (const bytes of await this.#decompressed(chunk, isEnd)) this.#enqueue(bytes);
      this.#isEnded = isEnd;
      if (!this.#isClosed) this.#options.wake();
    }
  }

  async #open(): Promise<ReadableFile> {
    const { files, path, fileBytes, compression } = this.#options;
    const file = await files.open(path);
    if (file.sizeBytes !== fileBytes) {
      await file.close();
      throw this.#changed(`it has ${file.sizeBytes} bytes and had ${fileBytes} when it was found`);
    }
    if (compression !== "none") this.#decompressor = new Decompressor(compression, path);
    return file;
  }

  async #decompressed(chunk: Uint8Array, isEnd: boolean): Promise<readonly Uint8Array[]> {
    const decompressor = this.#decompressor;
    if (decompressor === undefined) return [chunk];
    const output = chunk.length > 0 ? await decompressor.push(chunk) : [];
    return isEnd ? [...output, ...(await decompressor.finish())] : output;
  }

  #enqueue(bytes: Uint8Array): void {
    const dropped = Math.min(this.#dropBytes, bytes.length);
    this.#dropBytes -= dropped;
    const chunk = dropped === 0 ? bytes : bytes.subarray(dropped);
    if (chunk.length === 0) return;
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    this.#isWanted = false;
  }

  #changed(reason: string): Error {
    const { path } = this.#options;
    return oxbowError(
      "FILE_CHANGED",
      `File ${path} changed while a source reads it: ${reason}. Files must be complete when they ` +
        `appear: write them elsewhere and move them.`,
      { path },
    );
  }
}

const EMPTY = new Uint8Array(0);
