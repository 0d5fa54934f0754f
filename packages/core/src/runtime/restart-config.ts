/*
 * Flink's configuration keys for restart strategies (`-D restart-strategy.…`) as options.
 *
 * Configuration wins over what the program says. Reference: `docs/semantics/failures.md`.
 */
import type { Config } from "../checkpoint/config-values.ts";
import {
  readChoice,
  readDurationMs,
  readInteger,
  readNumber,
  settingUnknown,
} from "../checkpoint/config-values.ts";
import type { RestartOptions } from "../graph/restart-options.ts";
import { RESTARTS_RANGE } from "./restart-strategy.ts";

const PREFIX = "restart-strategy";
const TYPE_KEY = `${PREFIX}.type`;

const TYPES: ReadonlyMap<string, RestartOptions["kind"]> = new Map([
  ["none", "none"],
  ["off", "none"],
  ["disable", "none"],
  ["fixed-delay", "fixed-delay"],
  ["fixeddelay", "fixed-delay"],
  ["failure-rate", "failure-rate"],
  ["failurerate", "failure-rate"],
  ["exponential-delay", "exponential-delay"],
  ["exponentialdelay", "exponential-delay"],
]);

/** Key below its strategy's prefix → field of the options. */
const FIELDS: Readonly<Record<string, (key: string, text: string) => Record<string, number>>> = {
  "fixed-delay.attempts": (key, text) => ({ attempts: readInteger(key, text, RESTARTS_RANGE) }),
  "fixed-delay.delay": (key, text) => ({ delay: readDurationMs(key, text) }),
  "failure-rate.max-failures-per-interval": (key, text) => ({
    maxFailuresPerInterval: readInteger(key, text, RESTARTS_RANGE),
  }),
  "failure-rate.failure-rate-interval": (key, text) => ({
    failureRateInterval: readDurationMs(key, text),
  }),
  "failure-rate.delay": (key, text) => ({ delay: readDurationMs(key, text) }),
  "exponential-delay.initial-backoff": (key, text) => ({
    initialBackoff: readDurationMs(key, text),
  }),
  "exponential-delay.max-backoff": (key, text) => ({ maxBackoff: readDurationMs(key, text) }),
  "exponential-delay.backoff-multiplier": (key, text) => ({
    backoffMultiplier: readNumber(key, text, { min: 1, max: Number.MAX_VALUE }),
  }),
  "exponential-delay.jitter-factor": (key, text) => ({
    jitterFactor: readNumber(key, text, { min: 0, max: 1 }),
  }),
  "exponential-delay.reset-backoff-threshold": (key, text) => ({
    resetBackoffThreshold: readDurationMs(key, text),
  }),
  "exponential-delay.attempts-before-reset-backoff": (key, text) => ({
    attempts: readInteger(key, text, RESTARTS_RANGE),
  }),
};

/** All keys. */
export function restartKeys(): readonly string[] {
  return [TYPE_KEY, ...Object.keys(FIELDS).map((name) => `${PREFIX}.${name}`)];
}

/** Whether a configuration key is one of these. */
export function isRestartKey(key: string): boolean {
  return key === PREFIX || key.startsWith(`${PREFIX}.`);
}

/**
 * `options` with what `config` says put over them; undefined if neither says anything. Keys of a
 * strategy that is not the chosen one have no effect, as in Flink, but must be valid.
 */
export function withRestartConfig(
  options: RestartOptions | undefined,
  config: Config,
): RestartOptions | undefined {
  const typeKey = Object.hasOwn(config, TYPE_KEY) ? TYPE_KEY : PREFIX;
  const typeText = config[typeKey];
  const kind = typeText === undefined ? options?.kind : readChoice(typeKey, typeText, TYPES);
  let merged: object = options?.kind === kind ? { ...options } : {};
  for (const [key, text] of Object.entries(config)) {
    if (!isRestartKey(key) || key === PREFIX || key === TYPE_KEY) continue;
    const name = key.slice(PREFIX.length + 1);
    const read = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    if (read === undefined) throw settingUnknown(key, restartKeys());
    const part = read(key, text);
    if (name.startsWith(`${kind}.`)) merged = { ...merged, ...part };
  }
  return kind === undefined ? undefined : { ...merged, kind };
}
