// The examples in the doc comments: each is type-checked with the settings of the repository, and
// run. How: tests/examples/extract.ts.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import {
  examplesOf,
  hasExample,
  moduleOf,
  readExamples,
  readPageBlocks,
  valuesOf,
} from "./examples/extract.ts";
import { writeSampleFiles } from "./examples/sample-data.ts";

const ROOT = path.dirname(import.meta.dirname);
const FOLDER = "tests/dist/examples";
const TSC = path.join(ROOT, "node_modules/typescript/bin/tsc");
const EXAMPLES = readExamples();
const BLOCKS = readPageBlocks();

let directory = "";

before(() => {
  rmSync(path.join(ROOT, FOLDER), { recursive: true, force: true });
  mkdirSync(path.join(ROOT, FOLDER), { recursive: true });
  for (const [index, example] of [...EXAMPLES, ...BLOCKS].entries()) {
    writeFileSync(moduleFile(index), moduleOf(example, FOLDER));
  }
  // Examples name files by relative paths.
  directory = mkdtempSync(path.join(tmpdir(), "oxbow-examples-"));
  writeSampleFiles(directory);
  process.chdir(directory);
});

after(() => {
  process.chdir(ROOT);
  if (directory !== "") rmSync(directory, { recursive: true, force: true });
});

test("every example, and every block of TypeScript in a page, type-checks", () => {
  const config = {
    extends: "../../../tsconfig.base.json",
    compilerOptions: {
      composite: false,
      declaration: false,
      declarationMap: false,
      noEmit: true,
      rewriteRelativeImportExtensions: false,
      allowImportingTsExtensions: true,
    },
    include: ["*.ts"],
  };
  writeFileSync(path.join(ROOT, FOLDER, "tsconfig.json"), JSON.stringify(config));
  const result = spawnSync(process.execPath, [TSC, "-p", FOLDER], { cwd: ROOT, encoding: "utf8" });
  const said = result.stdout.replace(
    /example-(\d+)\.ts/g,
    (name, index: string) => `${name} (${[...EXAMPLES, ...BLOCKS][Number(index)]?.place ?? "?"})`,
  );
  assert.equal(result.status, 0, said);
});

for (const [index, { place }] of EXAMPLES.entries()) {
  test(`the example at ${place} runs`, async () => {
    const { run } = (await import(moduleFile(index))) as { run: () => Promise<void> };
    await run();
  });
}

test("every function that a job can import has an example", () => {
  const values = valuesOf("packages/core/src/index.ts");
  assert.ok(values.length > 40, `only ${values.length} values found`);
  const functions = values.filter(({ name }) => !/^[A-Z_]+$/.test(name));
  const missing = functions.filter(({ file, inFile }) => !hasExample(file, inFile));
  assert.deepEqual(
    missing.map(({ name, file }) => `${name} in ${file}`),
    [],
  );
});

test("an example is what stands after its tag, up to the next tag or the end", () => {
  const text = "/**\n * A.\n *\n * @example\n * f(1);\n *   g();\n * @returns b\n */\n";
  const [example] = examplesOf("x.ts", text);
  assert.deepEqual(example, { place: "x.ts:4", file: "x.ts", code: "f(1);\n  g();" });
  const module = moduleOf(
    { place: "x", file: "packages/core/src/index.ts", code: "count();" },
    "a/b",
  );
  assert.match(module, /import \{ count \} from "oxbow";/);
  assert.match(module, /const result = count\(\);/);
});

function moduleFile(index: number): string {
  return path.join(ROOT, FOLDER, `example-${index}.ts`);
}
