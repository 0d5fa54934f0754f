/*
 * Documents that can be followed: the files that they say to save, and their commands with the
 * output that they promise, in order. Understood are fenced blocks `ts`, `sh` and `text`: a `ts`
 * block is saved under the name in backquotes before it; a `text` block is what the `sh` block
 * before it writes to stdout.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setImmediate } from "node:timers/promises";

const ROOT = path.join(import.meta.dirname, "../../..");
const OXBOW = "npm run oxbow -- ";
const BLOCK = /^```(ts|sh|text)\n(.*?)^```$/gms;
const FILE_NAME = /`([\w/-]+\.ts)`/g;

/** A step of a document. */
export type Step =
  | { readonly kind: "file"; readonly name: string; readonly content: string }
  | { readonly kind: "commands"; readonly text: string; readonly output: string | undefined };

/** The steps of a document in Markdown. */
export function stepsOf(markdown: string): Step[] {
  const steps: Step[] = [];
  for (const { 1: language, 2: content, index } of markdown.matchAll(BLOCK)) {
    const last = steps.at(-1);
    if (language === "ts") {
      const name = [...markdown.slice(0, index).matchAll(FILE_NAME)].at(-1)?.[1];
      assert.ok(name !== undefined, `no file name before: ${content}`);
      steps.push({ kind: "file", name, content });
    } else if (language === "sh")
      steps.push({ kind: "commands", text: content, output: undefined });
    else if (last?.kind === "commands") steps.push({ ...steps.pop()!, output: content } as Step);
  }
  return steps;
}

/**
 * Follows the steps in a directory of their own, from which packages are found as in the
 * repository. A step that says `pkill -9` kills the command of the step before, once it has
 * completed a checkpoint.
 */
export async function follow(steps: readonly Step[]): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), "oxbow-document-"));
  symlinkSync(path.join(ROOT, "node_modules"), path.join(directory, "node_modules"));
  writeFileSync(path.join(directory, "package.json"), '{"type":"module"}\n');
  try {
    for (const [index, step] of steps.entries()) {
      if (step.kind === "file") {
        mkdirSync(path.dirname(path.join(directory, step.name)), { recursive: true });
        writeFileSync(path.join(directory, step.name), step.content);
        continue;
      }
      if (isKill(step)) continue;
      const isKilled = isKill(steps[index + 1]);
      const output = isKilled
        ? await runAndKill(step.text, directory)
        : await runAll(step.text, directory);
      if (step.output !== undefined) assert.equal(output, step.output, `output of ${step.text}`);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function isKill(step: Step | undefined): boolean {
  return step?.kind === "commands" && step.text.startsWith("pkill -9");
}

async function runAll(text: string, directory: string): Promise<string> {
  let output = "";
  for (const line of text.trimEnd().split("\n")) {
    const child = start(line, directory);
    const texts = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name]?.setEncoding("utf8").on("data", (chunk: string) => (texts[name] += chunk));
    }
    const [code] = (await once(child, "close")) as [number | null];
    assert.equal(code, 0, `${line}: ${texts.stderr}`);
    // Some systems pad the counts of wc.
    output += line.endsWith("wc -l") ? texts.stdout.trimStart() : texts.stdout;
  }
  return output;
}

async function runAndKill(text: string, directory: string): Promise<string> {
  const child = start(text.trimEnd(), directory);
  child.stdout?.resume();
  child.stderr?.resume();
  const ended = once(child, "close");
  while (globSync("**/chk-*/_metadata", { cwd: directory }).length === 0) {
    assert.equal(child.exitCode, null, `${text} ended before it was killed`);
    await setImmediate();
  }
  child.kill("SIGKILL");
  const [, signal] = (await ended) as [number | null, string | null];
  assert.equal(signal, "SIGKILL");
  return "";
}

function start(line: string, directory: string): ChildProcess {
  const options = {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"] as ["ignore", "pipe", "pipe"],
  };
  if (!line.startsWith(OXBOW)) return spawn("sh", ["-c", line], options);
  const bin = path.join(ROOT, "packages/cli/bin/oxbow.js");
  return spawn(process.execPath, [bin, ...line.slice(OXBOW.length).split(" ")], options);
}
