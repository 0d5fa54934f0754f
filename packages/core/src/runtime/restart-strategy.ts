/*
 * RestartStrategy: whether and when a job starts again after a failure (Flink's
 * RestartBackoffTimeStrategy).
 *
 * Owns: settings and the arithmetic of delays. Does not wait or restart (job master), nor read
 * configuration keys (`restart-config.ts`); it is told the time. The kind of an error decides
 * first: one that comes again every time (`invalid`, `data`, `conflict`) and what was asked for
 * (`canceled`) never restart. Semantics: `docs/semantics/failures.md`.
 */
import { assert } from "../assert.ts";
import type { Range } from "../checkpoint/config-values.ts";
import { checkNumber, refuseUnknownOptions, settingInvalid } from "../checkpoint/config-values.ts";
import type { Random } from "../env/env.ts";
import { ERRORS, errorCode } from "../errors.ts";
import type { ErrorKind } from "../errors.ts";
import type { RestartOptions } from "../graph/restart-options.ts";
import { formatDuration, parseDuration } from "../time/duration.ts";
import type { Duration } from "../time/duration.ts";

/** Validated: plain frozen data. */
export type RestartSettings =
  | { readonly kind: "none" }
  | { readonly kind: "fixed-delay"; readonly attempts: number; readonly delayMs: number }
  | {
      readonly kind: "failure-rate";
      readonly maxFailures: number;
      readonly intervalMs: number;
      readonly delayMs: number;
    }
  | {
      readonly kind: "exponential-delay";
      readonly initialBackoffMs: number;
      readonly maxBackoffMs: number;
      readonly multiplier: number;
      readonly jitter: number;
      readonly resetAfterMs: number;
      readonly attempts: number;
    };

/** What to do about a failure. */
export type RestartDecision =
  | { readonly kind: "restart"; readonly delayMs: number }
  /** `reason` is a sentence for the user. */
  | { readonly kind: "giveUp"; readonly reason: string };

/** Any number of restarts (Flink's `Integer.MAX_VALUE`). */
export const UNLIMITED_RESTARTS = 2_147_483_647;
/** Most failures that `failure-rate` remembers. */
export const MAX_FAILURES_IN_INTERVAL = 10_000;

/** Range of every count of restarts or failures. */
export const RESTARTS_RANGE: Range = { min: 1, max: UNLIMITED_RESTARTS };
const POSITIVE_MS = { minMs: 1 };

/** Options of each kind. */
const OPTIONS: Readonly<Record<RestartOptions["kind"], readonly string[]>> = {
  none: [],
  "fixed-delay": ["attempts", "delay"],
  "failure-rate": ["maxFailuresPerInterval", "failureRateInterval", "delay"],
  "exponential-delay": [
    "initialBackoff",
    "maxBackoff",
    "backoffMultiplier",
    "resetBackoffThreshold",
    "jitterFactor",
    "attempts",
  ],
};

/**
 * Validates options, filling in Flink's defaults. Errors: `SETTING_INVALID`, `DURATION_INVALID`,
 * naming the field.
 */
export function restartSettings(options: RestartOptions): RestartSettings {
  const { kind } = options;
  if (!Object.hasOwn(OPTIONS, kind)) {
    const kinds = Object.keys(OPTIONS);
    throw settingInvalid("restart.kind", String(kind), `one of ${kinds.join(", ")}`);
  }
  refuseUnknownOptions(`restart (${kind})`, options, ["kind", ...OPTIONS[kind]]);
  switch (options.kind) {
    case "none":
      return Object.freeze({ kind: "none" });
    case "fixed-delay":
      return Object.freeze({
        kind: "fixed-delay",
        attempts: whole("restart.attempts", options.attempts ?? 1, { ...RESTARTS_RANGE, min: 0 }),
        delayMs: parseDuration(options.delay ?? "1s", "restart.delay"),
      });
    case "failure-rate":
      return Object.freeze({
        kind: "failure-rate",
        maxFailures: whole("restart.maxFailuresPerInterval", options.maxFailuresPerInterval ?? 1, {
          min: 1,
          max: MAX_FAILURES_IN_INTERVAL,
        }),
        intervalMs: parseDuration(
          options.failureRateInterval ?? "1m",
          "restart.failureRateInterval",
          POSITIVE_MS,
        ),
        delayMs: parseDuration(options.delay ?? "1s", "restart.delay"),
      });
    case "exponential-delay":
      return exponentialSettings(options);
  }
}

/** The strategy of a job that names none: without checkpoints there is nothing to go on from. */
export function defaultRestartSettings(hasCheckpoints: boolean): RestartSettings {
  return restartSettings({ kind: hasCheckpoints ? "exponential-delay" : "none" });
}

function exponentialSettings(
  options: RestartOptions & { readonly kind: "exponential-delay" },
): RestartSettings {
  const read = (value: Duration, name: string): number =>
    parseDuration(value, `restart.${name}`, POSITIVE_MS);
  const initialBackoffMs = read(options.initialBackoff ?? "1s", "initialBackoff");
  const maxBackoffMs = read(options.maxBackoff ?? "1m", "maxBackoff");
  const { backoffMultiplier: multiplier = 1.5, jitterFactor: jitter = 0.1 } = options;
  const { attempts = UNLIMITED_RESTARTS } = options;
  if (initialBackoffMs > maxBackoffMs) {
    const most = `at most maxBackoff, ${formatDuration(maxBackoffMs)}`;
    throw settingInvalid("restart.initialBackoff", formatDuration(initialBackoffMs), most);
  }
  if (!(multiplier > 1 && Number.isFinite(multiplier))) {
    throw settingInvalid(
      "restart.backoffMultiplier",
      String(multiplier),
      "a number greater than 1",
    );
  }
  return Object.freeze({
    kind: "exponential-delay",
    initialBackoffMs,
    maxBackoffMs,
    multiplier,
    jitter: checkNumber("restart.jitterFactor", jitter, { min: 0, max: 1, isWhole: false }),
    resetAfterMs: read(options.resetBackoffThreshold ?? "1h", "resetBackoffThreshold"),
    attempts: whole("restart.attempts", attempts, RESTARTS_RANGE),
  });
}

function whole(setting: string, value: number, range: Range): number {
  return checkNumber(setting, value, { ...range, isWhole: true });
}

/** Whether trying again can help. */
export function isRestartable(kind: ErrorKind): boolean {
  switch (kind) {
    case "user":
    case "unavailable":
    case "internal":
      return true;
    case "invalid":
    case "data":
    case "conflict":
    case "canceled":
      return false;
  }
}

/** The kind of any thrown value; an error without a code of ours is a bug somewhere. */
export function errorKind(error: unknown): ErrorKind {
  return ERRORS[errorCode(error) ?? "UNEXPECTED"].kind;
}

/** A strategy as it stands before the first failure. `random` gives the jitter. */
export function createRestartStrategy(settings: RestartSettings, random: Random): RestartStrategy {
  return new RestartStrategy(settings, random);
}

/** One job's strategy; lives as long as the job master. Times are ms of one clock. */
export class RestartStrategy {
  readonly #settings: RestartSettings;
  readonly #random: Random;
  #restartsCount = 0;
  /** Times of the failures within the interval, oldest first (`failure-rate`). */
  readonly #failureTimes: number[] = [];
  /** Since when the job may count as healthy (`exponential-delay`). */
  #healthySinceMs = Number.NEGATIVE_INFINITY;

  constructor(settings: RestartSettings, random: Random) {
    this.#settings = settings;
    this.#random = random;
  }

  /** All tasks of an attempt run: from now on the job counts as healthy. */
  onRunning(nowMs: number): void {
    this.#healthySinceMs = Math.max(this.#healthySinceMs, nowMs);
  }

  /** An attempt failed with `error`. To be called once per failed attempt. */
  onFailure(nowMs: number, error: unknown): RestartDecision {
    const kind = errorKind(error);
    if (!isRestartable(kind)) {
      return giveUp(`an error of kind "${kind}" would come again with every attempt`);
    }
    const settings = this.#settings;
    switch (settings.kind) {
      case "none":
        return giveUp("the restart strategy is none");
      case "fixed-delay":
        this.#restartsCount++;
        if (this.#restartsCount > settings.attempts) return giveUp(tried(settings.attempts));
        return restart(settings.delayMs);
      case "failure-rate":
        return this.#onFailureRate(settings, nowMs);
      case "exponential-delay":
        return this.#onExponential(settings, nowMs);
    }
  }

  #onFailureRate(
    settings: RestartSettings & { readonly kind: "failure-rate" },
    nowMs: number,
  ): RestartDecision {
    const { maxFailures, intervalMs, delayMs } = settings;
    const times = this.#failureTimes;
    while (times[0] !== undefined && nowMs - times[0] > intervalMs) times.shift();
    times.push(nowMs);
    assert(times.length <= maxFailures + 1, "failures beyond the rate end the job");
    if (times.length <= maxFailures) return restart(delayMs);
    return giveUp(`there were more than ${maxFailures} failures in ${formatDuration(intervalMs)}`);
  }

  #onExponential(
    settings: RestartSettings & { readonly kind: "exponential-delay" },
    nowMs: number,
  ): RestartDecision {
    if (nowMs - this.#healthySinceMs >= settings.resetAfterMs) this.#restartsCount = 0;
    if (this.#restartsCount >= settings.attempts) return giveUp(tried(settings.attempts));
    const delayMs = this.#backoffMs(settings);
    this.#restartsCount++;
    this.#healthySinceMs = nowMs + delayMs;
    return restart(delayMs);
  }

  #backoffMs(settings: RestartSettings & { readonly kind: "exponential-delay" }): number {
    const { initialBackoffMs, maxBackoffMs, multiplier, jitter } = settings;
    const plainMs = Math.min(initialBackoffMs * multiplier ** this.#restartsCount, maxBackoffMs);
    const offsetMs = Math.floor(plainMs * jitter);
    const jitterMs = Math.floor(this.#random.next() * (2 * offsetMs + 1)) - offsetMs;
    return Math.max(initialBackoffMs, Math.min(Math.floor(plainMs) + jitterMs, maxBackoffMs));
  }
}

function restart(delayMs: number): RestartDecision {
  return { kind: "restart", delayMs };
}

function giveUp(reason: string): RestartDecision {
  return { kind: "giveUp", reason: `The job does not restart: ${reason}.` };
}

function tried(attempts: number): string {
  return `it has restarted ${attempts} times`;
}
