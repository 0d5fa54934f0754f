/*
 * User: asks a running job for snapshots and stops, and kills it, when a story says so, and judges
 * the answers. Who wants a job stopped asks again while the answer is no.
 */
import type { Random } from "../../packages/core/src/env/env.ts";
import { errorCode } from "../../packages/core/src/errors.ts";
import type { OxbowError } from "../../packages/core/src/errors.ts";
import type { JobMaster } from "../../packages/core/src/runtime/job-master.ts";
import type { SimWorld } from "../../packages/core/src/testing/sim-env.ts";
import type { Checkers } from "./checkers.ts";
import type { Counts } from "./counts.ts";
import { isExpected } from "./sim-process.ts";
import type { UserAct } from "./story.ts";
import type { Trace } from "./trace.ts";

/** Where savepoints go: beside the runs, and somewhere else. */
export const SAVEPOINT_PLACES = ["/run/savepoints", "/kept/by the user"];

/** Between two attempts to stop a job, ms, and how many there are. */
const RETRY_MS = 10;
const TRIES_MAX = 40;

/** Reasons for which a snapshot fails although nothing goes wrong, as when the job ends. */
const HARMLESS: readonly unknown[] = [
  "CHECKPOINT_COORDINATOR_SUSPEND",
  "CHECKPOINT_COORDINATOR_SHUTDOWN",
  "NOT_ALL_REQUIRED_TASKS_RUNNING",
  // By a checkpoint that came later; savepoints are never subsumed.
  "CHECKPOINT_SUBSUMED",
];

export interface UserParts {
  readonly world: SimWorld;
  readonly trace: Trace;
  readonly counts: Counts;
  readonly checkers: Checkers;
  /** Of the process that lives; undefined: none does, or it has not begun yet. */
  readonly master: () => JobMaster | undefined;
  /** Kills the process. */
  readonly kill: () => void;
  /** Whether anything goes wrong in the scenario by which snapshots may fail. */
  readonly mayFail: boolean;
}

/** See the file header. */
export class User {
  readonly #parts: UserParts;
  readonly #random: Random;
  #isOver = false;
  readonly #cancels: (() => void)[] = [];

  constructor(parts: UserParts, run: number) {
    this.#parts = parts;
    this.#random = parts.world.random.fork(`user/${run}`);
  }

  /** A run begins. */
  begin(acts: readonly UserAct[]): void {
    for (const { kind, atMs } of acts) this.#after(atMs, kind, TRIES_MAX);
  }

  /** The run is over. */
  end(): void {
    this.#isOver = true;
    for (const cancel of this.#cancels) cancel();
  }

  #after(delayMs: number, kind: UserAct["kind"], triesLeft: number): void {
    if (this.#isOver) return;
    const run = (): void => this.#act(kind, triesLeft);
    const request = { delayMs, label: `user: ${kind}`, owner: undefined, run };
    this.#cancels.push(this.#parts.world.scheduler.schedule(request));
  }

  #act(kind: UserAct["kind"], triesLeft: number): void {
    const master = this.#parts.master();
    switch (kind) {
      case "kill":
        this.#parts.kill();
        break;
      case "checkpoint":
        if (master !== undefined) this.#judge(kind, master.checkpoint(this.#random.int(2) === 0));
        break;
      case "savepoint":
        if (master !== undefined) this.#judge(kind, master.savepoint(this.#place()));
        break;
      case "suspend":
      case "drain": {
        const retry = (): void => {
          if (triesLeft > 0) this.#after(RETRY_MS, kind, triesLeft - 1);
        };
        if (master === undefined) retry();
        else this.#judge(kind, master.stop(this.#place(), kind), retry);
        break;
      }
    }
  }

  #place(): string {
    return SAVEPOINT_PLACES[this.#random.int(SAVEPOINT_PLACES.length)];
  }

  #judge(
    kind: UserAct["kind"],
    answer: Promise<{ readonly location: string }>,
    onRefused = (): void => undefined,
  ): void {
    const { trace, checkers } = this.#parts;
    answer.then(
      ({ location }) => {
        const metadata = checkers.view.durableText(`${location}/_metadata`) ?? "";
        // A checkpoint may have been subsumed already.
        if (metadata !== "" || kind === "checkpoint") return;
        checkers.violation(`the user hears of ${location}, which is not durable`);
      },
      (error: unknown) => {
        trace.say(`user: no ${kind}: ${error instanceof Error ? error.message : String(error)}`);
        this.#judgeError(kind, error);
        if (errorCode(error) !== "STOP_INCOMPLETE") onRefused();
      },
    );
  }

  #judgeError(kind: UserAct["kind"], error: unknown): void {
    const { checkers, counts, mayFail } = this.#parts;
    counts.failedSavepoints++;
    switch (errorCode(error)) {
      case "JOB_NOT_RUNNING":
      case "STOP_IN_PROGRESS":
        return;
      case "STOP_INCOMPLETE":
        if (!isExpected(error)) checkers.violation(`a stop failed by itself: ${String(error)}`);
        return;
      case "SAVEPOINT_FAILED": {
        const { reason } = (error as OxbowError).details;
        if (mayFail || reason === undefined || HARMLESS.includes(reason)) return;
        checkers.violation(`a ${kind} failed by itself: ${String(error)}`);
        return;
      }
      default:
        checkers.violation(`a ${kind} was answered with ${String(error)}`);
    }
  }
}
