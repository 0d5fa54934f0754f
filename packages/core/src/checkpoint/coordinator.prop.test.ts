import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { drainPromises } from "../testing/sim-scheduler.ts";
import type { CheckpointOutcome } from "./coordinator-host.ts";
import { DECLINE_REASONS } from "./failure-reason.ts";
import { ScriptedHost } from "./scripted-host.fixture.ts";
import type { AsyncCall } from "./scripted-host.fixture.ts";

const CALLS: readonly AsyncCall[] = [
  "reserveId",
  "prepareStorage",
  "snapshotEnumerators",
  "finalize",
  "discard",
];

/** One thing that may happen. `pick` chooses among what there is. */
const step = fc.record({
  kind: fc.constantFrom(
    "pass",
    "pass",
    "ack",
    "ack",
    "ack",
    "ackAll",
    "ackAll",
    "anyAck",
    "decline",
    "trigger",
    "savepoint",
    "full",
    "hold",
    "release",
    "fulfil",
    "fulfil",
    "refuse",
    "restart",
    "cleaning",
  ),
  pick: fc.nat(),
  ms: fc.integer({ min: 0, max: 250 }),
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A run under random events; `check` holds after each of them. */
class Run {
  readonly host: ScriptedHost;
  readonly maxConcurrent: number;
  readonly #outcomes: Promise<CheckpointOutcome>[] = [];
  #restartsAt = new Set<number>();
  #restart: Promise<void> | undefined;

  constructor(maxConcurrent: number, minPause: number) {
    this.maxConcurrent = maxConcurrent;
    const tolerableFailures = "unlimited";
    this.host = new ScriptedHost({
      interval: 100,
      timeout: 400,
      minPause,
      maxConcurrent,
      tolerableFailures,
    });
  }

  async apply({ kind, pick, ms }: Step): Promise<void> {
    const { host } = this;
    const { coordinator } = host;
    switch (kind) {
      case "pass":
        await host.pass(ms);
        break;
      case "ack": {
        const id = this.#pendingId(pick);
        if (id !== undefined) coordinator.acknowledge(host.ackOf(id, pick % 2));
        break;
      }
      case "ackAll": {
        const id = this.#pendingId(pick);
        if (id !== undefined) await host.ackAll(id);
        break;
      }
      case "anyAck": {
        // Late, duplicate, of a dead attempt, or of a subtask that does not exist.
        const barrier = host.barriers[pick % Math.max(1, host.barriers.length)];
        if (barrier === undefined) break;
        const attempt = Math.max(1, host.attempt - (pick % 3 === 0 ? 1 : 0));
        coordinator.acknowledge(host.ackOf(barrier.id, pick % 3, attempt));
        break;
      }
      case "decline": {
        const barrier = host.barriers.at(-1 - (pick % 4));
        if (barrier !== undefined) {
          await host.decline(barrier.id, DECLINE_REASONS[pick % DECLINE_REASONS.length]);
        }
        break;
      }
      case "trigger":
        this.#outcomes.push(coordinator.trigger());
        break;
      case "savepoint":
        this.#outcomes.push(coordinator.trigger({ kind: "savepoint", isForced: false }));
        break;
      case "full":
        this.#outcomes.push(coordinator.trigger({ isFull: true }));
        break;
      case "hold":
        host.held.add(CALLS[pick % CALLS.length]);
        break;
      case "release":
        host.held.delete(CALLS[pick % CALLS.length]);
        break;
      case "fulfil":
      case "refuse": {
        const [call] = host.open.splice(pick % Math.max(1, host.open.length), 1);
        if (kind === "fulfil") await call?.resolve();
        else await call?.reject(new Error("refused"));
        break;
      }
      case "restart":
        this.#beginRestart();
        break;
      case "cleaning":
        host.cleaning = pick % (this.maxConcurrent + 2);
        coordinator.cleaningProgressed();
        break;
    }
    await drainPromises();
    this.check();
  }

  /** Everything that is open is answered, and the job stops. */
  async end(): Promise<void> {
    const { host } = this;
    host.held.clear();
    host.cleaning = 0;
    while (host.open.length > 0) await host.open.shift()!.resolve();
    await this.#restart;
    await host.coordinator.shutdown();
    this.check();
    await Promise.all(this.#outcomes);
    assert.equal(host.coordinator.statistics().counts.inProgress, 0);
    const completed = host.events.flatMap((event) =>
      event.kind === "completed" ? [event.checkpoint.id] : [],
    );
    const ended = [...completed, ...host.abortedNotices.map((notice) => notice.checkpointId)];
    const made = host.made.map(({ barrier }) => barrier.id);
    assert.deepEqual(
      ended.toSorted((a, b) => a - b),
      made,
      "every checkpoint that was made ends once",
    );
  }

  check(): void {
    const { host } = this;
    assert.deepEqual(host.failures, []);
    assertIncreasing(host.made.map(({ barrier }) => barrier.id));
    assertIncreasing(host.barriers.map((barrier) => barrier.id));
    assertIncreasing(host.completedNotices.map((notice) => notice.checkpointId));
    const finalized = new Set(host.finalizedIds);
    for (const { checkpointId } of host.completedNotices) assert(finalized.has(checkpointId));
    const { history, counts } = host.coordinator.statistics();
    assert(counts.inProgress <= this.maxConcurrent);
    for (const { barrier, newest } of host.made) {
      const isFree = barrier.base === undefined || barrier.base === newest;
      assert(isFree, `checkpoint ${barrier.id} has base ${barrier.base}, newest was ${newest}`);
      assert(barrier.kind === "checkpoint" || barrier.base === undefined);
    }
    const alive = new Set([...host.stored, ...(host.pins.at(-1) ?? [])]);
    for (const record of history) {
      if (record.status !== "IN_PROGRESS" || record.base === undefined) continue;
      assert(alive.has(record.base), `base ${record.base} of checkpoint ${record.id} was dropped`);
    }
  }

  #pendingId(pick: number): number | undefined {
    const ids = this.host.coordinator
      .statistics()
      .history.filter((record) => record.status === "IN_PROGRESS")
      .map((record) => record.id)
      .filter((id) => this.host.barriers.some((barrier) => barrier.id === id));
    return ids[pick % Math.max(1, ids.length)];
  }

  /** What is being finalized may take a while, and a restart waits for it. */
  #beginRestart(): void {
    if (this.#restartsAt.has(this.host.attempt)) return;
    this.#restartsAt.add(this.host.attempt);
    this.#restart = this.host.restart();
    this.#restart.catch((error: unknown) => this.host.failJob(error));
  }
}

function assertIncreasing(ids: readonly number[]): void {
  for (let i = 1; i < ids.length; i++) assert(ids[i] > ids[i - 1], `${ids[i - 1]}, ${ids[i]}`);
}

/** `OXBOW_SEED=<n>` repeats a run; a failure prints its seed. */
const SEED = process.env["OXBOW_SEED"];

test("whatever happens in whatever order, the rules of the coordinator hold", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom(0, 50, 150),
      fc.array(step, { minLength: 20, maxLength: 80 }),
      async (maxConcurrent, minPause, steps) => {
        const run = new Run(maxConcurrent, minPause);
        await run.host.start();
        for (const next of steps) await run.apply(next);
        await run.end();
      },
    ),
    { numRuns: 300, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
  );
});
