// The repository's own commands: help, and lines that cannot be understood.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";

const ROOT = path.dirname(import.meta.dirname);

/** Commands of package.json, with a line that each cannot understand. */
const COMMANDS: readonly [command: string, script: string, wrong: readonly string[]][] = [
  ["npm run bench", "bench/main.ts", ["--runs", "many"]],
  ["npm run bench", "bench/main.ts", ["no-such-case"]],
  ["npm run sim", "tests/sim/main.ts", ["--seeds", "many"]],
  ["npm test", "scripts/test.ts", ["no-such-file"]],
  ["npm test", "scripts/test.ts", ["--only", "no-such-part"]],
  ["npm start", "examples/flights/main.ts", ["--no-such-option"]],
];

function run(script: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

for (const [command, script, wrong] of COMMANDS) {
  test(`${command} -- ${wrong.join(" ")} is refused with 2, a sentence and the usage`, () => {
    const { status, stdout, stderr } = run(script, wrong);
    assert.deepEqual({ status, stdout }, { status: 2, stdout: "" });
    assert.match(stderr, new RegExp(`^[^\\n]*(no-such|many)[^\\n]*\\n\\nUsage: ${command} `));
    assert.doesNotMatch(stderr, /\n\s+at /);
  });
}

const HELP = new Map([...COMMANDS.map(([command, script]) => [command, script] as const)]);
for (const [command, script] of [...HELP, ["npm run build", "scripts/build.ts"] as const]) {
  test(`${command} -- --help prints the usage and runs nothing`, () => {
    const { status, stdout, stderr } = run(script, ["--help"]);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    assert.match(stdout, new RegExp(`^Usage: ${command} `));
  });
}
