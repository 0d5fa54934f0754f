// Upgrades of windows and running aggregates.
import { t } from "../../types/t.ts";
import { avg, count, max, sum } from "../../window/aggregates.ts";
import type { AggregateSpec } from "../../window/aggregate.ts";
import { session, sliding, tumbling } from "../../window/assigner.ts";
import type { WindowAssigner } from "../../window/assigner.ts";
import type { Duration } from "../../time/duration.ts";
import { continues, keyed, numbers, refused } from "./upgrade.fixture.ts";
import type { Program, Upgrade } from "./upgrade.fixture.ts";

/** Numbers per window. */
const windowed =
  (assigner: WindowAssigner<number>, lateness: Duration = 0): Program =>
  (env, out) =>
    keyed(env)
      .window(assigner)
      .allowedLateness(lateness)
      .aggregate("windows", { n: count(), sum: sum((n: number) => n) })
      .sink("out", out);

/** Bursts of five numbers, 50 ms apart, and then nothing for 200 ms of event time. */
const sessions =
  (gap: Duration): Program =>
  (env, out) =>
    numbers(env)
      .map((n) => n)
      .watermarks({ timestamp: (n) => Math.floor(n / 5) * 250 + (n % 5) * 10, outOfOrderness: 0 })
      .keyBy(() => "all", t.string)
      .window(session<number>(gap))
      .aggregate("windows", { n: count() })
      .sink("out", out);

const refusal = (was: RegExp, is: RegExp) =>
  refused(
    "Panes of the one mean nothing to the other. Give the new one a uid of its own.",
    /operator "windows"/,
    was,
    is,
  );

const WINDOWS: readonly Upgrade[] = [
  {
    change: "the size of windows changes",
    before: windowed(tumbling(200)),
    after: windowed(tumbling(400)),
    result: refusal(/200/, /400/),
  },
  {
    change: "the slide of windows changes",
    before: windowed(sliding(200, 100)),
    after: windowed(sliding(200, 50)),
    result: refusal(/100/, /50/),
  },
  {
    change: "the offset of windows changes",
    before: windowed(tumbling(200)),
    after: windowed(tumbling(200, { offset: 50 })),
    result: refusal(/200/, /50/),
  },
  {
    change: "tumbling windows become sliding ones",
    before: windowed(tumbling(200)),
    after: windowed(sliding(200, 100)),
    result: refusal(/tumbling/, /sliding/),
  },
  {
    change: "tumbling windows become sessions",
    before: windowed(tumbling(200)),
    after: windowed(session(200)),
    result: refusal(/tumbling/, /session/),
  },
  {
    change: "windows of event time become windows of processing time",
    before: windowed(tumbling(200)),
    after: windowed(tumbling(200, { time: "processing" })),
    result: refusal(/event/, /processing/),
  },
  {
    change: "the gap of sessions changes",
    before: sessions(100),
    after: sessions(150),
    result: continues("Sessions that are open go on; the new gap holds for records from then on.", {
      gives: [1_500, 1_750, 2_000, 2_250, 2_500, 2_750].map((start) => ({
        key: "all",
        window: { start, end: start + 190 },
        n: 5,
      })),
    }),
  },
  {
    change: "the allowed lateness changes",
    before: windowed(tumbling(200)),
    after: windowed(tumbling(200), 100),
    result: continues("It holds from then on.", { like: windowed(tumbling(200)) }),
  },
];

type Spec = AggregateSpec<number>;
const N = (n: number): number => n;

/** A running aggregate, and one per window, of which the output is what is common. */
const running =
  (spec: Spec, pick: readonly string[]): Program =>
  (env, out) =>
    keyed(env)
      .aggregate("totals", spec)
      .map((record) => only(record, pick))
      .sink("out", out);
const paned =
  (spec: Spec, pick: readonly string[]): Program =>
  (env, out) =>
    keyed(env)
      .window(tumbling(400))
      .aggregate("totals", spec)
      .map((record) => only(record, ["window", ...pick]))
      .sink("out", out);

function only(record: object, names: readonly string[]): object {
  return Object.fromEntries(
    Object.entries(record).filter(([name]) => name === "key" || names.includes(name)),
  );
}

const FORMS: readonly [string, (spec: Spec, pick: readonly string[]) => Program][] = [
  ["running aggregates", running],
  ["the aggregates of windows", paned],
];

const AGGREGATES = FORMS.flatMap(([what, of]): Upgrade[] => [
  {
    change: `${what} gain an output`,
    before: of({ n: count() }, ["n"]),
    after: of({ n: count(), top: max(N) }, ["n"]),
    result: continues("It begins at its initial value; the others go on."),
  },
  {
    change: `${what} lose an output`,
    before: of({ n: count(), top: max(N) }, ["n"]),
    after: of({ n: count() }, ["n"]),
    result: continues("What it had is dropped, without asking; the others go on."),
  },
  {
    change: `${what} compute an output otherwise (\`sum\` → \`avg\`)`,
    before: of({ n: count(), x: sum(N) }, ["n", "x"]),
    after: of({ n: count(), x: avg(N) }, ["n", "x"]),
    result: refused(
      "What one keeps means something else to the other. Give the output another name.",
      /operator "totals"/,
      /state "x\.sum"/,
      /it is part of sum there and of avg now, and accumulators of different aggregates/,
      /Give the output another name, so that it begins anew/,
    ),
  },
]);

export const WINDOW_CHANGES: readonly Upgrade[] = WINDOWS;
export const AGGREGATE_CHANGES: readonly Upgrade[] = AGGREGATES;
