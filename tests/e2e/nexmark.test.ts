/*
 * Nexmark's queries on worker threads, with checkpoints, come to what plain loops come to.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { QUERIES as JOBS } from "../../bench/nexmark/queries.ts";
import { finalRows, QUERIES, referenceRows } from "../../bench/nexmark/reference.ts";
import { resultRows } from "../../bench/nexmark/result-rows.ts";

const EVENTS = 200_000;

for (const query of QUERIES) {
  test(`${query}: ${JOBS[query].title}`, async () => {
    for (const parallelism of [1, 2]) {
      const isOrdered = parallelism === 1;
      const rows = await resultRows({
        query,
        events: EVENTS,
        parallelism,
        checkpointInterval: "200ms",
      });
      assert.ok(rows.length > 0);
      const found = finalRows(query, rows, { isOrdered });
      assert.deepEqual(found, referenceRows(query, EVENTS, { isOrdered }));
    }
  });
}
