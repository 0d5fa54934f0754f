import assert from "node:assert/strict";
import test from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Batch } from "../columns/batch.ts";
import { channelConformance, CountingDoorbell } from "./channel-conformance.fixture.ts";
import type { ChannelUnderTest } from "./channel-conformance.fixture.ts";
import { dataElement } from "./element.ts";
import { LOCAL_CAPACITY_ELEMENTS, LocalChannel } from "./local-channel.ts";

function make(isEncoded: boolean): ChannelUnderTest {
  const consumerDoorbell = new CountingDoorbell();
  const producerDoorbell = new CountingDoorbell();
  const channel = new LocalChannel({
    name: "a -> b",
    operator: "a",
    isEncoded,
    consumerDoorbell,
    producerDoorbell,
  });
  return { output: channel, input: channel, consumerDoorbell, producerDoorbell };
}

channelConformance("local channel", () => make(false));
channelConformance("local channel, encoded", () => make(true));

test("a local channel hands batches over by reference, an encoded one as columns", () => {
  const element = dataElement(Batch.ofRecords([{ a: 1 }]));
  const direct = make(false);
  direct.output.push(element);
  assert.equal(direct.input.poll(), element);
  const encoded = make(true);
  encoded.output.push(element);
  const arrived = encoded.input.poll();
  assert.ok(arrived?.kind === "data" && arrived.batch.isColumnar);
});

test("a local channel that never runs empty lets go of what was taken", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const { input, output } = make(false);
  const push = (): WeakRef<Batch> => {
    const batch = Batch.ofRecords([{ a: 1 }]);
    output.push(dataElement(batch));
    return new WeakRef(batch);
  };
  const pushed = [push(), push()];
  for (let turn = 0; turn < 1_000; turn++) {
    input.poll();
    pushed.push(push());
  }
  // A weak reference keeps its target until the end of the turn.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  const left = pushed.filter((batch) => batch.deref() !== undefined).length;
  assert.ok(left <= LOCAL_CAPACITY_ELEMENTS + 2, `${left} batches are left`);
});

test("an encoded channel refuses what could not travel between threads", () => {
  const { output } = make(true);
  assert.throws(() => output.push(dataElement(Batch.ofRecords([{ f: () => 1 }]))), {
    code: "RECORD_NOT_TRANSFERABLE",
    message: /Operator "a".*field f/,
  });
});
