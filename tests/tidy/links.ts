/*
 * Rules about where text leads: links of pages, and pages that comments cite.
 *
 * A link's target is a file relative to the page, with an optional `#heading`; a citation is
 * `docs/….md`, optionally followed by `, "Heading"`.
 */
import path from "node:path";
import type { SourceFile } from "./source-file.ts";

const DOCS_INDEX = "docs/README.md";

/** What is there: every path, folders included, and the text of pages. */
export class Pages {
  readonly #texts = new Map<string, string>();
  readonly #folders = new Set<string>();
  readonly #isThere: (path: string) => boolean;

  /** `isThere` is asked for what is not among `files`: pictures, say. */
  constructor(files: readonly SourceFile[], isThere: (path: string) => boolean = () => false) {
    this.#isThere = isThere;
    for (const { path: file, text } of files) {
      this.#texts.set(file, text);
      for (
        let folder = path.posix.dirname(file);
        folder !== ".";
        folder = path.posix.dirname(folder)
      )
        this.#folders.add(folder);
    }
  }

  has(file: string): boolean {
    return this.#texts.has(file) || this.#folders.has(file) || this.#isThere(file);
  }

  hasHeading(page: string, title: string): boolean {
    return this.#headings(page).some((heading) => heading === title);
  }

  hasAnchor(page: string, anchor: string): boolean {
    return this.#headings(page).some((heading) => anchorOf(heading) === anchor);
  }

  #headings(page: string): string[] {
    const text = this.#texts.get(page) ?? "";
    return [...text.matchAll(/^#+ (.+)$/gm)].map((match) => match[1] ?? "");
  }
}

/** Links of a page that lead nowhere. */
export function linkViolations(file: SourceFile, pages: Pages): string[] {
  if (!file.path.endsWith(".md")) return [];
  const found: string[] = [];
  for (const target of linksOf(file)) {
    const { page, anchor } = target;
    if (!pages.has(page)) found.push(`${file.path}: there is no ${page}`);
    else if (anchor !== "" && !pages.hasAnchor(page, anchor))
      found.push(`${file.path}: ${page} has no heading for #${anchor}`);
  }
  return found;
}

/** Pages or headings that a source file cites and that are not there. */
export function citationViolations(file: SourceFile, pages: Pages): string[] {
  // The rules' own tests cite pages that are not there.
  if (!/\.(ts|mjs|js)$/.test(file.path) || /^tests\/\w+\.test\.ts$/.test(file.path)) return [];
  const found: string[] = [];
  const citation = /\b(docs\/[\w./-]+\.md)`?(?:,(?:\n \*)? "([^"\n]+)")?/g;
  for (const [, page = "", title] of file.text.matchAll(citation)) {
    if (!pages.has(page)) found.push(`${file.path}: there is no ${page}`);
    else if (title !== undefined && !pages.hasHeading(page, title))
      found.push(`${file.path}: ${page} has no heading "${title}"`);
  }
  return found;
}

/** Pages below docs/ to which no links lead from its index. */
export function unreachablePages(files: readonly SourceFile[]): string[] {
  const pages = new Map(files.map((file) => [file.path, file]));
  const reached = new Set<string>();
  const queue = [DOCS_INDEX];
  for (let page = queue.pop(); page !== undefined; page = queue.pop()) {
    const file = pages.get(page);
    if (file === undefined || reached.has(page) || !page.startsWith("docs/")) continue;
    reached.add(page);
    queue.push(...linksOf(file).map((link) => link.page));
  }
  return files
    .map((file) => file.path)
    .filter((page) => /^docs\/.*\.md$/.test(page) && !page.endsWith("0000-template.md"))
    .filter((page) => !reached.has(page));
}

/** Links to files; not to other sites, and not what stands in code. */
function linksOf(file: SourceFile): { page: string; anchor: string }[] {
  const prose = file.text.replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*\]\([^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? "")
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [relative = "", anchor = ""] = target.split("#");
      const folder = path.posix.dirname(file.path);
      const page = relative === "" ? file.path : path.posix.join(folder, relative);
      return { page: page.replace(/\/$/, ""), anchor };
    });
}

/** As code forges make it: lower case, without punctuation, blanks as hyphens. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}
