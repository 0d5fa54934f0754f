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
import { RESTARTS_RANGE } from "./restart-strategy.ts";
import type { RestartOptions } from "./restart-strategy.ts";

const PREFIX = "restart-strategy";

const TYPES: ReadonlyMap<string, RestartOptions["type"]> = new Map([
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
    maxFailures: readInteger(key, text, RESTARTS_RANGE),
  }),
  "failure-rate.failure-rate-interval": (key, text) => ({ interval: readDurationMs(key, text) }),
  "failure-rate.delay": (key, text) => ({ delay: readDurationMs(key, text) }),
  "exponential-delay.initial-backoff": (key, text) => ({
    initialBackoff: readDurationMs(key, text),
  }),
  "exponential-delay.max-backoff": (key, text) => ({ maxBackoff: readDurationMs(key, text) }),
  "exponential-delay.backoff-multiplier": (key, text) => ({
    multiplier: readNumber(key, text, { min: 1, max: Number.MAX_VALUE }),
  }),
  "exponential-delay.jitter-factor": (key, text) => ({
    jitter: readNumber(key, text, { min: 0, max: 1 }),
  }),
  "exponential-delay.reset-backoff-threshold": (key, text) => ({
    resetAfter: readDurationMs(key, text),
  }),
  "exponential-delay.attempts-before-reset-backoff": (key, text) => ({
    attempts: readInteger(key, text, RESTARTS_RANGE),
  }),
};

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
  const typeText = config[`${PREFIX}.type`] ?? config[PREFIX];
  const type = typeText === undefined ? options?.type : readChoice(PREFIX, typeText, TYPES);
  let merged: object = options?.type === type ? { ...options } : {};
  for (const [key, text] of Object.entries(config)) {
    if (!isRestartKey(key) || key === PREFIX || key === `${PREFIX}.type`) continue;
    const name = key.slice(PREFIX.length + 1);
    const read = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    if (read === undefined) throw unknownKey(key);
    const part = read(key, text);
    if (name.startsWith(`${type}.`)) merged = { ...merged, ...part };
  }
  return type === undefined ? undefined : { ...merged, type };
}

function unknownKey(key: string): Error {
  const known = Object.keys(FIELDS).map((name) => `${PREFIX}.${name}`);
  return settingUnknown(key, [`${PREFIX}.type`, ...known]);
}
