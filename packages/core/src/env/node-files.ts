/*
 * Files over node:fs: the real storage. Semantics and durability: `files.ts`.
 *
 * I1. Every failure is an OxbowError with `path`, `operation` and, where the system gave one, its
 *     `errno` name in `details`.
 * I2. `rename` never overwrites, not even in a race. Node has no renameat2(RENAME_NOREPLACE), so
 *     a file is moved by link(2), which fails where the name is taken, and unlink(2): the new name
 *     appears atomically and complete, but a crash between the two leaves both names. A directory
 *     is moved by mkdir(2), which claims the name, and rename(2) over the empty directory.
 * I3. `replace` is rename(2): atomic for readers and across crashes.
 */
import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import * as nodePath from "node:path";
import { oxbowError, type OxbowError } from "../errors.ts";
import type { Files, FileStatus, ReadableFile, WritableFile } from "./files.ts";

/** The file system of this machine. Without state: any number of them may exist. */
export const nodeFiles: Files = Object.freeze({
  async open(path: string): Promise<ReadableFile> {
    const handle = await guard("open", path, fs.open(path, constants.O_RDONLY));
    try {
      const stat = await guard("open", path, handle.stat());
      if (!stat.isFile()) throw fileError("FILE_IO", "open", path, "it is not a regular file");
      return new NodeReadableFile(path, handle, stat.size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  },

  async create(path: string): Promise<WritableFile> {
    return new NodeWritableFile(path, await guard("create", path, fs.open(path, "wx")));
  },

  async status(path: string): Promise<FileStatus | undefined> {
    try {
      const stat = await fs.stat(path);
      const kind = stat.isDirectory() ? "directory" : "file";
      return { kind, sizeBytes: kind === "file" ? stat.size : 0, modifiedAt: stat.mtimeMs };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw await translate("status", path, error);
    }
  },

  async list(directory: string): Promise<string[]> {
    const names = await guard("list", directory, fs.readdir(directory));
    return names.sort();
  },

  async createDirectory(directory: string): Promise<void> {
    await createWithParents(directory);
  },

  async rename(from: string, to: string): Promise<void> {
    const stat = await guard("rename", from, fs.stat(from));
    if (stat.isDirectory()) await renameDirectory(from, to);
    else await renameFile(from, to);
  },

  async replace(from: string, to: string): Promise<void> {
    await guard("replace", from, fs.rename(from, to));
  },

  async remove(path: string): Promise<void> {
    await guard("remove", path, fs.unlink(path).catch(ignoreMissing));
  },

  async removeTree(directory: string): Promise<void> {
    await guard("removeTree", directory, fs.rm(directory, { recursive: true, force: true }));
  },

  async syncDirectory(directory: string): Promise<void> {
    // Windows cannot open directories; NTFS journals its entries by itself.
    if (process.platform === "win32") return;
    const handle = await guard("syncDirectory", directory, fs.open(directory, constants.O_RDONLY));
    try {
      await guard("syncDirectory", directory, handle.sync());
    } finally {
      await handle.close();
    }
  },
});

class NodeReadableFile implements ReadableFile {
  readonly sizeBytes: number;
  readonly #path: string;
  readonly #handle: fs.FileHandle;
  #isOpen = true;

  constructor(path: string, handle: fs.FileHandle, sizeBytes: number) {
    this.#path = path;
    this.#handle = handle;
    this.sizeBytes = sizeBytes;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    // Not from Buffer's pool: the array belongs to the caller, who may transfer it.
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.sizeBytes - offset)));
    let done = 0;
    while (done < bytes.length) {
      const reading = this.#handle.read(bytes, done, bytes.length - done, offset + done);
      const { bytesRead } = await guard("read", this.#path, reading);
      if (bytesRead === 0) return bytes.slice(0, done);
      done += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await guard("close", this.#path, this.#handle.close());
  }
}

class NodeWritableFile implements WritableFile {
  readonly #path: string;
  readonly #handle: fs.FileHandle;
  #sizeBytes = 0;
  #isOpen = true;

  constructor(path: string, handle: fs.FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const writing = this.#handle.write(bytes, done, bytes.length - done);
      const { bytesWritten } = await guard("write", this.#path, writing);
      done += bytesWritten;
      this.#sizeBytes += bytesWritten;
    }
  }

  async sync(): Promise<void> {
    await guard("sync", this.#path, this.#handle.sync());
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await guard("close", this.#path, this.#handle.close());
  }
}

/**
 * Not mkdir's own `recursive`: where the parent is there and the system still says that it is not,
 * as /proc does, that tries for ever.
 */
async function createWithParents(directory: string): Promise<void> {
  const error = await tryCreate(directory);
  if (error === undefined) return;
  const parent = nodePath.dirname(directory);
  if (errnoOf(error) !== "ENOENT" || parent === directory) {
    throw await translate("createDirectory", directory, error);
  }
  await createWithParents(parent);
  const cause = await tryCreate(directory);
  if (cause === undefined) return;
  if (errnoOf(cause) !== "ENOENT") throw await translate("createDirectory", directory, cause);
  const reason = "this file system lets nobody make one here; use another directory";
  throw fileError("FILE_IO", "createDirectory", directory, { reason, cause });
}

/** Why there is no such directory now; undefined if there is. */
async function tryCreate(directory: string): Promise<unknown> {
  try {
    await fs.mkdir(directory);
    return undefined;
  } catch (error) {
    const stat = await fs.stat(directory).catch(() => undefined);
    return stat?.isDirectory() === true ? undefined : error;
  }
}

async function renameFile(from: string, to: string): Promise<void> {
  try {
    await fs.link(from, to);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EPERM" || errno === "ENOTSUP" || errno === "EOPNOTSUPP" || errno === "ENOSYS") {
      const reason = "the file system has no hard links, which moving without overwriting needs";
      const because = { reason: `${reason}; use another directory`, cause: error };
      throw fileError("FILE_IO", "rename", to, because);
    }
    throw await translate("rename", errno === "EEXIST" ? to : from, error);
  }
  await guard("rename", from, fs.unlink(from));
}

async function renameDirectory(from: string, to: string): Promise<void> {
  await guard("rename", to, fs.mkdir(to));
  try {
    if (process.platform === "win32") await fs.rmdir(to);
    await fs.rename(from, to);
  } catch (error) {
    // Somebody may have filled the directory meanwhile; then it is theirs and stays.
    await fs.rmdir(to).catch(() => undefined);
    throw await translate("rename", to, error);
  }
}

async function guard<T>(operation: string, path: string, promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw await translate(operation, path, error);
  }
}

async function translate(operation: string, path: string, cause: unknown): Promise<OxbowError> {
  const errno = errnoOf(cause);
  if (errno === "ENOTDIR") {
    const reason = notDirectory(await fileOnTheWay(cause));
    return fileError("FILE_NOT_FOUND", operation, path, { reason, cause });
  }
  const known = errno === undefined ? undefined : ERRNOS[errno];
  const [code, reason] = known ?? ["FILE_IO" as const, errno ?? String(cause)];
  return fileError(code, operation, path, { reason, cause });
}

/** The file that stands where one of the error's paths needs a directory, if it still does. */
async function fileOnTheWay(cause: unknown): Promise<string | undefined> {
  const { path, dest, syscall } = cause as NodeJS.ErrnoException & { readonly dest?: string };
  for (const whole of [path, dest]) {
    if (whole === undefined) continue;
    const { root } = nodePath.parse(whole);
    const parts = whole.slice(root.length).split(nodePath.sep);
    // The last part may be a file, except where its entries are asked for.
    const count = syscall === "scandir" ? parts.length : parts.length - 1;
    for (let end = 1; end <= count; end++) {
      const part = root + parts.slice(0, end).join(nodePath.sep);
      const stat = await fs.stat(part).catch(() => undefined);
      if (stat !== undefined && !stat.isDirectory()) return part;
    }
  }
  return undefined;
}

/** The reason where a path leads through a file; the simulated files give the same. */
export function notDirectory(file: string | undefined): string {
  return file === undefined
    ? "a part of the path is not a directory"
    : `${nodePath.normalize(file)} is a file, not a directory`;
}

const NOTHING = ["FILE_NOT_FOUND", "there is nothing at this path"] as const;
const TAKEN = ["FILE_EXISTS", "the name is taken"] as const;
const FULL = ["FILE_IO", "the disk is full; free space"] as const;
const FORBIDDEN = ["FILE_IO", "not permitted; check the rights"] as const;
const TOO_MANY = ["FILE_IO", "too many open files; raise ulimit -n"] as const;

const ERRNOS: Readonly<Record<string, readonly [FileErrorCode, string] | undefined>> = {
  ENOENT: NOTHING,
  EEXIST: TAKEN,
  ENOTEMPTY: TAKEN,
  ENOSPC: FULL,
  EDQUOT: FULL,
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: FORBIDDEN,
  EMFILE: TOO_MANY,
  ENFILE: TOO_MANY,
};

/** The codes that `Files` throws. */
export type FileErrorCode = "FILE_NOT_FOUND" | "FILE_EXISTS" | "FILE_IO";

/** Why, with the system's error. */
export interface FileErrorReason {
  readonly reason: string;
  readonly cause: unknown;
}

/** The error of a failed file operation; the simulated files throw the same. */
export function fileError(
  code: FileErrorCode,
  operation: string,
  path: string,
  because: string | FileErrorReason,
): OxbowError {
  const { reason, cause } =
    typeof because === "string" ? { reason: because, cause: undefined } : because;
  const errno = errnoOf(cause);
  const details = errno === undefined ? { path, operation } : { path, operation, errno };
  return oxbowError(
    code,
    `Cannot ${VERBS[operation] ?? operation} ${nodePath.normalize(path)}: ${reason}.`,
    details,
    cause,
  );
}

const VERBS: Readonly<Record<string, string>> = {
  status: "look up",
  createDirectory: "create directory",
  removeTree: "remove directory",
  syncDirectory: "sync directory",
};

function errnoOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

function isMissing(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === "ENOENT" || errno === "ENOTDIR";
}

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}
