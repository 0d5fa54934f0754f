import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OxbowError } from "../errors.ts";
import { SimWorld, type SimProcess } from "../testing/sim-env.ts";
import {
  CHECKPOINT_IDS_RESERVED_COUNT,
  deriveJobId,
  openRun,
  type RunDirectory,
  type RunRequest,
} from "./run-directory.ts";
import { readLockHolder } from "./run-lock.ts";

const REQUEST: RunRequest = { checkpointDirectory: "/var/checkpoints", jobName: "delays" };

function inWorld<T>(seed: number, body: (world: SimWorld) => Promise<T>): Promise<T> {
  const world = new SimWorld({ seed });
  return world.scheduler.runUntil(body(world));
}

async function open(process: SimProcess, request: RunRequest = REQUEST): Promise<RunDirectory> {
  const opening = await openRun(process.env, request);
  assert.equal(opening.kind, "open");
  assert.ok(opening.kind === "open");
  return opening.run;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "none",
    (error: unknown) => (error instanceof OxbowError ? error.code : String(error)),
  );
}

describe("run directory", () => {
  it("is resumed by the same command, with a new epoch and new ids", () =>
    inWorld(1, async (world) => {
      const first = await open(world.startProcess());
      assert.equal(first.directory, `/var/checkpoints/${deriveJobId("delays")}`);
      assert.equal(first.epoch, 1);
      assert.equal(first.previous, undefined);
      assert.deepEqual(
        [await first.allocateCheckpointId(), await first.allocateCheckpointId()],
        [1, 2],
      );
      await first.close();
      const second = await open(world.startProcess());
      assert.equal(second.epoch, 2);
      assert.equal(second.previous?.status, "running");
      assert.equal(await second.allocateCheckpointId(), CHECKPOINT_IDS_RESERVED_COUNT + 1);
    }));

  it("is resumed, and is followed by another, also where older runs were removed", () =>
    inWorld(9, async (world) => {
      const process = world.startProcess();
      for (let count = 0; count < 3; count++) {
        await (await open(process, { ...REQUEST, newRun: true })).close();
      }
      for (const ordinal of [0, 1]) {
        await process.env.files.removeTree(`/var/checkpoints/${deriveJobId("delays", ordinal)}`);
      }
      const resumed = await open(process);
      assert.deepEqual([resumed.jobId, resumed.epoch], [deriveJobId("delays", 2), 2]);
      await resumed.close();
      const next = await open(process, { ...REQUEST, newRun: true });
      assert.equal(next.jobId, deriveJobId("delays", 3));
    }));

  it("refuses a second copy of a running job, naming the pid, and yields after its death", () =>
    inWorld(2, async (world) => {
      const holder = world.startProcess();
      await open(holder);
      const rival = world.startProcess();
      await assert.rejects(open(rival), (error: OxbowError) => {
        assert.equal(error.code, "RUN_LOCKED");
        assert.equal(error.details["pid"], holder.env.process.pid);
        return error.message.includes(String(holder.env.process.pid));
      });
      holder.kill();
      const next = await open(rival);
      assert.equal(next.epoch, 2);
      assert.equal((await readLockHolder(rival.env.files, next.directory))?.epoch, 2);
    }));

  it("can be unlocked by hand as the message says", () =>
    inWorld(3, async (world) => {
      const run = await open(world.startProcess());
      const rival = world.startProcess();
      const error = await open(rival).catch((refusal: OxbowError) => refusal);
      const path = /file (\S+)\.$/.exec((error as OxbowError).message)?.[1];
      assert.ok(path !== undefined);
      await (await rival.env.files.create(path)).close();
      assert.equal((await open(rival)).epoch, run.epoch + 2);
    }));

  it("says so when the run is over, and leaves it as it is", () =>
    inWorld(4, async (world) => {
      const run = await open(world.startProcess());
      await run.end("finished", { isResumable: false });
      await run.close();
      const before = world.disk.paths().map((path) => [path, world.disk.content(path)]);
      const opening = await openRun(world.startProcess().env, REQUEST);
      assert.equal(opening.kind, "ended");
      assert.ok(opening.kind === "ended" && opening.record.status === "finished");
      assert.deepEqual(
        world.disk.paths().map((path) => [path, world.disk.content(path)]),
        before,
      );
    }));

  it("a failed run can be resumed, and is running again", () =>
    inWorld(5, async (world) => {
      const run = await open(world.startProcess());
      await run.end("failed", { isResumable: true, failure: "division by zero" });
      await run.close();
      const again = await open(world.startProcess());
      assert.equal(again.previous?.failure, "division by zero");
      assert.equal(again.record.status, "running");
    }));

  it("another -s or --new-run begins another run; the same -s resumes", () =>
    inWorld(6, async (world) => {
      const openAndClose = async (rest: Partial<RunRequest>): Promise<RunDirectory> => {
        const process = world.startProcess();
        const run = await open(process, { ...REQUEST, ...rest });
        await run.close();
        process.kill();
        return run;
      };
      const plain = await openAndClose({});
      const a = { path: "/savepoints/a", claimMode: "NO_CLAIM", discardingSinks: [] } as const;
      const fromA = await openAndClose({ restoreFrom: a });
      assert.notEqual(fromA.jobId, plain.jobId);
      assert.deepEqual(fromA.record.restoredFrom, a);
      const again = await openAndClose({ restoreFrom: a });
      assert.equal(again.jobId, fromA.jobId);
      const withoutFlag = await openAndClose({});
      assert.equal(withoutFlag.jobId, fromA.jobId, "the newest run of the name is resumed");
      assert.deepEqual(withoutFlag.record.restoredFrom, a);
      const fresh = await openAndClose({ newRun: true });
      assert.ok(![plain.jobId, fromA.jobId].includes(fresh.jobId));
      assert.equal(fresh.record.restoredFrom, null);
    }));

  it("takes a given id, and refuses one that belongs to another run", () =>
    inWorld(7, async (world) => {
      const request = { ...REQUEST, jobId: "my-job_1" };
      const process = world.startProcess();
      const run = await open(process, request);
      assert.equal(run.directory, "/var/checkpoints/my-job_1");
      await run.close();
      const restoreFrom = { path: "/s", claimMode: "NO_CLAIM", discardingSinks: [] } as const;
      assert.equal(await codeOf(open(process, { ...request, newRun: true })), "RUN_EXISTS");
      assert.equal(await codeOf(open(process, { ...request, restoreFrom })), "RUN_EXISTS");
      assert.equal(await codeOf(open(process, { ...request, jobId: "../x" })), "INVALID_ARGUMENT");
      assert.equal((await open(process, request)).epoch, 2);
    }));

  it("gives ids out without a gap while it lives, in the order of asking", () =>
    inWorld(8, async (world) => {
      const run = await open(world.startProcess());
      const count = 3 * CHECKPOINT_IDS_RESERVED_COUNT;
      const ids = await Promise.all(
        Array.from({ length: count }, () => run.allocateCheckpointId()),
      );
      assert.deepEqual(
        ids,
        Array.from({ length: count }, (_, i) => i + 1),
      );
      run.skipCheckpointIdsTo(1000);
      assert.equal(await run.allocateCheckpointId(), 1001);
    }));

  it("goes on after a failed write, and never gives out an id that is not reserved", () =>
    inWorld(9, async (world) => {
      const process = world.startProcess();
      const run = await open(process);
      for (let i = 0; i < CHECKPOINT_IDS_RESERVED_COUNT; i++) await run.allocateCheckpointId();
      process.env.files.inject({ operation: "sync", path: /run\.json/, kind: "io", count: 2 });
      assert.equal(await codeOf(run.allocateCheckpointId()), "FILE_IO");
      assert.equal(await codeOf(run.allocateCheckpointId()), "FILE_IO");
      const id = await run.allocateCheckpointId();
      assert.equal(id, CHECKPOINT_IDS_RESERVED_COUNT + 3);
      process.kill();
      const next = await open(world.startProcess());
      assert.ok((await next.allocateCheckpointId()) > id);
    }));

  it("refuses a damaged run.json, naming it", () =>
    inWorld(10, async (world) => {
      const process = world.startProcess();
      const run = await open(process);
      await run.close();
      world.disk.corrupt(`${run.directory}/run.json`, 60, 1);
      await assert.rejects(open(process), (error: OxbowError) => {
        assert.equal(error.code, "METADATA_CORRUPTED");
        return error.details["file"] === `${run.directory}/run.json`;
      });
    }));
});

/** What must hold whatever happens. */
class Model {
  readonly epochs = new Set<number>();
  readonly ids = new Set<number>();
  holder: SimProcess | undefined;
  opened = 0;
  refused = 0;

  take(process: SimProcess, run: RunDirectory): void {
    const other = this.holder;
    assert.ok(other === undefined || !other.isAlive, "two live processes hold the run");
    assert.ok(!this.epochs.has(run.epoch), `epoch ${run.epoch} was given twice`);
    assert.ok(run.epoch > Math.max(0, ...this.epochs), "epochs grow");
    this.epochs.add(run.epoch);
    this.holder = process;
    this.opened++;
  }

  use(id: number): void {
    assert.ok(!this.ids.has(id), `checkpoint id ${id} was given twice`);
    this.ids.add(id);
  }
}

/** A process that opens the run, takes some ids, and mostly dies without closing. */
async function life(process: SimProcess, model: Model): Promise<void> {
  try {
    const run = await open(process);
    model.take(process, run);
    for (let i = process.env.random.int(50); i > 0; i--)
      model.use(await run.allocateCheckpointId());
    if (process.env.random.int(3) === 0) {
      model.holder = undefined;
      await run.close();
    }
  } catch (error) {
    assert.ok(error instanceof OxbowError && error.code === "RUN_LOCKED", String(error));
    model.refused++;
  }
}

describe("run directory under races and crashes", () => {
  it("has one live holder, epochs and ids that are never reused: 300 seeds", async () => {
    let opened = 0;
    let refused = 0;
    for (let seed = 0; seed < 300; seed++) {
      const world = new SimWorld({ seed });
      const model = new Model();
      const failures: unknown[] = [];
      const living: SimProcess[] = [];
      for (let turn = 0; turn < 12; turn++) {
        const process = world.startProcess();
        living.push(process);
        life(process, model).catch((error: unknown) => failures.push(error));
        for (let i = world.random.fork(`${turn}`).int(60); i > 0; i--)
          await world.scheduler.runNext();
        const fate = world.random.fork(`fate ${turn}`).int(4);
        if (fate === 0) world.crashMachine();
        else if (fate === 1 || living.length > 3) living.splice(0, 2).forEach((old) => old.kill());
      }
      await world.scheduler.runAll();
      assert.deepEqual(failures, [], `seed ${seed}`);
      opened += model.opened;
      refused += model.refused;
    }
    assert.ok(opened > 500 && refused > 100, `opened ${opened}, refused ${refused}`);
  });
});

describe("run directory under a crash at every event", () => {
  for (const kind of ["kill", "power loss"] as const) {
    it(`can be opened again, with new epoch and ids, after a ${kind}`, async () => {
      let opened = 0;
      for (let stop = 0; stop < 60; stop++) {
        for (let seed = 0; seed < 5; seed++) {
          const world = new SimWorld({ seed });
          const model = new Model();
          for (let crash = 0; crash < 3; crash++) {
            const process = world.startProcess();
            void life(process, model);
            for (let i = 0; i < stop + crash; i++) await world.scheduler.runNext();
            if (kind === "kill") process.kill();
            else world.crashMachine();
          }
          const last = world.startProcess();
          const run = await world.scheduler.runUntil(open(last));
          model.take(last, run);
          model.use(await world.scheduler.runUntil(run.allocateCheckpointId()));
          opened += model.opened;
          assert.equal(model.refused, 0, "a dead holder refuses nobody");
          const left = world.disk.paths().filter((path) => path.includes(".tmp-"));
          assert.deepEqual(left, [], "nothing half-written is left");
        }
      }
      assert.ok(opened > 60 * 5 + 100, `only ${opened} lives got as far as opening`);
    });
  }

  it("detects every changed byte of run.json and of the lock", () =>
    inWorld(11, async (world) => {
      const process = world.startProcess();
      const run = await open(process);
      process.kill();
      for (const path of [`${run.directory}/run.json`, `${run.directory}/lock/epoch-0000000001`]) {
        const { length } = world.disk.content(path);
        for (let at = 0; at < length; at++) {
          world.disk.corrupt(path, at, 1 << (at & 7));
          const other = world.startProcess();
          await assert.rejects(open(other), (error: OxbowError) => {
            assert.equal(error.code, "METADATA_CORRUPTED", `byte ${at} of ${path}`);
            return error.details["file"] === path;
          });
          other.kill();
          world.disk.corrupt(path, at, 1 << (at & 7));
        }
      }
    }));
});
