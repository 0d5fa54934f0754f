/*
 * The files that the repository's rules look at, and a view of TypeScript without comments and
 * without the insides of strings, so that a rule about code does not trip over prose.
 *
 * The view is a scanner, not a parser: a `/` opens a regular expression where no value can end
 * before it. That is right for formatted code, which is all there is here.
 */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";

/** A file of the repository; `path` is relative to its root, with `/`. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

const SKIPPED_FOLDERS = new Set(["node_modules", "dist", "out", ".git", "golden"]);
const TEXT_EXTENSIONS = /\.(ts|js|mjs|json|md|yml|yaml)$|^[^.]+$/;

/** Every text file of the repository below `root`, sorted by path. */
export function readRepository(root: string): SourceFile[] {
  const files: SourceFile[] = [];
  walk(root, "", files);
  return files;
}

function walk(root: string, folder: string, files: SourceFile[]): void {
  const entries = readdirSync(path.join(root, folder), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const relative = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      if (!SKIPPED_FOLDERS.has(entry.name)) walk(root, relative, files);
    } else if (entry.isFile() && TEXT_EXTENSIONS.test(entry.name)) {
      files.push({ path: relative, text: readFileSync(path.join(root, relative), "utf8") });
    }
  }
}

/** `text` with comments and the insides of strings and regular expressions as blanks. */
export function codeOnly(text: string): string {
  let out = "";
  let at = 0;
  while (at < text.length) {
    const end = endOfToken(text, at, out);
    const token = text.slice(at, end);
    out += end - at === 1 ? token : blank(token);
    at = end;
  }
  return out;
}

/** Where the comment, string or expression that starts at `at` ends; `at + 1` if none does. */
function endOfToken(text: string, at: number, before: string): number {
  const char = text[at];
  if (char === "/" && text[at + 1] === "/") return indexOr(text, "\n", at);
  if (char === "/" && text[at + 1] === "*") return indexOr(text, "*/", at + 2) + 2;
  if (char === '"' || char === "'") return endOfQuoted(text, at, char);
  if (char === "`") return endOfTemplate(text, at);
  if (char === "/" && /(?:^|[(,=:[!&|?{};]|\breturn|=>)\s*$/.test(before.slice(-40))) {
    return endOfRegExp(text, at);
  }
  return at + 1;
}

function indexOr(text: string, needle: string, from: number): number {
  const found = text.indexOf(needle, from);
  return found === -1 ? text.length : found;
}

function endOfQuoted(text: string, at: number, quote: string): number {
  let end = at + 1;
  while (end < text.length && text[end] !== quote && text[end] !== "\n") {
    end += text[end] === "\\" ? 2 : 1;
  }
  return end + 1;
}

/** Code inside `${…}` is blanked too: a template that hides a rule's target is rare enough. */
function endOfTemplate(text: string, at: number): number {
  let end = at + 1;
  while (end < text.length && text[end] !== "`") {
    if (text[end] === "\\") end += 2;
    else if (text.startsWith("${", end)) end = endOfHole(text, end + 2);
    else end++;
  }
  return end + 1;
}

function endOfHole(text: string, from: number): number {
  let depth = 1;
  let end = from;
  while (end < text.length && depth > 0) {
    const char = text[end] ?? "";
    if (char === "`") {
      end = endOfTemplate(text, end);
    } else if (char === '"' || char === "'") {
      end = endOfQuoted(text, end, char);
    } else {
      depth += char === "{" ? 1 : char === "}" ? -1 : 0;
      end++;
    }
  }
  return end;
}

function endOfRegExp(text: string, at: number): number {
  let end = at + 1;
  let isInClass = false;
  while (end < text.length && text[end] !== "\n" && (isInClass || text[end] !== "/")) {
    if (text[end] === "[") isInClass = true;
    if (text[end] === "]") isInClass = false;
    end += text[end] === "\\" ? 2 : 1;
  }
  return end + 1;
}

/** Keeps the quotes and line breaks, so that line numbers and `import … from ""` stay visible. */
function blank(token: string): string {
  const inside = token.slice(1, -1).replace(/[^\n]/g, " ");
  const isString = /^["'`]/.test(token);
  return isString ? token[0] + inside + token.at(-1) : token.replace(/[^\n]/g, " ");
}
