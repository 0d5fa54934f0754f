/*
 * Rules about the text of files: what must not be written, how long lines and files are, how files
 * are called and how they open. Each is a pure function from a file to its violations.
 */
import type { SourceFile } from "./source-file.ts";
import { codeOnly } from "./source-file.ts";

const LINES_MAX = 500;
const COLUMNS_MAX = 100;
const HEADER_FROM_LINES = 60;

/** Files over `LINES_MAX` lines, and why they are one file. */
const LONG_FILES = new Map<string, string>([]);

/** The rules' own texts name what they forbid. */
const RULES = /^tests\/tidy(\/|\.test\.ts$)/;

const CODE = /\.(ts|js|mjs)$/;
const TEST = /\.(test|test-d|fixture)\.ts$/;

/** What must not be written anywhere, with the remedy. */
const BANNED_EVERYWHERE: readonly [pattern: RegExp, remedy: string][] = [
  [/\b(TODO|FIXME|XXX|HACK)\b/, "finish it, or leave it out"],
  [/@ts-(ignore|nocheck)\b/, "fix the type"],
  [/\b(test|it|describe|suite)\.only\(|\bonly: true\b/, "run all tests"],
  [/(?<![\w.])\/(work|root|home|Users|farm)\/\w/, "no paths of one machine"],
  [/(?<![\w.])\/tmp\b/, "use the folder for temporary files that the system names"],
  [/\b(registry\.npmjs|npmjs\.org)\b/, "no names of registry hosts"],
  [/\b(Claude|ChatGPT|OpenAI|Anthropic|Copilot|LLM)\b/i, "say what the code does"],
  [/\b(white|black)list/i, "allow list, deny list"],
];

/** Synonyms that docs/glossary.md bans and that have no other meaning here. */
const BANNED_SYNONYMS: readonly [pattern: RegExp, remedy: string][] = [
  [/\beffectively[- ]once\b/i, "exactly-once"],
  [/\bhopping window/i, "sliding window"],
  [/\bpunctuation\b/i, "watermark"],
  [/\b(wall|business)[- ]time\b/i, "processing time, event time"],
  [/\bshuffle\b/i, "partitioner (hash, rebalance, …)"],
  [/\b[Cc]ancell(ed|ing)\b/, "canceled, canceling (Flink's constants keep their form)"],
];

/** In TypeScript, outside comments and strings. */
const BANNED_IN_CODE: readonly [pattern: RegExp, remedy: string][] = [
  [/\bexport default\b(?! job\()/, "export by name; only a job is a default export"],
  [/\bexport \*/, "name what is exported"],
  [/\bdebugger\b/, "remove it"],
];

/** Core outside env/ and testing/: nothing ambient. The linter says the same with types. */
const AMBIENT: readonly [pattern: RegExp, remedy: string][] = [
  [/\b(Date\.now|Math\.random)\b|\bnew Date\(\)/, "ask Env"],
  [/\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/, "ask Env"],
  [/(?<![\w.#])(process|performance)\./, "ask Env"],
];

/** Code from strings is fast and hard to read, so each place is named here. */
const GENERATED_CODE =
  /^packages\/core\/src\/(types|columns|state|window|operators|connectors|time)\//;

const BANNED_NAMES = /(^|\/)(utils?|helpers?|common|misc|types|shared|stuff)\.[a-z.]+$/;

/** Banned words in any text, and banned constructs in code. */
export function wordViolations(file: SourceFile): string[] {
  if (RULES.test(file.path) || file.path === "package-lock.json" || file.path === "LICENSE") {
    return [];
  }
  const found = matches(file, file.text, BANNED_EVERYWHERE);
  if (file.path !== "docs/glossary.md") found.push(...matches(file, file.text, BANNED_SYNONYMS));
  if (file.path.endsWith(".ts") && !file.path.startsWith("examples/") && !TEST.test(file.path)) {
    found.push(...matches(file, codeOnly(file.text), BANNED_IN_CODE));
  }
  return found;
}

function matches(
  file: SourceFile,
  text: string,
  banned: readonly [pattern: RegExp, remedy: string][],
): string[] {
  const found: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    for (const [pattern, remedy] of banned) {
      const match = pattern.exec(line);
      if (match !== null) found.push(`${file.path}:${index + 1}: "${match[0]}": ${remedy}`);
    }
  }
  return found;
}

/** Clock, randomness, timers and process in core outside env/ and testing/. */
export function ambientViolations(file: SourceFile): string[] {
  if (!/^packages\/core\/src\/(?!env\/|testing\/)/.test(file.path) || TEST.test(file.path)) {
    return [];
  }
  return matches(file, codeOnly(file.text), AMBIENT);
}

/** `new Function` outside the places where generated code is part of the design. */
export function generatedCodeViolations(file: SourceFile): string[] {
  if (!file.path.endsWith(".ts") || RULES.test(file.path)) return [];
  if (GENERATED_CODE.test(file.path) || TEST.test(file.path)) return [];
  return matches(file, codeOnly(file.text), [[/\bnew Function\b/, "no generated code here"]]);
}

/** Files that are too long, unless listed with a reason. */
export function sizeViolations(file: SourceFile): string[] {
  if (!CODE.test(file.path) || LONG_FILES.has(file.path)) return [];
  const lines = file.text.split("\n").length - 1;
  return lines <= LINES_MAX ? [] : [`${file.path}: ${lines} lines, at most ${LINES_MAX}`];
}

/** Lines of code that are too long. Addresses of pages may stand over the edge. */
export function columnViolations(file: SourceFile): string[] {
  if (!CODE.test(file.path)) return [];
  return file.text
    .split("\n")
    .map((line, index) => ({ line, at: `${file.path}:${index + 1}` }))
    .filter(({ line }) => line.length > COLUMNS_MAX && !/https?:\/\//.test(line))
    .map(({ line, at }) => `${at}: ${line.length} columns, at most ${COLUMNS_MAX}`);
}

/** Names that say nothing, and names that are not kebab-case. */
export function nameViolations(file: SourceFile): string[] {
  const found: string[] = [];
  // A page of the docs is named after its subject, which may be types.
  if (BANNED_NAMES.test(file.path) && !file.path.startsWith("docs/")) {
    found.push(`${file.path}: name it after what it exports`);
  }
  if (CODE.test(file.path) && !/(^|\/)\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z-]+)*$/.test(file.path)) {
    found.push(`${file.path}: file names are kebab-case`);
  }
  return found;
}

/** Source files with behaviour that do not open by saying what they own. */
export function headerViolations(file: SourceFile): string[] {
  const isSource = /^(packages\/[^/]+\/src|scripts|bench|tests)\//.test(file.path);
  if (!isSource || !CODE.test(file.path) || TEST.test(file.path)) return [];
  if (file.text.split("\n").length <= HEADER_FROM_LINES) return [];
  if (/^(#!.*\n)?\s*(\/\*|\/\/)/.test(file.text)) return [];
  return [`${file.path}: open with what this file owns, what it does not, and its invariants`];
}
