/*
 * Glob patterns over absolute paths: `*` and `?` within a name, `**` any number of directories,
 * `{a,b}` alternatives, `[abc]` and `[!abc]` characters. Names that begin with a dot are matched
 * only where the pattern's part begins with one, so that pending and hidden files stay out.
 *
 * Own code, since `path.matchesGlob` sees the process's platform and follows other rules for dots.
 */
import { oxbowError } from "../../errors.ts";

/** Alternatives that the braces of a pattern may make. */
const MAX_ALTERNATIVES = 1024;

/** Whether a path has characters that make it a pattern. */
export function isGlob(path: string): boolean {
  return /[*?{[]/.test(path);
}

/** The directory that is above everything that the pattern can match. */
export function globBase(pattern: string): string {
  const parts = pattern.split("/");
  const first = parts.findIndex(isGlob);
  const fixed = parts.slice(0, first < 0 ? parts.length - 1 : first);
  return fixed.join("/") || "/";
}

/** The test of a pattern. CONNECTOR_INVALID where it cannot be read. */
export function compileGlob(pattern: string): (path: string) => boolean {
  const alternatives = expandBraces(pattern).map(sourceOf);
  const matcher = new RegExp(`^(?:${alternatives.join("|")})$`, "u");
  return (path) => matcher.test(path);
}

/** Whether anything below `directory` could match: false lets a search leave it out. */
export function compileGlobDescent(pattern: string): (directory: string) => boolean {
  const tests = expandBraces(pattern).map((alternative) => {
    const parts = alternative.split("/");
    const deep = parts.indexOf("**");
    const prefixes = parts
      .slice(0, deep < 0 ? parts.length - 1 : deep)
      .map((_, index) => sourceOf(parts.slice(0, index + 1).join("/")));
    if (deep >= 0) prefixes.push(sourceOf([...parts.slice(0, deep), "**", "*"].join("/")));
    return prefixes.join("|");
  });
  const matcher = new RegExp(`^(?:${tests.join("|")})$`, "u");
  return (directory) => matcher.test(directory);
}

function expandBraces(pattern: string): readonly string[] {
  let open: readonly string[] = [pattern];
  const done: string[] = [];
  while (open.length > 0) {
    const next: string[] = [];
    for (const text of open) {
      const inner = /\{([^{}]*)\}/.exec(text);
      if (inner === null) done.push(text);
      else {
        const before = text.slice(0, inner.index);
        const after = text.slice(inner.index + inner[0].length);
        for (const choice of inner[1].split(",")) next.push(before + choice + after);
      }
    }
    if (next.length + done.length > MAX_ALTERNATIVES) {
      throw invalid(pattern, `its braces make more than ${MAX_ALTERNATIVES} alternatives`);
    }
    open = next;
  }
  if (done.some((text) => /[{}]/.test(text))) throw invalid(pattern, "a brace is not closed");
  return done;
}

function sourceOf(pattern: string): string {
  const parts = pattern.split("/");
  return parts
    .map((part, index) => {
      const isLast = index === parts.length - 1;
      if (part === "**") return isLast ? "(?!\\.)[^/]+(?:/(?!\\.)[^/]+)*" : "(?:(?!\\.)[^/]+/)*";
      return partSource(part, pattern) + (isLast ? "" : "/");
    })
    .join("");
}

function partSource(part: string, pattern: string): string {
  let source = part.startsWith(".") || part === "" ? "" : "(?!\\.)";
  for (let at = 0; at < part.length; at++) {
    const character = part[at];
    if (character === "*") source += "[^/]*";
    else if (character === "?") source += "[^/]";
    else if (character === "[") {
      const close = part.indexOf("]", at + 2);
      if (close < 0) throw invalid(pattern, "a bracket is not closed");
      const set = part.slice(at + 1, close);
      const isNot = set.startsWith("!") || set.startsWith("^");
      const characters = (isNot ? set.slice(1) : set).replaceAll(/[\\\]^[]/g, "\\$&");
      source += `${isNot ? "(?!/)[^" : "["}${characters}]`;
      at = close;
    } else source += character.replace(/[\\^$.|+()[\]{}/]/, "\\$&");
  }
  return source;
}

function invalid(pattern: string, reason: string): Error {
  return oxbowError("CONNECTOR_INVALID", `The file pattern ${pattern} cannot be read: ${reason}.`, {
    pattern,
  });
}
