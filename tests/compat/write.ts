/*
 * `npm run exec -- tests/compat/write.ts [version]` writes the snapshots of a version (default:
 * that of packages/core) with the code as it is, and what going on from them tells. When to: see
 * docs/formats/README.md.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import manifest from "../../packages/core/package.json" with { type: "json" };
import { goOn, KINDS, takeSnapshots, writeFolder } from "./snapshots.ts";

const version = process.argv[2] ?? manifest.version;
const folder = path.join(import.meta.dirname, version);
const snapshots = await takeSnapshots();
for (const kind of KINDS) {
  writeFolder(path.join(folder, kind), snapshots[kind]);
  writeFileSync(path.join(folder, `${kind}.txt`), await goOn(kind, snapshots[kind]));
}
console.log(`wrote ${folder}`);
