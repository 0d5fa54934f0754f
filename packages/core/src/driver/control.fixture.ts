/*
 * A run directory with a control channel that answers by script, and raw clients, for tests. All of
 * it is real: files, sockets, and a private directory of the test's own.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import type { Env } from "../env/env.ts";
import { nodeEnv } from "../env/node-env.ts";
import { openRun } from "../snapshot/run-directory.ts";
import type { RunDirectory } from "../snapshot/run-directory.ts";
import { serveControl } from "./control-server.ts";
import type { ControlServer } from "./control-server.ts";
import type { SavepointOptions, SavepointResult, StopOptions } from "./restore-options.ts";
import type { RunControl, RunStatusReport } from "./run-control.ts";

/** Before any test moves it. */
const TEMPORARY = tmpdir();

/** A directory that is gone after the test, or after all of a file that calls it outside of one. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(TEMPORARY, "oxbow-c-"));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** From now on the private directory of this process lies in a directory of its own. */
export function usePrivateTemporaryDirectory(): string {
  const directory = temporaryDirectory();
  process.env["TMPDIR"] = directory;
  return directory;
}

/** Something that was asked for and is not answered yet. */
export interface Call<T> {
  readonly name: string;
  readonly options: unknown;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** What is asked of it waits until the test answers. */
export class ScriptedControl implements RunControl {
  report: RunStatusReport;
  readonly calls: Call<never>[] = [];
  metricsCount = 0;
  metrics = "# figures\n";
  #onCall: () => void = () => undefined;

  constructor(report: Partial<RunStatusReport> = {}) {
    this.report = { ...REPORT, ...report };
  }

  status(): RunStatusReport {
    return this.report;
  }

  metricsText(): string {
    this.metricsCount++;
    return this.metrics;
  }

  savepoint(options: SavepointOptions): Promise<SavepointResult> {
    return this.#call("savepoint", options);
  }

  stop(options: StopOptions): Promise<SavepointResult> {
    return this.#call("stop", options);
  }

  cancel(): Promise<void> {
    return this.#call("cancel", undefined);
  }

  checkpoint(options: { readonly full?: boolean }): Promise<SavepointResult> {
    return this.#call("checkpoint", options);
  }

  /** The next call, when it comes. */
  async next<T = unknown>(): Promise<Call<T>> {
    while (this.calls.length === 0) {
      await new Promise<void>((resolve) => {
        this.#onCall = resolve;
      });
    }
    return this.calls.shift() as unknown as Call<T>;
  }

  #call<T>(name: string, options: unknown): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.calls.push({ name, options, resolve, reject });
      this.#onCall();
    });
  }
}

export const RESULT: SavepointResult = {
  location: "/backups/savepoint-0123ab-0123456789ab",
  checkpointId: 7,
  sizeBytes: 1_000,
  durationMs: 12,
};

const REPORT: RunStatusReport = {
  jobId: "mine",
  jobName: "scripted",
  runDirectory: "/runs/mine",
  status: "RUNNING",
  attempt: 1,
  epoch: 1,
  pid: process.pid,
  parallelism: 2,
  startedAt: 1_000,
  uptimeMs: 500,
  restoredFrom: null,
  recordsInCount: 10,
  recordsOutCount: 5,
  completedCheckpointsCount: 0,
  failedCheckpointsCount: 0,
  newestCheckpoint: null,
  newestSavepoint: null,
  snapshotsInProgress: [],
};

/** A run with its channel. */
export interface ServedRun {
  readonly run: RunDirectory;
  readonly server: ControlServer;
  readonly control: ScriptedControl;
  /** Closes both, as a job does that has ended. */
  close(): Promise<void>;
}

/** Begins a run in a checkpoint directory and opens its channel. */
export async function serveRun(
  checkpointDirectory: string,
  jobId = "mine",
  env: Env = nodeEnv(),
): Promise<ServedRun> {
  const opening = await openRun(env, { checkpointDirectory, jobName: "scripted", jobId });
  if (opening.kind !== "open") throw new Error(`the run is ${opening.record.status}`);
  const { run } = opening;
  const control = new ScriptedControl({ jobId, runDirectory: run.directory });
  const server = await serveControl(env, run.directory, control);
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await server.close();
    await run.close();
  };
  after(() => (closing ??= close()));
  return { run, server, control, close: () => (closing ??= close()) };
}

/** A client that says what the test wants. */
export interface RawClient {
  readonly socket: Socket;
  /** Sends text as it is. */
  send(text: string): void;
  /** The next message, parsed; rejects when the server has closed. */
  next(): Promise<Record<string, unknown>>;
  readonly closed: Promise<void>;
}

/** Connects, and takes the greeting. */
export async function rawClient(place: string): Promise<RawClient> {
  const socket = createConnection({ path: place, allowHalfOpen: true });
  const lines: string[] = [];
  let rest = "";
  let wake: () => void = () => undefined;
  let isClosed = false;
  socket.setEncoding("utf8");
  socket.on("error", () => undefined);
  socket.on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
    wake();
  });
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  for (const event of ["end", "close"]) {
    socket.on(event, () => {
      isClosed = true;
      wake();
      resolve();
    });
  }
  const next = async (): Promise<Record<string, unknown>> => {
    while (lines.length === 0) {
      if (isClosed) throw new Error("the server has closed the connection");
      await new Promise<void>((woken) => {
        wake = woken;
      });
    }
    return JSON.parse(lines.shift()!) as Record<string, unknown>;
  };
  after(() => socket.destroy());
  await next();
  return { socket, send: (text) => void socket.write(text), next, closed };
}
