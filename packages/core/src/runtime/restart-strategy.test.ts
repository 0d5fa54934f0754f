import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Random } from "../env/env.ts";
import { ERRORS, errorCode, oxbowError, toWire } from "../errors.ts";
import type { ErrorCode, ErrorKind } from "../errors.ts";
import type { RestartOptions } from "../graph/restart-options.ts";
import { isRestartKey, withRestartConfig } from "./restart-config.ts";
import {
  createRestartStrategy,
  defaultRestartSettings,
  errorKind,
  isRestartable,
  restartSettings,
} from "./restart-strategy.ts";

const HOUR_MS = 3_600_000;

/** Always the same draw; 0.5 is no jitter. */
function drawing(value: number): Random {
  const random: Random = { next: () => value, int: () => 0, fork: () => random };
  return random;
}

/** Delays of failures at `times`; "no" where the job is given up. */
function delays(options: RestartOptions, times: readonly number[], draw = 0.5): (number | "no")[] {
  const strategy = createRestartStrategy(restartSettings(options), drawing(draw));
  return times.map((nowMs) => {
    const decision = strategy.onFailure(nowMs, new Error("user"));
    return decision.kind === "restart" ? decision.delayMs : "no";
  });
}

test("without checkpoints the default is none, with checkpoints exponential delay", () => {
  assert.deepEqual(defaultRestartSettings(false), { kind: "none" });
  assert.deepEqual(defaultRestartSettings(true), {
    kind: "exponential-delay",
    initialBackoffMs: 1_000,
    maxBackoffMs: 60_000,
    multiplier: 1.5,
    jitter: 0.1,
    resetAfterMs: HOUR_MS,
    attempts: 2_147_483_647,
  });
});

test("none gives up at once, and says why", () => {
  const strategy = createRestartStrategy({ kind: "none" }, drawing(0));
  assert.deepEqual(strategy.onFailure(0, new Error("x")), {
    kind: "giveUp",
    reason: "The job does not restart: the restart strategy is none.",
  });
});

test("fixed delay restarts `attempts` times, one second later; once by default", () => {
  assert.deepEqual(delays({ kind: "fixed-delay" }, [0, 10]), [1_000, "no"]);
  const options: RestartOptions = { kind: "fixed-delay", attempts: 2, delay: "5s" };
  assert.deepEqual(delays(options, [0, 1, 2 * HOUR_MS]), [5_000, 5_000, "no"]);
});

test("failure rate gives up at one failure too many within the interval", () => {
  const options: RestartOptions = {
    kind: "failure-rate",
    maxFailuresPerInterval: 2,
    failureRateInterval: "1m",
    delay: 7,
  };
  assert.deepEqual(delays(options, [0, 30_000, 60_001, 90_002]), [7, 7, 7, 7]);
  assert.deepEqual(delays(options, [0, 30_000, 60_000]), [7, 7, "no"]);
  assert.deepEqual(delays({ kind: "failure-rate" }, [0, 59_999]), [1_000, "no"]);
});

test("exponential delay grows by half from 1 s to 1 min", () => {
  const times = Array.from({ length: 13 }, (_, index) => index * 100_000);
  const expected = [
    1_000, 1_500, 2_250, 3_375, 5_062, 7_593, 11_390, 17_085, 25_628, 38_443, 57_665, 60_000,
    60_000,
  ];
  assert.deepEqual(delays({ kind: "exponential-delay" }, times), expected);
});

test("jitter varies a delay by up to a tenth, within the first and the greatest one", () => {
  const options: RestartOptions = {
    kind: "exponential-delay",
    initialBackoff: 100,
    backoffMultiplier: 10,
  };
  assert.deepEqual(delays(options, [0, 1, 2], 0), [100, 900, 9_000]);
  assert.deepEqual(delays(options, [0, 1, 2], 0.999_999), [110, 1_100, 11_000]);
});

test("after a healthy hour the delay starts over; time before RUNNING does not count", () => {
  const kind = "exponential-delay";
  const healthy = [0, 1_000 + HOUR_MS, 1_001 + HOUR_MS];
  assert.deepEqual(delays({ kind }, healthy), [1_000, 1_000, 1_500]);
  assert.deepEqual(delays({ kind }, [0, 999 + HOUR_MS]), [1_000, 1_500]);
  const strategy = createRestartStrategy(restartSettings({ kind }), drawing(0.5));
  strategy.onFailure(0, new Error("x"));
  strategy.onRunning(10_000);
  const decision = strategy.onFailure(9_999 + HOUR_MS, new Error("x"));
  assert.deepEqual(decision, { kind: "restart", delayMs: 1_500 });
});

test("exponential delay gives up after `attempts` restarts without a healthy time", () => {
  const options: RestartOptions = { kind: "exponential-delay", attempts: 2 };
  assert.deepEqual(delays(options, [0, 1, 2]), [1_000, 1_500, "no"]);
  assert.deepEqual(delays(options, [0, 1, 2 * HOUR_MS, 2 * HOUR_MS + 1]).at(-1), 1_500);
});

test("exponential delays stay between the first and the greatest, whatever the draws", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 0.999_999, noNaN: true }), {
        minLength: 1,
        maxLength: 200,
      }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (draws, jitter) => {
        let index = 0;
        const next = (): number => draws[index++ % draws.length] ?? 0;
        const random: Random = { next, int: () => 0, fork: () => random };
        const settings = restartSettings({ kind: "exponential-delay", jitterFactor: jitter });
        const strategy = createRestartStrategy(settings, random);
        for (let i = 0; i < 200; i++) {
          const decision = strategy.onFailure(i, new Error("x"));
          assert(decision.kind === "restart");
          assert(decision.delayMs >= 1_000 && decision.delayMs <= 60_000);
          assert(Number.isInteger(decision.delayMs));
        }
      },
    ),
  );
});

test("the kind of the error decides first, for errors and for errors sent by a worker", () => {
  const expected: Record<ErrorKind, boolean> = {
    user: true,
    unavailable: true,
    internal: true,
    invalid: false,
    data: false,
    conflict: false,
    canceled: false,
  };
  for (const [kind, isExpected] of Object.entries(expected) as [ErrorKind, boolean][]) {
    assert.equal(isRestartable(kind), isExpected, kind);
  }
  for (const [code, { kind }] of Object.entries(ERRORS)) {
    const error = oxbowError(code as ErrorCode, "x");
    for (const given of [error, toWire(error)]) {
      const strategy = createRestartStrategy(defaultRestartSettings(true), drawing(0));
      assert.equal(errorKind(given), kind);
      const isRestart = strategy.onFailure(0, given).kind === "restart";
      assert.equal(isRestart, expected[kind], code);
    }
  }
});

test("settings that cannot work are refused with their name", () => {
  const cases: readonly (readonly [RestartOptions, RegExp])[] = [
    [{ kind: "fixed-delay", attempts: -1 }, /restart\.attempts is "-1"/],
    [{ kind: "fixed-delay", delay: "soon" }, /restart\.delay: "soon"/],
    [{ kind: "failure-rate", maxFailuresPerInterval: 0 }, /restart\.maxFailuresPerInterval is "0"/],
    [{ kind: "failure-rate", failureRateInterval: 0 }, /restart\.failureRateInterval: 0/],
    [{ kind: "exponential-delay", initialBackoff: "2m" }, /restart\.initialBackoff is "2m"/],
    [{ kind: "exponential-delay", backoffMultiplier: 1 }, /restart\.backoffMultiplier is "1"/],
    [{ kind: "exponential-delay", jitterFactor: 1.1 }, /restart\.jitterFactor is "1.1"/],
    [{ kind: "exponential-delay", resetBackoffThreshold: 0 }, /restart\.resetBackoffThreshold: 0/],
  ];
  for (const [options, message] of cases) assert.throws(() => restartSettings(options), message);
});

test("Flink's keys win over the program, and keys of another strategy are idle", () => {
  assert.equal(withRestartConfig(undefined, { "other.key": "1" }), undefined);
  assert.deepEqual(
    withRestartConfig(
      { kind: "none" },
      {
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.initial-backoff": "10 s",
        "restart-strategy.exponential-delay.max-backoff": "2 min",
        "restart-strategy.exponential-delay.backoff-multiplier": "2.0",
        "restart-strategy.exponential-delay.jitter-factor": "0",
        "restart-strategy.exponential-delay.reset-backoff-threshold": "1 hour",
        "restart-strategy.exponential-delay.attempts-before-reset-backoff": "3",
        "restart-strategy.fixed-delay.attempts": "9",
      },
    ),
    {
      kind: "exponential-delay",
      initialBackoff: 10_000,
      maxBackoff: 120_000,
      backoffMultiplier: 2,
      jitterFactor: 0,
      resetBackoffThreshold: HOUR_MS,
      attempts: 3,
    },
  );
  assert.deepEqual(
    withRestartConfig(
      { kind: "fixed-delay", attempts: 5, delay: "3s" },
      { "restart-strategy.fixed-delay.delay": "4 s" },
    ),
    { kind: "fixed-delay", attempts: 5, delay: 4_000 },
  );
  assert.deepEqual(withRestartConfig(undefined, { "restart-strategy": "off" }), { kind: "none" });
  assert.deepEqual(
    withRestartConfig(undefined, {
      "restart-strategy.type": "failurerate",
      "restart-strategy.failure-rate.max-failures-per-interval": "4",
      "restart-strategy.failure-rate.failure-rate-interval": "5 min",
      "restart-strategy.failure-rate.delay": "500",
    }),
    { kind: "failure-rate", maxFailuresPerInterval: 4, failureRateInterval: 300_000, delay: 500 },
  );
});

test("unknown keys, strategies and values are refused", () => {
  for (const config of [
    { "restart-strategy.type": "often" },
    { "restart-strategy.fixed-delay.atempts": "1" },
    { "restart-strategy.fixed-delay.attempts": "1.5" },
  ]) {
    assert.throws(
      () => withRestartConfig({ kind: "fixed-delay" }, config),
      (error) => errorCode(error) === "SETTING_INVALID",
    );
  }
  assert.equal(isRestartKey("restart-strategy"), true);
  assert.equal(isRestartKey("restart-strategy.type"), true);
  assert.equal(isRestartKey("restart-strategyx"), false);
});
