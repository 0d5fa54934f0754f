/*
 * Exit codes of `oxbow`: one per class of failure, so that scripts can tell what to do. They are
 * part of the public contract; docs/cli.md lists them.
 */
import type { ErrorKind, JobEnd, OxbowError } from "oxbow";
import { errorCode } from "oxbow";

/** By name; the kinds of errors and how a command can end otherwise. */
export const EXIT_CODES = {
  ok: 0,
  /** A defect of Oxbow. */
  internal: 1,
  /** The command line is wrong. */
  usage: 2,
  invalid: 3,
  user: 4,
  unavailable: 5,
  data: 6,
  conflict: 7,
  /** Canceled by Ctrl-C (128 + SIGINT), as shells have it. */
  canceled: 130,
  /** Canceled by SIGTERM. */
  terminated: 143,
} as const satisfies Record<ErrorKind | "ok" | "usage" | "terminated", number>;

/** The exit code for what a command failed with. */
export function exitCodeOf(error: unknown): number {
  if (errorCode(error) === undefined) {
    // While a job is started, foreign errors come from the job's own module.
    return EXIT_CODES.user;
  }
  const { code, kind, cause } = error as OxbowError;
  const isWrapper = code === "JOB_FAILED" && errorCode(cause) !== undefined;
  return isWrapper ? exitCodeOf(cause) : EXIT_CODES[kind];
}

/** The exit code for how a job ended. */
export function exitCodeOfEnd(end: JobEnd): number {
  switch (end.status) {
    case "FINISHED":
      return EXIT_CODES.ok;
    case "CANCELED":
      return EXIT_CODES.canceled;
    case "FAILED":
      return exitCodeOf(end.error);
  }
}
