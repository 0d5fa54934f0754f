// What the packages may depend on, read from their manifests and from the lock file.
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

interface LockedPackage {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

const ROOT = path.dirname(import.meta.dirname);
const MANIFESTS = globSync("{package.json,packages/*/package.json,examples/*/package.json}", {
  cwd: ROOT,
}).toSorted();

function read<T>(file: string): T {
  return JSON.parse(readFileSync(path.join(ROOT, file), "utf8")) as T;
}

function dependenciesOf(manifest: Manifest): Record<string, string> {
  return {
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
    ...manifest.peerDependencies,
  };
}

test("the engine has no runtime dependency", () => {
  assert.deepEqual(dependenciesOf(read<Manifest>("packages/core/package.json")), {});
});

test("all packages have one version, and depend on exact versions", () => {
  const { version } = read<Manifest>("packages/core/package.json");
  for (const file of MANIFESTS) {
    const manifest = read<Manifest>(file);
    if (file.startsWith("packages/")) assert.equal(manifest.version, version, file);
    const all = { ...dependenciesOf(manifest), ...manifest.devDependencies };
    for (const [name, wanted] of Object.entries(all)) {
      assert.match(wanted, /^\d+\.\d+\.\d+(-[\w.]+)?$/, `${file}: ${name} is "${wanted}"`);
    }
  }
});

test("the lock file names no host, and no dependency has an install script", () => {
  const { packages } = read<{ packages: Record<string, LockedPackage> }>("package-lock.json");
  for (const [name, locked] of Object.entries(packages)) {
    const isLocal = locked.resolved === undefined || locked.link === true;
    assert.ok(isLocal, `${name} is resolved to ${locked.resolved}`);
    assert.notEqual(locked.hasInstallScript, true, `${name} has an install script`);
  }
});
