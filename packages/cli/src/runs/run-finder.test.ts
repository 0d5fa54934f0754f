import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { chooseRun, findRunDirectory } from "./run-finder.ts";
import { atRest, live, silent } from "./run-listings.fixture.ts";

const FIRST = "6f0b1c9a0d1e4f7c8b2a3d5e6f708192";
const SECOND = "6f0b77770d1e4f7c8b2a3d5e6f708192";
const LISTINGS = [
  atRest("old-1", "flights", "canceled"),
  atRest("old-2", "flights", "finished"),
  live(FIRST, "flights"),
  live(SECOND, "orders"),
  silent("mine", "clicks"),
  live("orders", "other"),
];

for (const [job, directory] of [
  [FIRST, FIRST],
  ["6f0b1", FIRST],
  ["6f0b7", SECOND],
  ["flights", FIRST],
  ["clicks", "mine"],
  ["old-1", "old-1"],
  ["orders", "orders"],
] as const) {
  test(`"${job}" means the run ${directory}`, () => {
    assert.equal(chooseRun(job, LISTINGS).runDirectory, `/runs/${directory}`);
  });
}

test("of runs that are all over the newest is meant", () => {
  const over = LISTINGS.filter(({ kind }) => kind === "at-rest");
  assert.equal(chooseRun("flights", over).runDirectory, "/runs/old-2");
});

test("what may mean several runs is refused, with those", () => {
  assert.throws(() => chooseRun("6f0b", LISTINGS), {
    name: "UsageError",
    message: [
      '"6f0b" may mean 2 runs; give more of an id, or a run directory:',
      `  6f0b1c9a0d1e  flights  RUNNING  /runs/${FIRST}`,
      `  6f0b77770d1e  orders  RUNNING  /runs/${SECOND}`,
    ].join("\n"),
  });
});

for (const job of ["6f0", "nobody", ""]) {
  test(`"${job}" means no run, and what there is is told`, () => {
    assert.throws(() => chooseRun(job, LISTINGS.slice(2, 4)), {
      name: "UsageError",
      message: [
        `there is no run "${job}"; there are:`,
        "  6f0b1c9a0d1e  flights  RUNNING",
        "  6f0b77770d1e  orders  RUNNING",
      ].join("\n"),
    });
  });
}

test("where there is no run at all, it is told where to look", () => {
  assert.throws(() => chooseRun("flights", []), {
    message: /^there is no run "flights": none of your jobs .* give --checkpoint-dir$/,
  });
});

test("many runs are told in part", () => {
  const many = Array.from({ length: 23 }, (_, index) => live(`run-${index}`, "flights"));
  assert.throws(() => chooseRun("nobody", many), /run-19 {2}flights {2}RUNNING\n {2}and 3 more$/);
});

test("a run directory is meant by its path, a path to none is refused", async () => {
  const directory = mkdtempSync(path.join(tmpdir(), "oxbow-find-"));
  after(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(path.join(directory, "run.json"), "");
  assert.equal(await findRunDirectory(directory, undefined), directory);
  await assert.rejects(findRunDirectory(`${directory}/none`, undefined), {
    name: "UsageError",
    message: `there is no run in ${directory}/none`,
  });
});
