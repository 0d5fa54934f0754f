/*
 * Discards: removes what aborted checkpoints left, in the background, and counts what is under way.
 *
 * I1. A discard after a failed finalization is *uncertain*: `_metadata` may be there, so until it
 *     ends nobody can say which checkpoint is the newest durable one. If it fails, the job must
 *     fail, and the next attempt asks the storage. Any other failed discard leaves garbage and is
 *     reported.
 */
import { oxbowError } from "../errors.ts";
import type { CheckpointContent, CheckpointHost } from "./coordinator-host.ts";

export class Discards {
  readonly #host: CheckpointHost;
  readonly #onEnd: () => void;
  #count = 0;
  #uncertainCount = 0;

  /** `onEnd` is called after each. */
  constructor(host: CheckpointHost, onEnd: () => void) {
    this.#host = host;
    this.#onEnd = onEnd;
  }

  /** Under way. */
  get count(): number {
    return this.#count;
  }

  /** Under way after a failed finalization; see I1. */
  get uncertainCount(): number {
    return this.#uncertainCount;
  }

  /** Begins one. */
  begin(content: CheckpointContent, isUncertain: boolean): void {
    this.#count++;
    if (isUncertain) this.#uncertainCount++;
    this.#run(content, isUncertain).catch((error: unknown) => this.#host.failJob(error));
  }

  async #run(content: CheckpointContent, isUncertain: boolean): Promise<void> {
    const checkpointId = content.barrier.id;
    try {
      await this.#host.discard(content);
    } catch (error) {
      this.#host.report({ kind: "discardFailed", checkpointId, error });
      if (isUncertain) this.#host.failJob(discardFailed(checkpointId, error));
    }
    this.#count--;
    if (isUncertain) this.#uncertainCount--;
    this.#onEnd();
  }
}

function discardFailed(checkpointId: number, cause: unknown): Error {
  const message =
    `Checkpoint ${checkpointId} could not be finalized, and what it left could not be removed. ` +
    "The job restarts and looks at the storage again; check that the directory can be written.";
  return oxbowError("CHECKPOINT_DISCARD_FAILED", message, { checkpointId }, cause);
}
