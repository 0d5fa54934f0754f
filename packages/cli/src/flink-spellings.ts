/*
 * Flink's spellings of options, and an optional value that must not swallow the job: arguments are
 * put into the form that the parser knows. Nothing is checked here.
 */
import { statSync } from "node:fs";

const CLAIM_MODE = "--claim-mode";
const FROM_SAVEPOINT = "--from-savepoint";
const NON_RESTORED = "--allow-non-restored-state";

/** By command; Flink takes its long names behind one dash, too. */
const SPELLINGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  run: {
    "-fromSavepoint": FROM_SAVEPOINT,
    "--fromSavepoint": FROM_SAVEPOINT,
    "-allowNonRestoredState": NON_RESTORED,
    "--allowNonRestoredState": NON_RESTORED,
    "-cm": CLAIM_MODE,
    "-claimMode": CLAIM_MODE,
    "--claimMode": CLAIM_MODE,
    "-rm": CLAIM_MODE,
    "-restoreMode": CLAIM_MODE,
    "--restoreMode": CLAIM_MODE,
    "--restore-mode": CLAIM_MODE,
  },
  stop: {
    "-savepointPath": "--savepoint-path",
    "--savepointPath": "--savepoint-path",
    "-d": "--drain",
    "-drain": "--drain",
  },
  checkpoint: { "-full": "--full" },
  list: { "-running": "--running", "-all": "--all" },
};

/** The arguments as the parser wants them; `isFile` says what may be a job. */
export function withoutFlinkSpellings(
  args: readonly string[],
  isFile: (path: string) => boolean = isExistingFile,
): string[] {
  const spellings = SPELLINGS[args[0] ?? ""] ?? {};
  const end = args.indexOf("--");
  const own = (end < 0 ? args : args.slice(0, end)).map((arg) => {
    const [name = "", ...rest] = arg.split("=");
    const known = Object.hasOwn(spellings, name) ? spellings[name] : undefined;
    return known === undefined ? arg : [known, ...rest].join("=");
  });
  const others = end < 0 ? [] : args.slice(end);
  return [...(args[0] === "run" ? withFreeFlag(own, isFile) : own), ...others];
}

/**
 * `-n job.ts`: the value is optional, and what follows is the job. The flag goes to the end, where
 * nothing follows it.
 */
function withFreeFlag(args: readonly string[], isFile: (path: string) => boolean): string[] {
  const at = args.findIndex(
    (arg, index) => (arg === "-n" || arg === NON_RESTORED) && isFile(args[index + 1] ?? ""),
  );
  return at < 0 ? [...args] : [...args.slice(0, at), ...args.slice(at + 1), NON_RESTORED];
}

function isExistingFile(path: string): boolean {
  return path !== "" && statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
