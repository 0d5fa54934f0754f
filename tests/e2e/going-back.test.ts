/*
 * The page about changing a running job, followed as it is pasted, and what it says checked against
 * a computation without the engine.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { ExpectedFlights, readFlights } from "./flights/expected-flights.ts";
import type { FlightResults } from "./flights/expected-flights.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const SINKS = ["departures", "worst-routes", "airport-delays"] as const;

type Row = Readonly<Record<string, unknown>>;

let directory = "";
let expected: FlightResults;

before(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "oxbow-story-"));
  const flights = new ExpectedFlights();
  for await (const flight of readFlights()) flights.add(flight);
  expected = flights.results();
  await followPage();
});

after(() => rmSync(directory, { recursive: true, force: true }));

/** All commands of the page in one shell, with its own directory instead of `story`. */
async function followPage(): Promise<void> {
  const page = readFileSync(path.join(ROOT, "docs/going-back.md"), "utf8");
  const commands = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text]) => text);
  assert.equal(commands.length, 7);
  const bin = path.join(ROOT, "packages/cli/bin/oxbow.js");
  const oxbow = `'${process.execPath}' --conditions=oxbow-source '${bin}'`;
  const lines = commands
    .join("")
    .replaceAll("npm run -s oxbow --", "ox")
    .replaceAll("story/", `${directory}/`);
  const script = `set -eu\nox() { ${oxbow} "$@"; }\n${lines}`;
  const shell = spawn("bash", ["-c", script], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: directory },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const [code] = (await once(shell, "close")) as [number | null];
  assert.equal(code, 0, output);
}

function rowsOf(run: string, sink: string): Row[] {
  return globSync(path.join(directory, run, sink, "*.jsonl")).flatMap((file) =>
    readFileSync(file, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Row),
  );
}

/** Rows as text, without what only the second version has. */
function asFirstVersion(sink: (typeof SINKS)[number], rows: readonly Row[]): string[] {
  const names = Object.keys(JSON.parse(expected[sink][0]) as Row);
  return rows
    .map((row) => JSON.stringify(Object.fromEntries(names.map((name) => [name, row[name]]))))
    .sort();
}

function isSecondVersion(row: Row): boolean {
  return row["onTime"] !== undefined;
}

test("both versions together have written every result once", () => {
  for (const sink of SINKS) {
    assert.deepEqual(asFirstVersion(sink, rowsOf("first", sink)), expected[sink], sink);
  }
  const departures = rowsOf("first", "departures");
  const second = departures.filter(isSecondVersion);
  assert.ok(second.length > 0 && second.length < departures.length, "each wrote a part");
});

test("the figures that are new are right from the savepoint on", () => {
  const rows = rowsOf("first", "departures").filter(isSecondVersion);
  const counted = (row: Row): number => (row["onTime"] as number) + (row["delayed"] as number);
  assert.ok(rows.every((row) => counted(row) <= (row["flights"] as number)));
  // Windows that were open have counted less; one reader may have been far ahead of the other.
  const whole = rows.filter((row) => counted(row) === row["flights"]);
  assert.ok(whole.length > rows.length / 2, `${whole.length} of ${rows.length}`);
});

test("from an older savepoint the same results come again, elsewhere", () => {
  const all = new Set(expected.departures);
  const back = asFirstVersion("departures", rowsOf("back", "departures"));
  assert.equal(new Set(back).size, back.length, "each once");
  assert.deepEqual(
    back.filter((row) => !all.has(row)),
    [],
  );
  const late = rowsOf("first", "departures").filter(isSecondVersion).length;
  assert.ok(back.length > late, "it begins before the second version did at first");
});

test("two versions from one savepoint write the same results side by side", () => {
  for (const sink of SINKS) {
    const [a, b] = ["a", "b"].map((run) => asFirstVersion(sink, rowsOf(run, sink)));
    assert.deepEqual(a, b, sink);
    assert.deepEqual(a, asFirstVersion(sink, rowsOf("back", sink)), sink);
  }
});
