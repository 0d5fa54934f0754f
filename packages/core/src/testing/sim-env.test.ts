import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Files } from "../env/files.ts";
import { errorCode } from "../errors.ts";
import { SimWorld, type SimEnv } from "./sim-env.ts";
import { drainPromises } from "./sim-scheduler.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function write(files: Files, path: string, options: { text: string; sync: boolean }) {
  const file = await files.create(path);
  await file.write(bytes(options.text));
  if (options.sync) await file.sync();
  await file.close();
}

/** Several tasks that touch the disk and timers at once. */
async function busyWork(env: SimEnv, log: string[]): Promise<void> {
  await env.files.createDirectory("/d");
  const task = async (index: number): Promise<void> => {
    for (let i = 0; i < 5; i++) {
      await write(env.files, `/d/${index}-${i}`, {
        text: "x".repeat(index * 100),
        sync: i % 2 === 0,
      });
      await new Promise<void>((resolve) => env.clock.schedule(env.random.int(5), resolve));
      log.push(`${index}-${i}`);
    }
  };
  await Promise.all([task(1), task(2), task(3)]);
}

async function traceOf(seed: number): Promise<{ readonly hash: number; readonly log: string }> {
  const world = new SimWorld({ seed });
  const log: string[] = [];
  await world.scheduler.runUntil(busyWork(world.startProcess().env, log));
  return { hash: world.scheduler.traceHash, log: log.join() };
}

describe("the simulated machine", () => {
  it("gives the same trace for the same seed and others for others", async () => {
    const first = await traceOf(1);
    assert.deepEqual(await traceOf(1), first);
    const others = await Promise.all([2, 3, 4, 5].map(traceOf));
    assert.ok(others.every((other) => other.hash !== first.hash));
    assert.ok(new Set(others.map((other) => other.log)).size > 1, "the seed decides the order");
  });

  it("fires timers at their virtual time, never after cancel or from inside schedule", async () => {
    const world = new SimWorld({ seed: 1 });
    const { clock } = world.startProcess().env;
    const fired: string[] = [];
    clock.schedule(10, () => fired.push(`a@${clock.monotonicMs()}`));
    clock.schedule(0, () => fired.push(`b@${clock.monotonicMs()}`));
    const cancel = clock.schedule(5, () => fired.push("never"));
    cancel();
    cancel();
    assert.deepEqual(fired, []);
    await world.scheduler.advanceTo(9);
    assert.deepEqual(fired, ["b@0"]);
    const wall = clock.now();
    world.jumpWallClock(-1000);
    assert.equal(clock.now(), wall - 1000);
    await world.scheduler.runAll();
    assert.deepEqual(fired, ["b@0", "a@10"]);
  });

  it("forks of a random stream do not depend on what was drawn before", () => {
    const { random } = new SimWorld({ seed: 9 });
    const before = random.fork("x").next();
    random.next();
    assert.equal(random.fork("x").next(), before);
    assert.notEqual(random.fork("y").next(), before);
  });

  it("tells a dead process from a live one with the same pid", () => {
    const world = new SimWorld({ seed: 3 });
    const seen = new Set<number>();
    let reused = 0;
    for (let i = 0; i < 20; i++) {
      const process = world.startProcess();
      const { pid, startToken, isAlive } = process.env.process;
      assert.ok(isAlive(pid, startToken));
      process.kill();
      if (seen.has(pid)) reused++;
      seen.add(pid);
      const next = world.startProcess();
      assert.ok(!next.env.process.isAlive(pid, startToken));
      next.kill();
    }
    assert.ok(reused > 0, "pids are reused");
  });

  it("delivers nothing to a dead process", async () => {
    const world = new SimWorld({ seed: 4 });
    const process = world.startProcess();
    let isSettled = false;
    const work = write(process.env.files, "/a", { text: "x", sync: true });
    void work.finally(() => (isSettled = true));
    process.env.clock.schedule(1, () => assert.fail("a dead timer fired"));
    process.kill();
    await world.scheduler.runAll();
    await drainPromises();
    assert.ok(!isSettled);
  });
});

describe("power loss", () => {
  it("keeps what was synced, always", async () => {
    for (let seed = 0; seed < 50; seed++) {
      const world = new SimWorld({ seed });
      const { files } = world.startProcess().env;
      await world.scheduler.runUntil(
        (async () => {
          await files.createDirectory("/d");
          await files.syncDirectory("/");
          await write(files, "/d/tmp", { text: "kept", sync: true });
          await files.rename("/d/tmp", "/d/final");
          await files.syncDirectory("/d");
        })(),
      );
      world.crashMachine();
      assert.deepEqual(world.disk.paths(), ["/d/final"], `seed ${seed}`);
      assert.deepEqual(world.disk.content("/d/final"), bytes("kept"));
    }
  });

  it("may lose or tear what was not synced, in all the ways", async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const world = new SimWorld({ seed });
      const { files } = world.startProcess().env;
      await world.scheduler.runUntil(write(files, "/a", { text: "0123456789", sync: false }));
      world.crashMachine();
      const [path] = world.disk.paths();
      const left =
        path === undefined ? undefined : new TextDecoder().decode(world.disk.content(path));
      if (left === undefined) outcomes.add("no name");
      else if (!"0123456789".startsWith(left)) outcomes.add("garbage");
      else outcomes.add(left === "" ? "empty" : left.length < 10 ? "prefix" : "all");
    }
    assert.deepEqual([...outcomes].sort(), ["all", "empty", "garbage", "no name", "prefix"]);
  });

  it("never loses both names of a moved file, and a replaced one is old or new", async () => {
    const moved = new Set<string>();
    const replaced = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const world = new SimWorld({ seed });
      const { files } = world.startProcess().env;
      await world.scheduler.runUntil(
        (async () => {
          await write(files, "/from", { text: "a", sync: true });
          await write(files, "/old", { text: "old", sync: true });
          await write(files, "/new", { text: "new", sync: true });
          await files.syncDirectory("/");
          await files.rename("/from", "/to");
          await files.replace("/new", "/old");
        })(),
      );
      world.crashMachine();
      const paths = world.disk.paths();
      moved.add(paths.filter((path) => path === "/from" || path === "/to").join());
      replaced.add(new TextDecoder().decode(world.disk.content("/old")) + paths.includes("/new"));
    }
    assert.deepEqual([...moved].sort(), ["/from", "/from,/to", "/to"]);
    assert.deepEqual([...replaced].sort(), ["newfalse", "oldtrue"]);
  });

  it("loses what a failed sync should have saved, although a later one succeeds", async () => {
    const sizes = new Set<number>();
    for (let seed = 0; seed < 50; seed++) {
      const world = new SimWorld({ seed });
      const { files } = world.startProcess().env;
      files.inject({ operation: "sync", kind: "io" });
      await world.scheduler.runUntil(
        (async () => {
          const file = await files.create("/a");
          await files.syncDirectory("/");
          await file.write(bytes("0123456789"));
          await assert.rejects(file.sync());
          await file.sync();
        })(),
      );
      world.crashMachine();
      sizes.add(world.disk.content("/a").length);
    }
    assert.ok(sizes.has(0));
  });
});

describe("injected failures", () => {
  it("a full disk takes a part of a write and says so", async () => {
    const world = new SimWorld({ seed: 1 });
    const { files } = world.startProcess().env;
    world.disk.capacityBytes = 4;
    await world.scheduler.runUntil(
      (async () => {
        const file = await files.create("/a");
        await assert.rejects(file.write(bytes("123456")), /disk is full/);
        assert.equal(file.sizeBytes, 4);
        await files.remove("/a");
        await write(files, "/b", { text: "1234", sync: true });
      })(),
    );
  });

  it("strike the chosen operation, the chosen number of times", async () => {
    const world = new SimWorld({ seed: 1 });
    const { files } = world.startProcess().env;
    files.inject({ operation: "create", path: /b$/, kind: "io", afterCount: 1, count: 2 });
    files.inject({ operation: "list", kind: "slow", delayMs: 5000 });
    const codes = await world.scheduler.runUntil(
      (async () => {
        const seen: unknown[] = [];
        for (const path of ["/a", "/1b", "/2b", "/3b", "/4b"]) {
          await files.create(path).then(
            () => seen.push("ok"),
            (error: unknown) => seen.push(errorCode(error)),
          );
        }
        return seen;
      })(),
    );
    assert.deepEqual(codes, ["ok", "ok", "FILE_IO", "FILE_IO", "ok"]);
    await world.scheduler.runUntil(files.list("/"));
    assert.ok(world.scheduler.nowMs > 5000);
  });

  it("corruption changes what is read and survives a restart", async () => {
    const world = new SimWorld({ seed: 1 });
    const { files } = world.startProcess().env;
    await world.scheduler.runUntil(write(files, "/a", { text: "abc", sync: true }));
    world.disk.corrupt("/a", 1, 0x01);
    assert.deepEqual(world.disk.content("/a"), bytes("acc"));
  });
});
