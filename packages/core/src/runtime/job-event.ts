/** What a job tells of itself while it runs. */
import type { JobStatus } from "./job-status.ts";

/** What happens in a job, for people and for `oxbow run`. */
export type JobEvent =
  | { readonly kind: "status"; readonly status: JobStatus; readonly error: unknown }
  | { readonly kind: "attempt"; readonly attempt: number; readonly restoredId: number | undefined }
  | { readonly kind: "restarting"; readonly delayMs: number; readonly error: unknown }
  /** One is complete. */
  | {
      readonly kind: "checkpoint" | "savepoint";
      readonly id: number;
      readonly durationMs: number;
      readonly sizeBytes: number;
      /** Directory in which its `_metadata` lies. */
      readonly location: string;
    }
  | {
      readonly kind: "checkpoint-failed";
      readonly id: number | undefined;
      readonly message: string;
    }
  | { readonly kind: "warning"; readonly error: unknown };
