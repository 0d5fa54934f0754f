/* Judging a run of a story by how it ended, and by what its sinks have committed. */
import type { Checkers } from "./checkers.ts";
import type { Contents, ContentsReader } from "./contents.ts";
import { pendingFilesOf } from "./disk-view.ts";
import { differences } from "./differences.ts";
import { judge } from "./judge.ts";
import { judgeDrained } from "./judge-drained.ts";
import { nodesOfRun } from "./operator-changes.ts";
import type { RunStart } from "./next-run.ts";
import { evaluate } from "./reference.ts";
import type { RunEnd } from "./run-life.ts";
import type { Scenario } from "./scenario.ts";

/** What is wrong. */
export function judgeEnd(
  end: RunEnd,
  parts: {
    readonly scenario: Scenario;
    /** Of the run in its story. */
    readonly index: number;
    readonly start: RunStart;
    readonly contents: ContentsReader;
    readonly checkers: Checkers;
  },
): string[] {
  const { scenario, start, contents, index } = parts;
  const visible = contents.of(start.history);
  const own = { ...scenario, nodes: nodesOfRun(scenario, index) };
  const { missed } = start.history;
  switch (end.kind) {
    case "left":
      return [];
    case "finished":
      return [
        ...judge(own, evaluate(own, missed), visible),
        ...uncommitted(own, start, parts.checkers),
        ...beyondRemoval(own, start, visible),
      ];
    case "suspended":
    case "drained": {
      const held = end.snapshot.contents;
      return [
        ...(end.isClean ? unequal(held, visible) : []),
        ...(end.kind === "drained" ? judgeDrained(own, held, missed) : []),
      ];
    }
  }
}

/** The sinks of a stopped job have committed what its savepoint holds, and no more. */
function unequal(held: Contents, visible: Contents): string[] {
  return [...held].flatMap(([uid, records]) =>
    differences(records, visible.get(uid) ?? []).map(
      (text) => `${uid}, when the job was stopped: ${text}`,
    ),
  );
}

/** What sinks have that the job does not have any more, beyond what they had. */
function beyondRemoval({ nodes }: Scenario, { origin }: RunStart, visible: Contents): string[] {
  if (origin === undefined) return [];
  const gone = [...visible].filter(([uid]) => !nodes.some((node) => node.uid === uid));
  return gone.flatMap(([uid, records]) =>
    differences(origin.contents.get(uid) ?? [], records)
      .filter((text) => text.includes("too much"))
      .map((text) => `${uid}, which is gone: ${text}`),
  );
}

/** Transactions of the snapshot that the run was told to commit, and has not. */
function uncommitted(
  { nodes }: Scenario,
  { origin, command }: RunStart,
  { view }: Checkers,
): string[] {
  if (origin === undefined || command.restore?.sinks === "discard") return [];
  return pendingFilesOf(origin.metadata)
    .filter(({ uid, final }) => nodes.some((node) => node.uid === uid) && !view.has(final))
    .map(({ final }) => `${final} was never committed`);
}
