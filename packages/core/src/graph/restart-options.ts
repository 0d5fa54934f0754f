/**
 * RestartOptions: what a program says about failures, as data. Defaults and meaning:
 * `docs/semantics/failures.md`.
 */
import type { Duration } from "../time/duration.ts";

/** Durations in ms or as text (`"10s"`). */
export type RestartOptions =
  | { readonly kind: "none" }
  | { readonly kind: "fixed-delay"; readonly attempts?: number; readonly delay?: Duration }
  | {
      readonly kind: "failure-rate";
      readonly maxFailuresPerInterval?: number;
      readonly failureRateInterval?: Duration;
      readonly delay?: Duration;
    }
  | {
      readonly kind: "exponential-delay";
      readonly initialBackoff?: Duration;
      readonly maxBackoff?: Duration;
      readonly backoffMultiplier?: number;
      readonly resetBackoffThreshold?: Duration;
      readonly jitterFactor?: number;
      readonly attempts?: number;
    };
