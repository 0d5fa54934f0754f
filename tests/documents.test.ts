// Pages and what leads to them: links, citations in comments, the index.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Pages, citationViolations, linkViolations, unreachablePages } from "./tidy/links.ts";
import { readRepository } from "./tidy/source-file.ts";

const ROOT = path.dirname(import.meta.dirname);
const FILES = readRepository(ROOT);
const PAGES = new Pages(FILES, (file) => existsSync(path.join(ROOT, file)));

test("every link of a page leads to a file, and to a heading where it names one", () => {
  assert.deepEqual(
    FILES.flatMap((file) => linkViolations(file, PAGES)),
    [],
  );
});

test("every page and heading that a comment cites is there", () => {
  assert.deepEqual(
    FILES.flatMap((file) => citationViolations(file, PAGES)),
    [],
  );
});

test("every page of the documentation is reached from its index", () => {
  assert.deepEqual(unreachablePages(FILES), []);
});

test("links, citations and pages that lead nowhere are found", () => {
  const index = { path: "docs/README.md", text: "# I\n[a](a.md) [b](../x.md) [c](a.md#the-end)\n" };
  const page = { path: "docs/a.md", text: "# A\n## The end!\n[w](https://example.org)\n" };
  const lost = { path: "docs/b.md", text: "# B\n" };
  const code = { path: "a.ts", text: '/* docs/a.md, "The end!" docs/a.md, "No" docs/c.md */' };
  const pages = new Pages([index, page, lost, code]);
  assert.deepEqual(linkViolations(index, pages), ["docs/README.md: there is no x.md"]);
  assert.deepEqual(linkViolations(page, pages), []);
  assert.equal(citationViolations(code, pages).length, 2);
  assert.deepEqual(unreachablePages([index, page, lost]), ["docs/b.md"]);
});
