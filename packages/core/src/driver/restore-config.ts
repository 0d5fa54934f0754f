/*
 * Flink's configuration keys for what a run begins from and where its savepoints go, as options.
 * What is given as an option goes before a key. Every key of Flink 2.x under the prefix is read, or
 * accepted where it asks for what Oxbow does anyway, or refused. Reference:
 * `docs/semantics/savepoints.md`.
 */
import type { Config } from "../checkpoint/config-values.ts";
import {
  readBoolean,
  readChoice,
  settingInvalid,
  settingNotSupported,
  settingUnknown,
} from "../checkpoint/config-values.ts";
import type { ClaimMode, RestoreOptions } from "./restore-options.ts";

const RECOVERY_PREFIX = "execution.state-recovery.";
const SAVEPOINT_DIRECTORY_KEY = "execution.checkpointing.savepoint-dir";

/** What the keys come to; a member is there if its key is. */
export interface RestoreConfig {
  readonly restore: Partial<RestoreOptions>;
  readonly savepointDirectory?: string;
}

const CLAIM_MODES: ReadonlyMap<string, ClaimMode> = new Map([
  ["NO_CLAIM", "NO_CLAIM"],
  ["CLAIM", "CLAIM"],
]);

/** Why one of Flink's claim modes is refused. */
export const LEGACY_REFUSAL =
  "In LEGACY mode nobody knows who may delete the snapshot, so Flink has given it up too. " +
  "NO_CLAIM leaves the snapshot to you, CLAIM makes it the run's.";

type Reader = (key: string, text: string) => RestoreConfig;

const READERS: Readonly<Record<string, Reader>> = {
  [`${RECOVERY_PREFIX}path`]: (key, text) => ({ restore: { path: readPath(key, text) } }),
  [`${RECOVERY_PREFIX}claim-mode`]: (key, text) => {
    const isLegacy = text.trim().toUpperCase() === "LEGACY";
    if (isLegacy) throw settingNotSupported(key, text, LEGACY_REFUSAL);
    return { restore: { claimMode: readChoice(key, text, CLAIM_MODES) } };
  },
  [`${RECOVERY_PREFIX}ignore-unclaimed-state`]: (key, text) => ({
    restore: { allowNonRestoredState: readBoolean(key, text) },
  }),
  [SAVEPOINT_DIRECTORY_KEY]: (key, text) => ({
    restore: {},
    savepointDirectory: readPath(key, text),
  }),
};

/** Keys whose named value is what Oxbow does anyway. */
const FIXED: Readonly<Record<string, string>> = {
  [`${RECOVERY_PREFIX}from-local`]: "false",
  [`${RECOVERY_PREFIX}without-channel-state.checkpoint-id`]: "-1",
};

/** Older names that Flink's users still type. */
const ALIASES: Readonly<Record<string, string>> = {
  "execution.savepoint.path": `${RECOVERY_PREFIX}path`,
  "execution.savepoint.ignore-unclaimed-state": `${RECOVERY_PREFIX}ignore-unclaimed-state`,
  "execution.savepoint-restore-mode": `${RECOVERY_PREFIX}claim-mode`,
  "state.savepoints.dir": SAVEPOINT_DIRECTORY_KEY,
};

/** Whether a key is one of these, read or refused. */
export function isRestoreKey(key: string): boolean {
  const name = Object.hasOwn(ALIASES, key) ? ALIASES[key] : key;
  return name.startsWith(RECOVERY_PREFIX) || Object.hasOwn(READERS, name);
}

/** All that are read. */
export function restoreKeys(): readonly string[] {
  return Object.keys(READERS);
}

/**
 * What the configuration says about restoring and savepoints; other keys are left alone.
 * SETTING_INVALID, SETTING_NOT_SUPPORTED.
 */
export function restoreConfig(config: Config): RestoreConfig {
  let merged: RestoreConfig = { restore: {} };
  for (const [key, text] of Object.entries(config)) {
    const part = readKey(key, text);
    merged = { ...merged, ...part, restore: { ...merged.restore, ...part?.restore } };
  }
  return merged;
}

/** The options of a run, with what keys say where they say nothing. */
export function withRestoreConfig<
  Options extends {
    readonly configuration?: Config;
    readonly restore?: RestoreOptions;
    readonly savepointDirectory?: string;
  },
>(options: Options): Options {
  const { restore, savepointDirectory } = restoreConfig(options.configuration ?? {});
  return {
    ...(savepointDirectory === undefined ? {} : { savepointDirectory }),
    restore: restoreByConfig(restore),
    ...options,
  };
}

/** Who owns a snapshot says nothing as long as none is named; what may be left behind does. */
export function restoreByConfig({
  path,
  claimMode,
  ...rest
}: RestoreConfig["restore"]): RestoreOptions {
  if (path === undefined) return rest;
  return { ...rest, path, ...(claimMode === undefined ? {} : { claimMode }) };
}

function readKey(key: string, text: string): RestoreConfig | undefined {
  const name = Object.hasOwn(ALIASES, key) ? ALIASES[key] : key;
  if (Object.hasOwn(READERS, name)) return READERS[name](key, text);
  if (!name.startsWith(RECOVERY_PREFIX)) return undefined;
  if (!Object.hasOwn(FIXED, name)) {
    const known = Object.keys(READERS).filter((one) => one.startsWith(RECOVERY_PREFIX));
    throw settingUnknown(key, known);
  }
  if (text.trim().toLowerCase() === FIXED[name]) return undefined;
  throw settingNotSupported(key, text, "Leave the key out.");
}

function readPath(key: string, text: string): string {
  if (text.trim() === "") throw settingInvalid(key, text, "a path");
  return text.trim();
}
