import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MAX_WATERMARK, NO_WATERMARK } from "./timestamp.ts";
import { AlignmentGroups } from "./watermark-alignment.ts";

const SOURCES = [
  { uid: "a", group: "g", maxDriftMs: 10 },
  { uid: "b", group: "g", maxDriftMs: 25 },
  { uid: "c", group: "h", maxDriftMs: 5 },
];

test("the limit is the slowest active member plus the drift, and never falls", () => {
  const report = fc.record({
    source: fc.nat({ max: 2 }),
    subtask: fc.nat({ max: 1 }),
    step: fc.option(fc.nat({ max: 20 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(report, { maxLength: 60 }), (reports) => {
      const groups = new AlignmentGroups();
      for (const { uid, ...rest } of SOURCES) {
        groups.addSource(uid, 2, { ...rest, updateIntervalMs: 1 });
      }
      const reached = new Map<string, number>();
      const last = new Map<string, number>();
      for (const { source, subtask, step } of reports) {
        const { uid } = SOURCES[source];
        const id = `${uid}${subtask}`;
        // Watermarks of readers only rise; undefined is idle.
        if (step !== undefined) reached.set(id, (reached.get(id) ?? 0) + step);
        last.set(id, step === undefined ? MAX_WATERMARK : reached.get(id)!);
        groups.report(uid, subtask, step === undefined ? undefined : reached.get(id)!);
        for (const { uid: of, group, maxDriftMs } of SOURCES) {
          const members = SOURCES.filter((s) => s.group === group).flatMap((s) =>
            [0, 1].map((i) => last.get(`${s.uid}${i}`) ?? NO_WATERMARK),
          );
          const lowest = Math.min(...members);
          const limit = groups.limitOf(of);
          if (lowest === MAX_WATERMARK) assert.equal(limit, MAX_WATERMARK);
          else assert.ok(limit >= lowest + maxDriftMs);
          assert.ok(limit >= lowest, "the slowest member may always run");
        }
      }
    }),
  );
});

test("nobody runs ahead of a member that has not reported, and idle members hold nobody", () => {
  const groups = new AlignmentGroups();
  groups.addSource("a", 1, { group: "g", maxDriftMs: 10, updateIntervalMs: 1 });
  groups.addSource("b", 1, { group: "g", maxDriftMs: 10, updateIntervalMs: 1 });
  groups.report("a", 0, 100);
  assert.equal(groups.limitOf("a"), NO_WATERMARK);
  groups.report("b", 0, 40);
  assert.equal(groups.limitOf("a"), 50);
  groups.report("b", 0, undefined);
  assert.equal(groups.limitOf("a"), 110);
  groups.report("b", 0, 45);
  assert.equal(groups.limitOf("a"), 110, "what was allowed stays allowed");
  groups.report("a", 0, undefined);
  groups.report("b", 0, undefined);
  assert.equal(groups.limitOf("b"), MAX_WATERMARK);
  groups.forget("a", 0);
  groups.report("b", 0, 300);
  assert.equal(groups.limitOf("b"), 110);
});
