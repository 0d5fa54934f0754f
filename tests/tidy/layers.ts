/*
 * Who may import whom. In packages/core/src a folder imports only from folders to its left in
 * `LAYERS`, plus errors.ts and assert.ts; packages see each other only through their public doors.
 * Tests are free inside their own package. Why the order: docs/architecture.md.
 */
import path from "node:path";
import type { SourceFile } from "./source-file.ts";

const CORE = "packages/core/src/";

/** From left to right; `testing` is the simulated machine and the harness, which see everything. */
const LAYERS = [
  "env",
  "time",
  "types",
  "columns",
  "state",
  "snapshot",
  "window",
  "operators",
  "connectors",
  "graph",
  "exchange",
  "checkpoint",
  "runtime",
];

/** The API never sees what runs it. */
const API_SEES = new Set([
  "time",
  "types",
  "columns",
  "state",
  "window",
  "operators",
  "connectors",
  "graph",
]);

/** Joins the API to the runtime; only the doors see it. */
const DRIVER = "driver";

const FREE_FILES = new Set(["errors.ts", "assert.ts"]);
const JOINING_FILES = new Set(["index.ts", "testing.ts", "internal.ts"]);

/** Modules of Node that are pure computation, so that any layer may use them, and for what. */
const PURE_MODULES = new Map([
  ["node:buffer", "views of bytes as text"],
  ["node:zlib", "compression and checksums"],
]);

/** Other imports from `node:` in core outside env/, and why. */
const NODE_IMPORTS_ALLOWED = new Map([
  ["connectors/files/decompressor.ts node:events", "waits for room in a stream of node:zlib"],
  ["snapshot/run-directory.ts node:crypto", "hashes names, draws nothing"],
]);

const DOORS = new Set([
  "oxbow",
  "oxbow/testing",
  "oxbow/internal",
  "oxbow/snapshot",
  "@oxbow/cli",
  "@oxbow/connector-parquet",
]);

/** The specifiers that `text` imports, exports from, or imports dynamically. */
export function importsOf(text: string): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^;"'`]*?["']([^"'\n]+)["']|\bimport\(\s*"([^"]+)"/g;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? "");
}

/** Imports against the arrows of core's layers. */
export function layerViolations(file: SourceFile): string[] {
  if (!isCoreSource(file.path)) return [];
  const inside = file.path.slice(CORE.length);
  const from = layerOf(inside);
  const found: string[] = [];
  if (from === "" && !FREE_FILES.has(inside) && !JOINING_FILES.has(inside)) {
    found.push(`${file.path}: a file of core lies in a layer's folder`);
  }
  for (const specifier of importsOf(file.text)) {
    if (!specifier.startsWith(".")) continue;
    const target = path.posix.join(path.posix.dirname(inside), specifier);
    if (!isAllowed(inside, from, target)) {
      found.push(`${file.path}: ${from || inside} must not import ${target}`);
    }
  }
  return found;
}

function isAllowed(inside: string, from: string, target: string): boolean {
  if (JOINING_FILES.has(inside)) return true;
  if (FREE_FILES.has(target)) return inside !== "errors.ts";
  const to = layerOf(target);
  if (from === "") return false;
  if (from === to || from === "testing") return true;
  if (from === "api") return API_SEES.has(to);
  if (from === DRIVER) return to === "api" || LAYERS.includes(to);
  const toIndex = LAYERS.indexOf(to);
  return toIndex !== -1 && toIndex < LAYERS.indexOf(from);
}

function layerOf(inside: string): string {
  return inside.includes("/") ? inside.slice(0, inside.indexOf("/")) : "";
}

function isCoreSource(file: string): boolean {
  return (
    file.startsWith(CORE) &&
    file.endsWith(".ts") &&
    !/\.(test|test-d|bench|fixture)\.ts$/.test(file)
  );
}

/** Imports from `node:` in core outside env/ and testing/. */
export function nodeImportViolations(file: SourceFile): string[] {
  if (!isCoreSource(file.path)) return [];
  const inside = file.path.slice(CORE.length);
  if (["env", "testing"].includes(layerOf(inside))) return [];
  return importsOf(file.text)
    .filter((specifier) => specifier.startsWith("node:") && !PURE_MODULES.has(specifier))
    .filter((specifier) => !NODE_IMPORTS_ALLOWED.has(`${inside} ${specifier}`))
    .map((specifier) => `${file.path}: ${specifier} only in packages/core/src/env`);
}

/** Imports past the doors of a package, or out of it by a relative path. */
export function deepImportViolations(file: SourceFile): string[] {
  const home = /^(packages|examples)\/[^/]+\//.exec(file.path)?.[0];
  if (home === undefined || !/\.(ts|js|mjs)$/.test(file.path)) return [];
  return importsOf(file.text)
    .filter((specifier) => {
      if (/^(oxbow|@oxbow)(\/|$)/.test(specifier)) {
        const isInternal = specifier === "oxbow/internal" && home.startsWith("examples/");
        return !DOORS.has(specifier) || isInternal;
      }
      if (!specifier.startsWith(".")) return false;
      return !path.posix.join(path.posix.dirname(file.path), specifier).startsWith(home);
    })
    .map((specifier) => `${file.path}: ${specifier} goes past another package's door`);
}
