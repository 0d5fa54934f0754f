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

/**
 * The job that a module exports as its default. JOB_INVALID if it does not, or cannot be parsed or
 * linked; what the module itself throws goes through.
 */
export async function loadJob(module: string): Promise<Job> {
  const place = module.startsWith("file:///") ? decodeURI(module.slice("file://".length)) : module;
  let exports: { readonly default?: unknown };
  try {
    exports = (await import(module)) as typeof exports;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // Its own stack names no place in a module that was not parsed.
    const message = `${place} cannot be loaded: ${error.message}`;
    throw oxbowError("JOB_INVALID", message, { module }, error);
  }
  if (isJob(exports.default)) return exports.default;
  throw oxbowError(
    "JOB_INVALID",
    `${place} does not export a job. End it in: export default job("name", (env) => { … });`,
    { module },
  );
}
