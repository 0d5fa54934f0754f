/* `oxbow explain`: the graph of a job, without running it. */
import type { JobParameters } from "oxbow/internal";
import { buildJob, explain, explainText, jobParameters, unreadProperties } from "oxbow/internal";
import { errorText } from "./error-text.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { findJob } from "./job-module.ts";

/** What `oxbow explain` was asked. */
export interface ExplainRequest {
  readonly file: string;
  readonly parameters: JobParameters;
  readonly output: "text" | "json";
}

/**
 * Prints it on stdout; the exit code. Throws GRAPH_INVALID, SETTING_INVALID and what the job's
 * module throws.
 */
export async function explainCommand(request: ExplainRequest): Promise<number> {
  const parameters = jobParameters(request.parameters);
  const { job, propertyGroups } = buildJob((await findJob(request.file)).job, parameters);
  const unread = unreadProperties(parameters.configuration, propertyGroups);
  if (unread !== undefined) process.stderr.write(`warning: ${errorText(unread)}\n`);
  const isText = request.output === "text";
  process.stdout.write(isText ? explainText(job) : `${JSON.stringify(explain(job), null, 2)}\n`);
  return EXIT_CODES.ok;
}
