// What identifies operators, and what a graph says of itself.
// Graphs: what is refused and how it is said, chaining, partitioners, explain and its hash.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataStream } from "../api/data-stream.ts";
import type { StreamEnvironment } from "../api/environment.ts";
import { job } from "../api/job.ts";
import { collect } from "../connectors/collect.ts";
import { collection } from "../connectors/collection.ts";
import { discard } from "../connectors/for-each.ts";
import { buildJob } from "../driver/build-job.ts";
import { listState, valueState } from "../state/descriptors.ts";
import { t } from "../types/t.ts";
import { operatorId } from "../types/operator-id.ts";
import { avg, count } from "../window/aggregates.ts";
import { tumbling } from "../window/assigner.ts";
import { explain, explainText, graphHash } from "./explain.ts";
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

test("operators without a uid have a path below the nearest uid above them", () => {
  const uids = (build: (env: StreamEnvironment) => void): string[] =>
    graphOf(build).graph.nodes.map(({ uid }) => uid);
  const base = (env: StreamEnvironment): void =>
    flights(env)
      .map((f) => f)
      .filter(() => true)
      .sink("out", discard());
  assert.deepEqual(uids(base), ["flights", "flights/map.0", "flights/map.0/filter.0", "out"]);
  const more = (env: StreamEnvironment): void => {
    flights(env, "before").sink("nothing", discard());
    base(env);
  };
  assert.deepEqual(uids(more).slice(2), uids(base));
});

test("a program can look at its graph while it builds it", () => {
  graphOf((env) => {
    const stream = flights(env).keyBy("origin");
    stream
      .process("state", { state: { all: listState(t.string) }, process() {} })
      .sink("out", discard());
    const { text, operators } = env.explain();
    assert.deepEqual(
      operators.map(({ uid }) => uid),
      ["flights", "state", "out"],
    );
    assert.deepEqual(
      operators[1].states.map(({ name, kind }) => [name, kind]),
      [["all", "list"]],
    );
    assert.match(text, /state all: list string/);
  });
});

test("explain tells everything that two threads and a snapshot must agree on", () => {
  const build = (env: StreamEnvironment): void =>
    flights(env)
      .watermarks({ timestamp: "at" })
      .keyBy("origin")
      .window(tumbling("1h"))
      .aggregate("hours", { count: count(), delay: avg("delay") })
      .sink("out", discard());
  const graph = graphOf(build, 3);
  const { operators, edges, jobName } = explain(graph);
  assert.equal(jobName, "graph");
  const [source, hours] = operators;
  assert.equal(source.operatorId, operatorId("flights"));
  assert.deepEqual([hours.kind, hours.key, hours.vertex], ["window", "origin", 1]);
  assert.deepEqual([hours.parallelism, hours.maxParallelism], [3, 128]);
  assert.match(hours.detail, /tumbling/);
  assert.ok(hours.states.length > 0);
  assert.deepEqual(
    edges.map(({ name, partitioner }) => [name, partitioner]),
    [
      ["flights -> hours", "hash(origin)"],
      ["hours -> out", "forward"],
    ],
  );
  const text = explainText(graph);
  assert.match(
    text,
    /^job "graph"\n\nvertex 0, parallelism 3 of at most 128\n {2}flights \(source/,
  );
  assert.match(text, /<- flights \[hash\(origin\)\]/);
});

test("explain tells of joins what they keep of either stream, and the interval", () => {
  const graph = graphOf((env) => {
    const all = flights(env).watermarks({ timestamp: "at" });
    const late = all.map(({ origin, delay }) => ({ from: origin, delay })).keyBy("from");
    const byOrigin = all.keyBy("origin");
    const bounds = { lower: "-5m", upper: "1h", upperInclusive: false } as const;
    byOrigin
      .intervalJoin(late, bounds)
      .process("near", () => undefined)
      .sink("a", discard());
    byOrigin
      .connect(late)
      .window(tumbling("1h"))
      .join("hourly", () => undefined)
      .sink("b", discard());
  });
  const { operators, edges } = explain(graph);
  const of = (uid: string) => operators.find((operator) => operator.uid === uid);
  const states = (uid: string) => of(uid)?.states.map(({ name, kind }) => `${name}: ${kind}`);
  assert.equal(of("near")?.detail, "interval join, -5m to 59m 59s 999ms");
  assert.deepEqual(states("near"), ["left: interval-list", "right: interval-list"]);
  assert.equal(of("hourly")?.detail, "join in tumbling windows");
  assert.deepEqual(states("hourly"), [
    "$windows: windows",
    "left.values: window-list",
    "right.values: window-list",
  ]);
  assert.match(explainText(graph), /state left: interval-list struct/);
  assert.match(explainText(graph), /state right\.values: window-list any/);
  assert.deepEqual(
    edges.filter(({ to }) => to === "near").map(({ name }) => name),
    ["flights -> near", "flights/map.0 -> near:1"],
  );
});

test("equal programs have equal hashes, and what matters changes them", () => {
  const build =
    (uid: string, isInteger = true) =>
    (env: StreamEnvironment): void =>
      flights(env)
        .keyBy("origin")
        .process(uid, { state: { last: valueState(isInteger ? t.int32 : t.int64) }, process() {} })
        .sink("out", discard());
  const hash = (make: (env: StreamEnvironment) => void, parallelism = 1): string =>
    graphHash(graphOf(make, parallelism));
  assert.match(hash(build("a")), /^[0-9a-f]{32}$/);
  assert.equal(hash(build("a")), hash(build("a")));
  const others = [hash(build("b")), hash(build("a", false)), hash(build("a"), 2)];
  assert.equal(new Set([hash(build("a")), ...others]).size, 4);
});

test("a union keeps a declared type only if all its streams declare it", () => {
  const keyType = (build: (env: StreamEnvironment) => void): string | undefined =>
    graphOf(build).graph.nodes.find(({ key }) => key !== undefined)?.key?.type?.kind;
  const untyped = (env: StreamEnvironment) =>
    env.source("untyped", collection<{ origin: string; at: number; delay: number }>([]));
  const sums = (stream: DataStream<{ origin: string; at: number; delay: number }>): void =>
    stream.keyBy("delay").aggregate("sums", { count: count() }).sink("out", collect());
  assert.equal(
    keyType((env) => sums(flights(env).union(flights(env, "more")))),
    "int32",
  );
  assert.equal(
    keyType((env) => sums(flights(env).union(untyped(env)))),
    undefined,
  );
  assert.equal(
    keyType((env) => sums(untyped(env).union(flights(env)))),
    undefined,
  );
});

test("aliases are in the graph and change neither operator ids nor its hash", () => {
  const build = (env: StreamEnvironment): void => flights(env).sink("out", discard());
  const named = graphOf((env) => build(env.aliases("out", "older").aliases("out", "old")));
  assert.deepEqual([...named.graph.aliases], [["out", ["older", "old"]]]);
  assert.equal(graphHash(named), graphHash(graphOf(build)));
});

test("an adopted max parallelism goes before the derived one, a declared one before both", () => {
  const maxOf = (build: (env: StreamEnvironment) => void): number[] => {
    const parameters = { args: [], configuration: {}, parallelism: 2 };
    const maxParallelisms = { out: 64 };
    return buildJob(job("graph", build), { ...parameters, maxParallelisms }).job.vertices.map(
      ({ maxParallelism }) => maxParallelism,
    );
  };
  const build = (env: StreamEnvironment): void => flights(env).rebalance().sink("out", discard());
  assert.deepEqual(maxOf(build), [128, 64]);
  assert.deepEqual(
    maxOf((env) => build(env.maxParallelism(32))),
    [32, 32],
  );
});
