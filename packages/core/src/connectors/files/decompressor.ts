/*
 * Decompression of a file that is read chunk by chunk: gzip (several members too) and zstd (several
 * frames too), over node:zlib's streams.
 *
 * The streams work on libuv's threads, the one place where a connector's work does not go through
 * Env: the order of records does not depend on it, but a simulation of a compressed file is not
 * traced exactly. (node:zlib has no synchronous streaming.)
 */
import { once } from "node:events";
import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from "node:zlib";
import { oxbowError } from "../../errors.ts";

/** How a file is compressed. */
export type Compression = "none" | "gzip" | "zstd";

/** The compression that a file's name says. */
export function compressionOf(path: string): Compression {
  if (/\.(gz|gzip)$/i.test(path)) return "gzip";
  return /\.(zst|zstd)$/i.test(path) ? "zstd" : "none";
}

/** See the file header. One per reading of a file; calls must not overlap. */
export class Decompressor {
  readonly #stream: Gunzip | ZstdDecompress;
  readonly #path: string;
  #failure: { readonly error: Error } | undefined;
  #refuse: ((error: Error) => void) | undefined;
  #output: Uint8Array[] = [];
  #inputBytes = 0;

  constructor(compression: "gzip" | "zstd", path: string) {
    this.#path = path;
    this.#stream = compression === "gzip" ? createGunzip() : createZstdDecompress();
    this.#stream.on("data", (chunk: Uint8Array) => this.#output.push(chunk));
    this.#stream.on("error", (error: Error) => {
      this.#failure ??= { error };
      this.#refuse?.(error);
    });
  }

  /** What the next compressed bytes give; may be nothing yet. FILE_UNREADABLE. */
  async push(chunk: Uint8Array): Promise<readonly Uint8Array[]> {
    this.#inputBytes += chunk.length;
    const written = new Promise<void>((resolve) => {
      this.#stream.write(chunk, () => resolve());
    });
    return this.#settle(written);
  }

  /**
   * What is left at the end of the file. FILE_UNREADABLE: the file is cut off, or goes on
   * otherwise.
   */
  async finish(): Promise<readonly Uint8Array[]> {
    const ended = this.#stream.readableEnded ? Promise.resolve() : once(this.#stream, "end");
    this.#stream.end();
    const rest = await this.#settle(ended);
    if (this.#stream.bytesWritten < this.#inputBytes) {
      throw this.#unreadable(`its compressed content ends at byte ${this.#stream.bytesWritten}`);
    }
    return rest;
  }

  close(): void {
    this.#stream.destroy();
  }

  async #settle(work: Promise<unknown>): Promise<readonly Uint8Array[]> {
    try {
      await new Promise((resolve, reject) => {
        this.#refuse = reject;
        work.then(resolve, reject);
        if (this.#failure !== undefined) reject(this.#failure.error);
      });
    } catch (error) {
      throw this.#unreadable(error instanceof Error ? error.message : String(error), error);
    }
    const output = this.#output;
    this.#output = [];
    return output;
  }

  #unreadable(reason: string, cause?: unknown): Error {
    return oxbowError(
      "FILE_UNREADABLE",
      `Cannot decompress ${this.#path} near byte ${this.#inputBytes}: ${reason}. Replace the ` +
        `file, or set the option compression if its name misleads.`,
      { path: this.#path, offset: this.#inputBytes },
      cause,
    );
  }
}
