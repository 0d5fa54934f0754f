/*
 * `npm run build`: type-checks, writes `dist` of every package, and removes from it what no source
 * stands behind any more, so that a renamed file is not published. With folders as arguments only
 * these and what they depend on are built.
 */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, rmSync } from "node:fs";
import path from "node:path";
import { asksForHelp } from "./arguments.ts";

const ROOT = path.dirname(import.meta.dirname);
const TSC = "node_modules/typescript/bin/tsc";

const USAGE = `Usage: npm run build [-- <folder> …]

Type-checks everything, or these folders and what they depend on, and writes dist of the packages.
`;

if (asksForHelp(process.argv.slice(2))) {
  process.stdout.write(USAGE);
  process.exit(0);
}
process.chdir(ROOT);
for (const output of globSync("packages/*/dist/**/*.{js,d.ts,js.map,d.ts.map}")) {
  const source = output.replace(/(\.d\.ts|\.js)(\.map)?$/, ".ts");
  if (!existsSync(source.replace(`${path.sep}dist${path.sep}`, `${path.sep}src${path.sep}`))) {
    rmSync(output);
  }
}
const tsc = spawnSync(process.execPath, [TSC, "-b", ...process.argv.slice(2)], {
  stdio: "inherit",
});
process.exitCode = tsc.status ?? 1;
