/*
 * The results of a query as rows, run as a job on real threads and files: what is compared with
 * `reference.ts`.
 */
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { runJob } from "oxbow";
import type { NexmarkSettings } from "./job.ts";

/** How the query is run. */
export interface ResultRun {
  readonly query: string;
  readonly events: number;
  readonly parallelism: number;
  readonly checkpointInterval: string;
}

/** All rows, those of a subtask in the order in which it gave them out. */
export async function resultRows(run: ResultRun): Promise<string[]> {
  const directory = mkdtempSync(path.join(tmpdir(), "oxbow-nexmark-"));
  const output = path.join(directory, "out");
  const { query, events, parallelism, checkpointInterval } = run;
  const settings: NexmarkSettings = {
    query,
    events,
    splits: parallelism,
    checkpointInterval,
    output,
  };
  try {
    await runJob(new URL("./job.ts", import.meta.url), {
      args: [JSON.stringify(settings)],
      parallelism,
      checkpointDirectory: path.join(directory, "runs"),
    });
    return globSync("**/part-*", { cwd: output })
      .toSorted()
      .flatMap((file) => readFileSync(path.join(output, file), "utf8").trimEnd().split("\n"))
      .map((line) => (JSON.parse(line) as { line: string }).line);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
