// A sink in its task: what is prepared, kept, committed, and in which order.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataStream } from "../api/data-stream.ts";
import { Batch } from "../columns/batch.ts";
import { collect } from "../connectors/collect.ts";
import type { Committable, Sink, SinkWriter } from "../connectors/sink.ts";
import type { OperatorContext } from "../operators/operator.ts";
import { NOWHERE } from "../operators/output.ts";
import { SimWorld } from "../testing/sim-env.ts";
import { drainPromises } from "../testing/sim-scheduler.ts";
import { step, verifyOperator } from "../testing.ts";
import { SinkOperator } from "./sink-operator.ts";
import { contextFor } from "./task.fixture.ts";

interface Ledger {
  readonly log: string[];
  /** Commits that wait to be let go. */
  readonly waiting: PromiseWithResolvers<void>[];
  isCommitting: boolean;
}

/** A sink that notes what is done to it; each commit waits until the test lets it go. */
function ledgerSink(ledger: Ledger): Sink<unknown> {
  return {
    kind: "sink",
    connector: "ledger",
    guarantee: "exactly-once",
    createWriter: ({ restored, pending }): SinkWriter => {
      ledger.log.push(`writer ${JSON.stringify(restored)} ${pending.map(({ id }) => id).join()}`);
      let records: unknown[] = [];
      return {
        open: () => undefined,
        isReady: () => true,
        write: (batch) => void records.push(...batch.records().slice(0, batch.count)),
        prepareCommit: (checkpointId, isEnd) => {
          const id = `${records.join("+")}@${checkpointId}${isEnd ? " end" : ""}`;
          const prepared = records.length === 0 ? [] : [{ id }];
          records = [];
          return prepared;
        },
        snapshot: (checkpointId) => `state ${checkpointId}`,
        flushed: () => Promise.resolve(),
        close: async () => void ledger.log.push("closed"),
      };
    },
    createCommitter: () => ({
      commit: async (committables: readonly Committable[]) => {
        assert.equal(ledger.isCommitting, false, "one commit at a time");
        ledger.isCommitting = true;
        const gate = Promise.withResolvers<void>();
        ledger.waiting.push(gate);
        await gate.promise;
        ledger.isCommitting = false;
        ledger.log.push(`commit ${committables.map(({ id }) => id).join(", ")}`);
      },
    }),
  };
}

function sinkBench(...from: readonly SinkOperator[]) {
  const ledger: Ledger = { log: [], waiting: [], isCommitting: false };
  const { env } = new SimWorld({ seed: "sink" }).startProcess();
  const operator = new SinkOperator({
    context: contextFor(env, "out", NOWHERE) as unknown as OperatorContext,
    sink: ledgerSink(ledger),
    run: { runId: "run", epoch: 1, attempt: 1 },
    hasCheckpoints: true,
    retained: [],
    isDiscarding: false,
  });
  const snapshots = from.map(({ states }) => states.snapshot());
  // As after a change of parallelism: the lists of the old subtasks, one behind the other.
  operator.states.restore(
    (snapshots[0] ?? []).map((part) => ({
      ...part,
      elements: snapshots
        .flat()
        .filter(({ name }) => name === part.name)
        .flatMap(({ elements }) => elements),
    })),
  );
  operator.open();
  const write = (record: unknown): void => operator.processBatch(Batch.ofRecords([record]));
  const letGo = async (): Promise<void> => {
    ledger.waiting.shift()?.resolve();
    await drainPromises();
  };
  return { operator, ledger, write, letGo };
}

test("what is committed is every record once, in every mode of the harness", async () => {
  const numbers = Array.from({ length: 50 }, (_, n) => n);
  await verifyOperator({
    build: (stream: DataStream<number>) => {
      const sink = collect<number>();
      stream.sink("out", sink);
      return { committed: () => sink.records() };
    },
    input: numbers.map((n) => step.record(n)),
    expect: numbers,
    orderedBy: () => "all",
  });
});

test("transactions of several old subtasks are committed checkpoint by checkpoint", async () => {
  const old = ["a", "b"].map((name) => {
    const { operator, write } = sinkBench();
    for (const checkpointId of [1, 2]) {
      write(name);
      operator.prepareBarrier(checkpointId, false);
    }
    return operator;
  });
  const { operator, ledger, letGo } = sinkBench(...old);
  const committed = operator.completed(2);
  await drainPromises();
  await letGo();
  await committed;
  assert.deepEqual(ledger.log, [
    'writer ["state 2","state 2"] a@1,b@1,a@2,b@2',
    "commit a@1, b@1, a@2, b@2",
  ]);
});

test("a transaction is kept from its barrier until its checkpoint is complete", async () => {
  const { operator, ledger, write, letGo } = sinkBench();
  write(1);
  assert.equal(operator.hasPending, false);
  operator.prepareBarrier(1, false);
  assert.equal(operator.hasPending, true);
  assert.equal(operator.completed(0), undefined);
  const committed = operator.completed(1);
  await drainPromises();
  assert.equal(operator.hasPending, true, "not before the commit is done");
  await letGo();
  await committed;
  assert.equal(operator.hasPending, false);
  assert.deepEqual(ledger.log.slice(1), ["commit 1@1"]);
});

test("a completion that was never heard of is made up by the next, in order", async () => {
  const { operator, ledger, write, letGo } = sinkBench();
  for (const id of [1, 2, 3]) {
    write(`r${id}`);
    operator.prepareBarrier(id, false);
  }
  const committed = operator.completed(2);
  await drainPromises();
  await letGo();
  await committed;
  assert.deepEqual(ledger.log.slice(1), ["commit r1@1, r2@2"]);
  assert.equal(operator.hasPending, true);
});

test("completions that come while a commit is under way wait for it", async () => {
  const { operator, ledger, write, letGo } = sinkBench();
  for (const id of [1, 2]) {
    write(`r${id}`);
    operator.prepareBarrier(id, false);
  }
  const first = operator.completed(1);
  const second = operator.completed(2);
  const again = operator.completed(2);
  for (let round = 0; round < 3; round++) {
    await drainPromises();
    await letGo();
  }
  await Promise.all([first, second, again]);
  assert.deepEqual(ledger.log.slice(1), ["commit r1@1", "commit r2@2"]);
});

test("restored transactions are committed when their checkpoint is told complete", async () => {
  const before = sinkBench();
  before.write("a");
  before.operator.prepareBarrier(4, false);
  before.write("lost");
  const { operator, ledger, write, letGo } = sinkBench(before.operator);
  assert.deepEqual(ledger.log, [`writer ["state 4"] a@4`]);
  const committed = operator.completed(4);
  await drainPromises();
  await letGo();
  await committed;
  write("b");
  operator.prepareBarrier(5, true);
  const last = operator.completed(5);
  await drainPromises();
  await letGo();
  await last;
  assert.deepEqual(ledger.log.slice(1), ["commit a@4", "commit b@5 end"]);
});

test("an aborted checkpoint loses no transaction: the next one takes it along", async () => {
  const { operator, ledger, write, letGo } = sinkBench();
  write("a");
  operator.prepareBarrier(1, false);
  operator.aborted(1);
  write("b");
  operator.prepareBarrier(2, false);
  const committed = operator.completed(2);
  await drainPromises();
  await letGo();
  await committed;
  assert.deepEqual(ledger.log.slice(1), ["commit a@1, b@2"]);
});

test("closing waits for the commit that is under way", async () => {
  const { operator, ledger, write, letGo } = sinkBench();
  write("a");
  operator.prepareBarrier(1, false);
  const committed = operator.completed(1);
  const closed = operator.close();
  await drainPromises();
  assert.deepEqual(ledger.log.slice(1), []);
  await letGo();
  await Promise.all([committed, closed]);
  assert.deepEqual(ledger.log.slice(1), ["commit a@1", "closed"]);
});
