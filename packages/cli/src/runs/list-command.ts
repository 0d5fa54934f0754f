/* `oxbow list`: which runs there are, and how they stand. */
import path from "node:path";
import { listRuns } from "oxbow/internal";
import { EXIT_CODES } from "../exit-codes.ts";
import { runData, runTable } from "./run-table.ts";

/** What `oxbow list` was asked. */
export interface ListRequest {
  readonly checkpointDirectory?: string;
  /** Only those whose process lives. */
  readonly isRunningOnly: boolean;
  readonly output: "text" | "json";
}

/** Lists them; the exit code. Throws what `listRuns` throws. */
export async function listCommand(request: ListRequest): Promise<number> {
  const { checkpointDirectory: directory, isRunningOnly, output } = request;
  const all = await listRuns(
    directory === undefined ? {} : { checkpointDirectory: path.resolve(directory) },
  );
  const listings = all.filter(({ kind }) => !isRunningOnly || kind === "live" || kind === "silent");
  if (output === "json") {
    process.stdout.write(`${JSON.stringify({ runs: listings.map(runData) })}\n`);
  } else if (listings.length > 0) {
    process.stdout.write(`${runTable(listings, Date.now()).join("\n")}\n`);
  } else {
    const more = directory === undefined ? " --checkpoint-dir shows runs that are over, too." : "";
    process.stderr.write(`No job of yours that keeps checkpoints runs on this machine.${more}\n`);
  }
  return EXIT_CODES.ok;
}
