/* Examples and notes of the help texts; each help begins with examples. */

export const EXIT_CODES_HELP = `
Exit codes:
  0  the job finished                       4  a function of the job threw
  1  a defect of Oxbow                      5  storage or a thread failed
  2  the command line is wrong              6  data or a checkpoint cannot be read
  3  the job or a setting is wrong          7  the run is locked, or over without a result
  130 ended by Ctrl-C, 143 by SIGTERM`;

export const EXAMPLES = `Examples:
  $ oxbow run job.ts                            run a job until it ends, or Ctrl-C
  $ oxbow run job.ts -p 4 --checkpoint-dir cp   on four threads; the same command resumes it
  $ oxbow list                                  show what is running
  $ oxbow stop flights                          stop it with a savepoint
  $ oxbow run job.ts -s cp/savepoints/…         go on from there
  $ oxbow explain job.ts                        show its graph
`;

export const RUN_EXAMPLES = `Examples:
  $ oxbow run job.ts
  $ oxbow run job.ts -p 4 --checkpoint-dir checkpoints
  $ oxbow run job.ts --checkpoint-dir cp -s cp/savepoints/savepoint-6f0b1c-0a1b2c3d4e5f
  $ oxbow run job.ts -D flights.out=results -D execution.checkpointing.interval=5s
  $ oxbow run job.ts -o json -- --for-the-job
`;

export const RUN_NOTES = `
With --checkpoint-dir the first Ctrl-C stops the job with a savepoint and says how to go on
from it, the second cancels it, the third ends the process. Without, the first cancels.`;

export const EXPLAIN_EXAMPLES = `Examples:
  $ oxbow explain job.ts
  $ oxbow explain job.ts -p 4 -o json
`;

export const LIST_EXAMPLES = `Examples:
  $ oxbow list                                  jobs that run, started by you
  $ oxbow list --checkpoint-dir checkpoints     and all runs in that directory
  $ oxbow list -r -o json
`;

export const SAVEPOINT_EXAMPLES = `Examples:
  $ oxbow savepoint flights                     into the directory that the run names
  $ oxbow savepoint 6f0b /backups
`;

export const STOP_EXAMPLES = `Examples:
  $ oxbow stop flights                          go on with: oxbow run job.ts -s <the path>
  $ oxbow stop flights -p /backups
  $ oxbow stop flights --drain                  for good: all windows and timers fire first
`;

export const CANCEL_EXAMPLES = `Examples:
  $ oxbow cancel flights
  $ oxbow cancel checkpoints/6f0b1c9a0d1e4f7c8b2a3d5e6f708192
`;

export const CHECKPOINT_EXAMPLES = `Examples:
  $ oxbow checkpoint flights
  $ oxbow checkpoint flights --full             all state, not only what has changed
`;

/** What commands about a run take for it. */
export const RUN_ARGUMENT =
  "id of the run or its first 4 characters or more, job name, or directory";

export const CONTROL_NOTES = `
Of several runs of a name the one that is running is meant.

Exit codes:
  0  done                                   5  the run does not answer, or storage failed
  2  the command line is wrong              7  the run is not running, or is being stopped`;
