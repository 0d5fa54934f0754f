/* Sockets where the engine puts them: who may connect, what is in the way, where they go then. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { nodeSockets } from "./node-sockets.ts";
import type { LocalConnection, LocalListener } from "./sockets.ts";

const isPosix = process.platform !== "win32";
const NEEDS_POSIX = !isPosix && "file modes are POSIX's";
const NOBODY = 65_534;

const TEMPORARY = tmpdir();

/** A directory that is gone after the test; the private directory lies in it from now on. */
function scene(): string {
  const directory = mkdtempSync(path.join(TEMPORARY, "oxbow-s-"));
  process.env["TMPDIR"] = directory;
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Says `hello`, and what it hears back to front. */
async function listen(directory: string): Promise<LocalListener> {
  const listener = await nodeSockets.listen({
    directory,
    name: "test",
    onConnection: (connection) => {
      connection.listen({
        onText: (text) => connection.send(text.split("").toReversed().join("")),
        onEnd: () => connection.end(),
        onClose: () => undefined,
      });
      connection.send("hello ");
    },
  });
  after(() => listener.close());
  return listener;
}

/** All that comes until the other end has sent all. */
async function heard(connection: LocalConnection, until: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let all = "";
  connection.listen({
    onText: (text) => {
      all += text;
      if (all === until) resolve();
    },
    onEnd: () => undefined,
    onClose: () => reject(new Error(`closed after "${all}"`)),
  });
  connection.send("abc");
  await promise;
  connection.close();
}

async function assertAnswers({ place }: LocalListener): Promise<void> {
  const connection = await nodeSockets.connect(place);
  assert.ok(connection !== undefined);
  await heard(connection, "hello cba");
}

test("the socket lies in the directory that was asked for, and is gone when closed", async () => {
  const directory = scene();
  const listener = await listen(directory);
  assert.equal(listener.place, isPosix ? `${directory}/test.sock` : listener.place);
  await assertAnswers(listener);
  await listener.refresh();
  await listener.close();
  assert.equal(await nodeSockets.connect(listener.place), undefined);
});

test("where the path is too long, the socket lies in the private directory", async () => {
  const directory = path.join(scene(), "long".repeat(25));
  mkdirSync(directory);
  const listener = await listen(directory);
  assert.equal(path.dirname(listener.place), await nodeSockets.privateDirectory());
  await assertAnswers(listener);
});

test("a socket of a dead process, and whatever else has its name, is no obstacle", async () => {
  const directory = scene();
  const script = `require("node:net").createServer().listen("${directory}/test.sock", () =>
    process.kill(process.pid, "SIGKILL"));`;
  spawnSync(process.execPath, ["-e", script]);
  assert.ok(statSync(`${directory}/test.sock`).isSocket(), "it is there");
  await assertAnswers(await listen(directory));
  const other = scene();
  writeFileSync(path.join(other, "test.sock"), "a file");
  mkdirSync(path.join(other, ".test-12-ab"));
  await assertAnswers(await listen(other));
});

test("a directory under the socket's name is left alone", async () => {
  const directory = scene();
  mkdirSync(path.join(directory, "test.sock", "full"), { recursive: true });
  const listener = await listen(directory);
  assert.equal(path.dirname(listener.place), await nodeSockets.privateDirectory());
  assert.ok(statSync(path.join(directory, "test.sock", "full")).isDirectory());
  await assertAnswers(listener);
});

const NEEDS_ROOT = process.getuid?.() !== 0 && "only the superuser can become somebody else";

test("somebody else cannot connect, whatever the umask is", { skip: NEEDS_ROOT }, async () => {
  const directory = scene();
  chmodSync(directory, 0o777);
  const before = process.umask(0);
  const listener = await listen(directory).finally(() => process.umask(before));
  const script = `require("node:net").createConnection(${JSON.stringify(listener.place)})
    .on("error", (error) => console.log(error.code)).on("connect", () => process.exit());`;
  // The listener must have its turn meanwhile.
  const child = spawn(process.execPath, ["-e", script], { uid: NOBODY, cwd: "/" });
  let said = "";
  child.stdout.on("data", (text: Buffer) => (said += text.toString()));
  await once(child, "close");
  assert.equal(said, "EACCES\n");
});

test("a private directory that others can use is not used", { skip: NEEDS_POSIX }, async () => {
  const directory = scene();
  const mine = await nodeSockets.privateDirectory();
  assert.equal(path.dirname(mine), directory);
  assert.equal(statSync(mine).mode & 0o777, 0o700);
  chmodSync(mine, 0o770);
  await assert.rejects(nodeSockets.privateDirectory(), {
    code: "CONTROL_UNAVAILABLE",
    message: /is not a directory that this user alone can use\. Remove it, or name another/,
  });
  rmSync(mine, { recursive: true });
  writeFileSync(mine, "");
  await assert.rejects(nodeSockets.privateDirectory(), { code: "CONTROL_UNAVAILABLE" });
});

test("where there is no place at all, the error says why", { skip: NEEDS_POSIX }, async () => {
  const directory = scene();
  process.env["TMPDIR"] = path.join(directory, "absent");
  await assert.rejects(listen(path.join(directory, "absent")), {
    code: "CONTROL_UNAVAILABLE",
    message: /^Cannot make the directory .*absent\/oxbow-\d+: ENOENT\.$/,
  });
});

test("what was sent before the end arrives, and who never reads does not hold it up", async () => {
  const directory = scene();
  const closed = Promise.withResolvers<void>();
  const listener = await nodeSockets.listen({
    directory,
    name: "test",
    onConnection: (connection) => {
      connection.listen({
        onText: () => undefined,
        onEnd: () => undefined,
        onClose: () => closed.resolve(),
      });
      connection.send("x".repeat(5_000_000));
      connection.end();
    },
  });
  after(() => listener.close());
  const deaf = createConnection(listener.place);
  deaf.pause();
  deaf.on("error", () => undefined);
  await closed.promise;
  deaf.destroy();
  const reader = createConnection(listener.place);
  let length = 0;
  reader.on("data", (data: Buffer) => (length += data.length));
  await once(reader, "end");
  assert.equal(length, 5_000_000);
});
