/*
 * The real Env of a Node process or worker thread: system clock, entropy, node:fs. Everything else
 * of the engine gets it from the driver that starts it.
 */
import { getRandomValues } from "node:crypto";
import { assert } from "../assert.ts";
import type { Clock, Env } from "./env.ts";
import { nodeFiles } from "./node-files.ts";
import { nodeSockets } from "./node-sockets.ts";
import { nodeProcessIdentity } from "./process-identity.ts";
import { entropyRandom } from "./random.ts";

/** Longest delay of one setTimeout; longer ones are armed again. */
const TIMER_LIMIT_MS = 2 ** 31 - 1;

/**
 * Makes the real Env. One per thread; they may be mixed freely. `verify` defaults to
 * `NODE_ENV === "test"`.
 */
export function nodeEnv(options: { readonly verify?: boolean } = {}): Env {
  return Object.freeze({
    clock: nodeClock,
    random: entropyRandom(() => getRandomValues(new Uint32Array(4))),
    files: nodeFiles,
    process: nodeProcessIdentity(),
    verify: options.verify ?? process.env["NODE_ENV"] === "test",
    workingDirectory: process.cwd().replaceAll("\\", "/"),
    output: { write: (text: string) => void process.stdout.write(text) },
    sockets: nodeSockets,
  });
}

const nodeClock: Clock = Object.freeze({
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule(delayMs: number, callback: () => void): () => void {
    assert(delayMs >= 0, () => `schedule: delayMs is ${delayMs}`);
    const deadline = performance.now() + delayMs;
    let timer: NodeJS.Timeout | undefined;
    const arm = (): void => {
      const restMs = Math.ceil(deadline - performance.now());
      timer = setTimeout(fire, Math.min(Math.max(restMs, 0), TIMER_LIMIT_MS));
    };
    const fire = (): void => {
      // Timers of Node may fire up to 1 ms early, and long delays come in pieces.
      if (performance.now() < deadline) arm();
      else callback();
    };
    arm();
    return () => clearTimeout(timer);
  },
  soon: (callback: () => void): void => void setImmediate(callback),
});
