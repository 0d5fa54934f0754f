/**
 * build-job: runs a job's program and gives the graph and the settings that it declares. The same
 * on the master and on every worker.
 */
import { StreamEnvironment } from "../api/environment.ts";
import type { DeclaredSettings, JobParameters } from "../api/environment.ts";
import { isJob } from "../api/job.ts";
import type { Job } from "../api/job.ts";
import { checkpointSettings } from "../checkpoint/checkpoint-settings.ts";
import { oxbowError } from "../errors.ts";
import { GraphBuilder } from "../graph/graph-builder.ts";
import { buildJobGraph } from "../graph/job-graph.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import { validateGraph } from "../graph/validate.ts";

/** A job whose program has run. */
export interface BuiltJob {
  readonly job: JobGraph;
  readonly declared: Readonly<DeclaredSettings>;
}

/** Runs the program. GRAPH_INVALID for what cannot run; errors of the program itself go through. */
export function buildJob(job: Job, parameters: JobParameters): BuiltJob {
  const builder = new GraphBuilder();
  const declared: DeclaredSettings = {
    checkpoint: undefined,
    restart: undefined,
    parallelism: undefined,
    maxParallelism: undefined,
  };
  const finish = (): ReturnType<GraphBuilder["build"]> =>
    builder.build({
      jobName: job.name,
      parallelism: parameters.parallelism ?? declared.parallelism ?? 1,
      maxParallelism: declared.maxParallelism,
    });
  job.build(new StreamEnvironment({ builder, parameters, settings: declared, finish }));
  const graph = finish();
  validateGraph(graph);
  // Settings are checked before anything starts; what they come to is decided by the driver.
  if (declared.checkpoint !== undefined) checkpointSettings(declared.checkpoint);
  return { job: buildJobGraph(graph), declared };
}

/** The job that a module exports as its default. JOB_INVALID if it does not. */
export async function loadJob(module: string): Promise<Job> {
  const exports = (await import(module)) as { readonly default?: unknown };
  if (isJob(exports.default)) return exports.default;
  throw oxbowError(
    "JOB_INVALID",
    `${module} does not export a job. End it in: export default job("name", (env) => { … });`,
    { module },
  );
}
