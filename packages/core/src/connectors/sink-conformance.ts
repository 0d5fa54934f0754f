/*
 * Conformance of exactly-once sinks: what every sink with transactions must do, as a list of checks
 * that a connector's test runs.
 *
 *     for (const check of sinkChecks(setup)) test(check.title, check.run);
 */
import { assert } from "../assert.ts";
import type { Env } from "../env/env.ts";
import {
  newLedger,
  SinkHarness,
  type SinkHarnessOptions,
  type SinkJob,
  type SinkLedger,
  type SinkPhase,
  writeAll,
} from "./sink-harness.ts";
import type { Sink } from "./sink.ts";
import { assertSame, type ConformanceCheck } from "./source-conformance.ts";

/** A sink on fresh storage. */
export interface SinkUnderTest {
  readonly env: Env;
  readonly sink: Sink<unknown>;
  /**
   * Runs asynchronous work that only goes on when it is pushed (virtual time). Default: awaits it.
   */
  readonly settle?: <R>(work: Promise<R>) => Promise<R>;
  /** The records that readers of the output see now. */
  readonly visible: () => Promise<readonly unknown[]>;
}

/** What a connector's test says. */
export interface SinkSetup {
  readonly name: string;
  /** Called once per check. */
  readonly make: () => Promise<SinkUnderTest>;
  /** At least 100 records that the sink can take. */
  readonly records: readonly unknown[];
}

const PHASES: readonly SinkPhase[] = ["written", "prepared", "flushed", "completed", "committed"];

/** The checks of a sink with transactions. */
export function sinkChecks(setup: SinkSetup): readonly ConformanceCheck[] {
  const { name } = setup;
  const deaths = PHASES.map((phase) => ({
    title: `${name}: attempts that die when a checkpoint is ${phase} lose and double nothing`,
    run: () => checkDeaths(setup, phase),
  }));
  return [
    {
      title: `${name}: writers that end make every record visible once`,
      run: () => checkEnd(setup),
    },
    {
      title: `${name}: nothing is visible before it is committed`,
      run: () => checkInvisible(setup),
    },
    ...deaths,
    {
      title: `${name}: committing twice is harmless`,
      run: () => checkTwice(setup),
    },
    {
      title: `${name}: a writer that is closed in the middle leaves nothing visible`,
      run: () => checkClose(setup),
    },
  ];
}

interface Running {
  readonly under: SinkUnderTest;
  readonly ledger: SinkLedger;
  readonly settle: <R>(work: Promise<R>) => Promise<R>;
  /** All attempts; those that died are closed at the end, since their process lives on. */
  readonly attempts: SinkHarness[];
}

async function begin(setup: SinkSetup): Promise<Running> {
  const under = await setup.make();
  const settle = under.settle ?? (<R>(work: Promise<R>) => work);
  return { under, ledger: newLedger("run-1"), settle, attempts: [] };
}

function jobOf(setup: SinkSetup): SinkJob {
  assert(setup.records.length >= 100, "give at least 100 records");
  return { records: setup.records, batchCount: 7, checkpointEvery: 3 };
}

function harnessOf(running: Running, rest: Partial<SinkHarnessOptions> = {}): SinkHarness {
  const { under, ledger, attempts } = running;
  const harness = new SinkHarness({ env: under.env, sink: under.sink, ledger, ...rest });
  attempts.push(harness);
  return harness;
}

/** Exactly these records are visible, also after the last sign of life of dead attempts. */
async function assertVisible(running: Running, records: readonly unknown[]): Promise<void> {
  assertSame(await running.settle(running.under.visible()), records, "visible");
  for (const attempt of running.attempts) await running.settle(attempt.close());
  assertSame(await running.settle(running.under.visible()), records, "visible at the end");
}

async function checkEnd(setup: SinkSetup): Promise<void> {
  const running = await begin(setup);
  const harness = harnessOf(running, { parallelism: 3 });
  assert(await running.settle(writeAll(harness, jobOf(setup), running.ledger)), "it ends");
  await running.settle(harness.close());
  await running.settle(harness.close());
  await assertVisible(running, setup.records);
}

async function checkInvisible(setup: SinkSetup): Promise<void> {
  const running = await begin(setup);
  const diesAt = (phase: SinkPhase): boolean => phase === "completed";
  const harness = harnessOf(running, { diesAt });
  await running.settle(writeAll(harness, jobOf(setup), running.ledger));
  await assertVisible(running, []);
}

/** Every attempt dies at the phase of its second checkpoint, then the parallelism changes. */
async function checkDeaths(setup: SinkSetup, phase: SinkPhase): Promise<void> {
  const running = await begin(setup);
  const { ledger, settle } = running;
  for (let attempt = 1; ; attempt++) {
    assert(attempt < 1_000, "the attempts do not get on");
    const first = ledger.checkpointId + 1;
    const diesAt = (at: SinkPhase, id: number): boolean => at === phase && id > first;
    const harness = harnessOf(running, {
      parallelism: 1 + (attempt % 3),
      knowsRetained: attempt % 4 !== 0,
      diesAt,
    });
    const isDone = await settle(writeAll(harness, jobOf(setup), ledger));
    if (isDone) {
      await settle(harness.close());
      break;
    }
    // A dead attempt is either gone without a word or closed in good order.
    if (attempt % 2 === 0) await settle(harness.close());
  }
  await assertVisible(running, setup.records);
}

async function checkTwice(setup: SinkSetup): Promise<void> {
  const running = await begin(setup);
  const harness = harnessOf(running);
  await running.settle(writeAll(harness, jobOf(setup), running.ledger));
  const { pending } = running.ledger;
  await running.settle(harness.committer.commit(pending));
  await running.settle(harness.close());
  const next = harnessOf(running);
  await running.settle(next.start());
  await running.settle(next.close());
  await assertVisible(running, setup.records);
}

async function checkClose(setup: SinkSetup): Promise<void> {
  const running = await begin(setup);
  const harness = harnessOf(running);
  await running.settle(harness.start());
  await running.settle(harness.write(setup.records.slice(0, 50)));
  await running.settle(harness.close());
  await assertVisible(running, []);
}
