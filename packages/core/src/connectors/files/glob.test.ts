import assert from "node:assert/strict";
import { test } from "node:test";
import { compileGlob, compileGlobDescent, globBase } from "./glob.ts";

const CASES: [pattern: string, matching: string[], other: string[]][] = [
  [
    "/d/*.csv",
    ["/d/a.csv", "/d/.csv".replace(".csv", "x.csv")],
    ["/d/a.txt", "/d/e/a.csv", "/d/.a.csv"],
  ],
  ["/d/**/*.csv", ["/d/a.csv", "/d/e/a.csv", "/d/e/f/a.csv"], ["/d/.e/a.csv", "/x/a.csv"]],
  ["/d/**", ["/d/a", "/d/e/f"], ["/d", "/d/.oxbow-pending/a", "/d/e/.a"]],
  ["/d/{a,b{1,2}}.x", ["/d/a.x", "/d/b1.x", "/d/b2.x"], ["/d/b.x", "/d/c.x"]],
  ["/d/part-?.x", ["/d/part-1.x"], ["/d/part-.x", "/d/part-12.x"]],
  ["/d/[a-c][!0-9]", ["/d/ax", "/d/c-"], ["/d/dx", "/d/a1", "/d/a/"]],
  ["/d/.h/*", ["/d/.h/a"], ["/d/.h/.b", "/d/h/a"]],
  ["/d/a+(b).x", ["/d/a+(b).x"], ["/d/aab.x", "/d/aXb).x"]],
  ["/day=*/x", ["/day=2001-01-01/x"], ["/day=1/2/x"]],
];

test("patterns match what they say, and hidden names only where they say so", () => {
  for (const [pattern, matching, other] of CASES) {
    const matches = compileGlob(pattern);
    for (const path of matching) assert.ok(matches(path), `${pattern} should match ${path}`);
    for (const path of other) assert.ok(!matches(path), `${pattern} should not match ${path}`);
  }
});

test("a search enters every directory above a match, and begins at the fixed part", () => {
  for (const [pattern, matching] of CASES) {
    const leadsOn = compileGlobDescent(pattern);
    const base = globBase(pattern);
    for (const path of matching) {
      assert.ok(path.startsWith(base === "/" ? base : `${base}/`));
      const parts = path
        .slice(base.length)
        .split("/")
        .filter((part) => part !== "");
      for (let depth = 1; depth < parts.length; depth++) {
        const directory = `${base === "/" ? "" : base}/${parts.slice(0, depth).join("/")}`;
        assert.ok(leadsOn(directory), `${pattern} should lead into ${directory}`);
      }
    }
  }
  assert.ok(!compileGlobDescent("/d/a*/x")("/d/b"));
});

test("patterns that cannot be read are refused", () => {
  for (const pattern of ["/d/{a", "/d/a}", "/d/[ab", `/d/${"{a,b}".repeat(12)}`]) {
    assert.throws(() => compileGlob(pattern), { code: "CONNECTOR_INVALID" });
  }
});
