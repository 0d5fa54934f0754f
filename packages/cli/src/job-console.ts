/*
 * JobConsole: a job that runs attached, as its user sees it: progress in place on a terminal,
 * events worth knowing everywhere, and Ctrl-C. All of it goes to stderr; stdout belongs to the
 * data.
 */
import type { Job, JobEnd, JobEvent, JobHandle, JobStart, RunOptions } from "oxbow";
import { startJob } from "oxbow";
import { savepointOfStop, stopAttached } from "./attached-stop.ts";
import type { StopSavepoint } from "./attached-stop.ts";
import { exitCodeOfEnd } from "./exit-codes.ts";
import { exitCodeOfSignal, InterruptLadder, onInterrupt } from "./interrupts.ts";
import type { InterruptSignal } from "./interrupts.ts";
import { eventText } from "./job-events.ts";
import { JobSampler } from "./job-sampler.ts";
import type { JobFigures } from "./job-sampler.ts";
import { progressLine, progressLines } from "./progress.ts";
import { Screen } from "./screen.ts";

const REDRAW_MS = 250;
const PLAIN_LINE_MS = 1_000;

const INTERRUPT_TEXTS = {
  stop: "Stopping the job with a savepoint; once more to cancel it.",
  cancel: "Canceling the job; once more to end at once.",
} as const;

/** How a job is shown. */
export interface JobConsoleOptions {
  readonly jobName: string;
  /** Lines below the table of a terminal, asked for at every redraw. */
  readonly below?: (figures: JobFigures) => readonly string[];
  /** Where there is no terminal, a line per second instead of nothing. */
  readonly hasPlainLines?: boolean;
}

/** How an attached job ended. */
export interface AttachedEnd {
  readonly kind: "ended";
  readonly job: JobHandle;
  readonly end: JobEnd;
  /** The savepoint with which it was stopped, whoever asked for that. */
  readonly savepoint: StopSavepoint | undefined;
  /** The last figures. */
  readonly figures: JobFigures;
  /** What the process should end with; see `EXIT_CODES`. */
  readonly exitCode: number;
}

/** See the file header. One job each. */
export class JobConsole {
  readonly #options: JobConsoleOptions;
  /** Undefined where stderr is no terminal. */
  readonly #screen: Screen | undefined;
  readonly #hasColor = process.stderr.hasColors?.() ?? false;

  constructor(options: JobConsoleOptions) {
    this.#options = options;
    this.#screen = process.stderr.isTTY ? new Screen(process.stderr) : undefined;
  }

  /** Writes a line that stays. */
  print(text: string): void {
    if (this.#screen === undefined) process.stderr.write(`${text}\n`);
    else this.#screen.print(text);
  }

  /**
   * Starts a job and shows it until it has ended. Where its run is kept, the first Ctrl-C stops it
   * with a savepoint, the next cancels it, the next ends the process; else the first cancels.
   * Rejects with what `startJob` rejects with.
   */
  async run(
    job: Job | string | URL,
    options: RunOptions = {},
  ): Promise<AttachedEnd | Extract<JobStart, { kind: "over" }>> {
    const stop = Promise.withResolvers<void>();
    const cancel = Promise.withResolvers<void>();
    let signal: InterruptSignal | undefined;
    let isCanceling = false;
    // Before the job starts, since it may be interrupted while it does.
    const stopListening = onInterrupt(new InterruptLadder(isKept(options)), (asked, received) => {
      signal = received;
      isCanceling = asked === "cancel";
      this.print(INTERRUPT_TEXTS[asked]);
      if (isCanceling) cancel.resolve();
      else stop.resolve();
    });
    try {
      const onEvent = (event: JobEvent): void => {
        const text = eventText(event);
        if (text !== undefined) this.print(text);
        options.onEvent?.(event);
      };
      const start = await startJob(job, { ...options, onEvent });
      if (start.kind === "over") return start;
      const { job: handle } = start;
      // How it went is told by `ended`.
      void cancel.promise.then(() => handle.cancel());
      const print = (text: string): void => this.print(text);
      void stop.promise.then(() => stopAttached(handle, () => isCanceling, print));
      const { end, figures } = await this.#watch(handle);
      const savepoint = await savepointOfStop(handle.runDirectory);
      const isInterrupted = end.status === "CANCELED" || savepoint !== undefined;
      const exitCode =
        signal !== undefined && isInterrupted && end.status !== "FAILED"
          ? exitCodeOfSignal(signal)
          : exitCodeOfEnd(end);
      return { kind: "ended", job: handle, end, savepoint, figures, exitCode };
    } finally {
      stopListening();
    }
  }

  async #watch(job: JobHandle): Promise<{ readonly end: JobEnd; readonly figures: JobFigures }> {
    const sampler = new JobSampler(job, performance.now());
    const show = (): JobFigures => this.#show(sampler.sample(performance.now()));
    const isSilent = this.#screen === undefined && this.#options.hasPlainLines !== true;
    const everyMs = this.#screen === undefined ? PLAIN_LINE_MS : REDRAW_MS;
    const timer = isSilent ? undefined : setInterval(show, everyMs);
    const giveBack = this.#screen === undefined ? undefined : shareTerminal(this.#screen);
    const end = await job.ended;
    clearInterval(timer);
    giveBack?.();
    const figures = isSilent ? sampler.sample(performance.now()) : show();
    this.#screen?.close();
    return { end, figures };
  }

  #show(figures: JobFigures): JobFigures {
    const { jobName, below } = this.#options;
    if (this.#screen === undefined) process.stderr.write(`${progressLine(jobName, figures)}\n`);
    else {
      const table = progressLines(jobName, figures, { hasColor: this.#hasColor });
      this.#screen.draw([...table, ...(below?.(figures) ?? [])]);
    }
    return figures;
  }
}

/** Whether the run has a place where checkpoints are kept. */
function isKept({ checkpointDirectory, configuration }: RunOptions): boolean {
  return (checkpointDirectory ?? configuration?.["execution.checkpointing.dir"]) !== undefined;
}

/**
 * What the job prints goes to the same terminal: the block makes room for it. Threads write through
 * this thread's stdout, so this is the one place that sees all of it. Call the result to stop.
 */
function shareTerminal(screen: Screen): () => void {
  const { stdout } = process;
  if (!stdout.isTTY) return () => undefined;
  const write = stdout.write.bind(stdout) as (...args: unknown[]) => boolean;
  stdout.write = (...args: unknown[]): boolean => {
    screen.erase();
    return write(...args);
  };
  return () => {
    stdout.write = write;
  };
}
