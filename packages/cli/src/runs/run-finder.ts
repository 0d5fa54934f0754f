/*
 * Which run is meant by `<job>` on the command line: a run directory, an id, the beginning of one,
 * or a job's name.
 */
import { statSync } from "node:fs";
import path from "node:path";
import { listRuns } from "oxbow/internal";
import type { RunListing } from "oxbow/internal";
import { UsageError } from "../usage-error.ts";
import { identityOf, runLine } from "./run-table.ts";

const PREFIX_LENGTH_MIN = 4;
const SHOWN_LIMIT = 20;

/**
 * The directory of the run that `job` means; of several runs of a name, of the one that lives.
 * UsageError, which says what there is, if there is none or it may mean several.
 */
export async function findRunDirectory(
  job: string,
  checkpointDirectory: string | undefined,
): Promise<string> {
  const directory = path.resolve(job);
  if (statSync(path.join(directory, "run.json"), { throwIfNoEntry: false })?.isFile()) {
    return directory;
  }
  if (/[\\/]/.test(job)) throw new UsageError(`there is no run in ${directory}`);
  const listings = await listRuns(
    checkpointDirectory === undefined
      ? {}
      : { checkpointDirectory: path.resolve(checkpointDirectory) },
  );
  return chooseRun(job, listings).runDirectory;
}

/** Of the runs that there are, the one that is meant. */
export function chooseRun(job: string, listings: readonly RunListing[]): RunListing {
  for (const meant of waysToMean(job)) {
    const named = listings.filter(meant);
    const running = named.filter(({ kind }) => kind === "live" || kind === "silent");
    const [chosen] = running.length > 0 ? running : named.slice(-1);
    if (running.length > 1) throw ambiguous(job, running);
    if (chosen !== undefined) return chosen;
  }
  if (listings.length === 0) {
    throw new UsageError(
      `there is no run "${job}": none of your jobs that keep checkpoints runs on this machine; ` +
        "where it is over, give --checkpoint-dir",
    );
  }
  throw new UsageError(`there is no run "${job}"; there are:\n${linesOf(listings)}`);
}

/** From what is meant most surely on. */
function waysToMean(job: string): ((listing: RunListing) => boolean)[] {
  return [
    (listing) => identityOf(listing).jobId === job,
    (listing) => identityOf(listing).jobName === job,
    (listing) => job.length >= PREFIX_LENGTH_MIN && identityOf(listing).jobId.startsWith(job),
  ];
}

function ambiguous(job: string, listings: readonly RunListing[]): UsageError {
  return new UsageError(
    `"${job}" may mean ${listings.length} runs; give more of an id, or a run directory:\n` +
      linesOf(listings, true),
  );
}

function linesOf(listings: readonly RunListing[], hasDirectory = false): string {
  const shown = listings
    .slice(0, SHOWN_LIMIT)
    .map((listing) => `  ${runLine(listing)}${hasDirectory ? `  ${listing.runDirectory}` : ""}`);
  const rest = listings.length - shown.length;
  return [...shown, ...(rest > 0 ? [`  and ${rest} more`] : [])].join("\n");
}
