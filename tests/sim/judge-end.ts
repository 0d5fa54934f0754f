/* Judging a run of a story by how it ended, and by what its sinks have committed. */
import type { Checkers } from "./checkers.ts";
import type { Contents, ContentsReader } from "./contents.ts";
import { pendingFilesOf } from "./disk-view.ts";
import { differences, judge } from "./judge.ts";
import { judgeDrained } from "./judge-drained.ts";
import type { RunStart } from "./next-run.ts";
import { evaluate } from "./reference.ts";
import type { RunEnd } from "./run-life.ts";
import type { Scenario } from "./scenario.ts";

/** What is wrong. */
export function judgeEnd(
  end: RunEnd,
  parts: {
    readonly scenario: Scenario;
    readonly start: RunStart;
    readonly contents: ContentsReader;
    readonly checkers: Checkers;
  },
): string[] {
  const { scenario, start, contents } = parts;
  const visible = contents.of(start.history);
  switch (end.kind) {
    case "left":
      return [];
    case "finished":
      return [
        ...judge(scenario, evaluate(scenario), visible),
        ...uncommitted(start, parts.checkers),
      ];
    case "suspended":
    case "drained": {
      const held = end.snapshot.contents;
      return [
        ...(end.isClean ? unequal(held, visible) : []),
        ...(end.kind === "drained" ? judgeDrained(scenario, held) : []),
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

/** Transactions of the snapshot that the run was told to commit, and has not. */
function uncommitted({ origin, command }: RunStart, { view }: Checkers): string[] {
  if (origin === undefined || command.restore?.sinks === "discard") return [];
  return pendingFilesOf(origin.metadata)
    .filter(({ final }) => !view.has(final))
    .map(({ final }) => `${final} was never committed`);
}
