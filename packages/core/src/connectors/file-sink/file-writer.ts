/*
 * FileWriter: the writer of the file sink. One open part per partition; a part is finished at every
 * barrier, when it has `rollBytes`, or when too many are open.
 *
 * I1. Every record that was written is in a part that the next `prepareCommit` returns.
 * I2. Memory: `isReady` is false above `QUEUE_BYTES_LIMIT` bytes on their way to storage, and each
 *     of at most `OPEN_PARTS_LIMIT` open parts collects `PART_BUFFER_LENGTH` characters.
 * I3. Clean-up removes a file only if its name says this run, this sink and an earlier attempt, and
 *     either it was not prepared, so that no snapshot can name it, or the engine told what
 *     snapshots name and it is not among that. The first subtask does it for all.
 */
import type { Batch } from "../../columns/batch.ts";
import type { Compression } from "../files/decompressor.ts";
import { absolutePath, joinPath } from "../files/paths.ts";
import type { RecordEncoder } from "../formats/format.ts";
import type { SinkWriter, WriterContext } from "../sink.ts";
import { createDurableDirectory, removeDurably } from "./durable-directory.ts";
import type { FileCommittable } from "./file-committer.ts";
import {
  finalName,
  parsePendingName,
  partitionDirectory,
  PENDING_DIRECTORY,
  pendingName,
  safeRunId,
  sinkIdOf,
} from "./file-names.ts";
import { callUser } from "../../operators/user-function.ts";
import { PendingPart } from "./pending-part.ts";

/** Bytes on their way to storage above which a writer takes no further batch. */
export const QUEUE_BYTES_LIMIT = 8 * 1024 * 1024;
/** Parts that are open at a time; the one that was opened first is finished early. */
export const OPEN_PARTS_LIMIT = 256;

/** What a writer does; see `FileSinkOptions`. */
export interface FileWriterOptions {
  readonly directory: string;
  readonly encoder: RecordEncoder<unknown>;
  readonly rollBytes: number;
  readonly partitionBy: ((record: unknown) => string) | undefined;
  readonly prefix: string;
  readonly suffix: string;
  readonly compression: Compression;
}

/** See the file header. */
export class FileWriter implements SinkWriter {
  readonly #context: WriterContext;
  readonly #options: FileWriterOptions;
  readonly #directory: string;
  readonly #pendingDirectory: string;
  readonly #header: string;
  /** By partition, in the order of opening. */
  readonly #open = new Map<string, PendingPart>();
  #finished: PendingPart[] = [];
  #directoryReady: Promise<void> = Promise.resolve();
  #durable: Promise<unknown> = Promise.resolve();
  /** Parts on their way to storage, one by one: `#durable` is over with the first that fails. */
  readonly #underWay = new Set<Promise<void>>();
  #queuedBytes = 0;
  #counter = 0;
  #isClosed = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(context: WriterContext, options: FileWriterOptions) {
    this.#context = context;
    this.#options = options;
    this.#directory = absolutePath(context.env, options.directory);
    this.#pendingDirectory = joinPath(this.#directory, PENDING_DIRECTORY);
    this.#header = options.encoder.header();
  }

  open(): void {
    this.#directoryReady = this.#prepareDirectory();
    this.#directoryReady.catch((error: unknown) => this.#fail(error));
    this.#durable = this.#directoryReady;
    this.#durable.catch(() => undefined);
  }

  isReady(): boolean {
    return this.#queuedBytes < QUEUE_BYTES_LIMIT;
  }

  write(batch: Batch): void {
    if (this.#options.partitionBy === undefined) {
      this.#write(batch);
      return;
    }
    const { uid, subtaskIndex } = this.#context;
    callUser({ uid, subtaskIndex, what: "partitionBy" }, () => this.#write(batch));
  }

  #write(batch: Batch): void {
    const { encoder, partitionBy, rollBytes } = this.#options;
    const records = batch.records();
    let part = partitionBy === undefined ? this.#partOf("") : undefined;
    let partition = "";
    for (let index = 0; index < batch.count; index++) {
      const record = records[index];
      if (partitionBy !== undefined) {
        const next = partitionBy(record);
        if (part === undefined || next !== partition) part = this.#partOf(next);
        partition = next;
      }
      part ??= this.#partOf(partition);
      part.add(encoder.encode(record));
      if (part.sizeBytes >= rollBytes) {
        this.#finish(partition, part);
        part = undefined;
      }
    }
  }

  prepareCommit(): readonly FileCommittable[] {
    for (const [partition, part] of this.#open) this.#finish(partition, part);
    const committables = this.#finished.map((part) => ({
      kind: "file" as const,
      pending: part.target.pendingPath,
      final: part.target.finalPath,
      sizeBytes: part.sizeBytes,
      checksum: part.checksum,
    }));
    if (this.#finished.length > 0) this.#syncNames();
    this.#finished = [];
    return committables;
  }

  snapshot(): undefined {
    return undefined;
  }

  async flushed(): Promise<void> {
    await this.#durable;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // What no barrier has taken is nobody's: the records come again after a restore.
    const given = [...this.#open.values(), ...this.#finished];
    this.#open.clear();
    this.#finished = [];
    await Promise.allSettled([this.#directoryReady, this.#durable, ...this.#underWay]);
    // What cannot be removed now, the next attempt removes.
    await Promise.allSettled(given.map((part) => part.abandon()));
  }

  #partOf(partition: string): PendingPart {
    const open = this.#open.get(partition);
    if (open !== undefined) return open;
    if (this.#open.size >= OPEN_PARTS_LIMIT) {
      for (const [name, oldest] of this.#open) {
        this.#finish(name, oldest);
        break;
      }
    }
    const counter = this.#counter++;
    const directory = partitionDirectory(this.#directory, partition);
    const path = joinPath(this.#pendingDirectory, pendingName(this.#context, counter));
    const part = new PendingPart(
      {
        files: this.#context.env.files,
        openPath: `${path}.open`,
        pendingPath: `${path}.pending`,
        finalPath: joinPath(directory, finalName(this.#context, counter, this.#options)),
        compression: this.#options.compression,
        directoryReady: this.#directoryReady,
      },
      {
        changeQueuedBytes: (bytes) => this.#changeQueuedBytes(bytes),
        fail: (error) => this.#fail(error),
      },
    );
    if (this.#header !== "") part.add(this.#header);
    this.#open.set(partition, part);
    return part;
  }

  #finish(partition: string, part: PendingPart): void {
    this.#open.delete(partition);
    this.#finished.push(part);
    const done = part.finish();
    this.#underWay.add(done);
    const over = (): void => void this.#underWay.delete(done);
    done.then(over, over);
    this.#durable = Promise.all([this.#durable, done]);
    this.#durable.catch(() => undefined);
  }

  /** The pending names become durable behind the contents. */
  #syncNames(): void {
    const { files } = this.#context.env;
    this.#durable = this.#durable.then(() => files.syncDirectory(this.#pendingDirectory));
    this.#durable.catch((error: unknown) => this.#fail(error));
  }

  #changeQueuedBytes(bytes: number): void {
    const wasReady = this.isReady();
    this.#queuedBytes += bytes;
    if (!wasReady && this.isReady() && !this.#isClosed) this.#context.wake();
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined || this.#isClosed) return;
    this.#failure = { error };
    this.#context.fail(error);
  }

  async #prepareDirectory(): Promise<void> {
    await createDurableDirectory(this.#context.env.files, this.#pendingDirectory);
    if (this.#context.subtaskIndex === 0) await this.#cleanUp();
  }

  async #cleanUp(): Promise<void> {
    const { env, runId, uid, epoch, attempt, retained } = this.#context;
    const named = retained?.map((committable) => (committable as FileCommittable).pending);
    const kept = named === undefined ? undefined : new Set(named);
    const dead: string[] = [];
    for (const name of await env.files.list(this.#pendingDirectory)) {
      const owner = parsePendingName(name);
      if (owner === undefined) continue;
      const isMine = owner.runId === safeRunId(runId) && owner.sinkId === sinkIdOf(uid);
      const isEarlier = owner.epoch < epoch || (owner.epoch === epoch && owner.attempt < attempt);
      const isUnnamed = kept?.has(joinPath(this.#pendingDirectory, name)) === false;
      if (isMine && isEarlier && (!owner.isPrepared || isUnnamed)) dead.push(name);
    }
    await removeDurably(env.files, this.#pendingDirectory, dead);
  }
}
