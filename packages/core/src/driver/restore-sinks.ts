/**
 * restore-sinks: which sinks of a job commit the transactions that a snapshot holds, where it is
 * restored by another run. Pure. Rules: `docs/semantics/savepoints.md`, "Sinks".
 */
import { oxbowError } from "../errors.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import { matchOperators } from "../runtime/operator-match.ts";
import type { CheckpointMetadata } from "../snapshot/metadata.ts";
import type { SinkRestore } from "./restore-options.ts";

/** What is decided by. */
export interface SinkSituation {
  readonly job: JobGraph;
  readonly metadata: CheckpointMetadata;
  /** Directory of the snapshot, for messages. */
  readonly location: string;
  /** What the user said. */
  readonly choice: SinkRestore | Readonly<Record<string, SinkRestore>> | undefined;
  /** Why committing is not sure to be right; undefined: it is. */
  readonly doubt: string | undefined;
}

/** Exactly-once sinks that the snapshot has, by uid. */
export interface SinkDecision {
  readonly committing: readonly string[];
  readonly discarding: readonly string[];
}

/**
 * Decides for every exactly-once sink of the job that the snapshot has. RESTORE_SINKS_UNDECIDED
 * where the user must; INVALID_ARGUMENT for a choice about a sink that is not there.
 */
export function decideSinks(situation: SinkSituation): SinkDecision {
  const { choice, doubt } = situation;
  const uids = restoredSinks(situation);
  const named = typeof choice === "object" ? choice : {};
  checkNames(named, uids);
  const chosen = (uid: string): SinkRestore | undefined =>
    typeof choice === "string" ? choice : Object.hasOwn(named, uid) ? named[uid] : undefined;
  const undecided = uids.filter((uid) => chosen(uid) === undefined);
  if (doubt !== undefined && undecided.length > 0) throw refusal(situation, undecided, doubt);
  return {
    committing: uids.filter((uid) => chosen(uid) !== "discard"),
    discarding: uids.filter((uid) => chosen(uid) === "discard"),
  };
}

function restoredSinks({ job, metadata }: SinkSituation): string[] {
  return matchOperators(job, metadata)
    .filter(({ node, stored }) => {
      const { body } = node;
      return body.kind === "sink" && body.sink.guarantee === "exactly-once" && stored !== undefined;
    })
    .map(({ node }) => node.uid);
}

function checkNames(named: Readonly<Record<string, SinkRestore>>, uids: readonly string[]): void {
  const unknown = Object.keys(named).filter((uid) => !uids.includes(uid));
  if (unknown.length === 0) return;
  const known = uids.length === 0 ? "none" : uids.join(", ");
  throw oxbowError(
    "INVALID_ARGUMENT",
    `A choice is given for ${unknown.map((uid) => `"${uid}"`).join(", ")}, but the exactly-once ` +
      `sinks that the job and the snapshot share are: ${known}.`,
    { unknown, sinks: uids },
  );
}

function refusal(situation: SinkSituation, uids: readonly string[], doubt: string): Error {
  const { location, metadata } = situation;
  const sinks = uids.map((uid) => `"${uid}"`).join(", ");
  return oxbowError(
    "RESTORE_SINKS_UNDECIDED",
    `${location} (${metadata.kind} ${metadata.checkpointId} of "${metadata.jobName}"): ` +
      `${doubt}. What it wrote after the snapshot, this run writes again. Give ${sinks} another ` +
      `place to write to, unless you want both there, and say what becomes of transactions that ` +
      `the snapshot holds: --restore-sinks discard (the other run commits them) or ` +
      `--restore-sinks commit (they appear once, whoever commits them); also per sink, ` +
      `${uids[0]}=discard.`,
    { location, sinks: uids, doubt },
  );
}
