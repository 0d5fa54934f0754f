/*
 * The command line that goes on from a savepoint: that of the run that was stopped, without what
 * was about its beginning.
 */
import type { RunRequest } from "./run-command.ts";

/** Keys that say what a run begins from; `-s` says it now. */
const RESTORE_KEYS = /^execution\.(state-recovery|savepoint)[.-]/;

/** As a person types it; `environment`: of this process. */
export function resumeCommand(
  request: RunRequest,
  savepointPath: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const { file, options, output } = request;
  const { parallelism, checkpointDirectory, savepointDirectory, restore } = options;
  const claims = restore?.claimMode === "CLAIM";
  const definitions = Object.entries(options.configuration ?? {}).filter(
    ([key]) => !RESTORE_KEYS.test(key),
  );
  const words = [
    file,
    "-s",
    savepointPath,
    ...(claims ? ["--claim-mode", "CLAIM"] : []),
    ...(parallelism === undefined ? [] : ["-p", String(parallelism)]),
    ...(checkpointDirectory === undefined ? [] : ["--checkpoint-dir", checkpointDirectory]),
    ...(savepointDirectory === undefined ? [] : ["--savepoint-dir", savepointDirectory]),
    ...definitions.flatMap(([key, value]) => ["-D", `${key}=${value}`]),
    ...(output === "text" ? [] : ["-o", output]),
    ...((options.args ?? []).length === 0 ? [] : ["--", ...(options.args ?? [])]),
  ];
  return `${commandName(environment)} run ${words.map(quoted).join(" ")}`;
}

/** What started this process, as far as npm says. */
function commandName(environment: Readonly<Record<string, string | undefined>>): string {
  if (environment["npm_command"] === "exec") return "npx oxbow";
  const isScript = environment["npm_lifecycle_event"] === "oxbow";
  return isScript ? "npm run oxbow --" : "oxbow";
}

/** As one word of a shell. */
function quoted(word: string): string {
  if (/^[\w@%+=:,./\\-]+$/.test(word) && !(word.includes("\\") && process.platform !== "win32")) {
    return word;
  }
  return process.platform === "win32"
    ? `"${word.replaceAll('"', '\\"')}"`
    : `'${word.replaceAll("'", `'\\''`)}'`;
}
