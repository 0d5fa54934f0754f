/* The module of a job that is named on the command line. */
import { statSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Job } from "oxbow";
import { loadJob } from "oxbow/internal";
import { UsageError } from "./usage-error.ts";

/** A job that was found and loaded. */
export interface FoundJob {
  readonly url: string;
  readonly job: Job;
}

/** Loads the job of a file. Throws UsageError, JOB_INVALID, and what the module throws. */
export async function findJob(file: string): Promise<FoundJob> {
  const absolute = path.resolve(file);
  const status = statSync(absolute, { throwIfNoEntry: false });
  if (status?.isDirectory()) {
    throw new UsageError(`"${file}" is a directory; name the file whose default export is a job`);
  }
  if (!status?.isFile()) {
    throw new UsageError(`there is no file "${file}" in ${process.cwd()}`);
  }
  const url = pathToFileURL(absolute).href;
  return { url, job: await loadJob(url) };
}
