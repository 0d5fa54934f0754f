/**
 * Files: the durable storage of one machine as the engine sees it. All calls are asynchronous; none
 * is made on the record path.
 *
 * Paths are absolute, with `/` between parts. Errors are `OxbowError`s: FILE_NOT_FOUND,
 * FILE_EXISTS, FILE_IO.
 *
 * I1. Bytes are durable only after `sync` of the file has resolved; a new name, a rename or a
 *     removal only after `syncDirectory` of the parent has. A crash may lose or tear everything
 *     else, in any order.
 */

/** A file opened for reading. */
export interface ReadableFile {
  /** Bytes at the time of opening. */
  readonly sizeBytes: number;
  /**
   * Reads up to `length` bytes from `offset`; fewer only at the end of the file. The array belongs
   * to the caller.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A file that was created by us and grows at its end. */
export interface WritableFile {
  /** Bytes written so far. */
  readonly sizeBytes: number;
  /** Appends. The array must not change until the promise has resolved. Calls must not overlap. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes what was written durable. */
  sync(): Promise<void>;
  /** Idempotent. Does not sync. */
  close(): Promise<void>;
}

/** What a path is. `modifiedAt` is ms since the epoch. */
export interface FileStatus {
  readonly kind: "file" | "directory";
  readonly sizeBytes: number;
  readonly modifiedAt: number;
}

/** See the file header. */
export interface Files {
  open(path: string): Promise<ReadableFile>;
  /** Creates a file that must not exist yet (FILE_EXISTS otherwise). The parent must exist. */
  create(path: string): Promise<WritableFile>;
  /** Undefined where nothing is. */
  status(path: string): Promise<FileStatus | undefined>;
  /** Names in a directory, sorted; FILE_NOT_FOUND where there is none. */
  list(directory: string): Promise<string[]>;
  /**
   * Creates the directory and its parents; fine if it is there. New entries are made durable by
   * `syncDirectory` of each parent.
   */
  createDirectory(directory: string): Promise<void>;
  /**
   * Moves a file or directory to a name that must be free (FILE_EXISTS otherwise, race-free). The
   * new name appears at once and complete. A crash may leave a file under both names, never under
   * none.
   */
  rename(from: string, to: string): Promise<void>;
  /** Moves a file over another, atomically: readers see the old or the new one. */
  replace(from: string, to: string): Promise<void>;
  /** Removes a file; fine if it is not there. */
  remove(path: string): Promise<void>;
  /** Removes a directory and all below it; fine if it is not there. */
  removeTree(directory: string): Promise<void>;
  syncDirectory(directory: string): Promise<void>;
}
