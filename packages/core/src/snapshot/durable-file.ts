/*
 * Writing small files so that a crash at any point leaves the old content or the new one, and what
 * was reported as written is durable: temporary name, sync, move, sync of the directory, read back.
 *
 * I1. When `createDurably` or `replaceDurably` resolves, name and content survive a power loss and
 *     were read back once.
 * I2. When one rejects, the name stands for what it stood for before or (the failure came late) for
 *     the new content, never for a part; a temporary file may be left, named `<name>.tmp-<tag>`.
 */
import type { Files } from "../env/files.ts";
import { corrupted } from "./checked-text.ts";

/** Ends the names of files that are being written; what is left of them may be removed. */
export const TEMPORARY_MARK = ".tmp-";

/** What to write where. */
export interface DurableFile {
  readonly directory: string;
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Distinguishes writers that may race for the name. */
  readonly tag: string;
}

/** Creates a file under a name that must be free; FILE_EXISTS otherwise, race-free. */
export async function createDurably(files: Files, file: DurableFile): Promise<void> {
  const temporary = await writeTemporary(files, file);
  try {
    await files.rename(temporary, `${file.directory}/${file.name}`);
  } catch (error) {
    await files.remove(temporary).catch(ignored);
    throw error;
  }
  await finish(files, file);
}

/** Creates or overwrites a file. */
export async function replaceDurably(files: Files, file: DurableFile): Promise<void> {
  const temporary = await writeTemporary(files, file);
  await files.replace(temporary, `${file.directory}/${file.name}`);
  await finish(files, file);
}

/** The whole content of a file. */
export async function readAll(files: Files, path: string): Promise<Uint8Array> {
  const file = await files.open(path);
  try {
    return await file.read(0, file.sizeBytes);
  } finally {
    await file.close();
  }
}

/** Creates a directory so that it survives a power loss. The parent must be there and durable. */
export async function createDirectoryDurably(files: Files, directory: string): Promise<void> {
  await files.createDirectory(directory);
  await files.syncDirectory(parentOf(directory));
}

/** Makes a directory and what is missing above it, each entry durable. */
export async function createDirectoriesDurably(files: Files, directory: string): Promise<void> {
  const missing: string[] = [];
  let path = directory;
  while (path !== "/" && (await files.status(path)) === undefined) {
    missing.push(path);
    path = parentOf(path);
  }
  // The deepest that is there may be from a process that died before it could sync. Where its
  // parent is not ours to open, it is not ours to make durable either.
  await files.syncDirectory(parentOf(path)).catch(() => undefined);
  for (const created of missing.reverse()) await createDirectoryDurably(files, created);
}

/** The directory in which a path lies. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

async function writeTemporary(files: Files, file: DurableFile): Promise<string> {
  const path = `${file.directory}/${file.name}${TEMPORARY_MARK}${file.tag}`;
  await files.remove(path);
  const writable = await files.create(path);
  try {
    await writable.write(file.bytes);
    await writable.sync();
  } catch (error) {
    await files.remove(path).catch(ignored);
    throw error;
  } finally {
    await writable.close();
  }
  return path;
}

async function finish(files: Files, file: DurableFile): Promise<void> {
  await files.syncDirectory(file.directory);
  const path = `${file.directory}/${file.name}`;
  const written = await readAll(files, path);
  const difference = firstDifference(written, file.bytes);
  if (difference >= 0) throw corrupted(path, difference, "it reads back otherwise than written");
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i++) if (a[i] !== b[i]) return i;
  return a.length === b.length ? -1 : end;
}

/** For cleaning up after a failure that is being thrown: the first error is the one to report. */
function ignored(): void {
  // Left-over temporary files are harmless and go with the next clean-up.
}
