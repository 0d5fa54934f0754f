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
/** A shorter message may stand in another by chance. */
const TELLING_LENGTH_MIN = 12;
const FRAMES_LIMIT = 12;
/** Frames of Node, of what is installed, and of Oxbow where it runs from its repository. */
const FOREIGN_FRAMES = [
  /\(node:|at (async )?node:/,
  /[\\/]node_modules[\\/]/,
  /[\\/]packages[\\/](core|cli|connector-[a-z]+)[\\/](src|dist|bin)[\\/](?!.*\.fixture\.ts)/,
];

/** The whole text, without a line end behind it. */
export function errorText(error: unknown): string {
  const all = causesOf(error);
  // Of a job that gave up, what made it fail is the news.
  const isGivenUp = errorCode(all[0]) === "JOB_FAILED" && errorCode(all[1]) !== undefined;
  const chain = isGivenUp ? all.slice(1) : all;
  const [first] = chain;
  const code = errorCode(first);
  const lines = [`${labelOf(first)}: ${messageOf(first)}`];
  for (const cause of chain.slice(1)) {
    if (!lines.some((line) => says(line, cause))) {
      lines.push(`caused by ${labelOf(cause)}: ${messageOf(cause)}`);
    }
  }
  lines.push(...excerptOf(chain.at(-1)));
  const isDefect = code === "INTERNAL_INVARIANT" || code === "UNEXPECTED";
  lines.push(...framesOf(chain.at(-1), isDefect));
  if (isGivenUp) lines.push(reasonOf(all[0]));
  const { kind } = (first ?? {}) as { kind?: ErrorKind };
  const advice = kind === undefined ? undefined : ADVICE[kind];
  if (advice !== undefined) lines.push(advice);
  return lines.filter((line) => line !== "").join("\n");
}

/** Whether a line has the cause in it already, as the message of a wrapper often has. */
function says(line: string, cause: unknown): boolean {
  const message = messageOf(cause).replace(/\.$/, "");
  const isTelling = message.length >= TELLING_LENGTH_MIN;
  return line.includes(isTelling ? message : `${labelOf(cause)}: ${message}`);
}

/** Why a job does not restart. */
function reasonOf(error: unknown): string {
  const { details } = error as { details?: { reason?: unknown } };
  return typeof details?.reason === "string" ? details.reason : "";
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

/** File, line and source text of what could not be parsed: the stack begins with them. */
function excerptOf(error: unknown): string[] {
  const { name, stack } = (error ?? {}) as { name?: unknown; stack?: unknown };
  if (name !== "SyntaxError" || typeof stack !== "string") return [];
  const lines = stack.split("\n");
  return lines
    .slice(
      0,
      Math.max(
        0,
        lines.findIndex((line) => line.startsWith(name)),
      ),
    )
    .slice(0, FRAMES_LIMIT);
}

function framesOf(error: unknown, isAll: boolean): string[] {
  const { stack } = (error ?? {}) as { stack?: unknown };
  if (typeof stack !== "string") return [];
  const frames = stack.split("\n").filter((line) => /^\s+at /.test(line));
  const own = frames.filter((line) => !FOREIGN_FRAMES.some((foreign) => foreign.test(line)));
  return (isAll ? frames : own).slice(0, FRAMES_LIMIT).map((line) => `  ${line.trim()}`);
}

/** The code, where there is one that says something; else the name of what was thrown. */
function labelOf(error: unknown): string {
  const code = errorCode(error);
  return code === undefined || code === "UNEXPECTED" ? nameOf(error) : code;
}

function nameOf(error: unknown): string {
  const { name } = (error ?? {}) as { name?: unknown };
  return typeof name === "string" && name !== "" ? name : "error";
}

function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === "string" ? message : String(error);
}
