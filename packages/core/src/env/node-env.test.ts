import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";
import { nodeEnv } from "./node-env.ts";
import { seededRandom } from "./random.ts";

describe("the real Env", () => {
  it("fires a timer not before its delay, never synchronously, and not after cancel", async () => {
    const { clock } = nodeEnv();
    const start = clock.monotonicMs();
    clock.schedule(5, () => assert.fail("canceled"))();
    let isSync = true;
    const elapsedMs = await new Promise<number>((resolve) => {
      clock.schedule(20, () => {
        assert.ok(!isSync);
        resolve(clock.monotonicMs() - start);
      });
      isSync = false;
    });
    assert.ok(elapsedMs >= 20, `${elapsedMs}`);
  });

  it("knows itself as alive, its pid with another token and a dead child as not", async () => {
    const { process: identity } = nodeEnv();
    assert.equal(identity.pid, process.pid);
    assert.ok(identity.isAlive(identity.pid, identity.startToken));
    assert.equal(nodeEnv().process.startToken, identity.startToken);
    const [machine, boot] = identity.startToken.split("/");
    assert.ok(!identity.isAlive(identity.pid, `${machine}/${boot}/1`));
    const script = "process.stdout.write('up'); setInterval(() => {}, 1000)";
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.ok(!identity.isAlive(child.pid!, identity.startToken));
  });

  it("takes a process of another machine for alive, one of an earlier boot for dead", () => {
    const { process: identity } = nodeEnv();
    const [machine] = identity.startToken.split("/");
    assert.ok(identity.isAlive(identity.pid, "elsewhere/boot/1"));
    assert.ok(!identity.isAlive(identity.pid, `${machine}/an earlier boot/1`));
  });

  it("draws different numbers from every stream and fork", () => {
    const { random } = nodeEnv();
    const drawn = [random.next(), random.fork("a").next(), random.fork("a").next()];
    assert.equal(new Set(drawn).size, 3);
  });
});

describe("seeded random", () => {
  it("is the same for ever", () => {
    const random = seededRandom(42);
    const drawn = [random.int(1000), random.int(1000), random.fork("a").int(1000)];
    assert.deepEqual(drawn, GOLDEN);
  });

  it("is uniform enough: 16 buckets of 100 000 draws are within 5 %", () => {
    const random = seededRandom("uniform");
    const buckets = new Array<number>(16).fill(0);
    for (let i = 0; i < 100_000; i++) buckets[random.int(16)]++;
    for (const count of buckets) assert.ok(Math.abs(count - 6250) < 6250 * 0.05, String(count));
  });
});

const GOLDEN: readonly number[] = [69, 274, 302];
