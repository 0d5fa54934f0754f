/* The control channel over real sockets: what is asked is answered, and nothing harms the run. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { after, test } from "node:test";
import { errorCode, oxbowError } from "../errors.ts";
import type { Env } from "../env/env.ts";
import { nodeEnv } from "../env/node-env.ts";
import { connectToRun } from "./control-client.ts";
import {
  rawClient,
  RESULT,
  serveRun,
  temporaryDirectory,
  usePrivateTemporaryDirectory,
} from "./control.fixture.ts";
import type { RequestProgress } from "./control-protocol.ts";
import { writePlace } from "./control-place.ts";

usePrivateTemporaryDirectory();

/** Everything on a clock that is a hundred times as fast. */
function hurriedEnv(): Env {
  const env = nodeEnv();
  const { schedule } = env.clock;
  const clock = {
    ...env.clock,
    schedule: (delayMs: number, callback: () => void) => schedule(delayMs / 100, callback),
  };
  return { ...env, clock };
}

test("a client gets what it asks for, and options arrive as they were given", async () => {
  const { run, control } = await serveRun(temporaryDirectory());
  const client = await connectToRun(run.directory);
  after(() => client.close());
  assert.deepEqual([client.jobId, client.pid], ["mine", process.pid]);
  assert.deepEqual(await client.status(), control.report);
  assert.equal(await client.metricsText(), "# figures\n");
  for (const [name, options, asked] of [
    ["savepoint", {}, client.savepoint({})],
    ["savepoint", { target: "/backups" }, client.savepoint({ target: "/backups" })],
    ["stop", { drain: true }, client.stop({ drain: true })],
    ["stop", { target: "/b", drain: false }, client.stop({ target: "/b", drain: false })],
    ["cancel", undefined, client.cancel()],
    ["checkpoint", {}, client.checkpoint({})],
    ["checkpoint", { full: true }, client.checkpoint({ full: true })],
  ] as const) {
    const call = await control.next();
    assert.deepEqual([call.name, call.options], [name, options]);
    call.resolve(name === "cancel" ? undefined : RESULT);
    assert.deepEqual(await asked, name === "cancel" ? undefined : RESULT);
  }
});

test("several requests are under way at a time and are answered as they are done", async () => {
  const { run, control } = await serveRun(temporaryDirectory());
  const client = await connectToRun(run.directory);
  after(() => client.close());
  const answers: string[] = [];
  const first = client.savepoint({ target: "/1" }).then(() => answers.push("first"));
  const second = client.savepoint({ target: "/2" }).then(() => answers.push("second"));
  const calls = [await control.next(), await control.next()];
  assert.equal((await client.status()).status, "RUNNING");
  calls[1]?.resolve(RESULT);
  await second;
  calls[0]?.resolve(RESULT);
  await first;
  assert.deepEqual(answers, ["second", "first"]);
});

test("an error comes with its code, details and cause", async () => {
  const { run, control } = await serveRun(temporaryDirectory());
  const client = await connectToRun(run.directory);
  after(() => client.close());
  const asked = assert.rejects(client.savepoint({}), (error: Error & { details: unknown }) => {
    assert.equal(errorCode(error), "FILE_IO");
    assert.deepEqual(error.details, { path: "/backups" });
    assert.equal((error.cause as Error).message, "ENOSPC");
    return true;
  });
  const cause = new Error("ENOSPC");
  (await control.next()).reject(oxbowError("FILE_IO", "full", { path: "/backups" }, cause));
  await asked;
  assert.equal((await client.status()).jobName, "scripted");
});

test("progress tells of the snapshot that was asked for, when it changes", async () => {
  const { run, control } = await serveRun(temporaryDirectory(), "mine", hurriedEnv());
  const client = await connectToRun(run.directory);
  after(() => client.close());
  const heard: RequestProgress[] = [];
  let onHeard: () => void = () => undefined;
  const asked = client.savepoint({}, (progress) => {
    heard.push(progress);
    onHeard();
  });
  const until = async (count: number): Promise<void> => {
    while (heard.length < count) {
      await new Promise<void>((resolve) => {
        onHeard = resolve;
      });
    }
  };
  await until(1);
  const checkpoint = { id: 3, isSavepoint: false, acknowledged: 1, subtasks: 4 };
  const savepoint = { id: 4, isSavepoint: true, acknowledged: 2, subtasks: 4 };
  control.report = { ...control.report, snapshotsInProgress: [checkpoint, savepoint] };
  await until(2);
  (await control.next()).resolve(RESULT);
  await asked;
  assert.deepEqual(
    heard.map(({ status, snapshot }) => [status, snapshot]),
    [
      ["RUNNING", null],
      ["RUNNING", savepoint],
    ],
  );
});

test("only the user can connect, and what the channel was made with is gone", async () => {
  const { run, server, close } = await serveRun(temporaryDirectory());
  assert.equal(server.place, path.join(run.directory, "control.sock"));
  assert.equal(statSync(server.place).mode & 0o777, 0o600);
  const names = readdirSync(run.directory).filter((name) => name.includes("control"));
  assert.deepEqual(names, ["control.json", "control.sock"]);
  const said = JSON.parse(readFileSync(path.join(run.directory, "control.json"), "utf8")) as object;
  assert.deepEqual(Object.keys(said), ["protocol", "version", "socket", "pid", "startToken"]);
  assert.deepEqual(
    { ...said, startToken: "" },
    {
      protocol: "oxbow-control",
      version: 1,
      socket: "control.sock",
      pid: process.pid,
      startToken: "",
    },
  );
  await close();
  assert.deepEqual(
    readdirSync(run.directory).filter((name) => name.includes("control")),
    [],
  );
});

for (const [what, text, message] of [
  ["that is no JSON", "status\n", /no JSON object/],
  ["that is no object", "[1]\n", /no JSON object/],
  ["without an id", '{"request":"status"}\n', /no JSON object/],
  ["whose id is no number", '{"id":"1","request":"status"}\n', /no JSON object/],
  ["that never ends", "x".repeat(70_000), /more than 65536 characters/],
] as const) {
  test(`a line ${what} is refused and ends only its own connection`, async () => {
    const { run, server, control } = await serveRun(temporaryDirectory());
    const other = await connectToRun(run.directory);
    after(() => other.close());
    const client = await rawClient(server.place);
    client.send(text);
    const { kind, id, error } = await client.next();
    assert.deepEqual([kind, id], ["error", undefined]);
    assert.match((error as Error).message, message);
    await client.closed;
    assert.deepEqual(control.calls, []);
    assert.equal((await other.status()).status, "RUNNING");
  });
}

for (const [what, request, message] of [
  ["request that is not known", { request: "pause" }, /no request "pause"; there are status, /],
  ["name of an object's own", { request: "constructor" }, /no request "constructor"/],
  ["member that is not known", { request: "stop", now: true }, /"stop" has no member "now"/],
  ["wrong type", { request: "stop", drain: 1 }, /"drain" of "stop" is 1; expected true or false/],
  ["relative path", { request: "savepoint", target: "b" }, /is "b"; expected an absolute path/],
] as const) {
  test(`a ${what} is refused, and the connection stays`, async () => {
    const { server, control } = await serveRun(temporaryDirectory());
    const client = await rawClient(server.place);
    client.send(`${JSON.stringify({ id: 5, ...request })}\n`);
    const { kind, id, error } = await client.next();
    assert.deepEqual([kind, id], ["error", 5]);
    assert.equal(errorCode(error), "INVALID_ARGUMENT");
    assert.match((error as Error).message, message);
    client.send('{"id":5,"request":"status"}\n');
    assert.equal((await client.next())["kind"], "result");
    assert.deepEqual(control.calls, []);
  });
}

test("an id that is in use is refused, and so is the 33rd request at a time", async () => {
  const { server, control } = await serveRun(temporaryDirectory());
  const client = await rawClient(server.place);
  for (let id = 0; id < 32; id++) client.send(`{"id":${id},"request":"checkpoint"}\n`);
  client.send('{"id":7,"request":"status"}\n');
  const again = await client.next();
  assert.deepEqual([again["kind"], again["id"]], ["error", 7]);
  client.send('{"id":32,"request":"status"}\n');
  const beyond = await client.next();
  assert.equal(errorCode(beyond["error"]), "CONTROL_UNAVAILABLE");
  (await control.next()).resolve({ checkpointId: 1, location: "/c" });
  assert.equal((await client.next())["id"], 0);
  client.send('{"id":32,"request":"status"}\n');
  assert.deepEqual((await client.next())["kind"], "result");
});

test("what a client asked for that goes away is done, and the run goes on", async () => {
  const { run, server, control } = await serveRun(temporaryDirectory());
  const client = await rawClient(server.place);
  client.send('{"id":1,"request":"savepoint"}\n');
  const call = await control.next();
  client.socket.destroy();
  await client.closed;
  call.resolve(RESULT);
  const other = await connectToRun(run.directory);
  after(() => other.close());
  assert.equal((await other.status()).status, "RUNNING");
});

test("a client that has sent all it wants still gets its answers", async () => {
  const { server, control } = await serveRun(temporaryDirectory());
  const client = await rawClient(server.place);
  client.socket.end('{"id":1,"request":"savepoint"}\n');
  (await control.next()).resolve(RESULT);
  assert.deepEqual((await client.next())["value"], RESULT);
  await client.closed;
});

test("a client that does not take its answers is not listened to until it does", async () => {
  const { run, server, control } = await serveRun(temporaryDirectory());
  control.metrics = "m".repeat(100_000);
  const client = await rawClient(server.place);
  client.socket.pause();
  const ASKED = 500;
  // Answers are made at once, so that only what is not read holds the server back.
  const send = (id: number): void => {
    client.socket.write(`{"id":${id},"request":"metrics"}${" ".repeat(5_000)}\n`, () => {
      if (id + 1 < ASKED) send(id + 1);
    });
  };
  send(0);
  const other = await connectToRun(run.directory);
  after(() => other.close());
  for (let i = 0; i < 50; i++) await other.status();
  assert.ok(control.metricsCount < ASKED / 2, `${control.metricsCount} were answered`);
  client.socket.resume();
  for (let id = 0; id < ASKED; id++) assert.equal((await client.next())["id"], id);
  assert.equal(control.metricsCount, ASKED);
});

test("closing answers what is under way and ends the connections", async () => {
  const { run, server, control } = await serveRun(temporaryDirectory());
  const busy = await rawClient(server.place);
  const idle = await rawClient(server.place);
  busy.send('{"id":1,"request":"stop"}\n');
  const call = await control.next();
  await server.close();
  assert.equal(existsSync(server.place), false);
  assert.equal(errorCode((await idle.next())["error"]), "RUN_NOT_RUNNING");
  await idle.closed;
  await assert.rejects(connectToRun(run.directory), { code: "CONTROL_UNAVAILABLE" });
  busy.send('{"id":2,"request":"savepoint"}\n');
  const late = await busy.next();
  assert.deepEqual([late["id"], errorCode(late["error"])], [2, "RUN_NOT_RUNNING"]);
  call.resolve(RESULT);
  assert.deepEqual((await busy.next())["value"], RESULT);
  assert.equal(errorCode((await busy.next())["error"]), "RUN_NOT_RUNNING");
  await busy.closed;
  assert.deepEqual(control.calls, []);
});

test("a client that asks when the job has ended hears that nothing was begun", async () => {
  const { run, server, control } = await serveRun(temporaryDirectory());
  const client = await connectToRun(run.directory);
  await server.close();
  await assert.rejects(client.savepoint({}), { code: "RUN_NOT_RUNNING", message: /has ended/ });
  await assert.rejects(client.status(), { code: "RUN_NOT_RUNNING" });
  assert.deepEqual(control.calls, []);
});

test("a connection that is lost before the answer says that nobody knows", async () => {
  const { run, control } = await serveRun(temporaryDirectory());
  const client = await connectToRun(run.directory);
  const asked = assert.rejects(client.savepoint({}), {
    code: "CONTROL_UNAVAILABLE",
    message: /whether it has done what it was asked for is not known\. .* says "running"/,
  });
  await control.next();
  client.close();
  await asked;
  await assert.rejects(client.status(), { code: "CONTROL_UNAVAILABLE" });
});

/** A process that listens for a run and says `greeting` to whoever connects. */
async function impostor(greeting: string): Promise<string> {
  const { run, server } = await serveRun(temporaryDirectory());
  const place = `${temporaryDirectory()}/s`;
  const other = createServer((socket) => void socket.on("error", () => undefined).write(greeting));
  await new Promise<void>((resolve) => other.listen(place, resolve));
  after(() => other.close());
  await server.close();
  await writePlace(nodeEnv(), run.directory, place);
  return run.directory;
}

test("a process of another version is refused by its version", async () => {
  const hello = { kind: "hello", protocol: "oxbow-control", version: 2, jobId: "mine", pid: 1 };
  const directory = await impostor(`${JSON.stringify(hello)}\n`);
  await assert.rejects(connectToRun(directory), {
    code: "CONTROL_VERSION_UNSUPPORTED",
    message: /process 1 .* speaks version 2 .* speaks 1/,
  });
});

test("a process that says nothing is given up on", async () => {
  await assert.rejects(connectToRun(await impostor(""), hurriedEnv()), {
    code: "CONTROL_UNAVAILABLE",
    message: /does not answer within 5 s/,
  });
});
