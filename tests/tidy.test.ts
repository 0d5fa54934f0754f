// The repository's rules as ordinary tests. Each rule is a pure function in tests/tidy/, is applied
// to every file here, and is itself shown to find a planted violation and to pass a clean file.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { ERRORS } from "oxbow/internal";
import { catalogueViolations, decisionViolations, titleViolations } from "./tidy/documents.ts";
import { deepImportViolations, layerViolations, nodeImportViolations } from "./tidy/layers.ts";
import type { SourceFile } from "./tidy/source-file.ts";
import { codeOnly, readRepository } from "./tidy/source-file.ts";
import {
  ambientViolations,
  columnViolations,
  generatedCodeViolations,
  headerViolations,
  nameViolations,
  sizeViolations,
  wordViolations,
} from "./tidy/wording.ts";

const ROOT = path.dirname(import.meta.dirname);
const FILES = readRepository(ROOT);
const CORE = "packages/core/src";

type Plant = readonly [path: string, text: string];

/** Checks the whole repository, then that `bad` files are found and `good` ones are not. */
function rule(
  title: string,
  check: (file: SourceFile) => string[],
  plants: { readonly bad: readonly Plant[]; readonly good: readonly Plant[] },
): void {
  test(title, () => {
    const found = FILES.flatMap(check);
    assert.equal(found.length, 0, `\n${found.join("\n")}`);
  });
  test(`${title}: a planted violation is found, a clean file is not`, () => {
    for (const [file, text] of plants.bad) {
      assert.equal(check({ path: file, text }).length, 1, `not found once: ${file}: ${text}`);
    }
    for (const [file, text] of plants.good) {
      assert.deepEqual(check({ path: file, text }), []);
    }
  });
}

rule("core imports only to the left", layerViolations, {
  bad: [
    [`${CORE}/state/pages.ts`, 'import { run } from "../runtime/task.ts";'],
    [`${CORE}/state/pages.ts`, 'import type {\n  Task,\n} from "../runtime/task.ts";'],
    [`${CORE}/time/x.ts`, 'export { run } from "../types/t.ts";'],
    [`${CORE}/api/stream.ts`, 'import { run } from "../runtime/task.ts";'],
    [`${CORE}/runtime/x.ts`, 'import { job } from "../api/job.ts";'],
    [`${CORE}/runtime/x.ts`, 'import { SimEnv } from "../testing/sim-env.ts";'],
    [`${CORE}/state/x.ts`, 'import { job } from "../index.ts";'],
    [`${CORE}/errors.ts`, 'import { assert } from "./assert.ts";'],
    [`${CORE}/loose.ts`, "export const x = 1;"],
  ],
  good: [
    [`${CORE}/runtime/task.ts`, 'import { Pages } from "../state/pages.ts";'],
    [`${CORE}/state/pages.ts`, 'import { assert } from "../assert.ts";\nimport "./x.ts";'],
    [`${CORE}/state/pages.test.ts`, 'import { SimEnv } from "../testing/sim-env.ts";'],
    [`${CORE}/api/stream.ts`, 'import { graph } from "../graph/graph.ts";'],
    [`${CORE}/index.ts`, 'export { job } from "./api/job.ts";'],
  ],
});

rule("core imports from node: only in env", nodeImportViolations, {
  bad: [[`${CORE}/state/x.ts`, 'import { readFileSync } from "node:fs";']],
  good: [
    [`${CORE}/env/x.ts`, 'import { readFileSync } from "node:fs";'],
    [`${CORE}/state/x.test.ts`, 'import { test } from "node:test";'],
  ],
});

rule("packages see each other only through their doors", deepImportViolations, {
  bad: [
    ["packages/cli/src/x.ts", 'import { x } from "../../core/src/state/x.ts";'],
    ["packages/cli/src/x.ts", 'import { x } from "oxbow/src/state/x.ts";'],
    ["examples/flights/x.ts", 'import { x } from "oxbow/internal";'],
  ],
  good: [
    ["packages/cli/src/x.ts", 'import { x } from "oxbow/internal";\nimport "./run.ts";'],
    ["examples/flights/x.ts", 'import { job } from "oxbow";'],
  ],
});

rule("core has no ambient clock, randomness, timer or process", ambientViolations, {
  bad: [
    [`${CORE}/state/x.ts`, "const now = Date.now();"],
    [`${CORE}/state/x.ts`, "const now = performance.now();"],
    [`${CORE}/state/x.ts`, "setTimeout(f, 1);"],
    [`${CORE}/state/x.ts`, "const now = new Date();"],
    [`${CORE}/state/x.ts`, "const home = process.env;"],
  ],
  good: [
    [`${CORE}/env/x.ts`, "const now = Date.now();"],
    [`${CORE}/state/x.ts`, "// not Date.now()\nthis.process.run();\nconst s = 'process.env';"],
  ],
});

rule("code is generated only where the design says so", generatedCodeViolations, {
  bad: [[`${CORE}/runtime/x.ts`, "const f = new Function('a', body);"]],
  good: [[`${CORE}/types/codec.ts`, "const f = new Function('a', body);"]],
});

rule("banned words are not used", wordViolations, {
  bad: [
    ["a.ts", "// TODO later"],
    ["a.ts", "// @ts-ignore"],
    ["a.test.ts", 'test.only("x", f);'],
    ["a.md", "# A\nsee /home/somebody/x"],
    ["a.md", "# A\nan effectively-once sink"],
    ["a.ts", "export default 1;"],
    ["a.ts", 'export * from "./b.ts";'],
    ["a.ts", 'type State = "cancelled";'],
  ],
  good: [["a.ts", "// A canceled job; see https://example.com/home/x\nexport const a = 1;"]],
});

rule("files have at most 500 lines", sizeViolations, {
  bad: [["a.ts", "\n".repeat(501)]],
  good: [["a.ts", "\n".repeat(500)]],
});

rule("lines have at most 100 columns", columnViolations, {
  bad: [["a.ts", "x".repeat(101)]],
  good: [["a.ts", "x".repeat(100)]],
});

rule("files are named after what they export", nameViolations, {
  bad: [
    ["packages/core/src/state/utils.ts", ""],
    ["packages/core/src/state/types.ts", ""],
    ["packages/core/src/state/test-helpers.ts".replace("test-", ""), ""],
    ["packages/core/src/state/RowIndex.ts", ""],
  ],
  good: [
    ["packages/core/src/types/row-type.test.ts", ""],
    ["scripts/run.mjs", ""],
  ],
});

rule("files with behaviour say what they own", headerViolations, {
  bad: [[`${CORE}/state/x.ts`, `import "./y.ts";\n${"f();\n".repeat(60)}`]],
  good: [
    [`${CORE}/state/x.ts`, `/* Owns x. */\n${"f();\n".repeat(60)}`],
    [`${CORE}/state/x.ts`, `import "./y.ts";\n`],
  ],
});

rule("pages have a title", titleViolations, {
  bad: [["docs/a.md", "text"]],
  good: [["docs/a.md", "# A\n"]],
});

test("the error catalogue and docs/errors.md agree", () => {
  const page = readFileSync(path.join(ROOT, "docs/errors.md"), "utf8");
  const found = catalogueViolations(ERRORS, page);
  assert.equal(found.length, 0, `\n${found.join("\n")}`);
});

test("a code that is only in the catalogue or only on the page is found", () => {
  const row = (code: string, kind: string): string => `| \`${code}\` | ${kind} | When. |\n`;
  const catalogue = { A: { kind: "user" }, B: { kind: "data" } };
  assert.deepEqual(catalogueViolations(catalogue, row("A", "user") + row("B", "data")), []);
  assert.equal(catalogueViolations(catalogue, row("A", "user")).length, 1);
  assert.equal(catalogueViolations(catalogue, row("A", "user") + row("B", "user")).length, 1);
  const all = row("A", "user") + row("B", "data");
  assert.equal(catalogueViolations(catalogue, all + row("C", "data")).length, 1);
  assert.equal(catalogueViolations(catalogue, all + row("A", "user")).length, 1);
});

test("decisions are numbered without gaps, titled and complete", () => {
  const found = decisionViolations(FILES);
  assert.equal(found.length, 0, `\n${found.join("\n")}`);
});

test("a gap, a missing title and a missing section of decisions are found", () => {
  const body = "\n## Context\n\n## Decision\n\n## Alternatives\n\n## Consequences\n";
  const good = { path: "docs/adr/0000-a.md", text: `# 0000 A\n${body}` };
  assert.deepEqual(decisionViolations([good]), []);
  assert.equal(decisionViolations([{ ...good, path: "docs/adr/0002-a.md" }]).length, 1);
  assert.equal(decisionViolations([{ ...good, text: `A\n${body}` }]).length, 1);
  const short = { ...good, text: good.text.replace("## Decision\n", "") };
  assert.equal(decisionViolations([short]).length, 1);
});

test("the linter enforces the bounds on functions, parameters and nesting", () => {
  const config = JSON.parse(readFileSync(path.join(ROOT, ".oxlintrc.json"), "utf8")) as {
    rules: Record<string, unknown>;
  };
  assert.deepEqual(config.rules["max-lines-per-function"], ["error", { max: 70 }]);
  assert.deepEqual(config.rules["max-params"], ["error", { max: 4 }]);
  assert.deepEqual(config.rules["max-depth"], ["error", 4]);
});

test("the view without comments and strings keeps code and line numbers", () => {
  const text = 'f("a // b"); // c\nconst r = /["/]/g; /* d\n*/ g(`x ${h("}")} y`); k / 2 / m;';
  const code = codeOnly(text);
  assert.equal(code.length, text.length);
  assert.equal(code.split("\n").length, 3);
  assert.deepEqual(code.match(/\w+/g), ["f", "const", "r", "g", "g", "k", "2", "m"]);
});
