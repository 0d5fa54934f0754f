/*
 * Runs a golden job on worker threads, to its end:
 *
 *     node run.ts <job> <output directory> <checkpoint directory> <records> <records per second> <parallelism>
 */
import { runJob } from "oxbow";

const [name, output, checkpoints, records, rate, parallelism] = process.argv.slice(2);
const end = await runJob(new URL("./jobs.ts", import.meta.url), {
  args: [name ?? "", output ?? "", records ?? "", rate ?? ""],
  parallelism: Number(parallelism),
  ...(checkpoints === "" || checkpoints === undefined ? {} : { checkpointDirectory: checkpoints }),
});
process.stdout.write(`${end.status}\n`);
