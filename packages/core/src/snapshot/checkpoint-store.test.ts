import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SimWorld, type SimProcess } from "../testing/sim-env.ts";
import {
  recoverCheckpointStore,
  type CheckpointStore,
  type CheckpointStoreOptions,
} from "./checkpoint-store.ts";
import { errorCode } from "../errors.ts";
import type { RecoveryDecision } from "./checkpoint-inventory.ts";
import type { CheckpointMetadata, SegmentHandle } from "./metadata.ts";

const RUN = "/run";

interface CheckpointPlan {
  readonly id: number;
  readonly segments: readonly SegmentHandle[];
  readonly hasCommittables?: boolean;
}

function segment(id: number, name: string): SegmentHandle {
  return {
    file: `shared/${name}.seg`,
    sizeBytes: 100 + name.length,
    checksum: name.length,
    kind: "full",
    rowsCount: 1,
    tombstonesCount: 0,
    keyGroupStart: 0,
    keyGroupEnd: 128,
    createdBy: id,
  };
}

function metadataOf(plan: CheckpointPlan): CheckpointMetadata {
  return {
    version: 1,
    checkpointId: plan.id,
    kind: "checkpoint",
    triggeredAt: 1,
    completedAt: 2,
    jobId: "job",
    jobName: "job",
    epoch: 1,
    operators: [
      {
        operatorId: "0".repeat(32),
        uid: "count",
        kind: "keyed",
        parallelism: 1,
        maxParallelism: 128,
        stateSchemas: {},
        enumerator: undefined,
        subtasks: [{ segments: plan.segments, states: [], watermark: undefined, hasEnded: false }],
      },
    ],
    edges: [],
    hasCommittables: plan.hasCommittables ?? false,
  };
}

async function writeSegment(process: SimProcess, handle: SegmentHandle): Promise<void> {
  const file = await process.env.files.create(`${RUN}/${handle.file}`);
  await file.write(new Uint8Array(handle.sizeBytes).fill(7));
  await file.sync();
  await file.close();
}

interface Opened {
  readonly store: CheckpointStore;
  readonly decision: RecoveryDecision;
  readonly warnings: unknown[];
}

let epochs = 0;

async function recover(
  process: SimProcess,
  rest: Partial<CheckpointStoreOptions> & { restorePrevious?: boolean } = {},
): Promise<Opened> {
  const { files } = process.env;
  await files.createDirectory(RUN);
  await files.syncDirectory("/");
  const warnings: unknown[] = [];
  const options: CheckpointStoreOptions = {
    files,
    directory: RUN,
    epoch: ++epochs,
    retainedCount: 1,
    retention: "delete-on-cancellation",
    warn: (error) => warnings.push(error),
    ...rest,
  };
  const opened = await recoverCheckpointStore(options, rest.restorePrevious ?? false);
  return { ...opened, warnings };
}

/** Writes what is new in the plan, and completes it. */
async function checkpoint(
  process: SimProcess,
  store: CheckpointStore,
  plan: CheckpointPlan,
): Promise<void> {
  await store.begin(plan.id);
  for (const handle of plan.segments) {
    if (handle.createdBy === plan.id) await writeSegment(process, handle);
  }
  store.register(plan.id, plan.segments);
  await store.complete(metadataOf(plan));
  store.subsume();
}

async function withWorld(seed: number, body: (world: SimWorld) => Promise<void>): Promise<void> {
  const world = new SimWorld({ seed });
  await world.scheduler.runUntil(body(world));
}

const FILES_OF = (world: SimWorld): string[] =>
  world.disk.paths().map((path) => path.slice(RUN.length + 1));

describe("checkpoint store", () => {
  it("keeps the newest checkpoints and what they share, and deletes the rest", () =>
    withWorld(1, async (world) => {
      const process = world.startProcess();
      const { store, decision } = await recover(process, { retainedCount: 2 });
      assert.equal(decision.kind, "none");
      const [a, b, c] = [segment(1, "a"), segment(2, "b"), segment(3, "c")];
      await checkpoint(process, store, { id: 1, segments: [a] });
      await checkpoint(process, store, { id: 2, segments: [a, b] });
      await checkpoint(process, store, { id: 3, segments: [a, b, c] });
      await store.settled();
      assert.deepEqual(FILES_OF(world), [
        "chk-2/_metadata",
        "chk-3/_metadata",
        "shared/a.seg",
        "shared/b.seg",
        "shared/c.seg",
      ]);
      const d = segment(5, "d");
      await checkpoint(process, store, { id: 5, segments: [d] });
      await checkpoint(process, store, { id: 6, segments: [d] });
      await store.settled();
      assert.deepEqual(FILES_OF(world), ["chk-5/_metadata", "chk-6/_metadata", "shared/d.seg"]);
      assert.deepEqual(
        store.completed.map((kept) => kept.checkpointId),
        [5, 6],
      );
    }));

  it("keeps what a pending checkpoint builds on, though its base is dropped", () =>
    withWorld(8, async (world) => {
      const process = world.startProcess();
      const { store } = await recover(process);
      const [a, b, c] = [segment(1, "a"), segment(2, "b"), segment(3, "c")];
      await checkpoint(process, store, { id: 1, segments: [a] });
      await store.begin(2);
      await writeSegment(process, b);
      store.register(2, [b]);
      await store.complete(metadataOf({ id: 2, segments: [b] }));
      assert.equal(store.subsume([1]), 1, "checkpoint 3, which builds on 1, is pending");
      await checkpoint(process, store, { id: 3, segments: [a, c] });
      await store.settled();
      assert.deepEqual(FILES_OF(world), ["chk-3/_metadata", "shared/a.seg", "shared/c.seg"]);
    }));

  it("keeps a late segment of a failed checkpoint until a newer one is the oldest kept", () =>
    withWorld(2, async (world) => {
      const process = world.startProcess();
      const { store } = await recover(process);
      await store.begin(1);
      const late = segment(1, "late");
      await store.abort(1);
      await writeSegment(process, late);
      store.register(1, [late]);
      await checkpoint(process, store, { id: 2, segments: [late, segment(2, "b")] });
      await store.settled();
      assert.ok(FILES_OF(world).includes("shared/late.seg"));
      await checkpoint(process, store, { id: 3, segments: [segment(3, "c")] });
      await store.settled();
      assert.deepEqual(FILES_OF(world), ["chk-3/_metadata", "shared/c.seg"]);
    }));

  it("deletes at the end of the run what the retention policy says", async () => {
    const left = async (
      retention: CheckpointStoreOptions["retention"],
      reason: "finished" | "failed" | "canceled",
    ): Promise<number> => {
      let count = 0;
      await withWorld(3, async (world) => {
        const process = world.startProcess();
        const { store } = await recover(process, { retention });
        await checkpoint(process, store, { id: 1, segments: [segment(1, "a")] });
        await store.begin(2);
        const isResumable = await store.end(reason);
        count = FILES_OF(world).length;
        assert.equal(isResumable, count > 0);
        assert.equal(world.disk.find(`${RUN}/chk-2`), undefined, "what is pending goes always");
      });
      return count;
    };
    for (const [retention, finished, canceled, failed] of [
      ["none", 0, 0, 0],
      ["delete-on-cancellation", 0, 0, 2],
      ["retain-on-cancellation", 0, 2, 2],
    ] as const) {
      assert.equal(await left(retention, "finished"), finished, `${retention} finished`);
      assert.equal(await left(retention, "canceled"), canceled, `${retention} canceled`);
      assert.equal(await left(retention, "failed"), failed, `${retention} failed`);
    }
  });

  it("reports deletions that fail, and makes up for them at the next start", () =>
    withWorld(4, async (world) => {
      const process = world.startProcess();
      const { store, warnings } = await recover(process);
      await checkpoint(process, store, { id: 1, segments: [segment(1, "a")] });
      process.env.files.inject({ operation: "remove", path: /a\.seg/, kind: "io" });
      process.env.files.inject({ operation: "removeTree", path: /chk-1$/, kind: "io" });
      await checkpoint(process, store, { id: 2, segments: [segment(2, "b")] });
      await store.settled();
      assert.equal(warnings.length, 2);
      assert.ok(FILES_OF(world).includes("shared/a.seg"));
      process.kill();
      const { decision } = await recover(world.startProcess());
      assert.ok(decision.kind === "use" && decision.checkpoint.checkpointId === 2);
      assert.deepEqual(FILES_OF(world), ["chk-2/_metadata", "shared/b.seg"]);
      assert.equal(world.disk.find(`${RUN}/chk-1`), undefined);
    }));

  it("takes a checkpoint back whose metadata could not be written", () =>
    withWorld(5, async (world) => {
      const process = world.startProcess();
      const { store } = await recover(process);
      process.env.files.inject({
        operation: "syncDirectory",
        path: /chk-1$/,
        kind: "io",
        afterCount: 1,
      });
      const plan = { id: 1, segments: [segment(1, "a")], hasCommittables: true };
      await assert.rejects(checkpoint(process, store, plan), { code: "FILE_IO" });
      assert.equal(world.disk.find(`${RUN}/chk-1`), undefined);
      await checkpoint(process, store, { id: 2, segments: [segment(2, "b")] });
      assert.equal(store.latest?.checkpointId, 2);
    }));

  it("says that it does not know where writing and taking back both failed", () =>
    withWorld(6, async (world) => {
      const process = world.startProcess();
      const { store } = await recover(process);
      const fault = { operation: "syncDirectory", path: /chk-1$/, kind: "io" } as const;
      process.env.files.inject({ ...fault, afterCount: 1, count: 2 });
      const plan = { id: 1, segments: [segment(1, "a")] };
      await assert.rejects(checkpoint(process, store, plan), { code: "CHECKPOINT_UNCERTAIN" });
    }));
});

describe("recovery", () => {
  /** Two checkpoints on disk; `newest` and `older` say whether exactly-once sinks committed. */
  async function twoCheckpoints(world: SimWorld, newestCommits: boolean): Promise<void> {
    const process = world.startProcess();
    const { store } = await recover(process, { retainedCount: 2 });
    const [a, b] = [segment(1, "a"), segment(2, "b")];
    await checkpoint(process, store, { id: 1, segments: [a], hasCommittables: true });
    await checkpoint(process, store, { id: 2, segments: [a, b], hasCommittables: newestCommits });
    await store.settled();
    process.kill();
  }

  it("falls back by itself where nothing was committed after the older one", () =>
    withWorld(1, async (world) => {
      await twoCheckpoints(world, false);
      world.disk.truncate(`${RUN}/shared/b.seg`, 50);
      const { decision, store } = await recover(world.startProcess(), { retainedCount: 2 });
      assert.ok(decision.kind === "use");
      assert.equal(decision.checkpoint.checkpointId, 1);
      assert.equal(decision.mayRepeatOutput, false);
      assert.equal(decision.skipped[0]?.fault?.code, "SEGMENT_CORRUPTED");
      assert.deepEqual(
        store.completed.map((kept) => kept.checkpointId),
        [1],
      );
    }));

  it("refuses where output could repeat, with file and offset, until the user accepts", () =>
    withWorld(2, async (world) => {
      await twoCheckpoints(world, true);
      world.disk.truncate(`${RUN}/shared/b.seg`, 50);
      const before = FILES_OF(world);
      const { decision } = await recover(world.startProcess());
      assert.ok(decision.kind === "refuse");
      assert.equal(decision.error.code, "CHECKPOINT_UNREADABLE");
      assert.equal(decision.error.details["file"], `${RUN}/shared/b.seg`);
      assert.equal(decision.error.details["offset"], 50);
      assert.match(decision.error.message, /--restore-previous/);
      assert.deepEqual(FILES_OF(world), before, "refusing changes nothing");
      const accepted = await recover(world.startProcess(), { restorePrevious: true });
      assert.ok(accepted.decision.kind === "use");
      assert.equal(accepted.decision.checkpoint.checkpointId, 1);
      assert.equal(accepted.decision.mayRepeatOutput, true);
      const again = await recover(world.startProcess());
      assert.ok(again.decision.kind === "use", "the damaged one lies aside now");
      assert.ok(FILES_OF(world).some((path) => path.startsWith("damaged-chk-2")));
      assert.ok(FILES_OF(world).includes("shared/b.seg"), "its files are kept for the user");
    }));

  it("takes unreadable metadata for a commit", () =>
    withWorld(3, async (world) => {
      await twoCheckpoints(world, false);
      world.disk.corrupt(`${RUN}/chk-2/_metadata`, 200, 4);
      const { decision } = await recover(world.startProcess());
      assert.ok(decision.kind === "refuse");
      assert.equal(decision.error.details["file"], `${RUN}/chk-2/_metadata`);
    }));

  it("never begins anew by itself where a checkpoint is there but none can be read", () =>
    withWorld(4, async (world) => {
      await twoCheckpoints(world, false);
      world.disk.corrupt(`${RUN}/chk-1/_metadata`, 200, 4);
      world.disk.corrupt(`${RUN}/chk-2/_metadata`, 200, 4);
      const { decision } = await recover(world.startProcess(), { restorePrevious: true });
      assert.ok(decision.kind === "refuse");
      assert.match(decision.error.message, /no older one/);
    }));

  it("does not take a device error for damage", () =>
    withWorld(5, async (world) => {
      await twoCheckpoints(world, false);
      const process = world.startProcess();
      process.env.files.inject({ operation: "open", path: /chk-2/, kind: "io" });
      await assert.rejects(recover(process), { code: "FILE_IO" });
    }));

  it("makes the checkpoint that it uses durable before it deletes an older one", async () => {
    for (let seed = 0; seed < 16; seed++) {
      await withWorld(seed, async (world) => {
        const process = world.startProcess();
        const { store } = await recover(process);
        await checkpoint(process, store, { id: 1, segments: [segment(1, "a")] });
        const sync = { operation: "syncDirectory", path: /chk-2$/ } as const;
        process.env.files.inject({ ...sync, kind: "slow", delayMs: 1e9, afterCount: 1 });
        void checkpoint(process, store, { id: 2, segments: [segment(2, "b")] });
        await new Promise<void>((resolve) => {
          world.scheduler.schedule({ delayMs: 1e4, label: "kill", owner: undefined, run: resolve });
        });
        process.kill();
        const { store: found } = await recover(world.startProcess());
        assert.equal(found.latest?.checkpointId, 2);
        await found.settled();
        world.crashMachine();
        const { decision } = await recover(world.startProcess());
        assert.ok(decision.kind === "use" && decision.checkpoint.checkpointId === 2, `${seed}`);
      });
    }
  });

  it("removes only what no checkpoint names", () =>
    withWorld(6, async (world) => {
      await twoCheckpoints(world, true);
      const process = world.startProcess();
      await writeSegment(process, segment(9, "orphan"));
      await process.env.files.createDirectory(`${RUN}/chk-9`);
      await recover(process, { retainedCount: 2 });
      assert.deepEqual(FILES_OF(world), [
        "chk-1/_metadata",
        "chk-2/_metadata",
        "shared/a.seg",
        "shared/b.seg",
      ]);
      assert.equal(world.disk.find(`${RUN}/chk-9`), undefined);
    }));
});

/** Takes checkpoints one after another, each building on the one before; notes what completed. */
async function takeCheckpoints(
  process: SimProcess,
  store: CheckpointStore,
  from: number,
  done: number[],
) {
  let segments: SegmentHandle[] = [...(store.latest?.operators[0]?.subtasks[0]?.segments ?? [])];
  for (let id = from; ; id++) {
    if (segments.length >= 3) segments = [];
    segments.push(segment(id, `s${id}`));
    await checkpoint(process, store, { id, segments, hasCommittables: true });
    done.push(id);
  }
}

describe("checkpoint store under crashes", () => {
  for (const kind of ["kill", "power loss"] as const) {
    it(`finds the newest completed checkpoint after a ${kind} at every event`, async () => {
      const stopEnd = 150;
      for (let stop = 1; stop < stopEnd; stop++) {
        const world = new SimWorld({ seed: `${kind} ${stop}` });
        const done: number[] = [];
        let from = 1;
        for (let life = 0; life < 3; life++) {
          const process = world.startProcess();
          const retainedCount = 1 + (stop % 2);
          const { store, decision } = await world.scheduler.runUntil(
            recover(process, { retainedCount }),
          );
          const found = decision.kind === "use" ? decision.checkpoint.checkpointId : 0;
          assert.ok(decision.kind !== "refuse", `${kind} ${stop}: ${JSON.stringify(decision)}`);
          assert.ok(
            found >= (done.at(-1) ?? 0),
            `${kind} ${stop}: completed ${done.join()}, found ${found}`,
          );
          const isNamed = new Set(
            store.completed.flatMap((kept) =>
              kept.operators[0].subtasks[0].segments.map((handle) => handle.file),
            ),
          );
          await world.scheduler.runUntil(store.settled());
          for (const path of FILES_OF(world)) {
            if (path.startsWith("shared/")) assert.ok(isNamed.has(path), `${path} is an orphan`);
          }
          if (life === 2) break;
          void takeCheckpoints(process, store, from, done);
          for (let i = 0; i < stop; i++) await world.scheduler.runNext();
          if (kind === "kill") process.kill();
          else world.crashMachine();
          from += 100;
        }
      }
    });
  }
});

describe("checkpoint store on failing storage", () => {
  it("completes what it says and takes back what it does not, 300 seeds", async () => {
    let failed = 0;
    let uncertain = 0;
    let completed = 0;
    for (let seed = 0; seed < 300; seed++) {
      const world = new SimWorld({ seed: `failing ${seed}` });
      const done: number[] = [];
      const takenBack = new Set<number>();
      for (let life = 0; life < 4; life++) {
        const process = world.startProcess();
        const { store, decision } = await world.scheduler.runUntil(recover(process));
        const found = decision.kind === "use" ? decision.checkpoint.checkpointId : 0;
        assert.ok(decision.kind !== "refuse", `seed ${seed}: ${JSON.stringify(decision)}`);
        assert.ok(found >= (done.at(-1) ?? 0), `seed ${seed}: ${done.join()}, found ${found}`);
        assert.ok(!takenBack.has(found), `seed ${seed}: ${found} was taken back`);
        const random = world.random.fork(`life ${life}`);
        const faults = ["sync", "syncDirectory", "rename", "remove", "write", "read"] as const;
        for (let i = 0; i < 3; i++) {
          const operation = faults[random.int(faults.length)];
          const count = 1 + random.int(3);
          process.env.files.inject({ operation, kind: "io", afterCount: random.int(30), count });
        }
        const outcome = takeSome(process, store, { from: 100 * life + 1, done, takenBack });
        for (let i = random.int(200); i > 0; i--) await world.scheduler.runNext();
        if (random.int(2) === 0) process.kill();
        else world.crashMachine();
        uncertain += (await Promise.race([outcome, Promise.resolve(false)])) ? 1 : 0;
      }
      completed += done.length;
      failed += takenBack.size;
    }
    assert.ok(completed > 1000 && failed > 100, `${completed} completed, ${failed} failed`);
    assert.ok(uncertain > 0, "some are uncertain");
  });
});

interface Outcomes {
  readonly from: number;
  readonly done: number[];
  readonly takenBack: Set<number>;
}

/** Takes checkpoints until one is uncertain, as a job does that restarts after failures. */
async function takeSome(
  process: SimProcess,
  store: CheckpointStore,
  outcomes: Outcomes,
): Promise<boolean> {
  for (let id = outcomes.from; ; id++) {
    const segments = [segment(id, `s${id}`)];
    try {
      await checkpoint(process, store, { id, segments, hasCommittables: true });
      outcomes.done.push(id);
    } catch (error) {
      if (errorCode(error) === "CHECKPOINT_UNCERTAIN") return true;
      await store.abort(id).catch(() => undefined);
      outcomes.takenBack.add(id);
    }
  }
}
