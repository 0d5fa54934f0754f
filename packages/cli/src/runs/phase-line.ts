/* PhaseLine: what a command waits for, in place on a terminal; nothing where there is none. */
import type { RequestProgress } from "oxbow/internal";
import { durationText } from "../figure-text.ts";
import { Screen } from "../screen.ts";

const REDRAW_MS = 250;

/** See the file header. */
export class PhaseLine {
  readonly #screen = process.stderr.isTTY ? new Screen(process.stderr) : undefined;
  readonly #startMs = performance.now();
  readonly #jobName: string;
  readonly #timer: NodeJS.Timeout | undefined;
  #phase = "asked";

  constructor(jobName: string) {
    this.#jobName = jobName;
    if (this.#screen === undefined) return;
    this.#draw();
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
  }

  /** Shows another phase from now on. */
  show(phase: string): void {
    this.#phase = phase;
    this.#draw();
  }

  /** Takes the line away. */
  close(): void {
    clearInterval(this.#timer);
    this.#screen?.erase();
    this.#screen?.close();
  }

  #draw(): void {
    const elapsed = durationText(performance.now() - this.#startMs);
    this.#screen?.draw([`${this.#jobName}  ${this.#phase}  ${elapsed}`]);
  }
}

/** Makes a phase of what a run says; `hasSnapshot`: one has been seen before. */
export function phaseText(progress: RequestProgress, hasSnapshot: boolean): string {
  const { status, snapshot } = progress;
  if (snapshot !== null) {
    const { id, isSavepoint, acknowledged, subtasks } = snapshot;
    const what = isSavepoint ? "savepoint" : "checkpoint";
    return `${what} ${id}: ${acknowledged} of ${subtasks} subtasks`;
  }
  if (status !== "RUNNING") return status.toLowerCase();
  return hasSnapshot ? "the snapshot is being completed" : "waiting for the job";
}
