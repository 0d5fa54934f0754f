/*
 * Sockets over node:net: Unix stream sockets, named pipes on Windows. Contract: `sockets.ts`.
 *
 * I1. A socket is made in a directory of mode 0700 and gets mode 0600 before it can be reached from
 *     outside: it is then moved out of it, or stays there.
 */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { oxbowError } from "../errors.ts";
import type { OxbowError } from "../errors.ts";
import type {
  ConnectionListener,
  ListenRequest,
  LocalConnection,
  LocalListener,
  LocalSockets,
} from "./sockets.ts";

/** What fits into an address of every system: 104 bytes on macOS, with the byte at the end. */
const PATH_BYTES_MAX = 100;
/** More at a time are closed at once. */
const CONNECTIONS_MAX = 64;
/** How long the other end may take for what was sent before `end`. */
const LINGER_MS = 2_000;
const NOBODY_LISTENS = ["ENOENT", "ECONNREFUSED", "ENOTSOCK", "ENOTDIR"];

/** The sockets of this machine. */
export const nodeSockets: LocalSockets = Object.freeze({
  async listen(request: ListenRequest): Promise<LocalListener> {
    const { server, place } = await bindAnywhere(request);
    server.unref();
    return {
      place,
      refresh: async () => {
        const now = new Date();
        await fs.utimes(place, now, now).catch(() => undefined);
      },
      close: async () => {
        server.close();
        await fs.rm(place, { force: true }).catch(() => undefined);
      },
    };
  },

  async connect(place: string): Promise<LocalConnection | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<LocalConnection | undefined>();
    const socket = createConnection(place);
    socket.once("connect", () => resolve(new NodeConnection(socket)));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (NOBODY_LISTENS.includes(error.code ?? "")) resolve(undefined);
      else reject(unavailable(`Cannot connect to ${place}`, { place }, error));
    });
    return promise;
  },

  privateDirectory,
});

class NodeConnection implements LocalConnection {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    // "close" follows, which is all that anybody wants to know.
    socket.on("error", () => undefined);
  }

  listen(listener: ConnectionListener): void {
    const socket = this.#socket;
    socket.on("data", (text: string) => {
      listener.onText(text);
      if (!socket.writableNeedDrain) return;
      socket.pause();
      socket.once("drain", () => socket.resume());
    });
    socket.on("end", () => listener.onEnd());
    socket.on("close", () => listener.onClose());
  }

  send(text: string): void {
    if (this.#socket.writable) this.#socket.write(text);
  }

  end(): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    socket.end();
    socket.once("finish", () => socket.destroy());
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  }

  close(): void {
    this.#socket.destroy();
  }
}

interface BoundServer {
  readonly server: Server;
  readonly place: string;
}

async function bindAnywhere(request: ListenRequest): Promise<BoundServer> {
  if (process.platform === "win32") {
    return bind(request, `\\\\.\\pipe\\oxbow-${request.name}-${uniqueName()}`);
  }
  const inside = await bindInside(request);
  return inside ?? bind(request, `${await privateDirectory()}/${uniqueName()}.sock`);
}

/** In the directory that was asked for; undefined where no socket can be there. */
async function bindInside(request: ListenRequest): Promise<BoundServer | undefined> {
  const { directory, name } = request;
  const nestPrefix = `.${name}-`;
  const nest = `${directory}/${nestPrefix}${uniqueName()}`;
  const place = `${directory}/${name}.sock`;
  if (Math.max(Buffer.byteLength(`${nest}/s`), Buffer.byteLength(place)) > PATH_BYTES_MAX) {
    return undefined;
  }
  let server: Server | undefined;
  try {
    await removeNests(directory, nestPrefix);
    await fs.mkdir(nest, { mode: 0o700 });
    ({ server } = await bind(request, `${nest}/s`));
    await fs.rename(`${nest}/s`, place);
    return { server, place };
  } catch {
    // File systems of networks and of virtual machines have no sockets; there is another place.
    server?.close();
    return undefined;
  } finally {
    await fs.rm(nest, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** What processes left that died while they made a socket. */
async function removeNests(directory: string, prefix: string): Promise<void> {
  const left = (await fs.readdir(directory)).filter((name) => name.startsWith(prefix));
  for (const name of left) await fs.rm(`${directory}/${name}`, { recursive: true, force: true });
}

/** Listens at a place that nobody else can reach yet. */
async function bind({ onConnection }: ListenRequest, place: string): Promise<BoundServer> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    onConnection(new NodeConnection(socket));
  });
  server.maxConnections = CONNECTIONS_MAX;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Later ones: a connection that could not be accepted, of which its client hears.
  server.on("error", reject);
  server.listen(place, resolve);
  try {
    await promise;
    if (process.platform !== "win32") await fs.chmod(place, 0o600);
    return { server, place };
  } catch (error) {
    server.close();
    throw unavailable(`Cannot listen at ${place}`, { place }, error);
  }
}

async function privateDirectory(): Promise<string> {
  const isWindows = process.platform === "win32";
  const user = process.getuid?.() ?? userInfo().username;
  const directory = `${tmpdir().replaceAll("\\", "/")}/oxbow-${user}`;
  try {
    await fs.mkdir(directory, { recursive: isWindows, mode: 0o700 }).catch(ignoreExisting);
    const stat = await fs.lstat(directory);
    // There the whole directory for temporary files is the user's.
    const isOurs = isWindows || (stat.uid === user && (stat.mode & 0o077) === 0);
    if (stat.isDirectory() && isOurs) return directory;
  } catch (error) {
    throw unavailable(`Cannot make the directory ${directory}`, { directory }, error);
  }
  const message =
    `${directory} is not a directory that this user alone can use. Remove it, or name another ` +
    "directory for temporary files with TMPDIR";
  throw unavailable(message, { directory });
}

/** No two are the same on one machine. */
function uniqueName(): string {
  return `${process.pid}-${randomBytes(4).toString("hex")}`;
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}

function unavailable(
  what: string,
  details: Readonly<Record<string, string>>,
  cause?: unknown,
): OxbowError {
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  const reason = code === undefined ? "" : `: ${REASONS[code] ?? code}`;
  return oxbowError("CONTROL_UNAVAILABLE", `${what}${reason}.`, details, cause);
}

const REASONS: Readonly<Record<string, string | undefined>> = {
  EACCES: "not permitted; it belongs to another user",
  EPERM: "not permitted; it belongs to another user",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
};
