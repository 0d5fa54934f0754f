/* What the command line says about a snapshot to begin from, as options of a run. */
import { InvalidArgumentError } from "commander";
import type { RunOptions } from "oxbow";
import { LEGACY_REFUSAL, restoreByConfig, restoreConfig } from "oxbow/internal";
import { UsageError } from "./usage-error.ts";

type RestoreOptions = NonNullable<RunOptions["restore"]>;
type ClaimMode = NonNullable<RestoreOptions["claimMode"]>;
type SinkRestore = Extract<RestoreOptions["sinks"], string>;

/** The options of `oxbow run` that are about the snapshot. */
export interface RestoreArguments {
  readonly fromSavepoint?: string;
  /** True where the flag has no value. Also without a snapshot: of what the run goes on from. */
  readonly allowNonRestoredState?: boolean | readonly string[];
  readonly claimMode?: ClaimMode;
  readonly restoreSinks?: NonNullable<RestoreOptions["sinks"]>;
}

/**
 * What the run begins from; undefined for nothing. Flags go before keys of the configuration.
 * UsageError for flags without a snapshot.
 */
export function restoreOptions(
  given: RestoreArguments,
  configuration: Readonly<Record<string, string>>,
): RestoreOptions | undefined {
  const { fromSavepoint, allowNonRestoredState, claimMode, restoreSinks } = given;
  const merged = {
    ...restoreByConfig({
      ...restoreConfig(configuration).restore,
      ...(fromSavepoint === undefined ? {} : { path: fromSavepoint }),
    }),
    ...(allowNonRestoredState === undefined ? {} : { allowNonRestoredState }),
    ...(claimMode === undefined ? {} : { claimMode }),
    ...(restoreSinks === undefined ? {} : { sinks: restoreSinks }),
  };
  if (merged.path !== undefined) return merged;
  const [needless] = [
    ...(claimMode === undefined ? [] : ["--claim-mode"]),
    ...(restoreSinks === undefined ? [] : ["--restore-sinks"]),
  ];
  // What a run may leave behind of its own state is said without a snapshot.
  if (needless === undefined) return Object.keys(merged).length === 0 ? undefined : merged;
  throw new UsageError(`${needless} says how to restore a snapshot; name one with -s <path>`);
}

/** `NO_CLAIM` or `CLAIM`, in any case. */
export function readClaimMode(text: string): ClaimMode {
  const mode = text.toUpperCase().replaceAll("-", "_");
  if (mode === "NO_CLAIM" || mode === "CLAIM") return mode;
  throw new InvalidArgumentError(
    mode === "LEGACY" ? LEGACY_REFUSAL : "It must be NO_CLAIM or CLAIM.",
  );
}

/** `sums,counts/total`: uids of operators, or of single states. */
export function readNonRestored(text: string): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.every((name) => name !== "")) return names;
  throw new InvalidArgumentError("It must be uids of operators (or uid/state), with commas.");
}

/** `commit`, `discard`, or `out=discard,copies=commit`. */
export function readRestoreSinks(text: string): NonNullable<RestoreOptions["sinks"]> {
  if (isChoice(text)) return text;
  const sinks: Record<string, SinkRestore> = {};
  for (const part of text.split(",")) {
    const at = part.lastIndexOf("=");
    const [uid, choice] = [part.slice(0, Math.max(0, at)).trim(), part.slice(at + 1).trim()];
    if (uid === "" || !isChoice(choice) || Object.hasOwn(sinks, uid)) {
      throw new InvalidArgumentError(
        "It must be commit or discard, or one of them per sink: out=discard,copies=commit.",
      );
    }
    sinks[uid] = choice;
  }
  return sinks;
}

function isChoice(text: string): text is SinkRestore {
  return text === "commit" || text === "discard";
}
