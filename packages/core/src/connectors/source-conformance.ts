/*
 * Conformance of sources: what every source must do, as a list of checks that a connector's test
 * runs. Each check makes its own source and environment and throws where the source is wrong.
 *
 *     for (const check of sourceChecks(setup)) test(check.title, check.run);
 *
 * For unbounded sources the setup says how many records to read; then there is no end to wait for.
 */
import { assert } from "../assert.ts";
import type { Env } from "../env/env.ts";
import { SourceHarness, type SourceSnapshot } from "./source-harness.ts";
import type { Source } from "./source.ts";

/** A fresh source in a fresh environment. */
export interface SourceUnderTest {
  readonly env: Env;
  readonly source: Source<unknown>;
  /** See `SourceHarnessOptions.progress`. */
  readonly progress?: () => Promise<boolean>;
}

/** What a connector's test says. */
export interface SourceSetup {
  /** For the titles. */
  readonly name: string;
  /** Called once per check. */
  readonly make: () => Promise<SourceUnderTest>;
  /** All records, in any order; of an unbounded source, the first ones. */
  readonly expected: readonly unknown[];
  /** Whether several readers share the work; default true. */
  readonly isShared?: boolean;
  /** Numbers of readers to try; default 1, 2, 3. */
  readonly parallelisms?: readonly number[];
}

/** One check. */
export interface ConformanceCheck {
  readonly title: string;
  readonly run: () => Promise<void>;
}

/** Polls of a paused split that must give nothing. */
const PAUSE_TURNS = 20;
/** What a poll is asked for where the job is slow. */
const FEW_COUNT = 3;

/** The checks of a bounded source. */
export function sourceChecks(setup: SourceSetup): readonly ConformanceCheck[] {
  const { name, parallelisms = [1, 2, 3] } = setup;
  const readings = parallelisms.map((parallelism) => ({
    title: `${name}: ${parallelism} reader(s) read every record once and end`,
    run: () => checkReading(setup, parallelism),
  }));
  return [
    ...readings,
    {
      title: `${name}: two readings give every split the same records in the same order`,
      run: () => checkOrder(setup),
    },
    {
      title: `${name}: from a snapshot after any poll exactly the rest is read`,
      run: () => checkResume(setup, parallelisms),
    },
    {
      title: `${name}: a paused split gives nothing until it is resumed`,
      run: () => checkPause(setup),
    },
    {
      title: `${name}: splits that are given back are read again from where they were`,
      run: () => checkReturn(setup),
    },
    {
      title: `${name}: asked for few records, a poll gives about as many`,
      run: () => checkFew(setup),
    },
    {
      title: `${name}: closing in the middle ends all work`,
      run: () => checkClose(setup),
    },
  ];
}

async function checkReading(setup: SourceSetup, parallelism: number): Promise<void> {
  const harness = new SourceHarness({ ...(await setup.make()), parallelism });
  await harness.run();
  assert(harness.isEnded, "the source did not end");
  assert(harness.activeSplits.length === 0, "a split was not finished");
  assertSame(recordsOf(harness), setup.expected, "read");
  await harness.close();
}

async function checkOrder(setup: SourceSetup): Promise<void> {
  const bySplit: string[] = [];
  for (let reading = 0; reading < 2; reading++) {
    const harness = new SourceHarness({ ...(await setup.make()), parallelism: reading + 1 });
    await harness.run();
    const splits = new Map<string, string[]>();
    for (const { splitId, record } of harness.records) {
      const texts = splits.get(splitId) ?? [];
      splits.set(splitId, texts);
      texts.push(textOf(record));
    }
    bySplit.push(JSON.stringify([...splits].sort(([a], [b]) => (a < b ? -1 : 1))));
    await harness.close();
  }
  assert(bySplit[0] === bySplit[1], "two readings differ");
}

async function checkResume(setup: SourceSetup, parallelisms: readonly number[]): Promise<void> {
  const first = new SourceHarness({ ...(await setup.make()), parallelism: parallelisms.at(-1)! });
  const snapshots: { readonly snapshot: SourceSnapshot; readonly count: number }[] = [];
  await first.run(() => {
    snapshots.push({ snapshot: first.snapshot(), count: first.records.length });
    return false;
  });
  snapshots.push({ snapshot: first.snapshot(), count: first.records.length });
  const records = recordsOf(first);
  await first.close();
  for (const [index, { snapshot, count }] of distinct(snapshots).entries()) {
    const parallelism = parallelisms[index % parallelisms.length];
    const resumed = new SourceHarness({
      ...(await setup.make()),
      parallelism,
      restored: snapshot,
    });
    await resumed.run();
    const all = [...records.slice(0, count), ...recordsOf(resumed)];
    assertSame(all, setup.expected, `resumed after ${count} records`);
    await resumed.close();
  }
}

/** Consecutive equal snapshots prove nothing new. */
function distinct<S extends { readonly snapshot: SourceSnapshot }>(snapshots: readonly S[]): S[] {
  const seen = new Set<string>();
  return snapshots.filter(({ snapshot }) => {
    const text = JSON.stringify(snapshot);
    return !seen.has(text) && seen.add(text);
  });
}

async function checkPause(setup: SourceSetup): Promise<void> {
  const under = await setup.make();
  const harness = new SourceHarness({ ...under, parallelism: 1 });
  await harness.run(() => harness.activeSplits.length > 0);
  harness.pauseOrResume(harness.activeSplits, []);
  const before = harness.records.length;
  for (let turn = 0; turn < PAUSE_TURNS; turn++) {
    harness.step();
    await letWork(under);
  }
  assert(harness.records.length === before, "a paused split went on");
  harness.pauseOrResume([], harness.activeSplits);
  await harness.run();
  assertSame(recordsOf(harness), setup.expected, "read with a pause");
  await harness.close();
}

/** Time for reads that are under way, since a paused split may well be read ahead. */
async function letWork({ env, progress }: SourceUnderTest): Promise<void> {
  if (progress !== undefined) await progress();
  else await new Promise<void>((resolve) => void env.clock.schedule(1, resolve));
}

async function checkReturn(setup: SourceSetup): Promise<void> {
  const harness = new SourceHarness({ ...(await setup.make()), parallelism: 1 });
  await harness.run(() => harness.records.length > 0);
  const { splits } = harness.snapshot();
  await harness.returnSplits(0, splits);
  await harness.run();
  assertSame(recordsOf(harness), setup.expected, "read with splits given back");
  await harness.close();
}

async function checkFew(setup: SourceSetup): Promise<void> {
  const countMax = FEW_COUNT;
  const harness = new SourceHarness({ ...(await setup.make()), parallelism: 1, countMax });
  await harness.run();
  assertSame(recordsOf(harness), setup.expected, "read in small parts");
  const { polledMost } = harness;
  assert(
    polledMost < countMax * 2,
    () => `a poll that was asked for ${countMax} records gave ${polledMost}`,
  );
  await harness.close();
}

async function checkClose(setup: SourceSetup): Promise<void> {
  const harness = new SourceHarness({ ...(await setup.make()), parallelism: 2 });
  await harness.run(() => harness.records.length > 0);
  await harness.close();
  await harness.close();
}

function recordsOf(harness: SourceHarness): unknown[] {
  return harness.records.map((one) => one.record);
}

/** Fails unless both hold the same records, each as often, in any order. */
export function assertSame(
  found: readonly unknown[],
  expected: readonly unknown[],
  what: string,
): void {
  const left = found.map(textOf).sort();
  const right = expected.map(textOf).sort();
  const index = left.findIndex((text, at) => text !== right[at]);
  assert(
    left.length === right.length && index < 0,
    () =>
      `${what}: ${left.length} records instead of ${right.length}; sorted, number ` +
      `${index < 0 ? Math.min(left.length, right.length) : index} is ` +
      `${left[index < 0 ? right.length : index]} instead of ` +
      `${right[index < 0 ? left.length : index]}`,
  );
}

function textOf(record: unknown): string {
  const text = JSON.stringify(record, (_, value: unknown) => {
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "number" && !Number.isFinite(value)) return String(value);
    if (value instanceof Map) return [...value];
    return value;
  }) as string | undefined;
  return text ?? "undefined";
}
