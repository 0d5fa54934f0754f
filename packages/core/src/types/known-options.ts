/*
 * known-options: options by misspelt names, which would otherwise count as left out. The compiler
 * finds them, but programs also run without being compiled.
 */
import { didYouMean, listNames } from "./nearest-name.ts";

/**
 * Undefined if `options` has only known names; else `has no option "intervall"; there are …. Did
 * you mean "interval"?`.
 */
export function unknownOption(options: object, known: readonly string[]): string | undefined {
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return undefined;
  return `has no option "${unknown}"; there are ${listNames(known)}.` + didYouMean(unknown, known);
}
