/*
 * Intruders: second processes that try to take a run over while its process lives. They must be
 * refused, and must not disturb it.
 */
import { namedSnapshot } from "../../packages/core/src/driver/restore-options.ts";
import { errorCode } from "../../packages/core/src/errors.ts";
import { openRun } from "../../packages/core/src/snapshot/run-directory.ts";
import type { SimProcess, SimWorld } from "../../packages/core/src/testing/sim-env.ts";
import type { RunCommand } from "./sim-process.ts";

/** What an intruder is told of. */
export interface IntruderParts {
  readonly world: SimWorld;
  readonly checkpointDirectory: string;
  readonly jobName: string;
  readonly command: RunCommand;
  /** Whether the process that it met holds the run at this moment. */
  readonly isHeld: () => boolean;
  readonly violation: (text: string) => void;
}

/** Starts a process that tries. The caller may kill it at any time. */
export function intrude(parts: IntruderParts): SimProcess {
  const { world, checkpointDirectory, jobName, command, isHeld, violation } = parts;
  const intruder = world.startProcess();
  const { jobId } = command;
  const named = namedSnapshot(command.restore);
  const restoreFrom = named && {
    path: named.path,
    claimMode: named.claimMode ?? "NO_CLAIM",
    discardingSinks: [],
  };
  openRun(intruder.env, { checkpointDirectory, jobName, jobId, restoreFrom }).then(
    (opening) => {
      if (opening.kind === "open" && isHeld()) violation("a second process took the run over");
      intruder.kill();
    },
    (error: unknown) => {
      const code = errorCode(error) ?? "";
      if (!["RUN_LOCKED", "FILE_IO"].includes(code)) {
        violation(`a second process was refused with ${String(error)}`);
      }
      intruder.kill();
    },
  );
  return intruder;
}
