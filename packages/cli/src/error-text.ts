/*
 * Errors as people read them on a terminal: code and message, then what caused it. Stack frames are
 * shown where they help: of a function of the job only the frames in the job's own files, of a
 * defect of Oxbow all of them.
 */
import type { ErrorKind } from "oxbow";
import { errorCode } from "oxbow";

/** What to do about an error, for those kinds where the message alone does not say it. */
const ADVICE: Readonly<Partial<Record<ErrorKind, string>>> = {
  internal: "This is a defect of Oxbow. Please report it with the lines above.",
};

const CAUSES_LIMIT = 8;
const FRAMES_LIMIT = 12;
/** Frames of Node, of what is installed, and of Oxbow where it runs from its repository. */
const FOREIGN_FRAMES = [
  /\(node:|at node:/,
  /[\\/]node_modules[\\/]/,
  /[\\/]packages[\\/](core|cli|connector-[a-z]+)[\\/](src|dist|bin)[\\/](?!.*\.fixture\.ts)/,
];

/** The whole text, without a line end behind it. */
export function errorText(error: unknown): string {
  const chain = causesOf(error);
  const codes = chain.map(errorCode);
  const isDefect = codes[0] === "INTERNAL_INVARIANT" || codes[0] === "UNEXPECTED";
  const lines: string[] = [];
  for (const [index, each] of chain.entries()) {
    const label = codes[index] ?? nameOf(each);
    const message = messageOf(each);
    // The message of a wrapper often ends in that of its cause.
    const isSaid = index > 0 && lines.some((line) => line.endsWith(message));
    if (index === 0) lines.push(`${label}: ${message}`);
    else if (!isSaid) lines.push(`caused by ${labelOf(each, label)}: ${message}`);
    if (index === chain.length - 1) lines.push(...framesOf(each, isDefect));
  }
  const kind = (chain[0] as { kind?: ErrorKind } | undefined)?.kind;
  const advice = kind === undefined ? undefined : ADVICE[kind];
  if (advice !== undefined) lines.push(advice);
  return lines.join("\n");
}

function causesOf(error: unknown): unknown[] {
  const chain: unknown[] = [];
  let next = error;
  while (next !== undefined && next !== null && chain.length < CAUSES_LIMIT) {
    if (chain.includes(next)) break;
    chain.push(next);
    next = typeof next === "object" ? (next as { cause?: unknown }).cause : undefined;
  }
  return chain.length === 0 ? [error] : chain;
}

function framesOf(error: unknown, isAll: boolean): string[] {
  const { stack } = (error ?? {}) as { stack?: unknown };
  if (typeof stack !== "string") return [];
  const frames = stack.split("\n").filter((line) => /^\s+at /.test(line));
  const own = frames.filter((line) => !FOREIGN_FRAMES.some((foreign) => foreign.test(line)));
  return (isAll ? frames : own).slice(0, FRAMES_LIMIT).map((line) => `  ${line.trim()}`);
}

/** Errors from other threads carry the name of what was thrown there. */
function labelOf(error: unknown, label: string): string {
  const name = nameOf(error);
  return label === "UNEXPECTED" ? name : label;
}

function nameOf(error: unknown): string {
  const { name } = (error ?? {}) as { name?: unknown };
  return typeof name === "string" && name !== "" ? name : "error";
}

function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === "string" ? message : String(error);
}
