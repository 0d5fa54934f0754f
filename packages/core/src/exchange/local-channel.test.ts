import assert from "node:assert/strict";
import test from "node:test";
import { Batch } from "../columns/batch.ts";
import { channelConformance, CountingDoorbell } from "./channel-conformance.fixture.ts";
import type { ChannelUnderTest } from "./channel-conformance.fixture.ts";
import { dataElement } from "./element.ts";
import { LocalChannel } from "./local-channel.ts";

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

test("an encoded channel refuses what could not travel between threads", () => {
  const { output } = make(true);
  assert.throws(() => output.push(dataElement(Batch.ofRecords([{ f: () => 1 }]))), {
    code: "RECORD_NOT_TRANSFERABLE",
    message: /Operator "a".*field f/,
  });
});
