/*
 * FileCommitter: makes pending files visible by renaming them, so that each is visible exactly once
 * whatever crashes when.
 *
 * What is found, and what it means:
 *   pending there, final not     rename without overwriting
 *   pending gone, final there    committed already; the directory is synced again
 *   both there, same content     a crash between the two steps of the rename; pending is removed
 *   both there, other content    SINK_TRANSACTION_CONFLICT
 *   both gone                    SINK_TRANSACTION_LOST
 *
 * I1. When `commit` resolves, the final names are durable.
 */
import { crc32 } from "node:zlib";
import type { Files, FileStatus } from "../../env/files.ts";
import { oxbowError } from "../../errors.ts";
import { parentOf } from "../files/paths.ts";
import type { Committable, Committer, CommitterContext } from "../sink.ts";
import { createDurableDirectory } from "./durable-directory.ts";

/** One pending file. Paths are absolute; the content is durable. */
export interface FileCommittable extends Committable {
  readonly kind: "file";
  readonly pending: string;
  readonly final: string;
  readonly sizeBytes: number;
  /** CRC-32 of the content. */
  readonly checksum: number;
}

const CHECK_BYTES = 256 * 1024;

/** See the file header. */
export class FileCommitter implements Committer {
  readonly #files: Files;
  readonly #uid: string;
  /** Directories that this committer made durable. */
  readonly #directories = new Set<string>();

  constructor(context: CommitterContext) {
    this.#files = context.env.files;
    this.#uid = context.uid;
  }

  async commit(committables: readonly Committable[]): Promise<void> {
    const targets = new Set<string>();
    const sources = new Set<string>();
    for (const committable of committables) {
      const file = fileCommittable(committable);
      await this.#commitOne(file);
      targets.add(parentOf(file.final));
      sources.add(parentOf(file.pending));
    }
    // New names first: at no time may a content be without a durable name.
    for (const directory of targets) await this.#files.syncDirectory(directory);
    for (const directory of sources) {
      if (!targets.has(directory)) await this.#syncIfThere(directory);
    }
  }

  async #commitOne(file: FileCommittable): Promise<void> {
    const pending = await this.#files.status(file.pending);
    const final = await this.#files.status(file.final);
    if (pending === undefined && final === undefined) {
      throw this.#lost(file, "neither the pending nor the final file is there");
    }
    if (final !== undefined) return this.#settleFinal(file, final, pending !== undefined);
    if (pending?.sizeBytes !== file.sizeBytes) {
      throw this.#lost(file, `it has ${pending?.sizeBytes} bytes instead of ${file.sizeBytes}`);
    }
    const directory = parentOf(file.final);
    if (!this.#directories.has(directory)) {
      await createDurableDirectory(this.#files, directory);
      this.#directories.add(directory);
    }
    try {
      await this.#files.rename(file.pending, file.final);
    } catch (error) {
      await this.#settleRace(file, error);
    }
  }

  /** A commit of an attempt that is over may still be under way; then it has renamed the file. */
  async #settleRace(file: FileCommittable, cause: unknown): Promise<void> {
    const final = await this.#files.status(file.final);
    if (final === undefined) throw cause;
    const pending = await this.#files.status(file.pending);
    await this.#settleFinal(file, final, pending !== undefined);
  }

  async #settleFinal(file: FileCommittable, final: FileStatus, isPending: boolean): Promise<void> {
    const isSame =
      final.sizeBytes === file.sizeBytes &&
      (!isPending || (await this.#checksumOf(file.final)) === file.checksum);
    if (!isSame) {
      throw oxbowError(
        "SINK_TRANSACTION_CONFLICT",
        `Sink ${this.#uid}: cannot commit ${file.pending} as ${file.final}, where another file ` +
          `is. Move that file away and start again.`,
        { uid: this.#uid, pending: file.pending, final: file.final },
      );
    }
    if (isPending) await this.#files.remove(file.pending);
  }

  async #checksumOf(path: string): Promise<number> {
    const file = await this.#files.open(path);
    try {
      let checksum = 0;
      for (let offset = 0; offset < file.sizeBytes; offset += CHECK_BYTES) {
        checksum = crc32(await file.read(offset, CHECK_BYTES), checksum);
      }
      return checksum;
    } finally {
      await file.close();
    }
  }

  async #syncIfThere(directory: string): Promise<void> {
    if ((await this.#files.status(directory)) !== undefined) {
      await this.#files.syncDirectory(directory);
    }
  }

  #lost(file: FileCommittable, reason: string): Error {
    return oxbowError(
      "SINK_TRANSACTION_LOST",
      `Sink ${this.#uid}: cannot commit ${file.pending} as ${file.final}: ${reason}. Its records ` +
        `are lost unless the file is put back; or restore from an older snapshot.`,
      { uid: this.#uid, pending: file.pending, final: file.final, reason },
    );
  }
}

function fileCommittable(committable: Committable): FileCommittable {
  const file = committable as Partial<FileCommittable>;
  if (file.kind === "file" && typeof file.pending === "string" && typeof file.final === "string") {
    return committable as FileCommittable;
  }
  throw oxbowError(
    "CONNECTOR_INVALID",
    "A transaction in the snapshot is not that of a file sink. Give a sink that was replaced by " +
      "another connector a new uid, or restore with its transactions discarded.",
    {},
  );
}
