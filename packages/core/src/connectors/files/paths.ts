/*
 * Paths of users: made absolute, with `/` between parts and without `.` and `..`.
 */
import type { Env } from "../../env/env.ts";
import { oxbowError } from "../../errors.ts";

/** Longest path that a connector takes, characters; split ids carry it. */
export const MAX_PATH_LENGTH = 4_000;

/**
 * The absolute form. CONNECTOR_INVALID: empty, too long, or relative where nothing says to what.
 */
export function absolutePath(env: Env, path: string): string {
  const slashed = path.replaceAll("\\", "/");
  const isAbsolute = slashed.startsWith("/") || /^[A-Za-z]:\//.test(slashed);
  const base = env.workingDirectory;
  if (path === "") throw invalid(path, "it is empty");
  if (!isAbsolute && base === undefined) {
    throw invalid(path, "it is relative, and this environment has no working directory");
  }
  const parts: string[] = [];
  for (const part of (isAbsolute ? slashed : `${base}/${slashed}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  const root = /^[A-Za-z]:$/.test(parts[0] ?? "") ? "" : "/";
  const absolute = root + parts.join("/");
  if (absolute.length > MAX_PATH_LENGTH) {
    throw invalid(`${path.slice(0, 100)}…`, `it is longer than ${MAX_PATH_LENGTH} characters`);
  }
  return absolute;
}

/** The directory of an absolute path. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** A name in a directory. */
export function joinPath(directory: string, name: string): string {
  return directory === "/" ? `/${name}` : `${directory}/${name}`;
}

function invalid(path: string, reason: string): Error {
  return oxbowError("CONNECTOR_INVALID", `The path "${path}" cannot be used: ${reason}.`, { path });
}
