/**
 * build-job: runs a job's program and gives the graph and the settings that it declares. The same
 * on the master and on every worker.
 */
import { StreamEnvironment } from "../api/environment.ts";
import type { DeclaredSettings, JobParameters } from "../api/environment.ts";
import { isJob } from "../api/job.ts";
import type { Job } from "../api/job.ts";
import { restartSettings } from "../runtime/restart-strategy.ts";
import { checkpointSettings } from "../checkpoint/checkpoint-settings.ts";
import { onNothingLeft } from "../env/threads.ts";
import { oxbowError } from "../errors.ts";
import { GraphBuilder } from "../graph/graph-builder.ts";
import { buildJobGraph } from "../graph/job-graph.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import { validateGraph } from "../graph/validate.ts";
import { adoptedMaxParallelisms } from "../runtime/max-parallelism.ts";
import type { CheckpointMetadata } from "../snapshot/metadata.ts";

/** A job whose program has run. */
export interface BuiltJob {
  readonly job: JobGraph;
  readonly declared: Readonly<DeclaredSettings>;
  /** Groups of properties that the program asked for. */
  readonly propertyGroups: readonly string[];
}

/** Runs the program. GRAPH_INVALID for what cannot run; errors of the program itself go through. */
export function buildJob(job: Job, parameters: JobParameters): BuiltJob {
  const builder = new GraphBuilder();
  const declared: DeclaredSettings = {
    checkpoint: undefined,
    restart: undefined,
    parallelism: undefined,
    maxParallelism: undefined,
    aliases: new Map(),
  };
  const finish = (): ReturnType<GraphBuilder["build"]> =>
    builder.build({
      jobName: job.name,
      parallelism: parameters.parallelism ?? declared.parallelism ?? 1,
      maxParallelism: declared.maxParallelism,
      adoptedMaxParallelisms: new Map(Object.entries(parameters.maxParallelisms ?? {})),
      aliases: new Map(declared.aliases),
    });
  const propertyGroups = new Set<string>();
  const environment = new StreamEnvironment({
    builder,
    parameters,
    settings: declared,
    propertyGroups,
    finish,
  });
  const returned: unknown = job.build(environment);
  if (returned instanceof Promise) {
    // Its failure is of no interest: that there is a promise is refused.
    returned.catch(() => undefined);
    throw oxbowError(
      "GRAPH_INVALID",
      `The program of the job "${job.name}" is async, but a graph is built at once. Get what it ` +
        "waits for before, with await at the top level of the module.",
      { job: job.name },
    );
  }
  const graph = finish();
  validateGraph(graph);
  // Settings are checked before anything starts; what they come to is decided by the driver.
  if (declared.checkpoint !== undefined) checkpointSettings(declared.checkpoint);
  if (declared.restart !== undefined) restartSettings(declared.restart);
  return { job: buildJobGraph(graph), declared, propertyGroups: [...propertyGroups] };
}

/** A program that has run, and what it was run with. */
export interface BuiltWith {
  readonly built: BuiltJob;
  readonly parameters: JobParameters;
}

/**
 * The job that goes on from a snapshot: with the max parallelisms that its state has there, where
 * the program declares none. Runs the program once more if these are others.
 */
export function adoptSnapshot(
  job: Job,
  first: BuiltWith,
  snapshot: CheckpointMetadata | undefined,
): BuiltWith {
  if (snapshot === undefined) return first;
  const maxParallelisms = adoptedMaxParallelisms(first.built.job, snapshot);
  const adopted = new Map(Object.entries(maxParallelisms));
  const differs = first.built.job.vertices.some(({ nodes, maxParallelism }) =>
    nodes.some(({ uid }) => (adopted.get(uid) ?? maxParallelism) !== maxParallelism),
  );
  if (!differs) return first;
  const parameters = { ...first.parameters, maxParallelisms };
  return { built: buildJob(job, parameters), parameters };
}

/** What Node refuses a module with before any of its code has run. */
const LOAD_ERRORS: ReadonlySet<unknown> = new Set([
  "ERR_IMPORT_ATTRIBUTE_MISSING",
  "ERR_INVALID_MODULE_SPECIFIER",
  "ERR_MODULE_NOT_FOUND",
  "ERR_PACKAGE_IMPORT_NOT_DEFINED",
  "ERR_PACKAGE_PATH_NOT_EXPORTED",
  "ERR_UNKNOWN_BUILTIN_MODULE",
  "ERR_UNKNOWN_FILE_EXTENSION",
  "ERR_UNSUPPORTED_DIR_IMPORT",
  "ERR_UNSUPPORTED_ESM_URL_SCHEME",
  "ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING",
]);

/**
 * The job that a module exports as its default. JOB_INVALID if it does not, cannot be found,
 * parsed or linked, or waits for itself; errors that the module itself throws go through.
 */
export async function loadJob(module: string): Promise<Job> {
  const place = module.startsWith("file:///") ? decodeURI(module.slice("file://".length)) : module;
  const stuck = Promise.withResolvers<never>();
  const stopListening = onNothingLeft(() => stuck.reject(waitsForItself(module, place)));
  let exports: Readonly<Record<string, unknown>>;
  try {
    exports = (await Promise.race([import(module), stuck.promise])) as typeof exports;
  } catch (error) {
    if (!(error instanceof Error)) {
      // What is no error has no stack that would name a place.
      const message = `${place} threw while it was loaded: ${String(error)}`;
      throw oxbowError("USER_FUNCTION_FAILED", message, { module });
    }
    const { code } = error as { readonly code?: unknown };
    if (!(error instanceof SyntaxError) && !LOAD_ERRORS.has(code)) throw error;
    // Its own stack names no place in a module that was not parsed.
    const message = `${place} cannot be loaded: ${error.message}`;
    throw oxbowError("JOB_INVALID", message, { module }, error);
  } finally {
    stopListening();
  }
  const exported = exports["default"];
  if (isJob(exported)) return exported;
  throw oxbowError(
    "JOB_INVALID",
    `${place} does not export a job: ${whatIsExported(exports)}. ` +
      'End it in: export default job("name", (env) => { … });',
    { module },
  );
}

function whatIsExported(exports: Readonly<Record<string, unknown>>): string {
  const named = Object.keys(exports).find((name) => isJob(exports[name]));
  if (named !== undefined) return `the job "${named}" is not its default export`;
  if (!("default" in exports)) return "it has no default export";
  const value = exports["default"];
  const type = value === null ? "null" : typeof value;
  return `its default export is ${type === "object" ? "another object" : `of type ${type}`}`;
}

/** A module is loaded when its top level has ended, so that must not wait for the load. */
function waitsForItself(module: string, place: string): Error {
  return oxbowError(
    "JOB_INVALID",
    `${place} waits at its top level for what cannot come before it is loaded, such as a ` +
      `job that it starts from itself. Start the job in another module, or do not await it there.`,
    { module },
  );
}
