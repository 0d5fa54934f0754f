/*
 * Fault plans: what goes wrong in a scenario, as data. Swarm testing: each class of faults is on or
 * off per seed, and its weight is drawn wildly, so that some runs have one kind only and others
 * all.
 */
import type { Random } from "../../packages/core/src/env/env.ts";
import type { FileOperation } from "../../packages/core/src/testing/sim-files.ts";
import { oneIn, pick } from "./draws.ts";

/** The process dies, or with it the machine. */
export interface DeathFault {
  readonly kind: "kill" | "power";
  /** Strikes at the `count`th event since the start of the process whose label has `label`. */
  readonly label: string;
  readonly count: number;
  /** Before the event has its effect, or right after. */
  readonly moment: "before" | "after";
}

/** A user function throws once, at its `atCount`th record over all attempts and processes. */
export interface ThrowFault {
  readonly uid: string;
  readonly atCount: number;
}

/** Operations on files fail or are slow, in each process anew while faults last. */
export interface StorageFault {
  readonly kind: "io" | "slow";
  readonly operation: FileOperation | undefined;
  /** Part of the path; "" for any. */
  readonly path: string;
  readonly afterCount: number;
  readonly count: number;
  readonly delayMs: number;
}

export interface ClockJump {
  readonly atMs: number;
  readonly byMs: number;
}

/** Nothing more fits for a while. */
export interface FullDisk {
  readonly atMs: number;
  readonly forMs: number;
  /** What still fits when it begins. */
  readonly freeBytes: number;
}

export interface FaultPlan {
  /** One after the other: the next is armed when the process after the last one starts. */
  readonly deaths: readonly DeathFault[];
  readonly throws: readonly ThrowFault[];
  readonly storage: readonly StorageFault[];
  readonly clockJumps: readonly ClockJump[];
  readonly fullDisks: readonly FullDisk[];
  /** When a second process tries to take the run over, ms; it must be refused. */
  readonly intrudersMs: readonly number[];
  /** Chance that a notice of completion (not the last) is lost between master and worker. */
  readonly lostCompletionsRate: number;
  readonly latencyScale: number;
  /** Virtual ms after which nothing goes wrong any more. */
  readonly endMs: number;
}

/** What the label of an event has when something interesting is under way. */
const LABELS = [
  "",
  "",
  "turn",
  "_metadata",
  "sync",
  "rename",
  "replace",
  "shared/",
  ".pending",
  "run.json",
  "remove",
  "syncDirectory /out",
  "chk-",
  "lock",
  "savepoint-",
  "_restored",
  "user",
];

const PATHS = [
  "",
  "shared/",
  "_metadata",
  ".pending",
  "/out",
  "run.json",
  "chk-",
  "savepoint-",
  "_restored",
];

const OPERATIONS: readonly (FileOperation | undefined)[] = [
  undefined,
  undefined,
  "write",
  "sync",
  "syncDirectory",
  "rename",
  "create",
  "remove",
  "read",
  "list",
];

/** Draws a plan. `maps`: uids of operators whose function can throw. */
export function makeFaults(random: Random, maps: readonly string[]): FaultPlan {
  const isCalm = oneIn(random, 10);
  const on = (of: number): boolean => !isCalm && oneIn(random, of);
  const hasPower = oneIn(random, 2);
  return {
    deaths: on(2) || on(3) ? some(random, 5, () => makeDeath(random, hasPower)) : [],
    throws:
      on(2) && maps.length > 0
        ? some(random, 4, () => ({ uid: pick(random, maps), atCount: random.int(120) }))
        : [],
    storage: [
      ...(on(2) ? some(random, 4, () => makeStorage(random)) : []),
      ...(on(2) ? some(random, 4, () => makeDecline(random)) : []),
    ],
    clockJumps: on(5)
      ? some(random, 3, () => ({ atMs: random.int(600), byMs: random.int(20_000) - 10_000 }))
      : [],
    fullDisks: on(8)
      ? some(random, 2, () => ({
          atMs: 30 + random.int(400),
          forMs: 1 + random.int(60),
          freeBytes: random.int(3_000),
        }))
      : [],
    intrudersMs: on(5) ? some(random, 4, () => random.int(500)) : [],
    lostCompletionsRate: on(3) ? pick(random, [0.05, 0.3, 0.8]) : 0,
    latencyScale: pick(random, [0.05, 0.2, 0.2, 1, 1, 3]),
    endMs: 1_500,
  };
}

function makeDeath(random: Random, hasPower: boolean): DeathFault {
  const label = pick(random, LABELS);
  const reach = label === "" || label === "turn" ? pick(random, [200, 2_000, 8_000]) : 40;
  return {
    kind: hasPower && oneIn(random, 2) ? "power" : "kill",
    label,
    count: 1 + random.int(reach),
    moment: oneIn(random, 2) ? "before" : "after",
  };
}

function makeStorage(random: Random): StorageFault {
  const isSlow = oneIn(random, 2);
  return {
    kind: isSlow ? "slow" : "io",
    operation: pick(random, OPERATIONS),
    path: pick(random, PATHS),
    afterCount: random.int(pick(random, [3, 30, 200])),
    count: 1 + random.int(isSlow ? 10 : 3),
    delayMs: pick(random, [5, 30, 100]),
  };
}

/** A segment that cannot be written: its task declines the checkpoint. */
function makeDecline(random: Random): StorageFault {
  return {
    kind: "io",
    operation: pick(random, ["create", "write", "sync"]),
    path: pick(random, ["shared/", "shared/", "savepoint-"]),
    afterCount: random.int(pick(random, [5, 50])),
    count: 1,
    delayMs: 0,
  };
}

function some<T>(random: Random, max: number, make: () => T): T[] {
  return Array.from({ length: 1 + random.int(max) }, make);
}
