/*
 * `control.json`: where the control channel of a run is. Format: `docs/formats/control.md`. It is a
 * hint that may be stale; the run's lock says who works on a run.
 */
import { errorCode } from "../errors.ts";
import type { Env } from "../env/env.ts";
import { parentOf, readAll, TEMPORARY_MARK } from "../snapshot/durable-file.ts";
import { CONTROL_PROTOCOL, CONTROL_VERSION } from "./control-protocol.ts";

/** Name of the file in a run directory. */
const PLACE_NAME = "control.json";

/** What the file says. */
export interface ControlPlace {
  readonly version: number;
  /** What to connect to. */
  readonly socket: string;
  readonly pid: number;
  readonly startToken: string;
}

/** Says where the channel is. */
export async function writePlace(env: Env, runDirectory: string, socket: string): Promise<void> {
  const { pid, startToken } = env.process;
  const isInside = parentOf(socket) === runDirectory;
  await writeJson(env, `${runDirectory}/${PLACE_NAME}`, {
    protocol: CONTROL_PROTOCOL,
    version: CONTROL_VERSION,
    // The directory may be mounted elsewhere where the client is.
    socket: isInside ? socket.slice(runDirectory.length + 1) : socket,
    pid,
    startToken,
  });
}

/** Takes it back; never rejects. */
export async function removePlace(env: Env, runDirectory: string): Promise<void> {
  // What is left of a run is no obstacle.
  await env.files.remove(`${runDirectory}/${PLACE_NAME}`).catch(() => undefined);
}

/** Where the channel of a run is said to be; undefined if that is not said. */
export async function readPlace(env: Env, runDirectory: string): Promise<ControlPlace | undefined> {
  const value = await readJson(env, `${runDirectory}/${PLACE_NAME}`);
  const { protocol, version, socket, pid, startToken } = value ?? {};
  if (protocol !== CONTROL_PROTOCOL || typeof version !== "number") return undefined;
  if (typeof socket !== "string" || typeof startToken !== "string") return undefined;
  const isName = /^[A-Za-z0-9.-]+$/.test(socket);
  return {
    version,
    socket: isName ? `${runDirectory}/${socket}` : socket,
    pid: Number(pid),
    startToken,
  };
}

/** Writes a small file so that readers see the old or the new one. Not durable. */
export async function writeJson(env: Env, path: string, value: unknown): Promise<void> {
  const temporary = `${path}${TEMPORARY_MARK}${env.process.pid}`;
  await env.files.remove(temporary);
  const file = await env.files.create(temporary);
  try {
    await file.write(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
  } finally {
    await file.close();
  }
  await env.files.replace(temporary, path);
}

/** The object in a file; undefined if the file is gone or holds something else. */
export async function readJson(
  env: Env,
  path: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const bytes = await readAll(env.files, path);
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const isObject = typeof value === "object" && value !== null;
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || errorCode(error) !== undefined) return undefined;
    throw error;
  }
}
