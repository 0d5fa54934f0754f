/**
 * job: how a program declares a job. A job is a name and a function that builds the graph; the
 * function runs on the master and on every worker thread, and must build the same graph each time.
 */
import { oxbowError } from "../errors.ts";
import type { StreamEnvironment } from "./environment.ts";

/** A declared job: what a module exports as its default, and what `runJob` runs. */
export interface Job {
  readonly kind: "oxbow-job";
  readonly name: string;
  readonly build: (env: StreamEnvironment) => void;
}

const NAME_LENGTH_MAX = 200;

/**
 * Declares a job. `build` only describes streams; nothing runs in it. The name is part of the run's
 * identity: the same command resumes the run of that name.
 *
 * Errors: GRAPH_INVALID for an empty or overlong name, or no function.
 *
 * @example
 * export default job("hello", (env) => {
 *   env.source("numbers", collection([1, 2, 3])).map((n) => n * 2).sink("out", print());
 * });
 */
export function job(name: string, build: (env: StreamEnvironment) => void): Job {
  if (typeof name !== "string" || name.trim() === "" || name.length > NAME_LENGTH_MAX) {
    throw oxbowError(
      "GRAPH_INVALID",
      `A job needs a name of 1 to ${NAME_LENGTH_MAX} characters, not ${JSON.stringify(name)}.`,
      { name },
    );
  }
  if (typeof build !== "function") {
    throw oxbowError(
      "GRAPH_INVALID",
      `The job "${name}" needs a function that builds its graph: job("${name}", (env) => { … }).`,
      { name },
    );
  }
  return Object.freeze({ kind: "oxbow-job", name, build });
}

/**
 * Whether a value (a module's default export) is a job.
 *
 * @example
 * const doubling = job("doubling", (env) => {
 *   env.source("numbers", collection([1, 2])).map((n) => n * 2).sink("out", print());
 * });
 * isJob(doubling); // true
 */
export function isJob(value: unknown): value is Job {
  return typeof value === "object" && value !== null && (value as Job).kind === "oxbow-job";
}
