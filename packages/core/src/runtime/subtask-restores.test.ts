import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamEnvironment } from "../api/environment.ts";
import { collect } from "../connectors/collect.ts";
import { generator } from "../connectors/generator.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import type { OperatorSnapshot } from "../snapshot/metadata.ts";
import { operatorListState, unionListState } from "../state/operator-state.ts";
import { valueState } from "../state/descriptors.ts";
import { codecOf, decodeValue } from "../types/codec.ts";
import { t } from "../types/t.ts";
import type { OperatorRestore } from "./messages.ts";
import { checkpointOf, described, graphOf, listOf, segment, stored } from "./snapshots.fixture.ts";
import { deal, retainedTransactions, subtaskRestores } from "./subtask-restores.ts";

const COUNT = described("count", "value", t.int32);

/** A keyed operator, lists, a source and a sink. */
function program(env: StreamEnvironment): void {
  env
    .source("numbers", generator({ make: (index) => index }))
    .process("lists", {
      operatorState: { split: operatorListState(t.any), union: unionListState(t.any) },
      process(record: number, { emit }) {
        emit(record);
      },
    })
    .keyBy((n) => n, t.int32)
    .process("keyed", { state: { count: valueState(t.int32) }, process() {} })
    .sink("out", collect<unknown>());
}

/** What each subtask of an operator starts from. */
function sharesOf(
  job: JobGraph,
  uid: string,
  ...snapshot: OperatorSnapshot[]
): (OperatorRestore | undefined)[] {
  return subtaskRestores(job, checkpointOf(...snapshot))
    .filter(({ vertex }) => job.vertices[vertex].nodes.some((node) => node.uid === uid))
    .map(({ operators }) => operators[uid]);
}

function valuesOf(share: OperatorRestore | undefined, name: string): unknown[] {
  const elements = share?.states.find((state) => state.name === name)?.elements ?? [];
  return elements.map((element) => decodeValue(codecOf(t.any), element));
}

const part = (watermark: number | undefined, hasEnded = false) => ({ watermark, hasEnded });

test("without a snapshot every subtask starts empty", () => {
  const restores = subtaskRestores(graphOf(program, { parallelism: 3 }), undefined);
  assert.equal(restores.length, 6);
  for (const { operators } of restores) assert.deepEqual(operators, {});
});

test("at the same parallelism each subtask has its own part, and may build on it", () => {
  const job = graphOf(program, { parallelism: 2 });
  const keyed = stored({ uid: "keyed", states: [COUNT], parts: [part(5), part(6, true)] });
  const shares = sharesOf(job, "keyed", keyed);
  assert.deepEqual(
    shares.map((share) => share?.segments.map(({ file }) => file)),
    [["keyed-0"], ["keyed-1"]],
  );
  assert.deepEqual(
    shares.map((share) => [share?.watermark, share?.hasEnded, share?.isBase]),
    [
      [5, false, true],
      [6, true, true],
    ],
  );
});

test("without keys a subtask keeps no time of its own where another operator changed", () => {
  const job = graphOf(program, { parallelism: 2 });
  const parts = [part(5), part(6, true)];
  const lists = stored({ uid: "lists", parts });
  const keyed = (count: number): OperatorSnapshot =>
    stored({
      uid: "keyed",
      states: [COUNT],
      parts: Array.from({ length: count }, () => part(5)),
    });
  const others = ["numbers", "out"].map((uid) => stored({ uid, parts }));
  const timesOf = (...snapshot: OperatorSnapshot[]): unknown[] =>
    sharesOf(job, "lists", ...snapshot).map((share) => [share?.watermark, share?.hasEnded]);
  assert.deepEqual(timesOf(keyed(2), lists, ...others), [
    [5, false],
    [6, true],
  ]);
  for (const changed of [
    [keyed(3), lists, ...others],
    [lists, ...others],
  ]) {
    assert.deepEqual(timesOf(...changed), [
      [5, false],
      [5, false],
    ]);
  }
});

test("with another parallelism segments go to all whose key groups they meet, oldest first", () => {
  const job = graphOf(program, { parallelism: 3 });
  const ranges = [
    { start: 0, end: 64 },
    { start: 64, end: 128 },
  ];
  const parts = ranges.map((range, index) => ({
    segments: [segment(`base-${index}`, range), segment(`delta-${index}`, range)],
  }));
  const shares = sharesOf(job, "keyed", stored({ uid: "keyed", states: [COUNT], parts }));
  const [first, second] = [0, 1].map((index) => [`base-${index}`, `delta-${index}`]);
  assert.deepEqual(
    shares.map((share) => share?.segments.map(({ file }) => file)),
    [first, [...first, ...second], second],
  );
  assert.ok(shares.every((share) => share?.isBase === false));
});

test("a subtask begins with the lowest watermark of those whose key groups it gets", () => {
  const job = graphOf(program, { parallelism: 3 });
  const from = (...watermarks: (number | undefined)[]): unknown[] => {
    const parts = watermarks.map((watermark) => part(watermark));
    const keyed = stored({ uid: "keyed", states: [COUNT], parts });
    return sharesOf(job, "keyed", keyed).map((share) => share?.watermark);
  };
  assert.deepEqual(from(5, 7), [5, 5, 7]);
  assert.deepEqual(from(undefined, 7), [undefined, undefined, 7]);
  assert.deepEqual(from(5, undefined), [5, undefined, undefined]);
  assert.deepEqual(from(9), [9, 9, 9]);
});

test("without keys a subtask begins with the lowest watermark of all", () => {
  const job = graphOf(program, { parallelism: 3 });
  const from = (...watermarks: (number | undefined)[]): unknown[] => {
    const parts = watermarks.map((watermark) => part(watermark));
    const lists = stored({ uid: "lists", kind: "process", rowsCount: 0, parts });
    return sharesOf(job, "lists", lists).map((share) => share?.watermark);
  };
  assert.deepEqual(from(5, 7), [5, 5, 5]);
  assert.deepEqual(from(5, undefined), [undefined, undefined, undefined]);
});

test("a subtask had ended only if all whose place it takes had", () => {
  const job = graphOf(program, { parallelism: 3 });
  const parts = [part(5, true), part(7, false)];
  const keyed = stored({ uid: "keyed", states: [COUNT], parts });
  const lists = stored({ uid: "lists", kind: "process", rowsCount: 0, parts });
  const ended = (uid: string) => sharesOf(job, uid, keyed, lists).map((share) => share?.hasEnded);
  assert.deepEqual(ended("keyed"), [true, false, false]);
  assert.deepEqual(ended("lists"), [false, false, false]);
});

test("split lists are dealt out in order; at the same parallelism each keeps its own", () => {
  const parts = [[1, 2, 3], [], [4, 5, 6, 7]].map((values) => ({
    states: [listOf("split", values)],
  }));
  const lists = stored({ uid: "lists", kind: "process", rowsCount: 0, parts });
  const dealt = (parallelism: number): unknown[] =>
    sharesOf(graphOf(program, { parallelism }), "lists", lists).map((share) =>
      valuesOf(share, "split"),
    );
  assert.deepEqual(dealt(1), [[1, 2, 3, 4, 5, 6, 7]]);
  assert.deepEqual(dealt(2), [
    [1, 2, 3, 4],
    [5, 6, 7],
  ]);
  assert.deepEqual(dealt(3), [[1, 2, 3], [], [4, 5, 6, 7]]);
  assert.deepEqual(dealt(9), [[1], [2], [3], [4], [5], [6], [7], [], []]);
});

test("union lists go whole to every subtask, at the same parallelism too", () => {
  const parts = [["a"], ["b", "c"]].map((values) => ({
    states: [listOf("union", values, "union")],
  }));
  const lists = stored({ uid: "lists", kind: "process", rowsCount: 0, parts });
  for (const parallelism of [1, 2, 3]) {
    for (const share of sharesOf(graphOf(program, { parallelism }), "lists", lists)) {
      assert.deepEqual(valuesOf(share, "union"), ["a", "b", "c"]);
    }
  }
});

test("splits of a source and transactions of a sink are dealt out like lists", () => {
  const job = graphOf(program, { parallelism: 2 });
  const source = stored({
    uid: "numbers",
    kind: "source",
    rowsCount: 0,
    parts: [["s0", "s1"], ["s2"], ["s3"]].map((values) => ({ states: [listOf("splits", values)] })),
  });
  const sink = stored({
    uid: "out",
    kind: "sink",
    rowsCount: 0,
    parts: [1, 2, 3].map((id) => ({
      states: [listOf("writer", [`w${id}`]), listOf("pending", [`t${id}`])],
    })),
  });
  const splits = sharesOf(job, "numbers", source, sink).map((share) => valuesOf(share, "splits"));
  assert.deepEqual(splits, [
    ["s0", "s1"],
    ["s2", "s3"],
  ]);
  const shares = sharesOf(job, "out", source, sink);
  assert.deepEqual(
    shares.map((share) => [...valuesOf(share, "writer"), ...valuesOf(share, "pending")]),
    [
      ["w1", "w2", "t1", "t2"],
      ["w3", "t3"],
    ],
  );
});

test("a renamed operator goes on from its old name's state, and writes everything anew", () => {
  const job = graphOf((env) => program(env.aliases("keyed", "older", "old")));
  const old = stored({ uid: "old", states: [COUNT] });
  const [share] = sharesOf(job, "keyed", old);
  assert.deepEqual(
    share?.segments.map(({ file }) => file),
    ["old-0"],
  );
  assert.equal(share?.isBase, false);
  const [own] = sharesOf(job, "keyed", old, stored({ uid: "keyed", states: [COUNT] }));
  assert.equal(own?.segments[0].file, "keyed-0");
  const [first] = sharesOf(job, "keyed", old, stored({ uid: "older", states: [COUNT] }));
  assert.equal(first?.segments[0].file, "older-0");
});

test("states that are not declared any more stay behind, and their elements with them", () => {
  const job = graphOf(program);
  const states = [COUNT, described("gone", "map", t.map(t.string, t.int32))];
  const [keyed] = sharesOf(job, "keyed", stored({ uid: "keyed", states }));
  assert.deepEqual([keyed?.leftBehind, keyed?.isBase], [["gone"], false]);
  const lists = stored({
    uid: "lists",
    kind: "process",
    rowsCount: 0,
    states: [described("gone", "operator-list", t.any)],
    parts: [{ states: [listOf("gone", [1]), listOf("split", [2])] }],
  });
  const [share] = sharesOf(job, "lists", lists);
  assert.deepEqual(
    share?.states.map(({ name }) => name),
    ["split"],
  );
});

test("a state that changed lets no checkpoint build on the old segments", () => {
  const job = graphOf(program);
  const states = [described("count", "value", t.int64)];
  assert.equal(sharesOf(job, "keyed", stored({ uid: "keyed", states }))[0]?.isBase, false);
});

test("transactions of a renamed sink are retained under its new uid", () => {
  const job = graphOf((env) => program(env.aliases("out", "old-out")));
  const pending = (uid: string, value: string) =>
    checkpointOf(
      stored({
        uid,
        kind: "sink",
        rowsCount: 0,
        parts: [{ states: [listOf("pending", [value])] }],
      }),
    );
  const retained = retainedTransactions(job, [pending("old-out", "t1"), pending("out", "t2")]);
  assert.deepEqual(Object.keys(retained), ["out"]);
  assert.deepEqual(
    retained["out"].map((element) => decodeValue(codecOf(t.any), element)),
    ["t1", "t2"],
  );
});

test("elements that do not come out even go to the first takers", () => {
  assert.deepEqual(deal([1, 2, 3, 4, 5], 3), [[1, 2], [3, 4], [5]]);
  assert.deepEqual(deal([], 2), [[], []]);
});
