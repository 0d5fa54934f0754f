/*
 * MessageTap: a launcher of workers with an ear on the messages between them and the job master: it
 * tells them to the trace, and loses notices of completion where the faults say so (never one that
 * no later one makes up for).
 */
import type { MasterMessage, WorkerMessage } from "../../packages/core/src/runtime/messages.ts";
import type { Clock, Random } from "../../packages/core/src/env/env.ts";
import type { Barrier } from "../../packages/core/src/state/barrier.ts";
import type { WorkerLauncher } from "../../packages/core/src/runtime/worker-connection.ts";
import type { Checkers } from "./checkers.ts";
import type { Counts } from "./counts.ts";
import type { Faults } from "./faults.ts";
import type { Trace } from "./trace.ts";

/** Wraps `launcher`. `subtasksCount`: of the whole job. */
export function tapped(
  launcher: WorkerLauncher,
  tap: {
    readonly trace: Trace;
    readonly faults: Faults;
    readonly counts: Counts;
    readonly checkers: Checkers;
    readonly subtasksCount: number;
    readonly delay: MessageDelay;
  },
): WorkerLauncher {
  const endedCounts = new Map<number, number>();
  const inFlight = new InFlight(tap.counts);
  return {
    launch: (worker, events) => {
      const [toMaster, toWorker] = [new DelayLine(tap.delay), new DelayLine(tap.delay)];
      const connection = launcher.launch(worker, {
        onExit: (error) => events.onExit(error),
        onMessage: (message) => {
          tap.trace.say(`worker ${worker.workerIndex} → master: ${describe(message)}`);
          if (message.kind === "ended") {
            endedCounts.set(message.attempt, (endedCounts.get(message.attempt) ?? 0) + 1);
          }
          tap.checkers.onWorkerMessage(message);
          toMaster.send(() => events.onMessage(message));
        },
      });
      return {
        terminate: () => {
          toMaster.close();
          toWorker.close();
          return connection.terminate();
        },
        post: (message) => {
          const haveAllEnded = endedCounts.get(message.attempt) === tap.subtasksCount;
          const isLast = haveAllEnded || tap.checkers.isStopping;
          const isLost = message.kind === "completed" && !isLast && tap.faults.losesCompletion();
          const text = `master → worker ${worker.workerIndex}: ${describe(message)}`;
          if (worker.workerIndex === 0) inFlight.see(message);
          tap.checkers.onMasterMessage(message);
          if (isLost) tap.counts.lostCompletions++;
          tap.trace.say(isLost ? `FAULT lost: ${text}` : text);
          if (!isLost) toWorker.send(() => connection.post(message));
        },
      };
    },
  };
}

/** How long messages take. */
export interface MessageDelay {
  readonly clock: Clock;
  readonly random: Random;
  /** 0: none are delayed. */
  readonly delayMsMax: number;
}

/** Delays messages of one way, without changing their order. */
class DelayLine {
  readonly #delay: MessageDelay;
  #lastMs = 0;
  #isClosed = false;

  constructor(delay: MessageDelay) {
    this.#delay = delay;
  }

  send(deliver: () => void): void {
    const { clock, random, delayMsMax } = this.#delay;
    if (delayMsMax === 0) {
      deliver();
      return;
    }
    const now = clock.monotonicMs();
    // Never at the same time, where the order would be up to the seed.
    this.#lastMs = Math.max(this.#lastMs + 0.001, now + random.next() * delayMsMax);
    clock.schedule(this.#lastMs - now, () => {
      if (!this.#isClosed) deliver();
    });
  }

  close(): void {
    this.#isClosed = true;
  }
}

/** Counts checkpoints that were completed although another was in flight when they began. */
class InFlight {
  readonly #counts: Counts;
  /** Triggered, neither completed nor aborted: whether others were in flight then. */
  #open = new Map<number, boolean>();

  constructor(counts: Counts) {
    this.#counts = counts;
  }

  see(message: MasterMessage): void {
    if (message.kind === "deploy") this.#open = new Map();
    if (message.kind === "trigger") this.#open.set(message.barrier.id, this.#open.size > 0);
    if (message.kind === "completed" && this.#open.get(message.checkpointId) === true) {
      this.#counts.overlapped++;
    }
    if (message.kind === "completed" || message.kind === "aborted") {
      this.#open.delete(message.checkpointId);
    }
  }
}

function describeBarrier({ id, base, kind, stop }: Barrier): string {
  const what = kind === "savepoint" ? `savepoint ${id}` : `${id} (base ${base ?? "none"})`;
  return stop === undefined ? what : `${what}, ${stop}`;
}

function describe(message: MasterMessage | WorkerMessage): string {
  const place = "vertex" in message ? ` ${message.vertex}/${message.subtask}` : "";
  const head = `${message.kind}${place}`;
  switch (message.kind) {
    case "trigger":
      return `${head} ${describeBarrier(message.barrier)}`;
    case "completed":
    case "aborted":
    case "ack":
    case "barrier-taken":
      return `${head} ${message.checkpointId}`;
    case "decline":
      return `${head} ${message.checkpointId}: ${message.reason} ${message.error?.message ?? ""}`;
    case "failed":
      return `${head}: ${message.error.message}`;
    case "splits":
      return `${head} ${message.splits.map(({ id }) => id).join(" ")}`;
    case "deploy": {
      const from = message.restored?.checkpointId ?? "nothing";
      return `${head} attempt ${message.attempt}, from ${from}`;
    }
    default:
      return head;
  }
}
