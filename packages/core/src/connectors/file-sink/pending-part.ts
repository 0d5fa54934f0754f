/*
 * PendingPart: one pending file while it is written. Text goes in synchronously and leaves in the
 * background; what the committable says is known at once.
 *
 * I1. Operations on the file run one after the other, in the order they were asked for.
 * I2. After the first failure nothing more is done; every later `done` rejects with it.
 */
import { crc32, gzipSync, zstdCompressSync } from "node:zlib";
import { assert } from "../../assert.ts";
import type { Files, WritableFile } from "../../env/files.ts";
import type { Compression } from "../files/decompressor.ts";

/** Characters that are collected before they are written. */
export const PART_BUFFER_LENGTH = 64 * 1024;

/** What a part tells its writer. */
export interface PartObserver {
  /** Bytes were handed to storage (positive) or arrived there (negative). */
  changeQueuedBytes(bytes: number): void;
  fail(error: unknown): void;
}

/** Where a part goes. */
export interface PartTarget {
  readonly files: Files;
  /** Name while it is written, and once it is prepared. */
  readonly openPath: string;
  readonly pendingPath: string;
  readonly finalPath: string;
  readonly compression: Compression;
  /** Resolves when the directory is there. */
  readonly directoryReady: Promise<void>;
}

/** See the file header. */
export class PendingPart {
  readonly target: PartTarget;
  readonly #observer: PartObserver;
  #text = "";
  #sizeBytes = 0;
  #checksum = 0;
  #file: WritableFile | undefined;
  #work: Promise<void>;
  #isClosed = false;

  constructor(target: PartTarget, observer: PartObserver) {
    this.target = target;
    this.#observer = observer;
    this.#work = target.directoryReady.then(async () => {
      this.#file = await target.files.create(target.openPath);
    });
    this.#work.catch((error: unknown) => observer.fail(error));
  }

  /** Bytes of the file so far, without what is still collected. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** CRC-32 of the file so far. */
  get checksum(): number {
    return this.#checksum;
  }

  add(text: string): void {
    assert(!this.#isClosed, "a finished part was written to");
    this.#text += text;
    if (this.#text.length >= PART_BUFFER_LENGTH) this.#flush();
  }

  /** No more text; resolves when the content is durable, and has its name as a prepared file. */
  finish(): Promise<void> {
    this.#flush();
    this.#isClosed = true;
    return this.#enqueue(async (file) => {
      await file.sync();
      await file.close();
      const { files, openPath, pendingPath } = this.target;
      await files.rename(openPath, pendingPath);
    });
  }

  /** Gives the file up and removes it. */
  async abandon(): Promise<void> {
    this.#isClosed = true;
    this.#text = "";
    await this.#work.catch(() => undefined);
    await this.#file?.close();
    if (this.#file === undefined) return;
    await this.target.files.remove(this.target.openPath);
    await this.target.files.remove(this.target.pendingPath);
  }

  #flush(): void {
    if (this.#text === "") return;
    const bytes = compress(Buffer.from(this.#text), this.target.compression);
    this.#text = "";
    this.#sizeBytes += bytes.length;
    this.#checksum = crc32(bytes, this.#checksum);
    this.#observer.changeQueuedBytes(bytes.length);
    const written = this.#enqueue((file) => file.write(bytes));
    written.then(
      () => this.#observer.changeQueuedBytes(-bytes.length),
      // `enqueue` has told.
      () => undefined,
    );
  }

  #enqueue(operation: (file: WritableFile) => Promise<void>): Promise<void> {
    const done = this.#work.then(() => {
      assert(this.#file !== undefined, "a part has no file");
      return operation(this.#file);
    });
    done.catch((error: unknown) => this.#observer.fail(error));
    this.#work = done;
    return done;
  }
}

/** A member or frame of its own: any number of them one after the other is a valid file. */
function compress(bytes: Buffer, compression: Compression): Uint8Array {
  switch (compression) {
    case "none":
      return bytes;
    case "gzip":
      return gzipSync(bytes);
    case "zstd":
      return zstdCompressSync(bytes);
  }
}
