// Graphs: what is refused and how it is said, chaining, partitioners, explain and its hash.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamEnvironment } from "../api/environment.ts";
import { job } from "../api/job.ts";
import { collection } from "../connectors/collection.ts";
import { discard } from "../connectors/for-each.ts";
import { buildJob } from "../driver/build-job.ts";
import { errorCode } from "../errors.ts";
import { sideOutput } from "../operators/process-function.ts";
import { t } from "../types/t.ts";
import { avg, count } from "../window/aggregates.ts";
import { session, tumbling } from "../window/assigner.ts";
import type { JobGraph } from "./job-graph.ts";

const Flight = t.struct({ origin: t.string, at: t.timestamp, delay: t.int32 });

function graphOf(build: (env: StreamEnvironment) => void, parallelism?: number): JobGraph {
  return buildJob(job("graph", build), { args: [], configuration: {}, parallelism }).job;
}

function flights(env: StreamEnvironment, uid = "flights") {
  return env.source(
    uid,
    collection<{ origin: string; at: number; delay: number }>([], { type: Flight }),
  );
}

/** The names of the vertices: which operators share a task. */
function chains(build: (env: StreamEnvironment) => void, parallelism = 2): string[] {
  return graphOf(build, parallelism).vertices.map(({ name }) => name);
}

const REFUSED: readonly [what: string, build: (env: StreamEnvironment) => void, message: RegExp][] =
  [
    [
      "a uid that is used twice",
      (env) => flights(env, "x").sink("x", discard()),
      /The uid "x" is used twice \(source, sink\)\. .*a uid of its own/,
    ],
    ["an empty uid", (env) => flights(env, ""), /The uid "" of a source cannot be used/],
    ["a uid with a slash", (env) => flights(env, "a/b"), /"a\/b" .*without "\/"/],
    [
      "an alias for a uid that no operator has",
      (env) => flights(env.aliases("old", "new")).sink("out", discard()),
      /env.aliases\("old", …\): the job has no operator with the uid "old"\. The new/,
    ],
    [
      "an alias that is the uid of an operator",
      (env) => flights(env.aliases("out", "flights")).sink("out", discard()),
      /env.aliases\("out", "flights"\): "flights" is the uid of an operator of the job/,
    ],
    [
      "an alias that is given twice",
      (env) =>
        flights(env.aliases("out", "old").aliases("flights", "older", "old")).sink(
          "out",
          discard(),
        ),
      /The alias "old" is given twice, to "out" and to "flights"/,
    ],
    ["a graph without sources", () => undefined, /The job "graph" has no source/],
    [
      "a stream that leads nowhere",
      (env) => flights(env).map((f) => f.delay, { uid: "lost" }),
      /Nothing takes the records of "lost" \(map\)\. End every stream in \.sink/,
    ],
    [
      "event-time windows without timestamps",
      (env) =>
        flights(env)
          .filter(() => true)
          .keyBy("origin")
          .window(tumbling("1h"))
          .aggregate("hours", { count: count() })
          .sink("out", discard()),
      /"hours" \(tumbling .*records of the source "flights" have no timestamps\. Add \.watermarks/,
    ],
    [
      "event-time windows where one of two sources has no timestamps",
      (env) =>
        flights(env)
          .watermarks({ timestamp: "at" })
          .union(flights(env, "more"))
          .keyBy("origin")
          .window(session("1h"))
          .aggregate("hours", { count: count() })
          .sink("out", discard()),
      /the source "more" have no timestamps/,
    ],
    [
      "an interval join of which one stream has no timestamps",
      (env) =>
        flights(env)
          .watermarks({ timestamp: "at" })
          .keyBy("origin")
          .intervalJoin(flights(env, "more").keyBy("origin"), { lower: 0, upper: 1 })
          .process("near", () => undefined)
          .sink("out", discard()),
      /"near" \(interval join, .*the source "more" have no timestamps\. Add .* to the source\.$/,
    ],
    [
      "watermarks given twice",
      (env) => {
        const stream = flights(env);
        stream.watermarks({ timestamp: "at" });
        stream.watermarks({ timestamp: "at" });
      },
      /The source "flights" has watermarks already/,
    ],
    [
      "forward between different parallelisms",
      (env) => flights(env).forward().sink("out", discard(), { parallelism: 5 }),
      /forward\(\) from "flights" \(parallelism 1\) to "out" \(parallelism 5\).*rebalance/,
    ],
    [
      "a parallelism over the max parallelism",
      (env) => {
        env.maxParallelism(4);
        flights(env).sink("out", discard(), { parallelism: 5 });
      },
      /The parallelism 5 of "out" is not a whole number from 1 to the max parallelism 4/,
    ],
    [
      "a max parallelism out of range",
      (env) => flights(env.maxParallelism(40_000)).sink("out", discard()),
      /max parallelism 40000 is not a whole number from 1 to 32768/,
    ],
    [
      "a side output of a side output",
      (env) => flights(env).malformed().sideOutput(sideOutput("x")),
      /sideOutput\("x"\) must follow the operator that emits into it/,
    ],
    [
      "a side output of an operator that has none",
      (env) =>
        flights(env)
          .map((f) => f, { uid: "mapped" })
          .sideOutput(sideOutput("x")),
      /sideOutput\("x"\): "mapped" is a map, which emits into no side output/,
    ],
    [
      "alignment in the middle of a stream",
      (env) =>
        flights(env)
          .map((f) => f)
          .watermarks(
            { timestamp: "at", alignment: { group: "g", maxDrift: 1 } },
            { uid: "middle" },
          ),
      /Watermark alignment of "middle" cannot be: only a source can be held back/,
    ],
    [
      "a map without its function",
      (env) => flights(env).map("x" as never),
      /map\(…\) after "flights" needs a function, but is given the string "x"\./,
    ],
    [
      "a key that is neither field nor function",
      (env) => flights(env).keyBy(undefined as never),
      /keyBy\(…\), which names no field, after "flights" needs a function, but is given undefined/,
    ],
    [
      "a process function without process",
      (env) =>
        flights(env)
          .keyBy("origin")
          .process("p", {} as never),
      /process of "p" needs a function/,
    ],
    [
      "a window that is only its size",
      (env) =>
        flights(env)
          .keyBy("origin")
          .window("1h" as never),
      /window\(…\) after "flights" is given the string "1h" instead of a window; use tumbling\(/,
    ],
    [
      "a state that is only a type",
      (env) =>
        flights(env)
          .keyBy("origin")
          .process("p", { state: { seen: t.bool as never }, process: () => undefined }),
      /Operator "p": its state "seen" is no declared state; use valueState\(…\)/,
    ],
    [
      "an option of watermarks that does not exist",
      (env) => flights(env).watermarks({ timestamp: "at", outOfOrdernes: "5s" } as never),
      /watermarks\(…\) after "flights" has no option "outOfOrdernes"; .* mean "outOfOrderness"\?/,
    ],
    [
      "a source that is none",
      (env) => env.source("lines", undefined as never),
      /source\("lines", …\) is given undefined instead of a source\. Give one, such as source\(/,
    ],
    [
      "a sink without its uid",
      (env) => flights(env).sink(discard() as never, undefined as never),
      /sink\(an object of class Object, …\) is given undefined instead of a sink/,
    ],
    [
      "a program that is async",
      async () => Promise.reject(new Error("nobody looks")),
      /The program of the job "graph" is async, but a graph is built at once/,
    ],
    [
      "a key field that the records do not have",
      (env) =>
        flights(env)
          .filter(() => true)
          .keyBy("orgin" as "origin"),
      /keyBy\("orgin"\) after "flights\/filter\.0": .* no field "orgin"; they .* mean "origin"\?$/,
    ],
    [
      "a timestamp field of a source that the records do not have",
      (env) => flights(env).watermarks({ timestamp: "time" as "at" }),
      /timestamp: "time" \}\) after "flights": .* no field "time"; they have origin, at, delay\.$/,
    ],
    [
      "a timestamp field that holds no numbers",
      (env) =>
        flights(env)
          .filter(() => true, { uid: "kept" })
          .watermarks({ timestamp: "origin" as "at" }),
      /"origin" \}\) after "kept": the field is of type string\. .*Date\.parse\(r\.origin\)/,
    ],
  ];

for (const [what, build, message] of REFUSED) {
  test(`${what} is refused, with the operator and the remedy`, () => {
    assert.throws(
      () => graphOf(build),
      (error: Error) => {
        assert.equal(errorCode(error), "GRAPH_INVALID");
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test("an aggregated field that the records do not have, or not as a number, is refused", () => {
  const aggregating = (field: string) => () =>
    graphOf((env) =>
      flights(env)
        .keyBy("origin")
        .aggregate("mean", { value: avg(field as "delay") })
        .sink("out", discard()),
    );
  assert.throws(aggregating("delays"), {
    code: "AGGREGATE_INVALID",
    message:
      'Operator "mean", output "value": records have no field "delays"; they have origin, at, ' +
      'delay. Did you mean "delay"?',
  });
  assert.throws(aggregating("origin"), {
    code: "AGGREGATE_INVALID",
    message: /"mean", output "value": avg\(origin\) cannot take values of type string\. .*function/,
  });
});

test("aggregates that are left out are refused with the operator", () => {
  assert.throws(
    () =>
      graphOf((env) =>
        flights(env)
          .keyBy("origin")
          .aggregate("mean", undefined as never),
      ),
    { code: "AGGREGATE_INVALID", message: /^Operator "mean" is given no aggregates; give some/ },
  );
});

test("options of checkpoints and restarts that do not exist are refused", () => {
  for (const [build, message] of [
    [
      (env: StreamEnvironment) => env.checkpoint({ intervall: "5s" } as never),
      /^checkpoint has no option "intervall"; there are interval, .* Did you mean "interval"\?$/,
    ],
    [
      (env: StreamEnvironment) => env.checkpoint({ retain: { cout: 2 } } as never),
      /^checkpoint\.retain has no option "cout"; .* Did you mean "count"\?$/,
    ],
    [
      (env: StreamEnvironment) => env.restart({ kind: "fixd-delay" } as never),
      /^restart\.kind is "fixd-delay"; expected one of none, fixed-delay, /,
    ],
    [
      (env: StreamEnvironment) => env.restart({ kind: "fixed-delay", attemps: 3 } as never),
      /^restart \(fixed-delay\) has no option "attemps"; .* Did you mean "attempts"\?$/,
    ],
  ] as const) {
    const whole = (env: StreamEnvironment): void => flights(build(env)).sink("out", discard());
    assert.throws(() => graphOf(whole), { code: "SETTING_INVALID", message });
  }
});

test("fields of records whose type is not known are left to the records", () => {
  graphOf((env) =>
    flights(env)
      .map((flight) => flight)
      .watermarks({ timestamp: "at" })
      .keyBy("origin")
      .aggregate("mean", { delay: avg("delay") })
      .sink("out", discard()),
  );
});

test("a key of a type that keys cannot have is refused before anything runs", () => {
  assert.throws(
    () =>
      graphOf((env) =>
        flights(env)
          .keyBy((f): unknown => f, t.any)
          .aggregate("by-any", { count: count() })
          .sink("out", discard()),
      ),
    (error: Error) => {
      assert.equal(errorCode(error), "KEY_TYPE_UNSUPPORTED");
      assert.match(error.message, /"by-any" cannot have keys of type any/);
      return true;
    },
  );
});

test("a job needs a name", () => {
  for (const name of ["", "  ", "x".repeat(201)]) {
    assert.throws(() => job(name, () => undefined), /A job needs a name of 1 to 200 characters/);
  }
});

test("operators without exchange between them are chained into one vertex", () => {
  const build = (env: StreamEnvironment): void =>
    flights(env)
      .map((f) => f.delay, { uid: "delays" })
      .filter((delay) => delay > 0, { uid: "late" })
      .sink("out", discard());
  assert.deepEqual(chains(build), ["flights -> delays -> late -> out"]);
});

test("keys, rebalance, unions, other parallelisms and second inputs begin a vertex", () => {
  assert.deepEqual(
    chains((env) =>
      flights(env).keyBy("origin").aggregate("sums", { count: count() }).sink("out", discard()),
    ),
    ["flights", "sums -> out"],
  );
  assert.deepEqual(
    chains((env) => flights(env).rebalance().sink("out", discard())),
    ["flights", "out"],
  );
  assert.deepEqual(
    chains((env) => flights(env).sink("out", discard(), { parallelism: 1 })),
    ["flights", "out"],
  );
  assert.deepEqual(
    chains((env) => flights(env).union(flights(env, "more")).sink("out", discard())),
    ["flights", "more", "out"],
  );
  assert.deepEqual(
    chains((env) =>
      flights(env)
        .connect(flights(env, "more"))
        .process("both", { processFirst() {}, processSecond() {} })
        .sink("out", discard()),
    ),
    ["flights", "more", "both -> out"],
  );
});

test("at parallelism 1 even keys need no exchange, but watermarks begin a chain", () => {
  const keyed = (env: StreamEnvironment): void =>
    flights(env).keyBy("origin").aggregate("sums", { count: count() }).sink("out", discard());
  assert.deepEqual(chains(keyed, 1), ["flights -> sums -> out"]);
  const middle = (env: StreamEnvironment): void =>
    flights(env)
      .filter(() => true, { uid: "kept" })
      .watermarks({ timestamp: "at" }, { uid: "times" })
      .sink("out", discard());
  assert.deepEqual(chains(middle, 1), ["flights -> kept", "times -> out"]);
});

test("one stream feeds several consumers, chained or not, and its side outputs others", () => {
  const late = sideOutput<number>("late");
  const graph = graphOf((env) => {
    const split = flights(env).process("split", { process() {} });
    split.sink("main", discard());
    split.sideOutput(late).sink("late", discard());
    split.sideOutput(late).rebalance().sink("spread", discard());
  }, 2);
  assert.deepEqual(
    graph.vertices.map(({ name }) => name),
    ["flights -> split -> main -> late", "spread"],
  );
  assert.deepEqual(
    graph.edges.map(({ name, isChained }) => [name, isChained]),
    [
      ["flights -> split", true],
      ["split -> main", true],
      ["split:late -> late", true],
      ["split:late -> spread", false],
    ],
  );
});
