/** What a job tells of itself while it runs. */
import type { JobStatus } from "./job-status.ts";

/** What happens in a job, for people and for `oxbow run`. */
export type JobEvent =
  | { readonly kind: "status"; readonly status: JobStatus; readonly error: unknown }
  | { readonly kind: "attempt"; readonly attempt: number; readonly restoredId: number | undefined }
  | { readonly kind: "restarting"; readonly delayMs: number; readonly error: unknown }
  | {
      readonly kind: "checkpoint";
      readonly id: number;
      readonly durationMs: number;
      readonly sizeBytes: number;
    }
  | {
      readonly kind: "checkpoint-failed";
      readonly id: number | undefined;
      readonly message: string;
    }
  | { readonly kind: "warning"; readonly error: unknown };
