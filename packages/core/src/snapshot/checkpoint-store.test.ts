import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { oxbowError } from "../errors.ts";
import type { SimWorld } from "../testing/sim-env.ts";
import {
  checkpoint,
  filesOf,
  metadataOf,
  recover,
  RUN,
  segment,
  withWorld,
  writeSegment,
} from "./checkpoint-plans.fixture.ts";
import type { CheckpointStoreOptions } from "./checkpoint-store.ts";

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
      assert.deepEqual(filesOf(world), [
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
      assert.deepEqual(filesOf(world), ["chk-5/_metadata", "chk-6/_metadata", "shared/d.seg"]);
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
      assert.deepEqual(filesOf(world), ["chk-3/_metadata", "shared/a.seg", "shared/c.seg"]);
    }));

  it("deletes with a failed checkpoint what was registered for it alone", () =>
    withWorld(9, async (world) => {
      const process = world.startProcess();
      const { store } = await recover(process);
      const [a, b] = [segment(1, "a"), segment(2, "b")];
      await checkpoint(process, store, { id: 1, segments: [a] });
      await store.begin(2);
      await writeSegment(process, b);
      store.register(2, [a, b]);
      await store.begin(3);
      const c = segment(3, "c");
      await writeSegment(process, c);
      store.register(3, [a, c]);
      await store.abort(2);
      assert.deepEqual(filesOf(world), ["chk-1/_metadata", "shared/a.seg", "shared/c.seg"]);
      // What a task acknowledged before it heard of the abort goes with the next completion.
      await writeSegment(process, segment(2, "late"));
      store.register(2, [a, segment(2, "late")]);
      await store.complete(metadataOf({ id: 3, segments: [a, c] }));
      store.subsume();
      await store.settled();
      assert.deepEqual(filesOf(world), ["chk-3/_metadata", "shared/a.seg", "shared/c.seg"]);
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
      assert.ok(filesOf(world).includes("shared/late.seg"));
      await checkpoint(process, store, { id: 3, segments: [segment(3, "c")] });
      await store.settled();
      assert.deepEqual(filesOf(world), ["chk-3/_metadata", "shared/c.seg"]);
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
        count = filesOf(world).length;
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
      assert.ok(filesOf(world).includes("shared/a.seg"));
      process.kill();
      const { decision } = await recover(world.startProcess());
      assert.ok(decision.kind === "use" && decision.checkpoint.checkpointId === 2);
      assert.deepEqual(filesOf(world), ["chk-2/_metadata", "shared/b.seg"]);
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
      const before = filesOf(world);
      const { decision } = await recover(world.startProcess());
      assert.ok(decision.kind === "refuse");
      assert.equal(decision.error.code, "CHECKPOINT_UNREADABLE");
      assert.equal(decision.error.details["file"], `${RUN}/shared/b.seg`);
      assert.equal(decision.error.details["offset"], 50);
      assert.match(decision.error.message, /--restore-previous/);
      assert.deepEqual(filesOf(world), before, "refusing changes nothing");
      const accepted = await recover(world.startProcess(), { restorePrevious: true });
      assert.ok(accepted.decision.kind === "use");
      assert.equal(accepted.decision.checkpoint.checkpointId, 1);
      assert.equal(accepted.decision.mayRepeatOutput, true);
      const again = await recover(world.startProcess());
      assert.ok(again.decision.kind === "use", "the damaged one lies aside now");
      assert.ok(filesOf(world).some((path) => path.startsWith("damaged-chk-2")));
      assert.ok(filesOf(world).includes("shared/b.seg"), "its files are kept for the user");
    }));

  it("decides by the same rules where damage shows only when contents are read", () =>
    withWorld(8, async (world) => {
      await twoCheckpoints(world, true);
      const { store } = await recover(world.startProcess(), { retainedCount: 2 });
      const details = { file: `${RUN}/shared/b.seg`, offset: 16 };
      const fault = oxbowError("SEGMENT_CORRUPTED", "its checksum is wrong.", details);
      const before = filesOf(world);
      const refused = await store.passOver(fault);
      assert.ok(refused.kind === "refuse");
      assert.equal(refused.error.details["file"], details.file);
      assert.equal(refused.error.details["offset"], 16);
      assert.equal(store.latest?.checkpointId, 2);
      assert.deepEqual(filesOf(world), before);
      const accepted = await store.passOver(fault, true);
      assert.ok(accepted.kind === "use" && accepted.mayRepeatOutput);
      assert.equal(store.latest?.checkpointId, 1);
      const { decision } = await recover(world.startProcess(), { retainedCount: 2 });
      assert.ok(decision.kind === "use" && decision.checkpoint.checkpointId === 1);
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
      assert.deepEqual(filesOf(world), [
        "chk-1/_metadata",
        "chk-2/_metadata",
        "shared/a.seg",
        "shared/b.seg",
      ]);
      assert.equal(world.disk.find(`${RUN}/chk-9`), undefined);
    }));
});
