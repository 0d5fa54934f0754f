/*
 * The packages as a user gets them: built, packed, installed into an empty project outside the
 * repository, type-checked against the declarations, and run from `dist` on plain Node without this
 * repository's condition, worker threads included.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";

const ROOT = path.resolve(import.meta.dirname, "../..");
const PACKAGES = ["core", "connector-parquet", "cli"];
const TSC = path.join(ROOT, "node_modules/typescript/bin/tsc");

/** Uses every door, and a thread that loads the package again. */
const JOB = `
import { Worker, isMainThread, parentPort } from "node:worker_threads";
import { OxbowError, errorCode } from "oxbow";
import type { ErrorCode } from "oxbow";
import { fromWire, toWire } from "oxbow/testing";
import { oxbowError } from "oxbow/internal";

const code: ErrorCode = "INVALID_ARGUMENT";
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  worker.on("message", (wire) => {
    const error: OxbowError = fromWire(wire);
    console.log(errorCode(error), error.message);
  });
} else {
  parentPort?.postMessage(toWire(oxbowError(code, "sent by a thread")));
}
`;

let project = "";

before(() => {
  project = mkdtempSync(path.join(tmpdir(), "oxbow-package-"));
  runNode([path.join(ROOT, "scripts/build.ts")], ROOT);
  mkdirSync(path.join(project, "packed"));
  for (const name of PACKAGES) {
    npm(
      ["pack", "--pack-destination", path.join(project, "packed")],
      path.join(ROOT, "packages", name),
    );
  }
  const dependencies = Object.fromEntries(
    PACKAGES.map((name) => {
      const manifest = readManifest(path.join(ROOT, "packages", name));
      const file = `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`;
      return [manifest.name, `file:packed/${file}`];
    }),
  );
  writeJson("package.json", {
    name: "empty-project",
    private: true,
    type: "module",
    dependencies,
    // Siblings come from here too, not from a published version.
    overrides: dependencies,
  });
  npm(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], project);
});

after(() => {
  if (project !== "") rmSync(project, { recursive: true, force: true });
});

test("a job type-checks against the installed declarations, library checks included", () => {
  writeFileSync(path.join(project, "job.ts"), JOB);
  writeJson("tsconfig.json", {
    compilerOptions: {
      target: "es2024",
      lib: ["es2025"],
      module: "nodenext",
      strict: true,
      skipLibCheck: false,
      erasableSyntaxOnly: true,
      outDir: "out",
      types: ["node"],
      typeRoots: [path.join(ROOT, "node_modules/@types")],
    },
    files: ["job.ts"],
  });
  runNode([TSC, "-p", "."], project);
});

test("the job runs from dist on plain Node, in a worker thread too", () => {
  writeFileSync(path.join(project, "job.ts"), JOB);
  assert.equal(runNode(["job.ts"], project), "INVALID_ARGUMENT sent by a thread\n");
});

test("the packed files are the built ones, the sources and nothing of the tests", () => {
  for (const name of PACKAGES) {
    const { name: packageName } = readManifest(path.join(ROOT, "packages", name));
    const installed = path.join(project, "node_modules", packageName);
    const listed = runNode(["-p", "fs.readdirSync('.', {recursive: true}).join('\\n')"], installed);
    const files = listed.split("\n").map((file) => file.replaceAll("\\", "/"));
    assert.ok(files.includes("dist/index.js"), `${packageName}: dist/index.js is missing`);
    assert.ok(files.includes("src/index.ts"), `${packageName}: src/index.ts is missing`);
    assert.ok(files.includes("LICENSE"), `${packageName}: LICENSE is missing`);
    const unwanted = files.filter((file) =>
      /\.test\.|\.test-d\.|\.fixture\.|tsbuildinfo/.test(file),
    );
    assert.deepEqual(unwanted, []);
  }
});

test("the installed command starts", () => {
  const bin = path.join(project, "node_modules/@oxbow/cli/bin/oxbow.js");
  const result = spawnSync(process.execPath, [bin], {
    cwd: project,
    env: plainEnv(),
    encoding: "utf8",
  });
  assert.doesNotMatch(result.stderr, /Cannot find|ERR_MODULE/);
});

function runNode(args: readonly string[], cwd: string): string {
  return runCommand(process.execPath, args, cwd);
}

function npm(args: readonly string[], cwd: string): string {
  return runCommand("npm", args, cwd);
}

function runCommand(command: string, args: readonly string[], cwd: string): string {
  const shell = process.platform === "win32" && command === "npm";
  const result = spawnSync(command, args, { cwd, env: plainEnv(), encoding: "utf8", shell });
  const said = `${result.stdout}\n${result.stderr}`;
  assert.equal(result.status, 0, `${command} ${args.join(" ")} in ${cwd}:\n${said}`);
  return result.stdout;
}

/** Without this repository's condition, the test runner, and npm's settings of the repository. */
function plainEnv(): NodeJS.ProcessEnv {
  const isOurs = (name: string): boolean => /^(npm_|NODE_OPTIONS$|NODE_TEST_CONTEXT$)/i.test(name);
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !isOurs(name) || /registry/i.test(name)),
  );
}

function readManifest(folder: string): { name: string; version: string } {
  return JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as {
    name: string;
    version: string;
  };
}

function writeJson(name: string, value: unknown): void {
  writeFileSync(path.join(project, name), `${JSON.stringify(value, null, 2)}\n`);
}
