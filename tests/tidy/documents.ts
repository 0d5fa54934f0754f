/*
 * Rules that hold documents and code together: the error catalogue and its page, the numbering and
 * shape of decisions.
 */
import type { SourceFile } from "./source-file.ts";

const ADR_SECTIONS = ["Context", "Decision", "Alternatives", "Consequences"];

/** Codes with another kind, or that only one of `catalogue` and the page has. */
export function catalogueViolations(
  catalogue: Readonly<Record<string, { readonly kind: string }>>,
  page: string,
): string[] {
  const rows = new Map<string, string>();
  const found: string[] = [];
  for (const match of page.matchAll(/^\| *`([A-Z0-9_]+)` *\| *([a-z]+) *\| *(\S.*)\|/gm)) {
    const [, code = "", kind = ""] = match;
    if (rows.has(code)) found.push(`docs/errors.md: ${code} twice`);
    rows.set(code, kind);
  }
  for (const [code, { kind }] of Object.entries(catalogue)) {
    const written = rows.get(code);
    if (written === undefined) found.push(`docs/errors.md: no row for ${code}`);
    else if (written !== kind) found.push(`docs/errors.md: ${code} is ${kind}, not ${written}`);
  }
  for (const code of rows.keys()) {
    if (!Object.hasOwn(catalogue, code)) found.push(`docs/errors.md: there is no ${code}`);
  }
  return found;
}

/** Decisions that are not numbered without gaps, not titled, or lack a section. */
export function decisionViolations(files: readonly SourceFile[]): string[] {
  const found: string[] = [];
  const decisions = files.filter((file) => file.path.startsWith("docs/adr/"));
  for (const [index, file] of decisions.entries()) {
    const number = String(index).padStart(4, "0");
    if (!new RegExp(`^docs/adr/${number}-[a-z0-9-]+\\.md$`).test(file.path)) {
      found.push(`${file.path}: should be docs/adr/${number}-some-title.md`);
    }
    if (!/^# \d{4} \S/.test(file.text)) found.push(`${file.path}: opens with "# ${number} Title"`);
    for (const section of ADR_SECTIONS) {
      if (!file.text.includes(`\n## ${section}\n`)) found.push(`${file.path}: no "## ${section}"`);
    }
  }
  return found;
}

/** Pages without a title in their first line. */
export function titleViolations(file: SourceFile): string[] {
  const isPage = file.path.endsWith(".md") && !file.path.includes("node_modules");
  return !isPage || file.text.startsWith("# ") ? [] : [`${file.path}: opens with "# Title"`];
}
