/*
 * Directories that survive a power loss: each new name is synced into its parent.
 */
import type { Files } from "../../env/files.ts";
import { joinPath, parentOf } from "../files/paths.ts";

/**
 * Creates a directory and its missing parents, durably. Fine if it is there; its names are then
 * synced all the same, since whoever made it may have died before that.
 */
export async function createDurableDirectory(files: Files, directory: string): Promise<void> {
  const missing = new Set<string>();
  for (let path = directory; path !== parentOf(path); path = parentOf(path)) {
    if ((await files.status(path)) !== undefined) break;
    missing.add(path);
  }
  await files.createDirectory(directory);
  for (let path = directory; path !== parentOf(path); path = parentOf(path)) {
    try {
      await files.syncDirectory(parentOf(path));
    } catch (error) {
      if (missing.has(path)) throw error;
      // A directory that we may not even read is none that a job of ours has made something in.
      return;
    }
  }
}

/** Removes files; a name that is not there is fine. Durable when it resolves. */
export async function removeDurably(
  files: Files,
  directory: string,
  names: readonly string[],
): Promise<void> {
  if (names.length === 0) return;
  for (const name of names) await files.remove(joinPath(directory, name));
  await files.syncDirectory(directory);
}
