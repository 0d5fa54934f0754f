/*
 * Stories: what the user does with a job, as data: snapshots and stops at any moment, and further
 * runs that begin from what there is by then. Carried out by `user.ts` and `next-run.ts`.
 */
import type { ClaimMode, SinkRestore } from "../../packages/core/src/driver/restore-options.ts";
import type { Random } from "../../packages/core/src/env/env.ts";
import { oneIn, pick } from "./draws.ts";
import type { Generation } from "./evolution.ts";
import type { Upgrade } from "./upgrade.ts";

/** Something that the user does while a run lives. */
export interface UserAct {
  readonly kind: "savepoint" | "checkpoint" | "suspend" | "drain" | "kill";
  /** From the beginning of the run, ms. */
  readonly atMs: number;
}

/** How a later run begins. */
export interface Beginning {
  /** `last`: where the run before it ended. `any`: any snapshot that there is. */
  readonly from: "last" | "any";
  /** Chooses among several, in [0, 1). */
  readonly choice: number;
  readonly claimMode: ClaimMode;
  /** What sinks do with pending transactions; left to the engine where it decides by itself. */
  readonly sinks: SinkRestore;
  /** Sinks write into new directories; always so where others write into the old ones. */
  readonly hasNewTargets: boolean;
  /** A savepoint is moved before. */
  readonly isMoved: boolean;
  /** The user deletes the snapshot as soon as that is allowed. */
  readonly isDeleted: boolean;
  /** The run has an id that the user gave it. */
  readonly hasOwnId: boolean;
}

/** One run of a story. */
export interface RunSpec {
  /** Undefined: the first run, from nothing. */
  readonly beginning: Beginning | undefined;
  readonly acts: readonly UserAct[];
  /** Whether the user gives the run up when its process dies, instead of starting it again. */
  readonly isLeftAtDeath: boolean;
  /** Whether the run, or each of its processes, has other parallelisms than the scenario says. */
  readonly rescaling: "never" | "once" | "always";
  readonly upgrade: Upgrade;
}

const FIRST_PROGRAM: Upgrade = { generation: 0, isReshaped: false };

/** A run from nothing, which is left alone. */
export const LONE_RUN: RunSpec = {
  beginning: undefined,
  acts: [],
  isLeftAtDeath: false,
  rescaling: "never",
  upgrade: FIRST_PROGRAM,
};

/** Runs after the first one, at most. */
const LATER_RUNS_MAX = 3;

/** Draws a story; a third of them have one run that is left alone. */
export function makeStory(random: Random): RunSpec[] {
  const isRescaled = oneIn(random, 2);
  const rescaling = (): RunSpec["rescaling"] =>
    isRescaled ? pick(random, ["never", "once", "always", "always"]) : "never";
  if (oneIn(random, 3)) return [{ ...LONE_RUN, rescaling: rescaling() }];
  const laterCount = pick(random, [0, 1, 1, 2, LATER_RUNS_MAX]);
  const isUpgraded = oneIn(random, 2);
  let generation: Generation = 0;
  const upgrade = (index: number): Upgrade => {
    if (index > 0 && generation < 2 && !oneIn(random, 3)) generation++;
    return { generation, isReshaped: oneIn(random, 2) };
  };
  return Array.from({ length: 1 + laterCount }, (_, index) => ({
    beginning: index === 0 ? undefined : makeBeginning(random),
    acts: makeActs(random, index === laterCount),
    isLeftAtDeath: index < laterCount && oneIn(random, 3),
    rescaling: rescaling(),
    upgrade: isUpgraded ? upgrade(index) : FIRST_PROGRAM,
  }));
}

function makeBeginning(random: Random): Beginning {
  return {
    from: oneIn(random, 2) ? "any" : "last",
    choice: random.next(),
    claimMode: oneIn(random, 3) ? "CLAIM" : "NO_CLAIM",
    sinks: oneIn(random, 3) ? "discard" : "commit",
    hasNewTargets: oneIn(random, 3),
    isMoved: oneIn(random, 3),
    isDeleted: oneIn(random, 2),
    hasOwnId: oneIn(random, 3),
  };
}

/** Snapshots at any moment, and, mostly, an end. */
function makeActs(random: Random, isLastRun: boolean): UserAct[] {
  const scaleMs = pick(random, [30, 100, 300]);
  const moment = (): number => random.next() * scaleMs;
  const snapshots = Array.from({ length: random.int(4) }, (): UserAct => ({
    kind: oneIn(random, 4) ? "checkpoint" : "savepoint",
    atMs: moment(),
  }));
  // Several at once.
  const again = snapshots.filter(() => oneIn(random, 3));
  const ends: UserAct[] = [];
  if (!isLastRun && !oneIn(random, 6)) {
    ends.push({ kind: oneIn(random, 4) ? "kill" : "suspend", atMs: moment() });
  }
  if (isLastRun && oneIn(random, 3)) ends.push({ kind: "drain", atMs: moment() });
  return [...snapshots, ...again, ...ends];
}
