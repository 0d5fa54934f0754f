/*
 * Flink's configuration keys for checkpoints (`-D execution.checkpointing.…`) as options.
 *
 * Configuration wins over what the program says, so that an operator can change a job without its
 * code. Every key of Flink 2.x is either read, accepted where it asks for what Oxbow does anyway,
 * or refused with `SETTING_NOT_SUPPORTED`; an unknown key under the prefix is `SETTING_INVALID`.
 * Reference: `docs/semantics/checkpoints.md`.
 */
import type { CheckpointMode, CheckpointOptions, Retention } from "../graph/checkpoint-options.ts";
import { UNLIMITED_FAILURES } from "./checkpoint-settings.ts";
import type { Config } from "./config-values.ts";
import {
  readBoolean,
  readChoice,
  readDurationMs,
  readInteger,
  settingNotSupported,
  settingUnknown,
} from "./config-values.ts";

/** Prefix of all keys here. */
export const CHECKPOINT_PREFIX = "execution.checkpointing.";

type Reader = (key: string, text: string) => CheckpointOptions;

const MODE_NAMES: ReadonlyMap<string, CheckpointMode> = new Map([
  ["EXACTLY_ONCE", "exactly-once"],
  ["AT_LEAST_ONCE", "at-least-once"],
]);

const RETENTION_NAMES: ReadonlyMap<string, { onCancellation: Retention; onFailure: Retention }> =
  new Map([
    ["NO_EXTERNALIZED_CHECKPOINTS", { onCancellation: "delete", onFailure: "delete" }],
    ["DELETE_ON_CANCELLATION", { onCancellation: "delete", onFailure: "keep" }],
    ["RETAIN_ON_CANCELLATION", { onCancellation: "keep", onFailure: "keep" }],
  ]);

const POSITIVE = { min: 1, max: Number.MAX_SAFE_INTEGER };

/** Keys that change something. */
const READERS: Readonly<Record<string, Reader>> = {
  interval: (key, text) => ({ interval: readDurationMs(key, text) }),
  "min-pause": (key, text) => ({ minPause: readDurationMs(key, text) }),
  timeout: (key, text) => ({ timeout: readDurationMs(key, text) }),
  mode: (key, text) => ({ mode: readChoice(key, text, MODE_NAMES) }),
  "max-concurrent-checkpoints": (key, text) => ({
    maxConcurrent: readInteger(key, text, POSITIVE),
  }),
  "tolerable-failed-checkpoints": (key, text) => ({
    tolerableFailures: readInteger(key, text, { min: -1, max: UNLIMITED_FAILURES }),
  }),
  "num-retained": (key, text) => ({ retain: { count: readInteger(key, text, POSITIVE) } }),
  "externalized-checkpoint-retention": (key, text) => ({
    retain: readChoice(key, text, RETENTION_NAMES),
  }),
  incremental: (key, text) => ({ incremental: readBoolean(key, text) }),
  "unaligned.enabled": (key, text) => ({ unaligned: readBoolean(key, text) }),
  "aligned-checkpoint-timeout": (key, text) => ({ alignedTimeout: readDurationMs(key, text) }),
};

/** Keys whose named value is what Oxbow does anyway; any other value is refused. */
const FIXED: Readonly<Record<string, string>> = {
  "unaligned.forced": "false",
  "unaligned.interruptible-timers.enabled": "false",
  storage: "filesystem",
  "create-subdir": "true",
  "checkpoints-after-tasks-finish": "true",
  "file-merging.enabled": "false",
  "local-backup.enabled": "false",
};

/** Keys of Flink without a counterpart so far. */
const REFUSED: readonly string[] = [
  "interval-during-backlog",
  "data-inline-threshold",
  "write-buffer-size",
  "cleaner.parallel-mode",
  "unaligned.max-subtasks-per-channel-state-file",
];

/** Read elsewhere: where things lie is a setting of the run, not of the coordinator. */
const FOREIGN: readonly string[] = ["dir", "savepoint-dir"];

/** Older names that Flink's users still type → today's. */
const ALIASES: Readonly<Record<string, string>> = {
  "state.checkpoints.num-retained": `${CHECKPOINT_PREFIX}num-retained`,
  "state.backend.incremental": `${CHECKPOINT_PREFIX}incremental`,
  "execution.checkpointing.unaligned": `${CHECKPOINT_PREFIX}unaligned.enabled`,
  "execution.checkpointing.alignment-timeout": `${CHECKPOINT_PREFIX}aligned-checkpoint-timeout`,
};

/** The keys that change something. */
export function checkpointKeys(): readonly string[] {
  return Object.keys(READERS).map((name) => CHECKPOINT_PREFIX + name);
}

/** Whether a key is one of these, read or refused; for telling the user about keys nobody knows. */
export function isCheckpointKey(key: string): boolean {
  return Object.hasOwn(ALIASES, key) || key.startsWith(CHECKPOINT_PREFIX);
}

/**
 * `options` with what `config` says put over them; keys of others are left alone.
 * Errors: `SETTING_INVALID`, `DURATION_INVALID`, `SETTING_NOT_SUPPORTED`.
 */
export function withCheckpointConfig(
  options: CheckpointOptions,
  config: Config,
): CheckpointOptions {
  let merged = options;
  for (const [key, text] of Object.entries(config)) {
    if (!isCheckpointKey(key)) continue;
    const part = readKey(key, text);
    const retain = { ...merged.retain, ...part.retain };
    merged = { ...merged, ...part, ...(Object.keys(retain).length > 0 ? { retain } : {}) };
  }
  return merged;
}

function readKey(key: string, text: string): CheckpointOptions {
  const full = Object.hasOwn(ALIASES, key) ? ALIASES[key] : key;
  const name = full.slice(CHECKPOINT_PREFIX.length);
  if (Object.hasOwn(READERS, name)) return READERS[name](key, text);
  if (FOREIGN.includes(name)) return {};
  if (Object.hasOwn(FIXED, name)) {
    const only = FIXED[name];
    if (text.trim().toLowerCase() === only) return {};
    throw settingNotSupported(key, text, `Only "${only}" works so far; leave the key out.`);
  }
  const isRefused = REFUSED.includes(name) || /^(file-merging|local-backup)\./.test(name);
  if (isRefused) throw settingNotSupported(key, text, "Leave the key out.");
  throw settingUnknown(key, checkpointKeys());
}
