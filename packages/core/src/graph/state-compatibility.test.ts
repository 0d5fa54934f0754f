// Whether the states of one program go on in another, as the graphs of both describe them.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyedStream } from "../api/keyed-stream.ts";
import { job } from "../api/job.ts";
import { collection } from "../connectors/collection.ts";
import { discard } from "../connectors/for-each.ts";
import { buildJob } from "../driver/build-job.ts";
import { broadcastState, type BroadcastStateDescriptor } from "../state/broadcast-state.ts";
import {
  aggregatingState,
  listState,
  mapState,
  reducingState,
  type StateDescriptors,
  valueState,
} from "../state/descriptors.ts";
import { operatorListState, unionListState } from "../state/operator-state.ts";
import { t } from "../types/t.ts";
import type { MapKey } from "../types/type.ts";
import { avg, count, max, sum } from "../window/aggregates.ts";
import { global, session, sliding, tumbling } from "../window/assigner.ts";
import { countDistinct } from "../window/record-aggregates.ts";
import { trigger } from "../window/triggers.ts";
import { explain, explainText } from "./explain.ts";
import {
  isLostFreely,
  judgeState,
  matchStates,
  type StateJudgement,
} from "./state-compatibility.ts";
import type { StateDescription, StoredState } from "./stream-graph.ts";

interface Flight {
  readonly origin: string;
  readonly at: number;
  readonly delay: number;
}
const FLIGHT = t.struct({ origin: t.string, at: t.timestamp, delay: t.int32 });

type Build = (flights: KeyedStream<Flight, string>) => {
  sink(uid: string, sink: ReturnType<typeof discard>): unknown;
};

function graphOf(build: Build) {
  const program = job("states", (env) => {
    const flights = env
      .source("flights", collection<Flight>([], { type: FLIGHT }))
      .watermarks({ timestamp: "at" });
    build(flights.keyBy("origin")).sink("out", discard());
  });
  return buildJob(program, { args: [], configuration: {}, parallelism: 1 }).job;
}

/** States as the program declares them. */
function declaredBy(build: Build): readonly StateDescription[] {
  return graphOf(build).graph.nodes.flatMap(({ states }) => states);
}

/** States as a snapshot of the program has them. */
function storedBy(build: Build): Map<string, StoredState> {
  const { operators } = explain(graphOf(build));
  const states = operators.flatMap((operator) =>
    operator.states.map(({ name, ...state }) => [name, state] as const),
  );
  return new Map(JSON.parse(JSON.stringify(states)) as typeof states);
}

/** Judgement of each stored state; undefined: nothing goes on with it. */
function judge(before: Build, after: Build): Record<string, StateJudgement | undefined> {
  const declared = declaredBy(after);
  const stored = storedBy(before);
  const matched = matchStates(stored.keys(), declared);
  return Object.fromEntries(
    [...stored].map(([name, state]) => {
      const now = matched.get(name);
      return [name, now && judgeState(state, now)];
    }),
  );
}

const keyed =
  (state: StateDescriptors): Build =>
  (flights) =>
    flights.process("op", { state, process() {} });

/** Judgement of one state, by whatever name. */
function judgeOne(before: StateDescriptors, after: StateDescriptors): StateJudgement | undefined {
  return Object.values(judge(keyed(before), keyed(after)))[0];
}

const AS_IS = { kind: "as-is" };
const SPAN = { create: () => 0, add: (sum: number) => sum, result: (sum: number) => sum };

test("states of every kind go on as they are, or by the rules of their type", () => {
  const kinds: ((type: typeof t.int32) => StateDescriptors)[] = [
    (type) => ({ s: valueState(type) }),
    (type) => ({ s: listState(type) }),
    (type) => ({ s: mapState(t.string, type) }),
    (type) => ({ s: reducingState(type, Math.max) }),
    (type) => ({ s: aggregatingState(type, SPAN) }),
  ];
  for (const make of kinds) {
    assert.deepEqual(judgeOne(make(t.int32), make(t.int32)), AS_IS);
    const wider = judgeOne(make(t.int32), make(t.int64));
    assert.deepEqual(wider, { kind: "migrated", how: ["int32 → int64"] });
    const narrower = judgeOne(make(t.int64), make(t.int32));
    assert.equal(narrower?.kind === "incompatible" && narrower.stored, "int64");
  }
});

test("what cannot go on is told with path, both types and the reason", () => {
  const before = { s: valueState(t.struct({ in: t.list(t.struct({ n: t.string })) })) };
  const after = { s: valueState(t.struct({ in: t.list(t.struct({ n: t.int32 })) })) };
  assert.deepEqual(judgeOne(before, after), {
    kind: "incompatible",
    path: "in[].n",
    stored: "string",
    declared: "int32",
    reason: "values of one are none of the other",
  });
  const keys = judgeOne({ s: mapState(t.int32, t.bool) }, { s: mapState(t.int64, t.bool) });
  assert.equal(keys?.kind === "incompatible" && keys.path, "<key>");
});

test("a state never changes its kind, but for value and reducing of one type", () => {
  const value = { s: valueState(t.int32) };
  const reducing = { s: reducingState(t.int32, Math.max) };
  for (const [before, after, how] of [
    [value, reducing, "value → reducing"],
    [reducing, value, "reducing → value"],
  ] as const) {
    assert.deepEqual(judgeOne(before, after), { kind: "migrated", how: [how] });
  }
  const refused: [StateDescriptors, StateDescriptors][] = [
    [value, { s: reducingState(t.int64, Math.max) }],
    [value, { s: listState(t.int32) }],
    [{ s: listState(t.int32) }, { s: mapState(t.string, t.int32) }],
    [value, { s: aggregatingState(t.int32, SPAN) }],
    [value, { s: listState(t.int32, { version: 1, migrate: () => 0 }) }],
  ];
  for (const [before, after] of refused) {
    const judgement = judgeOne(before, after);
    assert.equal(judgement?.kind, "incompatible");
  }
});

test("migrate takes over where versions differ, and only there", () => {
  const before = { s: valueState(t.string) };
  const migrate = Number;
  const by = judgeOne(before, { s: valueState(t.float64, { version: 2, migrate }) });
  assert.deepEqual(by, { kind: "migrated", how: ["version 0 → 2, by migrate"] });
  const without = judgeOne(before, { s: valueState(t.string, { version: 2 }) });
  assert.deepEqual(without, { kind: "migrated", how: ["version 0 → 2"] });
  const sameVersion = judgeOne(before, { s: valueState(t.float64, { migrate }) });
  assert.equal(sameVersion?.kind, "incompatible");
  assert.match(JSON.stringify(sameVersion), /migrate is not called, since the stored version is 0/);
  const second = { s: valueState(t.string, { version: 2 }) };
  const lower = judgeOne(second, { s: valueState(t.string, { version: 1 }) });
  assert.deepEqual(lower?.kind === "incompatible" && [lower.stored, lower.declared], [
    "version 2",
    "version 1",
  ]);
  const back = judgeOne(second, { s: valueState(t.float64, { version: 1, migrate }) });
  assert.deepEqual(back, { kind: "migrated", how: ["version 2 → 1, by migrate"] });
});

test("a renamed state is found by its own name, else by its aliases, the first first", () => {
  const type = t.int32;
  const declared = declaredBy(keyed({ now: valueState(type, { aliases: ["was", "first"] }) }));
  const nameOf = (stored: string[]): [string, string][] =>
    [...matchStates(stored, declared)].map(([from, { name }]) => [from, name]);
  assert.deepEqual(nameOf(["first"]), [["first", "now"]]);
  assert.deepEqual(nameOf(["first", "was"]), [["was", "now"]]);
  assert.deepEqual(nameOf(["first", "was", "now", "other"]), [["now", "now"]]);
});

test("aliases that clash are refused when the graph is built", () => {
  const refused: [StateDescriptors, RegExp][] = [
    [
      { a: valueState(t.int32, { aliases: ["b"] }), b: listState(t.int32) },
      /Operator "op": state "a" has the alias "b", which is a declared state/,
    ],
    [
      { a: valueState(t.int32, { aliases: ["x"] }), b: valueState(t.int32, { aliases: ["x"] }) },
      /state "b" has the alias "x", which is an alias of "a" too/,
    ],
  ];
  for (const [state, message] of refused) {
    assert.throws(() => declaredBy(keyed(state)), message);
  }
});

test("options that make no sense are refused where they are written", () => {
  const bad: [() => unknown, RegExp][] = [
    [() => valueState(t.int32, { version: -1 }), /version of a state is -1/],
    [() => listState(t.int32, { version: 1.5 }), /version of a state is 1\.5/],
    [() => mapState(t.string, t.int32, { aliases: ["a", "a"] }), /a name twice: a, a/],
    [() => reducingState(t.int32, Math.max, { aliases: [""] }), /aliases of a state are a list/],
    [() => operatorListState(t.int32, { migrate: 1 as never }), /migrate .* is not a function/],
    [() => valueState(t.renamed("a", t.int32)), /use the option aliases/],
    [() => mapState(t.renamed("a", t.string), t.int32), /as the key of a map state/],
  ];
  for (const [make, message] of bad) {
    assert.throws(make, (error: Error & { code?: string }) => {
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.match(error.message, message);
      return true;
    });
  }
});

test("operator lists evolve as keyed state does, and keep their mode", () => {
  const lists =
    (list: ReturnType<typeof operatorListState>): Build =>
    (flights) =>
      flights.process("keyed", { process() {} }).process("lists", {
        operatorState: { seen: list },
        process() {},
      });
  const before = lists(operatorListState<unknown>(t.int32));
  const { seen } = judge(before, lists(operatorListState<unknown>(t.optional(t.float64))));
  assert.deepEqual(seen, { kind: "migrated", how: ["int32 → float64?"] });
  const union = judge(before, lists(unionListState<unknown>(t.int32))).seen;
  assert.deepEqual(union?.kind === "incompatible" && [union.stored, union.declared], [
    "operator-list int32",
    "operator-union int32",
  ]);
});

test("broadcast state evolves as map state does, with keys that never change", () => {
  const rules =
    (state: BroadcastStateDescriptor<MapKey, unknown>): Build =>
    (flights) =>
      flights
        .connect(flights.process("keyed", { process() {} }).broadcast({ rules: state }))
        .process("ruled", { process() {}, processBroadcast() {} });
  const before = rules(broadcastState(t.string, t.int32));
  const optional = broadcastState<string, unknown>(t.string, t.optional(t.float64));
  assert.deepEqual(judge(before, rules(optional)).rules, {
    kind: "migrated",
    how: ["int32 → float64?"],
  });
  assert.deepEqual(judge(before, before).rules, { kind: "as-is" });
  const keys = judge(before, rules(broadcastState(t.int32, t.int32))).rules;
  assert.deepEqual(keys?.kind === "incompatible" && [keys.path, keys.reason], [
    "<key>",
    "keys never change",
  ]);
});

const windows =
  (window: Parameters<KeyedStream<Flight, string>["window"]>[0], lateness = "0s"): Build =>
  (flights) =>
    flights.window(window).allowedLateness(lateness).aggregate("w", { n: count() });

test("the windows of an operator never change; their lateness and gaps do", () => {
  const refused: [Build, Build, string, string, string][] = [
    [windows(tumbling("1h")), windows(tumbling("2h")), "size", "of 1h", "of 2h"],
    [
      windows(sliding("1h", "10m")),
      windows(sliding("1h", "20m")),
      "slide",
      "of 1h every 10m",
      "of 1h every 20m",
    ],
    [
      windows(tumbling("1d")),
      windows(tumbling("1d", { offset: "-8h" })),
      "offset",
      "of 1d (",
      "of 1d, offset -8h",
    ],
    [
      windows(tumbling("1h")),
      windows(session("1h")),
      "kind",
      "tumbling windows",
      "session windows",
    ],
    [
      windows(tumbling("1h")),
      windows(tumbling("1h", { time: "processing" })),
      "time",
      "(event time)",
      "(processing time)",
    ],
    [
      windows(tumbling("1h")),
      (flights) =>
        flights.window(tumbling("1h")).trigger(trigger.count(3)).aggregate("w", { n: count() }),
      "keeping",
      "(event time)",
      "(event time, with a trigger)",
    ],
    [
      windows(session("1h")),
      (flights) =>
        flights.window(session("1h")).trigger(trigger.count(3)).aggregate("w", { n: count() }),
      "keeping",
      "(event time)",
      "(event time, with a trigger)",
    ],
  ];
  for (const [before, after, path, stored, declared] of refused) {
    const judgement = judge(before, after)["$windows"];
    assert.equal(judgement?.kind, "incompatible");
    if (judgement?.kind !== "incompatible") continue;
    assert.equal(judgement.path, path);
    assert.ok(judgement.stored.includes(stored), judgement.stored);
    assert.ok(judgement.declared.includes(declared), judgement.declared);
  }
  const allowed: [Build, Build][] = [
    [windows(tumbling("1h")), windows(tumbling("1h"), "5m")],
    [windows(session("1h")), windows(session("2h"))],
    [windows(session("1h")), windows(session((flight: Flight) => flight.delay))],
    [windows(tumbling("1d", { offset: "-8h" })), windows(tumbling("1d", { offset: "16h" }))],
  ];
  for (const [before, after] of allowed) {
    assert.deepEqual(judge(before, after), { $windows: AS_IS, "n.count": AS_IS });
  }
});

test("windows that must keep panes of their own, or need no longer, are refused", () => {
  const shared: Build = windows(sliding("1h", "10m"));
  const own: Build = (flights) =>
    flights.window(sliding("1h", "10m")).trigger(trigger.count(2)).aggregate("w", { n: count() });
  const judgement = judge(shared, own)["$windows"];
  assert.match(JSON.stringify(judgement), /sharing panes.*with a trigger/);
});

test("aggregates come and go, but an output never becomes another aggregate", () => {
  const first: Build = (flights) =>
    flights.aggregate("a", { n: count(), total: sum("delay"), who: countDistinct("origin") });
  const more: Build = (flights) =>
    flights.aggregate("a", { n: count(), worst: max("delay"), mean: avg("delay") });
  const stored = storedBy(first);
  const declared = declaredBy(more);
  assert.deepEqual([...matchStates(stored.keys(), declared).keys()], ["n.count"]);
  for (const name of ["total.sum", "who.count", "who.values"]) {
    assert.ok(isLostFreely(stored.get(name)!, declared), name);
  }
  const changed = judge(first, (flights) =>
    flights.aggregate("a", { n: count("delay"), total: avg("delay"), who: count() }),
  );
  assert.deepEqual(changed["n.count"], AS_IS);
  assert.match(JSON.stringify(changed["total.sum"]), /"stored":"sum","declared":"avg"/);
  assert.match(JSON.stringify(changed["who.count"]), /"countDistinct","declared":"count"/);
});

test("accumulators are lost freely only by an operator that is still of their kind", () => {
  const running = storedBy((flights) => flights.aggregate("a", { n: count() })).get("n.count")!;
  const ofWindows = storedBy(windows(tumbling("1h"))).get("n.count")!;
  const state = storedBy(keyed({ s: valueState(t.int32) })).get("s")!;
  const others: Build[] = [keyed({ s: valueState(t.int32) }), windows(tumbling("1h"))];
  for (const after of others) assert.ok(!isLostFreely(running, declaredBy(after)));
  assert.ok(
    !isLostFreely(
      ofWindows,
      declaredBy((flights) => flights.aggregate("a", { x: count() })),
    ),
  );
  assert.ok(!isLostFreely(state, declaredBy(others[0])));
  const became = judge(
    (flights) => flights.aggregate("a", { n: count() }),
    windows(tumbling("1h")),
  );
  assert.equal(became["n.count"]?.kind, "incompatible");
});

test("the states of a trigger are states; a trigger may be replaced by another", () => {
  const counted: Build = (flights) =>
    flights.window(global()).trigger(trigger.count(3)).aggregate("w", { n: count() });
  const other: Build = (flights) =>
    flights
      .window(global())
      .trigger(trigger.purging(trigger.count(5)))
      .aggregate("w", { n: count() });
  const names = [...storedBy(counted).keys()];
  assert.ok(names.some((name) => name.startsWith("$trigger.")));
  for (const judgement of Object.values(judge(counted, other))) assert.deepEqual(judgement, AS_IS);
});

test("what explain shows and snapshots keep is plain data, with version and windows", () => {
  const migrate = (): number => 0;
  const build: Build = (flights) =>
    flights.process("op", {
      state: { s: valueState(t.int32, { version: 3, migrate, aliases: ["old"] }) },
      process() {},
    });
  const graph = graphOf(build);
  const [state] = explain(graph).operators.flatMap(({ states }) => states);
  assert.deepEqual(Object.keys(state).sort(), ["kind", "name", "schema", "version"]);
  assert.match(explainText(graph), /state s: value int32, version 3/);
  const text = explainText(graphOf(windows(sliding("1h", "10m", { offset: "1m" }))));
  assert.match(
    text,
    /state \$windows: sliding windows of 1h every 10m, offset 1m \(event time, sh/,
  );
});

test("a schema that cannot be read is refused with the reason", () => {
  const [declared] = declaredBy(keyed({ s: valueState(t.int32) }));
  const judgement = judgeState({ kind: "value", schema: { version: 99, type: {} } }, declared);
  assert.equal(judgement.kind, "incompatible");
  assert.match(JSON.stringify(judgement), /its version is 99/);
});
