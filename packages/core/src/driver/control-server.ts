/*
 * The server of the control channel: answers what other processes ask of a run. Format and manners:
 * `docs/formats/control.md`.
 *
 * I1. What a client sends, or that it goes away, changes nothing but its own connection. A request
 *     that was begun is done to its end.
 * I2. Every request is answered once, if its client is still there.
 * I3. Closing waits for no request, since a request may wait for the job to end, which waits for
 *     closing. Requests under way are answered all the same, and then their connections end.
 */
import { oxbowError, toWire } from "../errors.ts";
import type { Env } from "../env/env.ts";
import type { LocalConnection, LocalListener } from "../env/sockets.ts";
import {
  CONTROL_PROTOCOL,
  CONTROL_VERSION,
  LineSplitter,
  lineOf,
  parseRequestLine,
  readRequest,
  REQUEST_LINE_LIMIT,
  REQUESTS_AT_ONCE_LIMIT,
} from "./control-protocol.ts";
import type { ControlMessage, ControlRequest, RequestProgress } from "./control-protocol.ts";
import { removePlace, writePlace } from "./control-place.ts";
import { registerRun } from "./control-registry.ts";
import type { RunControl } from "./run-control.ts";

/** How often it is looked at how far requests are. */
const PROGRESS_MS = 500;
/** A sign of life at least that often. */
const SILENCE_MS = 5_000;
/** Cleaners of temporary directories take files of some days. */
const REFRESH_MS = 3_600_000;

/** A channel that is open. */
export interface ControlServer {
  /** Where clients connect. */
  readonly place: string;
  /** Nobody finds the run any more; never rejects. See I3. */
  close(): Promise<void>;
}

/**
 * Opens the control channel of a run, whose lock this process holds. CONTROL_UNAVAILABLE where
 * there is no place for it, FILE_IO where it cannot be told where it is.
 */
export async function serveControl(
  env: Env,
  runDirectory: string,
  control: RunControl,
): Promise<ControlServer> {
  const { sockets } = env;
  if (sockets === undefined) {
    throw oxbowError("CONTROL_UNAVAILABLE", "This environment has no sockets.", { runDirectory });
  }
  const { jobId, pid } = control.status();
  const hello: ControlMessage = {
    kind: "hello",
    protocol: CONTROL_PROTOCOL,
    version: CONTROL_VERSION,
    jobId,
    pid,
  };
  const connections = new Set<ControlConnection>();
  const listener = await sockets.listen({
    directory: runDirectory,
    name: "control",
    onConnection: (connection) => {
      const onClose = (): void => void connections.delete(added);
      const parts = { env, control, connection, hello, onClose };
      const added: ControlConnection = new ControlConnection(parts);
      connections.add(added);
    },
  });
  try {
    await writePlace(env, runDirectory, listener.place);
  } catch (error) {
    await listener.close();
    throw error;
  }
  const stopRegistering = await keepRegistered(env, runDirectory, listener);
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await stopRegistering();
    await removePlace(env, runDirectory);
    await listener.close();
    const message = `The job of the run in ${runDirectory} has ended.`;
    const ended = oxbowError("RUN_NOT_RUNNING", message, { runDirectory });
    for (const connection of connections) connection.end(ended);
  };
  return { place: listener.place, close: () => (closing ??= close()) };
}

/** In the registry from now on; without one, the run is still found by its directory. */
async function keepRegistered(
  env: Env,
  runDirectory: string,
  listener: LocalListener,
): Promise<() => Promise<void>> {
  const entry = await registerRun(env, runDirectory).catch(() => undefined);
  let cancel: () => void = () => undefined;
  const refresh = (): void => {
    void entry?.write();
    void listener.refresh();
    cancel = env.clock.schedule(REFRESH_MS, refresh);
  };
  cancel = env.clock.schedule(REFRESH_MS, refresh);
  return async () => {
    cancel();
    await entry?.remove();
  };
}

interface ConnectionParts {
  readonly env: Env;
  readonly control: RunControl;
  readonly connection: LocalConnection;
  readonly hello: ControlMessage;
  readonly onClose: () => void;
}

/** One client. */
class ControlConnection {
  readonly #env: Env;
  readonly #control: RunControl;
  readonly #connection: LocalConnection;
  readonly #lines = new LineSplitter(REQUEST_LINE_LIMIT);
  readonly #underWay = new Set<number>();
  /** No more requests are taken. */
  #isEnding = false;
  /** Why not, for those that come all the same. */
  #reason: Error | undefined;
  #isClosed = false;

  constructor({ env, control, connection, hello, onClose }: ConnectionParts) {
    this.#env = env;
    this.#control = control;
    this.#connection = connection;
    connection.listen({
      onText: (text) => this.#onText(text),
      onEnd: () => this.end(),
      onClose: () => {
        this.#isClosed = true;
        onClose();
      },
    });
    this.#send(hello);
  }

  /** Takes no more requests, and says why; ends when those under way are answered. */
  end(reason?: Error): void {
    this.#isEnding = true;
    this.#reason ??= reason;
    if (this.#underWay.size > 0) return;
    // What the client sends from now on is not read; so it learns that it was not begun.
    if (this.#reason !== undefined) this.#send({ kind: "error", error: toWire(this.#reason) });
    this.#connection.end();
  }

  #onText(text: string): void {
    if (this.#isEnding && this.#reason === undefined) return;
    try {
      for (const line of this.#lines.take(text)) {
        const parsed = parseRequestLine(line);
        if (parsed === undefined) {
          throw oxbowError(
            "INVALID_ARGUMENT",
            'A line is no JSON object with an "id" that is a whole number from 0.',
            { line: line.slice(0, 100) },
          );
        }
        this.#onRequest(parsed.id, parsed.members);
      }
    } catch (error) {
      this.#isEnding = true;
      this.#reason = undefined;
      this.#send({ kind: "error", error: toWire(error) });
      this.end();
    }
  }

  #onRequest(id: number, members: Readonly<Record<string, unknown>>): void {
    try {
      this.#admit(id);
      const request = readRequest(members);
      this.#underWay.add(id);
      void this.#answer(id, request);
    } catch (error) {
      this.#send({ kind: "error", id, error: toWire(error) });
    }
  }

  #admit(id: number): void {
    if (this.#reason !== undefined) throw this.#reason;
    if (this.#underWay.has(id)) {
      const message = `A request with the id ${id} is under way; give each an id of its own.`;
      throw oxbowError("INVALID_ARGUMENT", message, { id });
    }
    if (this.#underWay.size >= REQUESTS_AT_ONCE_LIMIT) {
      const message = `${REQUESTS_AT_ONCE_LIMIT} requests are under way; wait for an answer.`;
      throw oxbowError("CONTROL_UNAVAILABLE", message, { id });
    }
  }

  async #answer(id: number, request: ControlRequest): Promise<void> {
    const stopProgress = this.#tellProgress(id, request);
    try {
      const value = await perform(this.#control, request);
      this.#send({ kind: "result", id, value });
    } catch (error) {
      this.#send({ kind: "error", id, error: toWire(error) });
    } finally {
      stopProgress();
      this.#underWay.delete(id);
      if (this.#isEnding) this.end();
    }
  }

  /** Until the result is called. */
  #tellProgress(id: number, { request }: ControlRequest): () => void {
    if (request === "status" || request === "metrics") return () => undefined;
    const { clock } = this.#env;
    const startMs = clock.monotonicMs();
    let toldMs = startMs;
    let told = "";
    let cancel: () => void = () => undefined;
    const look = (): void => {
      if (this.#isClosed) return;
      const nowMs = clock.monotonicMs();
      const progress = progressOf(this.#control, request === "checkpoint");
      const text = JSON.stringify(progress);
      if (text !== told || nowMs - toldMs >= SILENCE_MS) {
        told = text;
        toldMs = nowMs;
        const elapsedMs = Math.round(nowMs - startMs);
        this.#send({ kind: "progress", id, elapsedMs, ...progress });
      }
      cancel = clock.schedule(PROGRESS_MS, look);
    };
    cancel = clock.schedule(PROGRESS_MS, look);
    return () => cancel();
  }

  #send(message: ControlMessage): void {
    if (!this.#isClosed) this.#connection.send(lineOf(message));
  }
}

function progressOf(
  control: RunControl,
  isCheckpoint: boolean,
): Omit<RequestProgress, "elapsedMs"> {
  const { status, snapshotsInProgress } = control.status();
  const snapshot = snapshotsInProgress.find(({ isSavepoint }) => isSavepoint !== isCheckpoint);
  return { status, snapshot: snapshot ?? null };
}

async function perform(control: RunControl, asked: ControlRequest): Promise<unknown> {
  switch (asked.request) {
    case "status":
      return control.status();
    case "savepoint":
      return control.savepoint(asked.target === undefined ? {} : { target: asked.target });
    case "stop": {
      const { target, drain } = asked;
      return control.stop({
        ...(target === undefined ? {} : { target }),
        ...(drain === undefined ? {} : { drain }),
      });
    }
    case "cancel":
      await control.cancel();
      return {};
    case "checkpoint":
      return control.checkpoint(asked.full === undefined ? {} : { full: asked.full });
    case "metrics":
      return { text: control.metricsText() };
  }
}
