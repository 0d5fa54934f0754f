/*
 * `npm test` and `npm run check`: the parts in order, each with a time budget for CI's machine,
 * then one line that sums them up. With files as arguments only those tests run; with
 * `--only <part>` only that part. All budgets together stay under 35 minutes (`RUN_BUDGET_MS`).
 * How tests are organised: CONTRIBUTING.md.
 */
import assert from "node:assert/strict";
import { existsSync, globSync } from "node:fs";
import path from "node:path";
import { readArguments, refuseArguments } from "./arguments.ts";
import type { Counts, Part } from "./test-part.ts";
import { runPart } from "./test-part.ts";

const ROOT = path.dirname(import.meta.dirname);
const SECOND_MS = 1_000;
const RUN_BUDGET_MS = 35 * 60 * SECOND_MS;
const TSC = "node_modules/typescript/bin/tsc";
const OXLINT = "node_modules/oxlint/bin/oxlint";
const OXFMT = "node_modules/oxfmt/bin/oxfmt";
const PACKAGE_TRY_OUT = "tests/e2e/package.test.ts";

process.chdir(ROOT);

const USAGE = `Usage: npm test [-- <file, folder or pattern> …] [-- --only <part> …]
       npm run check [-- --only <part> …]

Runs all parts of the tests in order, check the quick ones; or only these files or parts.
The parts: ${[...quickParts(), ...slowParts()].map((part) => part.name).join(", ")}.
How tests are organised: CONTRIBUTING.md.
`;

await main();

async function main(): Promise<void> {
  const { values, positionals } = readArguments(USAGE, {
    allowPositionals: true,
    options: { check: { type: "boolean" }, only: { type: "string", multiple: true } },
  });
  const parts = selectParts(values.check === true, values.only ?? [], positionals);
  const total = { passed: 0, failed: 0, skipped: 0 };
  const broken: string[] = [];
  for (const part of parts) {
    const counts = await timed(part);
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
    if (counts.failed > 0) broken.push(part.name);
  }
  if (broken.length > 0) console.log(`\nfailed: ${broken.join(", ")}`);
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
}

async function timed(part: Part): Promise<Counts> {
  const startedAt = performance.now();
  console.log(`\n── ${part.name}`);
  const counts = await runPart(part, ROOT);
  const seconds = ((performance.now() - startedAt) / SECOND_MS).toFixed(1);
  const { passed, failed, skipped } = counts;
  console.log(
    `   ${part.name}: ${failed === 0 ? "ok" : "FAILED"}, ${passed} passed, ${failed} failed, ` +
      `${skipped} skipped, ${seconds} s (budget ${part.budgetMs / SECOND_MS} s)`,
  );
  return counts;
}

function selectParts(isCheck: boolean, only: readonly string[], files: readonly string[]): Part[] {
  if (files.length > 0) return [tests("chosen tests", 1_200, files.flatMap(expand))];
  const parts = isCheck ? quickParts() : [...quickParts(), ...slowParts()];
  const budgetMs = parts.reduce((sum, part) => sum + part.budgetMs, 0);
  assert.ok(budgetMs <= RUN_BUDGET_MS, `the budgets add up to ${budgetMs / SECOND_MS} s`);
  if (only.length === 0) return parts;
  for (const name of only) {
    const names = parts.map((part) => part.name);
    if (names.includes(name)) continue;
    refuseArguments(USAGE, `"${name}" is not a part of ${isCheck ? "npm run check" : "npm test"}`);
  }
  return parts.filter((part) => only.includes(part.name));
}

function quickParts(): Part[] {
  return [
    tool("format", 20, [OXFMT, "--check"]),
    tool("lint", 60, [OXLINT]),
    tool("types", 60, [TSC, "-b"]),
    tests("unit", 390, find("packages/*/{src,bin}/**/*.test.ts", "scripts/**/*.test.ts")),
    tests("tidy", 60, find("tests/*.test.ts")),
  ];
}

function slowParts(): Part[] {
  const parts = [
    tests("simulation tests", 340, find("tests/{sim,compat}/**/*.test.ts")),
    tests("e2e", 900, find("{tests/e2e,examples,bench}/**/*.test.ts")),
    tests("package", 120, [PACKAGE_TRY_OUT]),
  ];
  const sim = "tests/sim/main.ts";
  if (existsSync(sim)) parts.splice(1, 0, tool("simulation", 150, [sim, "--seeds", "300"]));
  return parts;
}

function tool(name: string, budgetS: number, args: readonly string[]): Part {
  return { name, budgetMs: budgetS * SECOND_MS, kind: "tool", args };
}

function tests(name: string, budgetS: number, files: readonly string[]): Part {
  return { name, budgetMs: budgetS * SECOND_MS, kind: "tests", files };
}

function find(...patterns: readonly string[]): string[] {
  const exclude = ["**/node_modules/**", "**/dist/**"];
  return globSync(patterns, { exclude })
    .filter((file) => file !== path.normalize(PACKAGE_TRY_OUT))
    .sort();
}

/** A file, a folder (its tests) or a pattern. */
function expand(argument: string): string[] {
  const files = globSync([argument, `${argument}/**/*.test.ts`], {
    exclude: ["**/node_modules/**", "**/dist/**"],
  }).filter((file) => file.endsWith(".ts"));
  if (files.length === 0) refuseArguments(USAGE, `No test file matches "${argument}"`);
  return files.sort();
}
