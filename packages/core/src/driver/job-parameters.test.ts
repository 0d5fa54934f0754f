// Configuration keys: settings, properties, and what is neither.
import assert from "node:assert/strict";
import { test } from "node:test";
import { jobParameters, unreadProperties } from "./job-parameters.ts";

const REFUSED: readonly [key: string, message: RegExp][] = [
  [
    "parallelism",
    /There is no setting parallelism\. The key is parallelism\.default; shorter is -p/,
  ],
  ["parallelism.defualt", /Did you mean parallelism\.default\?/],
  ["execution.checkpointing.intervall", /Did you mean execution\.checkpointing\.interval\?/],
  [
    "execution.runtime-mode",
    /no setting execution\.runtime-mode\. There are: parallelism\.default, /,
  ],
  [
    "restart-strategy.fixed-delay.attempt",
    /Did you mean restart-strategy\.fixed-delay\.attempts\?/,
  ],
  ["state.checkpoints.dir", /The key is execution\.checkpointing\.dir/],
  ["pipeline.max-parallelism", /env\.maxParallelism/],
  ["taskmanager.memory.process.size", /There is no setting taskmanager\.memory/],
  ["input", /The key input is no setting, .* called group\.key .* env\.properties\(group\)/],
  ["input.", /The key input\. is no setting/],
];

for (const [key, message] of REFUSED) {
  test(`the key ${key} is refused, with what to use`, () => {
    assert.throws(() => jobParameters({ configuration: { [key]: "1" } }), {
      code: "SETTING_INVALID",
      message,
    });
  });
}

test("settings are read or checked, properties are passed on as they are", () => {
  const configuration = {
    "parallelism.default": "3",
    "execution.checkpointing.dir": "runs",
    "state.checkpoints.num-retained": "2",
    "restart-strategy": "none",
    "flights.out": "anything",
    "metrics.of.my-own": "",
  };
  const parameters = jobParameters({ configuration });
  assert.deepEqual(parameters, { args: [], configuration, parallelism: 3 });
  assert.equal(jobParameters({ configuration, parallelism: 2 }).parallelism, 2);
  for (const [key, code] of [
    ["execution.checkpointing.interval", "DURATION_INVALID"],
    ["restart-strategy.type", "SETTING_INVALID"],
    ["parallelism.default", "SETTING_INVALID"],
  ] as const) {
    const wrong = { configuration: { [key]: "soon" } };
    assert.throws(() => jobParameters(wrong), { code, message: new RegExp(`${key}.*soon`) });
  }
});

test("properties that the program does not ask for are told, with those that it asks for", () => {
  const configuration = { "flight.out": "x", "flights.in": "y", "parallelism.default": "1" };
  assert.equal(
    unreadProperties(configuration, ["flights"])?.message,
    "Nothing reads flight.out of the configuration. " +
      "The program asks for the properties of flights.",
  );
  assert.match(unreadProperties(configuration, [])?.message ?? "", /asks for no properties\.$/);
  assert.equal(unreadProperties(configuration, ["flights", "flight"]), undefined);
});
