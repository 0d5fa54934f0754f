/* Events of a job as lines of text and as plain data for `-o jsonl`. */
import type { JobEvent } from "oxbow";
import { durationText } from "./figure-text.ts";
import { errorText } from "./error-text.ts";
import { toWire } from "oxbow/internal";

/** Why a checkpoint fails when its job ends, which is no news then. */
const GIVEN_UP = "CHECKPOINT_COORDINATOR_SUSPEND";

/** What people must know while the job runs; undefined for what the progress shows anyway. */
export function eventText(event: JobEvent): string | undefined {
  switch (event.kind) {
    case "status":
    case "checkpoint":
      return undefined;
    case "savepoint":
      return `Savepoint ${event.id} is complete: ${event.location}`;
    case "attempt":
      return event.restoredId === undefined
        ? undefined
        : `Attempt ${event.attempt} goes on from checkpoint ${event.restoredId}.`;
    case "restarting": {
      const delay = durationText(event.delayMs);
      return `The attempt failed; the next starts in ${delay}.\n${errorText(event.error)}`;
    }
    case "checkpoint-failed": {
      const { id, message } = event;
      if (message.startsWith(GIVEN_UP)) return undefined;
      return id === undefined
        ? `A checkpoint failed: ${message}`
        : `Checkpoint ${id} failed: ${message}`;
    }
    case "warning":
      return `warning: ${errorText(event.error)}`;
  }
}

/** Plain data; errors without stacks. */
export function eventData(event: JobEvent): Readonly<Record<string, unknown>> {
  return "error" in event ? { ...event, error: errorData(event.error) } : event;
}

/** An error as plain data: code, kind, message, details, causes. */
export function errorData(error: unknown): Readonly<Record<string, unknown>> | undefined {
  if (error === undefined) return undefined;
  const { code, kind, message, details, cause } = toWire(error);
  const causes = cause === undefined ? {} : { cause: errorData(cause) };
  return { code, kind, message, details, ...causes };
}
