/*
 * The job of the benchmarks of savepoints and of large checkpoints: a state of about 100 bytes per
 * integer key; the first pass over the keys fills the table, everything after it updates keys at
 * random, all or some that lie evenly among them. Its worker notes the
 * gaps between batches in a file, once a second.
 */
import { writeFileSync } from "node:fs";
import { discard, generator, job, t, valueState } from "oxbow";
import type { Infer } from "oxbow";
import { keyOf } from "./records.ts";

/** JSON in the first argument. */
export interface SavepointSettings {
  readonly keys: number;
  /** Keys that are updated after the first pass; default: all. */
  readonly changing?: number;
  /** Where the worker writes what it has seen; undefined: it does not. */
  readonly notesFile?: string;
}

/** What the worker of split 0 has seen. Times are ms since the epoch. */
export interface Notes {
  /** Index of the last record that was made. */
  readonly index: number;
  readonly atMs: number;
  /** Gaps between batches of 1,024 records that were longer than a ms: `[atMs, gapMs]`. */
  readonly gaps: readonly (readonly [number, number])[];
  /** All gaps, how many. */
  readonly gapsCount: number;
}

/** Twelve numbers, 96 bytes. */
const FIELDS = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] as const;
const State = t.struct(
  Object.fromEntries(FIELDS.map((name) => [name, t.float64])) as Record<
    (typeof FIELDS)[number],
    typeof t.float64
  >,
);

export default job("savepoint-bench", (env) => {
  const settings = JSON.parse(env.args[0] ?? "{}") as SavepointSettings;
  const { keys, changing = keys } = settings;
  const step = Math.floor(keys / changing);
  const note = noter(settings.notesFile);
  env.checkpoint({ interval: "1h", timeout: "10 min" });
  env
    .source(
      "records",
      generator({
        splits: 2,
        make: (index) => {
          note(index);
          const key = index < keys ? index : keyOf(index, changing) * step;
          return { key, value: index & 1023 };
        },
      }),
    )
    .keyBy((record) => record.key, t.int32)
    .process("state", {
      state: { numbers: valueState(State) },
      process: ({ value }, { state: { numbers } }) => {
        if (!numbers.has()) numbers.set(filled(value));
        const { fields } = numbers;
        fields.a += 1;
        fields.b += value;
        fields.l = value;
      },
    })
    .sink("out", discard());
});

/** Numbers that no block encoding makes shorter. */
function filled(seed: number): Infer<typeof State> {
  let x = seed + 1;
  const next = (): number => {
    x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    return Math.sqrt(Math.abs(x)) + counter++ * Math.PI;
  };
  return Object.fromEntries(FIELDS.map((name) => [name, next()])) as Infer<typeof State>;
}
let counter = 0;

/** Looks at the clock once per 1,024 records, and writes once a second. */
function noter(file: string | undefined): (index: number) => void {
  if (file === undefined) return () => undefined;
  const gaps: [number, number][] = [];
  let gapsCount = 0;
  let lastMs = performance.now();
  let writtenMs = 0;
  return (index) => {
    if ((index & 1023) !== 0) return;
    const now = performance.now();
    const gapMs = now - lastMs;
    lastMs = now;
    gapsCount += 1;
    const atMs = performance.timeOrigin + now;
    if (gapMs > 1) gaps.push([atMs, gapMs]);
    if (atMs - writtenMs < 1_000) return;
    writtenMs = atMs;
    writeFileSync(file, JSON.stringify({ index, atMs, gaps, gapsCount } satisfies Notes));
    lastMs = performance.now();
  };
}
