/*
 * SegmentWriterService: writes segments for any number of tasks, off their thread (or on it, in the
 * simulator). Takes requests in order, one at a time; so what is not yet looked at waits in the
 * clients' pools, whose bound is the back-pressure. Protocol: `segment-messages.ts`.
 *
 *     const service = new SegmentWriterService({ files, post });
 *     port.on("message", (request) => service.receive(request));
 *
 * I1. Memory is bounded: all segments together hold at most `bufferedBytesMax` and one chunk more.
 * I2. A segment that failed or was aborted takes further requests without doing anything, and its
 *     file is removed. What fails in one segment harms no other.
 */
import { assert } from "../assert.ts";
import type { Files } from "../env/files.ts";
import { toWire } from "../errors.ts";
import type { RowLayout } from "../state/layout.ts";
import { chunkReader, type ChunkReader } from "../state/chunk-reader.ts";
import type { RowChunk } from "../state/row-chunk.ts";
import type {
  PostMessage,
  SegmentRequest,
  SegmentResponse,
  SegmentTicket,
} from "./segment-messages.ts";
import { RUN_BYTES_MAX, SegmentWriter, type SegmentTarget } from "./segment-writer.ts";

/** Default bound of rows that are collected, all segments together. */
export const BUFFERED_BYTES_MAX = 64 * 1024 * 1024;

/** What a service needs. */
export interface SegmentWriterServiceOptions {
  readonly files: Files;
  readonly post: PostMessage<SegmentResponse>;
  readonly bufferedBytesMax?: number;
  readonly runBytesMax?: number;
}

interface OpenSegment {
  readonly ticket: SegmentTicket;
  readonly target: SegmentTarget;
  readonly layouts: readonly RowLayout[];
  /** By position in `layouts`; made on first use. */
  readonly readers: (ChunkReader | undefined)[];
  readonly writer: SegmentWriter;
  /** Aborted or failed: only buffers are given back. */
  isOver: boolean;
}

/** See the file header. */
export class SegmentWriterService {
  readonly #options: SegmentWriterServiceOptions;
  readonly #segments = new Map<SegmentTicket, OpenSegment>();
  #requests: SegmentRequest[] = [];
  #running: Promise<void> | undefined;
  /** The client is gone; what it had asked for is not done any more. */
  #isAbandoned = false;
  /** Syncs and removals under way, beside the queue. */
  readonly #background = new Set<Promise<void>>();

  constructor(options: SegmentWriterServiceOptions) {
    this.#options = options;
  }

  /** Takes a request; never fails, never waits. */
  receive(request: SegmentRequest): void {
    if (request.kind === "abort") {
      // At once, so that what is queued before it is not written in vain.
      const segment = this.#segments.get(request.ticket);
      if (segment !== undefined) segment.isOver = true;
    }
    if (this.#isAbandoned) return;
    this.#requests.push(request);
    this.#running ??= this.#run();
  }

  /** The client is gone without a word: what it had open is given up. */
  abortAll(): void {
    for (const segment of this.#segments.values()) {
      segment.isOver = true;
      this.#inBackground(segment.writer.abort());
    }
    this.#segments.clear();
    this.#requests = [];
    this.#isAbandoned = true;
  }

  /** Resolves when all requests so far are done, syncs and removals included. */
  async settled(): Promise<void> {
    while (this.#running !== undefined || this.#background.size > 0) {
      await this.#running;
      await Promise.all(this.#background);
    }
  }

  async #run(): Promise<void> {
    // Off the caller's stack, and after `#running` is set.
    await Promise.resolve();
    while (this.#requests.length > 0) {
      const requests = this.#requests;
      this.#requests = [];
      for (const request of requests) {
        if (this.#isAbandoned) break;
        await this.#handle(request);
      }
    }
    this.#running = undefined;
  }

  async #handle(request: SegmentRequest): Promise<void> {
    switch (request.kind) {
      case "open":
        this.#open(request);
        break;
      case "chunk":
        await this.#chunk(this.#segment(request.ticket), request.chunk);
        break;
      case "finish":
        await this.#finish(this.#segment(request.ticket));
        break;
      case "abort":
        this.#abort(request);
        break;
    }
  }

  #open(request: Extract<SegmentRequest, { kind: "open" }>): void {
    const { ticket, target, layouts } = request;
    const { files, runBytesMax = RUN_BYTES_MAX } = this.#options;
    const writer = new SegmentWriter(files, target, runBytesMax);
    this.#segments.set(ticket, { ticket, target, layouts, readers: [], writer, isOver: false });
  }

  async #chunk(segment: OpenSegment, chunk: RowChunk): Promise<void> {
    try {
      if (!segment.isOver) {
        segment.writer.add(readerOf(segment, chunk)(chunk));
        if (segment.writer.isFull) await segment.writer.flush();
      }
    } catch (error) {
      this.#fail(segment, error);
    }
    const { buffer } = chunk;
    this.#options.post({ kind: "returned", ticket: segment.ticket, buffer }, [buffer]);
    await this.#makeRoom();
  }

  /** Writes the largest run that is being collected, if all together are too large. */
  async #makeRoom(): Promise<void> {
    const { bufferedBytesMax = BUFFERED_BYTES_MAX } = this.#options;
    let total = 0;
    let largest: OpenSegment | undefined;
    for (const segment of this.#segments.values()) {
      const { bufferedBytes } = segment.writer;
      total += bufferedBytes;
      if (bufferedBytes > (largest?.writer.bufferedBytes ?? 0)) largest = segment;
    }
    if (total < bufferedBytesMax || largest === undefined || largest.isOver) return;
    await largest.writer.flush().catch((error: unknown) => this.#fail(largest, error));
  }

  /** Encoding is done in turn; waiting for the disk is not. */
  async #finish(segment: OpenSegment): Promise<void> {
    if (segment.isOver) return;
    try {
      await segment.writer.flush();
    } catch (error) {
      this.#fail(segment, error);
      return;
    }
    this.#inBackground(
      segment.writer.finish().then(
        (handle) => {
          // An abort that came meanwhile removes the file itself.
          if (segment.isOver) return;
          this.#segments.delete(segment.ticket);
          this.#options.post({ kind: "finished", ticket: segment.ticket, handle }, []);
        },
        (error: unknown) => this.#fail(segment, error),
      ),
    );
  }

  #abort(request: Extract<SegmentRequest, { kind: "abort" }>): void {
    const segment = this.#segments.get(request.ticket);
    this.#segments.delete(request.ticket);
    const { directory, file } = request.target;
    if (segment !== undefined) this.#inBackground(segment.writer.abort());
    else this.#inBackground(this.#options.files.remove(`${directory}/${file}`));
  }

  #fail(segment: OpenSegment, error: unknown): void {
    if (!segment.isOver) {
      const wire = toWire(error);
      this.#options.post({ kind: "failed", ticket: segment.ticket, error: wire }, []);
    }
    segment.isOver = true;
    this.#inBackground(segment.writer.abort());
  }

  #segment(ticket: SegmentTicket): OpenSegment {
    const segment = this.#segments.get(ticket);
    assert(segment !== undefined, () => `segment ${ticket} is not open`);
    return segment;
  }

  #inBackground(work: Promise<void>): void {
    // Left-over files are garbage that the next start removes.
    const done = work.catch(() => undefined).finally(() => this.#background.delete(done));
    this.#background.add(done);
  }
}

function readerOf(segment: OpenSegment, chunk: RowChunk): ChunkReader {
  const { layouts, readers, target } = segment;
  const { layoutIndex } = chunk;
  const known = readers[layoutIndex];
  if (known !== undefined) return known;
  const layout = layouts[layoutIndex];
  assert(layout !== undefined, () => `layout ${layoutIndex} of "${target.uid}" is not known`);
  return (readers[layoutIndex] = chunkReader(layout, target.maxParallelism));
}
