// Real processes, which say in a file when they run.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { canTakeTurns, fairTurns, median, takeTurns } from "./turns.ts";
import type { Command } from "./turns.ts";

/** Says its name until it has used 200 ms of CPU, then what it is to say. */
function busy(name: string, file: string, end = `console.log("done ${name}")`): Command {
  const source = `
    const { appendFileSync } = require("node:fs");
    while (process.cpuUsage().user < 200_000) appendFileSync(${JSON.stringify(file)}, "${name}");
    ${end};`;
  return { command: process.execPath, args: ["-e", source] };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("who takes turns runs in parts, and what all have said comes back in order", async (t) => {
  if (!canTakeTurns()) {
    t.skip("processes cannot be kept on a core here");
    return;
  }
  const directory = mkdtempSync(path.join(tmpdir(), "turns-"));
  try {
    const file = path.join(directory, "said");
    const ended = await takeTurns([busy("a", file), busy("b", file)], [10, 10]);
    assert.deepEqual(
      ended.map(({ stdout }) => stdout),
      ["done a\n", "done b\n"],
    );
    const parts = readFileSync(file, "utf8").match(/a+|b+/g) ?? [];
    assert.ok(parts.length > 4, `${parts.length} parts`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("without turns each runs to its end before the next begins", async () => {
  const directory = mkdtempSync(path.join(tmpdir(), "turns-"));
  try {
    const file = path.join(directory, "said");
    await takeTurns([busy("a", file), busy("b", file)], undefined);
    assert.match(readFileSync(file, "utf8"), /^a+b+$/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("who fails is heard, also while others run, and these are ended", async () => {
  const directory = mkdtempSync(path.join(tmpdir(), "turns-"));
  try {
    const file = path.join(directory, "pid");
    const source = `require("node:fs").writeFileSync(${JSON.stringify(file)}, String(process.pid));
      setInterval(() => undefined, 1000);`;
    const waiting = { command: process.execPath, args: ["-e", source] };
    const failing = busy("a", path.join(directory, "said"), 'throw new Error("no more")');
    if (!canTakeTurns()) {
      // The one that waits for ever must not come first.
      await assert.rejects(takeTurns([failing, waiting], undefined), /ended with 1:[^]*no more/);
      return;
    }
    await assert.rejects(takeTurns([waiting, failing], [2_000, 20]), /ended with 1:[^]*no more/);
    const pid = Number(readFileSync(file, "utf8"));
    while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("turns are as long as what each has to do, beside the others, within bounds", () => {
  assert.deepEqual(fairTurns([400, 100, 250]), [400, 100, 250]);
  assert.deepEqual(fairTurns([1_000, 2_000]), [100, 200]);
  assert.deepEqual(fairTurns([1_000, 60_000]), [10, 600]);
});

test("a median of an even number of values is the mean of the two in the middle", () => {
  assert.equal(median([4, 1, 3]), 3);
  assert.equal(median([4, 1, 3, 2]), 2.5);
});
