/*
 * job-parameters: what a job is started with, checked before its program runs.
 *
 * Owns: which configuration keys there are. A key is a setting, which has Flink's name, or a
 * property `group.key` for the program; some groups hold settings only, so that a misspelt setting
 * is refused and not taken for a property. Reference: `docs/cli.md`, "Configuration".
 */
import type { JobParameters } from "../api/environment.ts";
import {
  checkpointKeys,
  isCheckpointKey,
  withCheckpointConfig,
} from "../checkpoint/checkpoint-config.ts";
import type { Config } from "../checkpoint/config-values.ts";
import { readInteger, settingUnknown } from "../checkpoint/config-values.ts";
import { oxbowError } from "../errors.ts";
import { PARALLELISM_MAX } from "../graph/validate.ts";
import { isRestartKey, restartKeys, withRestartConfig } from "../runtime/restart-config.ts";
import { isRestoreKey, restoreConfig, restoreKeys } from "./restore-config.ts";
import { listNames } from "../types/nearest-name.ts";

/** Where runs are kept. */
export const DIRECTORY_KEY = "execution.checkpointing.dir";
const PARALLELISM_KEY = "parallelism.default";
const PARALLELISM_RANGE = { min: 1, max: PARALLELISM_MAX };

/** Groups of Flink's settings: no properties of a program. */
const SETTING_GROUPS: readonly string[] = [
  "cluster",
  "execution",
  "jobmanager",
  "parallelism",
  "pipeline",
  "restart-strategy",
  "state",
  "taskmanager",
];

/** What to use for settings that Flink's users look for. */
const INSTEAD: Readonly<Record<string, string>> = {
  parallelism: "The key is parallelism.default; shorter is -p.",
  "pipeline.max-parallelism": "Call env.maxParallelism(…) in the program.",
  "pipeline.name": "The name of a job is the first argument of job(…).",
  "state.backend": "State is always kept in memory; leave the key out.",
  "state.backend.type": "State is always kept in memory; leave the key out.",
  "state.checkpoints.dir": `The key is ${DIRECTORY_KEY}; shorter is --checkpoint-dir.`,
  "taskmanager.numberOfTaskSlots": "A job has as many threads as its parallelism: -p.",
};

/**
 * Checks all keys and reads those that the graph depends on. `parallelism` goes before
 * `parallelism.default`. Errors: SETTING_INVALID for a key that nothing can read, and what the
 * values of settings are refused with.
 */
export function jobParameters(given: Partial<JobParameters>): JobParameters {
  const { args = [], configuration = {}, parallelism } = given;
  for (const key of Object.keys(configuration)) checkKey(key);
  // Whatever the program says, values must be readable.
  withCheckpointConfig({}, configuration);
  withRestartConfig(undefined, configuration);
  restoreConfig(configuration);
  const text = configuration[PARALLELISM_KEY];
  const configured =
    text === undefined ? undefined : readInteger(PARALLELISM_KEY, text, PARALLELISM_RANGE);
  return { args, configuration, parallelism: parallelism ?? configured };
}

/** Read by Oxbow, or refused by its own reader. */
function isSetting(key: string): boolean {
  const isRunKey = isCheckpointKey(key) || isRestartKey(key) || isRestoreKey(key);
  return key === PARALLELISM_KEY || isRunKey;
}

function checkKey(key: string): void {
  if (isSetting(key)) return;
  const dot = key.indexOf(".");
  const group = dot < 0 ? key : key.slice(0, dot);
  const instead = Object.hasOwn(INSTEAD, key) ? INSTEAD[key] : undefined;
  const isReserved = SETTING_GROUPS.includes(group);
  if (isReserved || instead !== undefined) throw settingUnknown(key, settingKeys(), instead);
  if (dot > 0 && dot < key.length - 1) return;
  throw oxbowError(
    "SETTING_INVALID",
    `The key ${key} is no setting, and a program could not read it: its properties are called ` +
      "group.key and come from env.properties(group).",
    { setting: key },
  );
}

function settingKeys(): readonly string[] {
  const ofRuns = [DIRECTORY_KEY, ...restoreKeys()];
  return [PARALLELISM_KEY, ...ofRuns, ...checkpointKeys(), ...restartKeys()];
}

/**
 * The warning about properties that no program asks for, which are often misspelt; undefined: there
 * are none. `groups` are those that the program asked for.
 */
export function unreadProperties(
  configuration: Config,
  groups: readonly string[],
): Error | undefined {
  const unread = Object.keys(configuration).filter(
    (key) => !isSetting(key) && !groups.some((group) => key.startsWith(`${group}.`)),
  );
  if (unread.length === 0) return undefined;
  const asked =
    groups.length === 0
      ? "The program asks for no properties"
      : `The program asks for the properties of ${listNames(groups)}`;
  return oxbowError(
    "SETTING_INVALID",
    `Nothing reads ${listNames(unread)} of the configuration. ${asked}.`,
    { settings: unread },
  );
}
