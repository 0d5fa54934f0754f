/*
 * Discovery: which files a source reads. Pure listing; what was seen before is the enumerator's.
 *
 * I1. Hidden names (a leading dot) are left out unless they were named outright.
 * I2. The result has each path once, in the order of the given paths and, within one, by path.
 */
import type { Env } from "../../env/env.ts";
import { errorCode, oxbowError } from "../../errors.ts";
import type { FoundFile } from "./file-split.ts";
import { compileGlob, compileGlobDescent, globBase, isGlob } from "./glob.ts";
import { absolutePath, joinPath } from "./paths.ts";

/** Files that one source may have; a guard against a pattern that matches a whole disk. */
export const MAX_FILES = 1_000_000;
/** Directories below each other that a search enters. */
const MAX_DEPTH = 64;
/** Look-ups of a directory's entries under way at a time. */
const CONCURRENCY = 16;

/**
 * All files that the given paths mean: a file itself, a directory's files (not those of directories
 * below), or a pattern's matches. Errors: FILE_NOT_FOUND for a path that is not there, unless
 * `mayBeMissing`.
 */
export async function discoverFiles(
  env: Env,
  paths: readonly string[],
  mayBeMissing: boolean,
): Promise<FoundFile[]> {
  const found = new Map<string, FoundFile>();
  for (const given of paths) {
    const path = absolutePath(env, given);
    const matches = isGlob(path)
      ? await search(env, path, mayBeMissing)
      : await lookUp(env, path, mayBeMissing);
    for (const file of matches.sort(byPath)) {
      if (!found.has(file.path)) found.set(file.path, file);
    }
  }
  return [...found.values()];
}

function byPath(a: FoundFile, b: FoundFile): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

/** Order in which new files of a watched directory are read. */
export function byTime(a: FoundFile, b: FoundFile): number {
  return a.modifiedAt - b.modifiedAt || byPath(a, b);
}

async function lookUp(env: Env, path: string, mayBeMissing: boolean): Promise<FoundFile[]> {
  const status = await env.files.status(path);
  if (status === undefined) {
    if (mayBeMissing) return [];
    throw oxbowError("FILE_NOT_FOUND", `There is no file or directory ${path} to read.`, { path });
  }
  if (status.kind === "file") return [{ path, ...times(status) }];
  const entries = await entriesOf(env, path);
  return entries.flatMap((entry) => (entry.file === undefined ? [] : [entry.file]));
}

async function search(env: Env, pattern: string, mayBeMissing: boolean): Promise<FoundFile[]> {
  const matches = compileGlob(pattern);
  const leadsOn = compileGlobDescent(pattern);
  const found: FoundFile[] = [];
  let level: readonly string[] = [globBase(pattern)];
  for (let depth = 0; level.length > 0 && depth < MAX_DEPTH; depth++) {
    const next: string[] = [];
    for (const directory of level) {
      for (const { path, file } of await entriesOf(env, directory)) {
        if (file === undefined && leadsOn(path)) next.push(path);
        if (file !== undefined && matches(path)) found.push(file);
      }
    }
    if (found.length > MAX_FILES) {
      throw oxbowError("CONNECTOR_INVALID", `${pattern} matches more than ${MAX_FILES} files.`, {
        pattern,
      });
    }
    level = next;
  }
  if (found.length === 0 && !mayBeMissing) {
    throw oxbowError("FILE_NOT_FOUND", `No file matches ${pattern}.`, { pattern });
  }
  return found;
}

interface Entry {
  readonly path: string;
  /** Undefined for a directory. */
  readonly file: FoundFile | undefined;
}

async function entriesOf(env: Env, directory: string): Promise<Entry[]> {
  const names = await namesIn(env, directory);
  const entries: Entry[] = [];
  for (let first = 0; first < names.length; first += CONCURRENCY) {
    const group = names.slice(first, first + CONCURRENCY).map(async (name) => {
      const path = joinPath(directory, name);
      const status = await env.files.status(path);
      // Undefined: it was removed between the listing and the look-up.
      if (status === undefined) return;
      const file = status.kind === "file" ? { path, ...times(status) } : undefined;
      entries.push({ path, file });
    });
    await Promise.all(group);
  }
  return entries;
}

async function namesIn(env: Env, directory: string): Promise<readonly string[]> {
  try {
    const names = await env.files.list(directory);
    return names.filter((name) => !name.startsWith("."));
  } catch (error) {
    if (errorCode(error) === "FILE_NOT_FOUND") return [];
    throw error;
  }
}

function times(status: { readonly sizeBytes: number; readonly modifiedAt: number }): {
  sizeBytes: number;
  modifiedAt: number;
} {
  return { sizeBytes: status.sizeBytes, modifiedAt: status.modifiedAt };
}
