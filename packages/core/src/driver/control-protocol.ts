/*
 * The messages of the control channel as data, and their lines of text. Both ends read what the
 * other sent with it. Format: `docs/formats/control.md`.
 */
import { oxbowError } from "../errors.ts";
import type { WireError } from "../errors.ts";
import type { JobStatus } from "../runtime/job-status.ts";
import type { SnapshotProgress } from "./run-control.ts";

export const CONTROL_PROTOCOL = "oxbow-control";
/** The version that is spoken; there is no older one. */
export const CONTROL_VERSION = 1;

/** Longest line that a server takes. */
export const REQUEST_LINE_LIMIT = 65_536;
/** Longest line that a client takes: the metrics of a large job are some megabytes. */
export const ANSWER_LINE_LIMIT = 2 ** 28;
/** Requests of one connection that are not answered yet. */
export const REQUESTS_AT_ONCE_LIMIT = 32;

/** What a client asks for; the value of the result is in `RunControl`. */
export type ControlRequest =
  | { readonly request: "status" }
  | { readonly request: "savepoint"; readonly target?: string }
  | { readonly request: "stop"; readonly target?: string; readonly drain?: boolean }
  | { readonly request: "cancel" }
  | { readonly request: "checkpoint"; readonly full?: boolean }
  | { readonly request: "metrics" };

/** How far a request is. */
export interface RequestProgress {
  readonly elapsedMs: number;
  readonly status: JobStatus;
  /** The oldest of the kind that was asked for. */
  readonly snapshot: SnapshotProgress | null;
}

/** What a server says. Answers without `id` are about a line that could not be read. */
export type ControlMessage =
  | {
      readonly kind: "hello";
      readonly protocol: string;
      readonly version: number;
      readonly jobId: string;
      readonly pid: number;
    }
  | ({ readonly kind: "progress"; readonly id: number } & RequestProgress)
  | { readonly kind: "result"; readonly id: number; readonly value: unknown }
  | { readonly kind: "error"; readonly id?: number; readonly error: WireError };

type Check = readonly [isFit: (value: unknown) => boolean, expected: string];

const FLAG: Check = [(value) => typeof value === "boolean", "true or false"];
/** The directories that client and server work in differ. */
const PATH: Check = [isAbsolute, "an absolute path"];

/** Members of the requests besides `id` and `request`; all are optional. */
const MEMBERS: Readonly<Record<ControlRequest["request"], Readonly<Record<string, Check>>>> = {
  status: {},
  savepoint: { target: PATH },
  stop: { target: PATH, drain: FLAG },
  cancel: {},
  checkpoint: { full: FLAG },
  metrics: {},
};

/** One line as an object with an id; undefined if it is none. */
export function parseRequestLine(
  line: string,
): { readonly id: number; readonly members: Readonly<Record<string, unknown>> } | undefined {
  const value = parseObject(line);
  if (value === undefined) return undefined;
  const { id, ...members } = value;
  return Number.isSafeInteger(id) && (id as number) >= 0
    ? { id: id as number, members }
    : undefined;
}

/** The request that the members make. INVALID_ARGUMENT for anything that is not known. */
export function readRequest(members: Readonly<Record<string, unknown>>): ControlRequest {
  const { request, ...rest } = members;
  if (typeof request !== "string" || !Object.hasOwn(MEMBERS, request)) {
    const known = Object.keys(MEMBERS).join(", ");
    throw invalid(`There is no request ${shown(request)}; there are ${known}.`);
  }
  const checks = MEMBERS[request as ControlRequest["request"]];
  for (const [name, value] of Object.entries(rest)) {
    if (!Object.hasOwn(checks, name)) throw invalid(`"${request}" has no member "${name}".`);
    const [isFit, expected] = checks[name];
    if (!isFit(value)) {
      throw invalid(`"${name}" of "${request}" is ${shown(value)}; expected ${expected}.`);
    }
  }
  return members as unknown as ControlRequest;
}

/** A message of a server; undefined if it is none that is known. */
export function parseMessage(line: string): ControlMessage | undefined {
  const value = parseObject(line);
  if (value === undefined) return undefined;
  const hasId = Number.isSafeInteger(value["id"]);
  switch (value["kind"]) {
    case "hello":
      return typeof value["version"] === "number"
        ? (value as unknown as ControlMessage)
        : undefined;
    case "progress":
    case "result":
      return hasId ? (value as unknown as ControlMessage) : undefined;
    case "error":
      return typeof value["error"] === "object" && value["error"] !== null
        ? (value as unknown as ControlMessage)
        : undefined;
    default:
      return undefined;
  }
}

/** A message or request as it travels. */
export function lineOf(
  message: ControlMessage | (ControlRequest & { readonly id: number }),
): string {
  return `${JSON.stringify(message)}\n`;
}

/** Cuts text into lines. Throws INVALID_ARGUMENT once a line is longer than the limit. */
export class LineSplitter {
  readonly #limit: number;
  /** Of the line that has not ended yet; joined when it does. */
  #pieces: string[] = [];
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The lines that end in `text`, without their ends. */
  *take(text: string): Generator<string> {
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      this.#keep(text.slice(start, end));
      start = end + 1;
      const line = this.#pieces.join("");
      this.#pieces = [];
      this.#length = 0;
      yield line;
    }
    if (start < text.length) this.#keep(text.slice(start));
  }

  #keep(piece: string): void {
    this.#length += piece.length;
    if (this.#length > this.#limit) {
      throw invalid(`A line has more than ${this.#limit} characters.`);
    }
    this.#pieces.push(piece);
  }
}

function parseObject(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    // Whoever asked decides what a line means that is no object.
    return undefined;
  }
}

function isAbsolute(value: unknown): boolean {
  return typeof value === "string" && /^(\/|[A-Za-z]:[\\/]|\\\\)/.test(value);
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "missing").slice(0, 100);
}

function invalid(message: string): Error {
  return oxbowError("INVALID_ARGUMENT", message, {});
}
