import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutFlinkSpellings } from "./flink-spellings.ts";

for (const [given, expected] of [
  ["run -s s -rm CLAIM job.ts", "run -s s --claim-mode CLAIM job.ts"],
  ["run --fromSavepoint=s -cm claim job.ts", "run --from-savepoint=s --claim-mode claim job.ts"],
  ["run -allowNonRestoredState job.ts -p 2", "run job.ts -p 2 --allow-non-restored-state"],
  ["run -n job.ts -- -n x", "run job.ts --allow-non-restored-state -- -n x"],
  ["run -n sums,counts job.ts", "run -n sums,counts job.ts"],
  ["run job.ts -n", "run job.ts -n"],
  ["run job.ts -- -rm CLAIM", "run job.ts -- -rm CLAIM"],
  ["stop -d -savepointPath /b 1234", "stop --drain --savepoint-path /b 1234"],
  ["checkpoint -full 1234", "checkpoint --full 1234"],
  ["explain -rm job.ts", "explain -rm job.ts"],
  ["", ""],
] as const) {
  test(`"${given}" is read as "${expected}"`, () => {
    const args = given === "" ? [] : given.split(" ");
    const isFile = (path: string): boolean => path === "job.ts";
    assert.equal(withoutFlinkSpellings(args, isFile).join(" "), expected);
  });
}
