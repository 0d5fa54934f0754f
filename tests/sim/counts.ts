/* What happened in a scenario, or in many, over all processes. */

export interface Counts {
  checkpoints: number;
  failedCheckpoints: number;
  /** Of the failed ones, those that timed out, and those that a task declined. */
  expired: number;
  declined: number;
  /** Completed checkpoints that were triggered while another was in flight. */
  overlapped: number;
  lostCompletions: number;
  restarts: number;
  warnings: number;
  savepoints: number;
  /** Savepoints and stops that the user was told have failed. */
  failedSavepoints: number;
  /** Runs that were stopped with a savepoint, and those of them whose end failed. */
  suspended: number;
  drained: number;
  incompleteStops: number;
  /** Runs that the user gave up. */
  left: number;
  /** Runs that began from a snapshot, by what and how. */
  fromStops: number;
  fromSavepoints: number;
  fromCheckpoints: number;
  /** Processes that began from a snapshot at other parallelisms. */
  rescaled: number;
  /** Processes of later programs that began from a snapshot of another run. */
  upgraded: number;
  /** Processes that began from a snapshot without operators that they have, and with others. */
  grown: number;
  shrunk: number;
  claimed: number;
  discarding: number;
  moved: number;
  deleted: number;
}

export function noCounts(): Counts {
  return {
    checkpoints: 0,
    failedCheckpoints: 0,
    expired: 0,
    declined: 0,
    overlapped: 0,
    lostCompletions: 0,
    restarts: 0,
    warnings: 0,
    savepoints: 0,
    failedSavepoints: 0,
    suspended: 0,
    drained: 0,
    incompleteStops: 0,
    left: 0,
    fromStops: 0,
    fromSavepoints: 0,
    fromCheckpoints: 0,
    rescaled: 0,
    upgraded: 0,
    grown: 0,
    shrunk: 0,
    claimed: 0,
    discarding: 0,
    moved: 0,
    deleted: 0,
  };
}

/** Adds one scenario's counts to those of many. */
export function addCounts(total: Counts, counts: Readonly<Counts>): void {
  for (const name of Object.keys(total) as (keyof Counts)[]) total[name] += counts[name];
}
