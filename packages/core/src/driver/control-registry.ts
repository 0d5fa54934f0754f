/*
 * The registry: which runs of this user have a control channel on this machine. A file per run in
 * the private directory. Format: `docs/formats/control.md`.
 */
import type { Env } from "../env/env.ts";
import { readJson, writeJson } from "./control-place.ts";

const REGISTRY_VERSION = 1;
const ENTRY_NAME = /^\d+-[0-9a-f]+\.json$/;

/** A run in the registry. */
export interface RegistryEntry {
  readonly runDirectory: string;
  readonly pid: number;
  readonly startToken: string;
}

/** The entry of one run of this process; neither call rejects. */
export interface OwnEntry {
  /** Writes it anew. */
  write(): Promise<void>;
  remove(): Promise<void>;
}

/** Adds a run. CONTROL_UNAVAILABLE where there is no private directory. */
export async function registerRun(env: Env, runDirectory: string): Promise<OwnEntry> {
  const directory = await registryDirectory(env);
  if (directory === undefined) return { write: async () => {}, remove: async () => {} };
  const { pid, startToken } = env.process;
  const tag = env.random
    .fork("registry")
    .int(2 ** 31)
    .toString(16);
  const path = `${directory}/${pid}-${tag}.json`;
  const content = { version: REGISTRY_VERSION, runDirectory, pid, startToken };
  let writes = env.files.createDirectory(directory).then(() => writeJson(env, path, content));
  await writes;
  let isRemoved = false;
  return {
    write: async () => {
      writes = writes.then(async () => {
        if (isRemoved) return;
        await env.files.createDirectory(directory);
        await writeJson(env, path, content);
      });
      // Then the run is found by its directory only.
      writes = writes.catch(() => undefined);
      await writes;
    },
    remove: async () => {
      isRemoved = true;
      await writes;
      await env.files.remove(path).catch(() => undefined);
    },
  };
}

/** All runs that are not known to be over; removes what processes left that are gone. */
export async function readRegistry(env: Env): Promise<RegistryEntry[]> {
  const directory = await registryDirectory(env).catch(() => undefined);
  if (directory === undefined) return [];
  const entries: RegistryEntry[] = [];
  const names = await env.files.list(directory).catch(() => []);
  for (const name of names.filter((found) => ENTRY_NAME.test(found))) {
    const path = `${directory}/${name}`;
    const entry = entryOf(await readJson(env, path));
    if (entry === undefined) continue;
    if (env.process.isAlive(entry.pid, entry.startToken)) entries.push(entry);
    else await env.files.remove(path).catch(() => undefined);
  }
  return entries;
}

async function registryDirectory({ sockets }: Env): Promise<string | undefined> {
  return sockets === undefined ? undefined : `${await sockets.privateDirectory()}/runs`;
}

function entryOf(value: Readonly<Record<string, unknown>> | undefined): RegistryEntry | undefined {
  const { version, runDirectory, pid, startToken } = value ?? {};
  if (version !== REGISTRY_VERSION || typeof runDirectory !== "string") return undefined;
  if (!Number.isSafeInteger(pid) || typeof startToken !== "string") return undefined;
  return { runDirectory, pid: pid as number, startToken };
}
