// `npm test` itself: what it must not let pass. Runs scripts/test.ts on planted test files.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";

const SCRIPT = path.resolve(import.meta.dirname, "../scripts/test.ts");
const folder = mkdtempSync(path.join(tmpdir(), "oxbow-test-run-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let fileIndex = 0;

function runOn(body: string, env: NodeJS.ProcessEnv = {}): { status: number | null; text: string } {
  const file = path.join(folder, `planted-${fileIndex++}.test.ts`);
  const imports = 'import { suite, test } from "node:test";\n';
  writeFileSync(file, imports + body);
  const { NODE_TEST_CONTEXT: _, CI: __, ...outer } = process.env;
  const result = spawnSync(process.execPath, [SCRIPT, file], {
    env: { ...outer, ...env },
    encoding: "utf8",
  });
  return { status: result.status, text: result.stdout + result.stderr };
}

test("a run of passing tests ends with 0 and the sum of what passed", () => {
  const { status, text } = runOn(
    'test("a", () => {}); suite("s", () => { test("b", () => {}); });',
  );
  assert.match(text, /^2 passed, 0 failed, 0 skipped$/m);
  assert.equal(status, 0);
});

test("a failing test is named with its error, counted once, and fails the run", () => {
  const { status, text } = runOn(
    'suite("s", () => { test("b", () => { throw new Error("boom"); }); });',
  );
  assert.match(text, /✖ b \(.*planted-\d+\.test\.ts/);
  assert.match(text, /Error: boom/);
  assert.match(text, /^0 passed, 1 failed, 0 skipped$/m);
  assert.equal(status, 1);
});

test("a test file that cannot be loaded fails the run", () => {
  const { status, text } = runOn('import "./not-there.ts";');
  assert.match(text, /^0 passed, 1 failed, 0 skipped$/m);
  assert.equal(status, 1);
});

test("a skip is shown with its reason, and one without a reason fails under CI", () => {
  const reasoned = 'test("a", () => {}); test("b", { skip: "no Java here" }, () => {});';
  const { status, text } = runOn(reasoned, { CI: "true" });
  assert.match(text, /skipped: b .*: no Java here/);
  assert.equal(status, 0);
  const bare = 'test("a", () => {}); test("b", { skip: true }, () => {});';
  assert.equal(runOn(bare).status, 0);
  assert.equal(runOn(bare, { CI: "true" }).status, 1);
});

test("a file without tests fails the run", () => {
  const { status, text } = runOn("void test; void suite;\n");
  assert.match(text, /has no tests/);
  assert.equal(status, 1);
});
