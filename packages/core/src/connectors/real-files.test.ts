/* The file source and the file sink together on a real disk, as a job would use them. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { nodeEnv } from "../env/node-env.ts";
import { t } from "../types/t.ts";
import { fileSink } from "./file-sink/file-sink.ts";
import { files } from "./files/files.ts";
import { csv } from "./formats/csv.ts";
import { json } from "./formats/json.ts";
import { sinkChecks } from "./sink-conformance.ts";
import { newLedger, SinkHarness, writeAll } from "./sink-harness.ts";
import { assertSame, sourceChecks } from "./source-conformance.ts";
import { SourceHarness } from "./source-harness.ts";

const env = nodeEnv({ verify: true });
const root = await mkdtemp(path.join(tmpdir(), "oxbow-files-"));
after(() => rm(root, { recursive: true }));
const Item = t.struct({ id: t.int32, name: t.string });
const items = Array.from({ length: 4_000 }, (_, id) => ({ id, name: `ñ${id % 13}` }));
let directories = 0;

async function readBack(directory: string): Promise<readonly unknown[]> {
  const names = await readdir(directory).catch(() => []);
  if (names.every((name) => name.startsWith("."))) return [];
  const harness = new SourceHarness({ env, source: files(`${directory}/**`, json(Item)) });
  await harness.run();
  await harness.close();
  return harness.records.map((one) => one.record);
}

const checks = sinkChecks({
  name: "file sink on a real disk",
  records: items.slice(0, 150),
  make: () => {
    const directory = path.join(root, `sink-${directories++}`);
    const sink = fileSink<unknown>(directory, json(), {
      compression: "gzip",
      partitionBy: (item) => `mod=${(item as { id: number }).id % 3}`,
    });
    return Promise.resolve({ env, sink, visible: () => readBack(directory) });
  },
});
for (const check of checks) test(check.title, check.run);

for (const format of [json(Item), csv({ type: Item })]) {
  const directory = path.join(root, `source-${format.name}`);
  const ledger = newLedger("r");
  const harness = new SinkHarness({ env, sink: fileSink<unknown>(directory, format), ledger });
  await writeAll(harness, { records: items, batchCount: 500, checkpointEvery: 2 }, ledger);
  await harness.close();
  const reading = sourceChecks({
    name: `${format.name} files on a real disk`,
    make: () => Promise.resolve({ env, source: files(directory, format, { splitBytes: 9_000 }) }),
    expected: items,
  });
  for (const check of reading) test(check.title, check.run);
}

test("a relative path starts from the working directory", async () => {
  const base = { ...env, workingDirectory: path.join(root, "source-json") };
  const harness = new SourceHarness({ env: base, source: files("./x/../*.jsonl", json(Item)) });
  await harness.run();
  assertSame(
    harness.records.map((one) => one.record),
    items,
    "read",
  );
  assert.ok(harness.activeSplits.length === 0);
  await harness.close();
});
