/* What planted bugs are made of. */

import type { Scenario } from "./scenario.ts";

/** A mistake. */
export interface Plant {
  /** What is broken. */
  readonly name: string;
  /** Whether a scenario could show it at all; others are passed over. Undefined: any. */
  readonly needs?: (scenario: Scenario) => boolean;
  /** Breaks it; the function returned repairs it. */
  install(): () => void;
}

type Method<T, A extends unknown[], R> = (this: T, ...args: A) => R;

/** Replaces a method by what `make` makes of it; the function returned puts it back. */
export function replace<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  make: (
    original: T[K] extends (...args: infer A) => infer R ? Method<T, A, R> : never,
  ) => T[K] extends (...args: infer A) => infer R ? Method<T, A, R> : never,
): () => void {
  const original = prototype[name];
  prototype[name] = make(original as never) as T[K];
  return () => {
    prototype[name] = original;
  };
}
