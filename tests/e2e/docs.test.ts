/* What the README and the tutorial say is done, word by word, and gives what they say. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { follow, stepsOf } from "./docs/document.ts";

const ROOT = path.join(import.meta.dirname, "../..");

test("the tutorial works when it is followed step by step", async () => {
  const steps = stepsOf(readFileSync(path.join(ROOT, "docs/tutorial.md"), "utf8"));
  assert.equal(steps.filter(({ kind }) => kind === "file").length, 4);
  assert.equal(steps.filter((step) => step.kind === "commands" && step.output).length, 5);
  await follow(steps);
});

test("the first job of the README gives what the README says", async () => {
  const readMe = readFileSync(path.join(ROOT, "README.md"), "utf8");
  const [, section = ""] = /^## A first job\n(.*?)^## /ms.exec(readMe) ?? [];
  const steps = stepsOf(section);
  assert.deepEqual(
    steps.map(({ kind }) => kind),
    ["file", "commands"],
  );
  await follow(steps);
});
