/* Small draws of chance. */
import type { Random } from "../../packages/core/src/env/env.ts";

/** One of some. */
export function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.int(choices.length)];
}

/** True with a chance of 1 in `of`. */
export function oneIn(random: Random, of: number): boolean {
  return random.int(of) === 0;
}
