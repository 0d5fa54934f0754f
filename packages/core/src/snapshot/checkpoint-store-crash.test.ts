import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { errorCode } from "../errors.ts";
import { SimWorld, type SimProcess } from "../testing/sim-env.ts";
import { checkpoint, filesOf, recover, segment } from "./checkpoint-plans.fixture.ts";
import type { CheckpointStore } from "./checkpoint-store.ts";
import type { SegmentHandle } from "./metadata.ts";

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
          for (const path of filesOf(world)) {
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
