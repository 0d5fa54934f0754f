/*
 * Discards: removes what aborted checkpoints left, in the background, and counts what is under way.
 * One that fails leaves garbage and is reported; it fails nothing.
 */
import type { CheckpointContent, CheckpointHost } from "./coordinator-host.ts";

export class Discards {
  readonly #host: CheckpointHost;
  readonly #onEnd: () => void;
  #count = 0;

  /** `onEnd` is called after each. */
  constructor(host: CheckpointHost, onEnd: () => void) {
    this.#host = host;
    this.#onEnd = onEnd;
  }

  /** Under way. */
  get count(): number {
    return this.#count;
  }

  /** Begins one. */
  begin(content: CheckpointContent): void {
    this.#count++;
    this.#run(content).catch((error: unknown) => this.#host.failJob(error));
  }

  async #run(content: CheckpointContent): Promise<void> {
    try {
      await this.#host.discard(content);
    } catch (error) {
      this.#host.report({ kind: "discardFailed", checkpointId: content.barrier.id, error });
    }
    this.#count--;
    this.#onEnd();
  }
}
