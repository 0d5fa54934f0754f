/*
 * Runs clicks.ts through the library.
 *
 * node run.ts <input directory> <output directory> <checkpoint directory> <pause in ms>
 */
import { OxbowError, runJob } from "oxbow";

const [input = "", output = "", checkpointDirectory = "", pauseMs = ""] = process.argv.slice(2);
try {
  const end = await runJob(new URL("./clicks.ts", import.meta.url), {
    parallelism: 2,
    args: [input, output, pauseMs],
    checkpointDirectory,
  });
  console.log(`${end.status} after ${end.attemptsCount} attempts`);
} catch (error) {
  if (!(error instanceof OxbowError)) throw error;
  console.log(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
