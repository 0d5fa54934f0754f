/*
 * The client of the control channel: asks the process of a run for something. Format:
 * `docs/formats/control.md`.
 *
 * I1. A request rejects with the server's error, or with CONTROL_UNAVAILABLE when the connection is
 *     lost; then nobody knows whether it was done.
 */
import { fromWire, oxbowError } from "../errors.ts";
import type { Env } from "../env/env.ts";
import { nodeEnv } from "../env/node-env.ts";
import type { LocalConnection } from "../env/sockets.ts";
import { readLockHolder } from "../snapshot/run-lock.ts";
import { readRunRecord } from "../snapshot/run-record.ts";
import {
  ANSWER_LINE_LIMIT,
  CONTROL_PROTOCOL,
  CONTROL_VERSION,
  LineSplitter,
  lineOf,
  parseMessage,
} from "./control-protocol.ts";
import type { ControlMessage, ControlRequest, RequestProgress } from "./control-protocol.ts";
import { readPlace } from "./control-place.ts";
import type { SavepointOptions, SavepointResult, StopOptions } from "./restore-options.ts";
import type { RunStatusReport } from "./run-control.ts";

/** A process that works answers sooner. */
const ANSWER_MS = 5_000;

/** Hears how far a request is. */
export type OnProgress = (progress: RequestProgress) => void;

/** A connection to the process of a run. Requests may overlap; paths are absolute. */
export interface RunConnection {
  readonly runDirectory: string;
  readonly jobId: string;
  readonly pid: number;
  status(): Promise<RunStatusReport>;
  savepoint(options: SavepointOptions, onProgress?: OnProgress): Promise<SavepointResult>;
  /** Resolves when the job has ended. */
  stop(options: StopOptions, onProgress?: OnProgress): Promise<SavepointResult>;
  /** Resolves when the job has ended. */
  cancel(onProgress?: OnProgress): Promise<void>;
  checkpoint(
    options: { readonly full?: boolean },
    onProgress?: OnProgress,
  ): Promise<SavepointResult>;
  /** Prometheus' text format. */
  metricsText(): Promise<string>;
  /** Requests under way reject; the server does them to their end. */
  close(): void;
}

/**
 * Connects to the process that works on a run. RUN_NOT_RUNNING where there is none,
 * CONTROL_UNAVAILABLE where it cannot be reached or does not answer, CONTROL_VERSION_UNSUPPORTED.
 */
export async function connectToRun(
  runDirectory: string,
  env: Env = nodeEnv(),
): Promise<RunConnection> {
  const place = await readPlace(env, runDirectory);
  // Of a process that is gone nothing answers, though its socket may be there.
  const connection = place === undefined ? undefined : await env.sockets?.connect(place.socket);
  if (connection === undefined) throw await whyNobodyAnswers(env, runDirectory);
  const client = new ControlClient(env, runDirectory, connection);
  try {
    const hello = await within(env, client.hello, () => noAnswer(runDirectory));
    if (hello.protocol !== CONTROL_PROTOCOL || hello.version !== CONTROL_VERSION) {
      const message =
        `The process ${hello.pid} of ${runDirectory} speaks version ${hello.version} of the ` +
        `control channel; this Oxbow speaks ${CONTROL_VERSION}. Use the Oxbow that it runs with.`;
      throw oxbowError("CONTROL_VERSION_UNSUPPORTED", message, {
        runDirectory,
        version: hello.version,
      });
    }
    return connectionOf(env, client, hello);
  } catch (error) {
    client.close();
    throw error;
  }
}

type Hello = Extract<ControlMessage, { kind: "hello" }>;

function connectionOf(env: Env, client: ControlClient, hello: Hello): RunConnection {
  const { runDirectory } = client;
  const soon = <T>(asked: Promise<unknown>): Promise<T> =>
    within(env, asked as Promise<T>, () => noAnswer(runDirectory));
  return {
    runDirectory,
    jobId: hello.jobId,
    pid: hello.pid,
    status: () => soon(client.ask({ request: "status" })),
    savepoint: (options, onProgress) =>
      client.ask({ request: "savepoint", ...options }, onProgress) as Promise<SavepointResult>,
    stop: (options, onProgress) =>
      client.ask({ request: "stop", ...options }, onProgress) as Promise<SavepointResult>,
    cancel: async (onProgress) => {
      await client.ask({ request: "cancel" }, onProgress);
    },
    checkpoint: (options, onProgress) =>
      client.ask({ request: "checkpoint", ...options }, onProgress) as Promise<SavepointResult>,
    metricsText: async () => {
      const { text } = await soon<{ readonly text: string }>(client.ask({ request: "metrics" }));
      return text;
    },
    close: () => client.close(),
  };
}

interface Asked {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: OnProgress | undefined;
}

/** Matches answers to requests. */
class ControlClient {
  readonly runDirectory: string;
  readonly hello: Promise<Hello>;
  readonly #connection: LocalConnection;
  readonly #lines = new LineSplitter(ANSWER_LINE_LIMIT);
  readonly #asked = new Map<number, Asked>();
  readonly #hello = Promise.withResolvers<Hello>();
  #nextId = 1;
  /** Why nothing can be asked any more. */
  #lost: unknown;

  constructor(env: Env, runDirectory: string, connection: LocalConnection) {
    this.runDirectory = runDirectory;
    this.#connection = connection;
    this.hello = this.#hello.promise;
    connection.listen({
      onText: (text) => this.#onText(text),
      onEnd: () => undefined,
      onClose: () => void this.#onClose(env),
    });
  }

  ask(request: ControlRequest, onProgress?: OnProgress): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    if (this.#lost !== undefined) {
      reject(this.#lost);
      return promise;
    }
    const id = this.#nextId++;
    this.#asked.set(id, { resolve, reject, onProgress });
    this.#connection.send(lineOf({ id, ...request }));
    return promise;
  }

  close(): void {
    this.#connection.close();
  }

  #onText(text: string): void {
    if (this.#lost !== undefined) return;
    try {
      for (const line of this.#lines.take(text)) {
        const message = parseMessage(line);
        if (message !== undefined) this.#onMessage(message);
      }
    } catch (error) {
      this.#lose(error);
      this.#connection.close();
    }
  }

  #onMessage(message: ControlMessage): void {
    if (message.kind === "hello") return this.#hello.resolve(message);
    const asked = message.id === undefined ? undefined : this.#asked.get(message.id);
    switch (message.kind) {
      case "progress":
        return asked?.onProgress?.(message);
      case "result":
        this.#asked.delete(message.id);
        return asked?.resolve(message.value);
      case "error":
        if (message.id === undefined) return this.#lose(fromWire(message.error));
        this.#asked.delete(message.id);
        return asked?.reject(fromWire(message.error));
    }
  }

  async #onClose(env: Env): Promise<void> {
    if (this.#lost !== undefined) return;
    const record = await readRunRecord(env.files, this.runDirectory).catch(() => undefined);
    const status = record === undefined ? "" : ` ${this.runDirectory} says "${record.status}".`;
    const message =
      "The process of the run has closed the connection before it answered; whether it has done " +
      `what it was asked for is not known.${status}`;
    this.#lose(oxbowError("CONTROL_UNAVAILABLE", message, { runDirectory: this.runDirectory }));
  }

  #lose(error: unknown): void {
    this.#lost ??= error;
    this.#hello.reject(error);
    // Who waits for the first word may have gone; that it was not said is then no news.
    this.hello.catch(() => undefined);
    for (const { reject } of this.#asked.values()) reject(error);
    this.#asked.clear();
  }
}

/** The error of a run that nobody answers for: whether its process lives, and how it stands. */
async function whyNobodyAnswers(env: Env, runDirectory: string): Promise<Error> {
  const record = await readRunRecord(env.files, runDirectory);
  if (record === undefined) {
    return oxbowError("RUN_NOT_RUNNING", `There is no run in ${runDirectory}.`, { runDirectory });
  }
  const holder = await readLockHolder(env.files, runDirectory).catch(() => undefined);
  const name = `"${record.jobName}" in ${runDirectory}`;
  if (
    holder !== undefined &&
    !holder.isReleased &&
    env.process.isAlive(holder.pid, holder.startToken)
  ) {
    const message =
      `Process ${holder.pid} on ${holder.startToken.split("/")[0]} works on the run of ${name}, ` +
      "but its control channel cannot be reached from here. On that machine, and in the same " +
      "container, it can, unless the run has only just begun or is just ending.";
    return oxbowError("CONTROL_UNAVAILABLE", message, { runDirectory, pid: holder.pid });
  }
  const how =
    record.status === "running"
      ? "its process has died; starting the job again goes on with it"
      : `it is ${record.status}${record.isResumable ? "; starting the job again goes on" : ""}`;
  const message = `The run of ${name} is not running: ${how}.`;
  return oxbowError("RUN_NOT_RUNNING", message, { runDirectory, status: record.status });
}

function noAnswer(runDirectory: string): Error {
  const message =
    `The process of the run in ${runDirectory} does not answer within ${ANSWER_MS / 1_000} s. ` +
    "It may be suspended, or its main thread busy; try again.";
  return oxbowError("CONTROL_UNAVAILABLE", message, { runDirectory });
}

/** The promise, unless it takes longer than a process that works. */
async function within<T>(env: Env, promise: Promise<T>, late: () => Error): Promise<T> {
  const { promise: isLate, reject } = Promise.withResolvers<never>();
  const cancel = env.clock.schedule(ANSWER_MS, () => reject(late()));
  try {
    return await Promise.race([promise, isLate]);
  } finally {
    cancel();
  }
}
