/* The module of a job that is named on the command line. */
import { statSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Job } from "oxbow";
import { loadJob } from "oxbow/internal";

/** A job that was found and loaded. */
export interface FoundJob {
  readonly url: string;
  readonly job: Job;
}

/** The command line names a file that is not there. */
export class JobFileMissing extends Error {
  override readonly name = "JobFileMissing";
}

/** Loads the job of a file. Throws `JobFileMissing`, JOB_INVALID, and what the module throws. */
export async function findJob(file: string): Promise<FoundJob> {
  const absolute = path.resolve(file);
  const status = statSync(absolute, { throwIfNoEntry: false });
  if (status?.isDirectory()) {
    throw new JobFileMissing(
      `"${file}" is a directory; name the file whose default export is a job`,
    );
  }
  if (!status?.isFile()) {
    throw new JobFileMissing(`there is no file "${file}" in ${process.cwd()}`);
  }
  const url = pathToFileURL(absolute).href;
  return { url, job: await loadJob(url) };
}
