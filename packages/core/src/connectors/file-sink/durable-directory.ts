/*
 * Directories that survive a power loss: each new name is synced into its parent.
 */
import type { Files } from "../../env/files.ts";
import { joinPath, parentOf } from "../files/paths.ts";

/** Creates a directory and its missing parents, durably. Fine if it is there. */
export async function createDurableDirectory(files: Files, directory: string): Promise<void> {
  const missing: string[] = [];
  for (let path = directory; path !== "/" && path !== parentOf(path); path = parentOf(path)) {
    if ((await files.status(path)) !== undefined) break;
    missing.push(path);
  }
  await files.createDirectory(directory);
  // One level more: what is there may have been made, and not been synced, by somebody who died.
  const tops = missing.length === 0 ? [directory] : missing;
  for (const path of tops.toReversed()) await files.syncDirectory(parentOf(path));
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
