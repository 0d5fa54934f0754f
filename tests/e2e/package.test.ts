/*
 * The packages as a user gets them: built, packed, installed into an empty project outside the
 * repository, type-checked against the declarations, and run from `dist` on plain Node without this
 * repository's condition, on worker threads, killed and resumed.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { hasCheckpoint, readOutputs, writeClicks } from "./package/clicks.fixture.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const PACKAGES = ["core", "connector-parquet", "cli"];
const TSC = path.join(ROOT, "node_modules/typescript/bin/tsc");
/** Pause of the job after every 500 records where it is to be killed. */
const PAUSE_MS = 20;

/** Uses every door. */
const DOORS = `
import { parquet } from "@oxbow/connector-parquet";
import { main } from "@oxbow/cli";
import { errorCode } from "oxbow";
import type { ErrorCode } from "oxbow";
import { fromWire, toWire } from "oxbow/testing";
import { oxbowError } from "oxbow/internal";

const code: ErrorCode = "INVALID_ARGUMENT";
const error = fromWire(toWire(oxbowError(code, "through the doors")));
console.log(errorCode(error), parquet("a.parquet").connector, typeof main);
`;

let project = "";
let expected: readonly string[] = [];

before(() => {
  project = mkdtempSync(path.join(tmpdir(), "oxbow-package-"));
  const folders = PACKAGES.map((name) => `packages/${name}`);
  runNode([path.join(ROOT, "scripts/build.ts"), ...folders], ROOT);
  mkdirSync(path.join(project, "packed"));
  for (const name of PACKAGES) {
    const folder = path.join(ROOT, "packages", name);
    npm(["pack", "--pack-destination", path.join(project, "packed")], folder);
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
  for (const file of ["clicks.ts", "run.ts"]) {
    copyFileSync(path.join(import.meta.dirname, "package", file), path.join(project, file));
  }
  writeFileSync(path.join(project, "doors.ts"), DOORS);
  expected = writeClicks(path.join(project, "clicks"));
});

after(() => {
  if (project !== "") rmSync(project, { recursive: true, force: true });
});

test("a job type-checks against the installed declarations, library checks included", () => {
  writeJson("tsconfig.json", {
    compilerOptions: {
      target: "es2024",
      lib: ["es2025"],
      module: "nodenext",
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      erasableSyntaxOnly: true,
      outDir: "out",
      types: ["node"],
      typeRoots: [path.join(ROOT, "node_modules/@types")],
    },
    files: ["clicks.ts", "run.ts", "doors.ts"],
  });
  runNode([TSC, "-p", "."], project);
});

test("every door opens from dist on plain Node", () => {
  assert.equal(runNode(["doors.ts"], project), "INVALID_ARGUMENT parquet function\n");
});

test("a job runs from dist on worker threads, through the library", () => {
  const text = runNode(libraryArgs("library", 0), project);
  assert.equal(text, "FINISHED after 1 attempts\n");
  assert.deepEqual(readOutputs(outputOf("library")), expected);
});

test("a job runs from dist on worker threads, through the command", () => {
  runCommand("npx", ["--no-install", "oxbow", ...commandArgs("command", 0)], project);
  assert.deepEqual(readOutputs(outputOf("command")), expected);
});

test("killed and started again, the library goes on as if nothing had happened", async () => {
  const args = libraryArgs("library-killed", PAUSE_MS);
  await killAfterCheckpoint(args, runsOf("library-killed"));
  assert.ok(readOutputs(outputOf("library-killed")).length < expected.length);
  runNode(args, project);
  assert.deepEqual(readOutputs(outputOf("library-killed")), expected);
});

test("killed and started again, the command goes on as if nothing had happened", async () => {
  const bin = path.join(project, "node_modules/@oxbow/cli/bin/oxbow.js");
  const args = [bin, ...commandArgs("command-killed", PAUSE_MS)];
  await killAfterCheckpoint(args, runsOf("command-killed"));
  assert.ok(readOutputs(outputOf("command-killed")).length < expected.length);
  runNode(args, project);
  assert.deepEqual(readOutputs(outputOf("command-killed")), expected);
});

test("the packed files are the built ones, the sources and nothing of the tests", () => {
  for (const name of PACKAGES) {
    const files = installedFiles(name);
    for (const file of ["dist/index.js", "dist/index.d.ts", "src/index.ts", "LICENSE"]) {
      assert.ok(files.includes(file), `${name}: ${file} is missing`);
    }
    const unwanted = files.filter((file) =>
      /\.test\.|\.test-d\.|\.fixture\.|tsbuildinfo|\/(golden|vectors)\/|tsconfig/.test(file),
    );
    assert.deepEqual(unwanted, []);
  }
});

test("every door and every source map leads to a packed file", () => {
  for (const name of PACKAGES) {
    const folder = installed(name);
    const { exports } = readManifest(folder);
    for (const [door, target] of Object.entries(exports)) {
      for (const file of typeof target === "string" ? [target] : Object.values(target)) {
        assert.ok(existsSync(path.join(folder, file)), `${name}: ${door} leads to ${file}`);
      }
    }
    const files = installedFiles(name);
    const modules = files.filter((file) => /^dist\/.*\.js$/.test(file));
    for (const module of modules) {
      const map = `${module}.map`;
      assert.ok(files.includes(map), `${name}: ${map} is missing`);
      const { sources } = readJson(path.join(folder, map)) as { sources: readonly string[] };
      for (const source of sources) {
        const file = path.join(folder, path.dirname(map), source);
        assert.ok(existsSync(file), `${name}: ${map} leads to ${source}`);
      }
    }
  }
});

function libraryArgs(name: string, pauseMs: number): string[] {
  return ["run.ts", "clicks", outputOf(name), runsOf(name), String(pauseMs)];
}

function commandArgs(name: string, pauseMs: number): string[] {
  const options = ["-p", "2", "--checkpoint-dir", runsOf(name)];
  return ["run", ...options, "clicks.ts", "clicks", outputOf(name), String(pauseMs)];
}

function outputOf(name: string): string {
  return path.join(project, "out", name);
}

function runsOf(name: string): string {
  return path.join(project, "runs", name);
}

/** Starts the job and ends its process with SIGKILL once a checkpoint is complete. */
async function killAfterCheckpoint(args: readonly string[], runs: string): Promise<void> {
  const child = spawn(process.execPath, args, { cwd: project, env: plainEnv(), stdio: "pipe" });
  let text = "";
  child.stdout.on("data", (data: Buffer) => (text += data.toString()));
  child.stderr.on("data", (data: Buffer) => (text += data.toString()));
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    child.on("close", (_code, signal) => resolve(signal));
  });
  let isOver = false;
  void ended.then(() => (isOver = true));
  while (!isOver && !hasCheckpoint(runs)) await new Promise((resolve) => setImmediate(resolve));
  child.kill("SIGKILL");
  assert.equal(await ended, "SIGKILL", `the job ended before it was killed:\n${text}`);
}

function installed(name: string): string {
  return path.join(project, "node_modules", readManifest(path.join(ROOT, "packages", name)).name);
}

function installedFiles(name: string): string[] {
  return readdirSync(installed(name), { recursive: true, encoding: "utf8" }).map((file) =>
    file.replaceAll("\\", "/"),
  );
}

function runNode(args: readonly string[], cwd: string): string {
  return runCommand(process.execPath, args, cwd);
}

function npm(args: readonly string[], cwd: string): string {
  return runCommand("npm", args, cwd);
}

function runCommand(command: string, args: readonly string[], cwd: string): string {
  const shell = process.platform === "win32" && command !== process.execPath;
  const result = spawnSync(command, args, { cwd, env: plainEnv(), encoding: "utf8", shell });
  const said = `${result.stdout}\n${result.stderr}`;
  assert.equal(result.status, 0, `${command} ${args.join(" ")} in ${cwd}:\n${said}`);
  return result.stdout;
}

/**
 * Without this repository's condition, the test runner, and npm's settings of the repository; the
 * Node that runs this is the one that commands find.
 */
function plainEnv(): NodeJS.ProcessEnv {
  const isOurs = (name: string): boolean => /^(npm_|NODE_OPTIONS$|NODE_TEST_CONTEXT$)/i.test(name);
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !isOurs(name) || /registry/i.test(name)),
  );
  const key = Object.keys(env).find((name) => name.toUpperCase() === "PATH") ?? "PATH";
  env[key] = `${path.dirname(process.execPath)}${path.delimiter}${env[key] ?? ""}`;
  return env;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

function readManifest(folder: string): Manifest {
  return readJson(path.join(folder, "package.json")) as Manifest;
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}

function writeJson(name: string, value: unknown): void {
  writeFileSync(path.join(project, name), `${JSON.stringify(value, null, 2)}\n`);
}
