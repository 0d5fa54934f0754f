// The table of upgrades as a page for readers.
import type { Upgrade } from "./upgrade.fixture.ts";

const INTRODUCTION = `# Upgrades: which change of a program does what

A job is stopped with a savepoint, its program is changed, and it is started from there
(\`oxbow stop\`, \`oxbow run job.ts -s <savepoint>\`). This page says for every kind of change what
then happens: the job **goes on** with its state, or is **refused** before anything runs, with a
message that says why and what to do; then nothing has changed, and the old program can go on. The
rules behind it: [savepoints](semantics/savepoints.md).

The page is written from a table that the tests try, entry by entry, with real jobs
(\`packages/core/src/driver/upgrades/\`).
`;

/** The page; ends with a line end. */
export function upgradesPage(groups: Readonly<Record<string, readonly Upgrade[]>>): string {
  const sections = Object.entries(groups).map(([title, upgrades]) => {
    const rows = upgrades.map(
      ({ change, result }) =>
        `| ${change} | ${result.kind === "refused" ? "refused" : "goes on"} | ${result.how} |`,
    );
    return [`## ${title}`, "", "| change | | |", "|---|---|---|", ...rows, ""].join("\n");
  });
  return [INTRODUCTION, ...sections].join("\n");
}
