// Changes of a program between two runs, as a table: each continues exactly, or is refused before
// anything runs. docs/upgrades.md is this table for readers.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { JOIN_CHANGES } from "./joins.fixture.ts";
import { CONNECTORS, OPERATORS, SCALE } from "./operators.fixture.ts";
import { STATES, TYPE_CHANGES } from "./states.fixture.ts";
import { TABLE_CHANGES } from "./tables.fixture.ts";
import { tryUpgrade } from "./upgrade.fixture.ts";
import { upgradesPage } from "./upgrades-page.fixture.ts";
import { AGGREGATE_CHANGES, WINDOW_CHANGES } from "./windows.fixture.ts";

const GROUPS = {
  Operators: OPERATORS,
  "Sources and sinks": CONNECTORS,
  "Parallelism and keys": SCALE,
  States: STATES,
  Types: TYPE_CHANGES,
  Windows: WINDOW_CHANGES,
  Aggregates: AGGREGATE_CHANGES,
  Joins: JOIN_CHANGES,
  "Broadcast state, deduplication, Top-N": TABLE_CHANGES,
};

for (const [group, upgrades] of Object.entries(GROUPS)) {
  describe(group, () => {
    for (const upgrade of upgrades) it(upgrade.change, () => tryUpgrade(upgrade));
  });
}

it("the page for readers says what the table says (UPDATE_GOLDEN writes it)", () => {
  const page = new URL("../../../../../docs/upgrades.md", import.meta.url);
  const text = upgradesPage(GROUPS);
  if (process.env["UPDATE_GOLDEN"] !== undefined) writeFileSync(page, text);
  assert.equal(readFileSync(page, "utf8"), text);
});
