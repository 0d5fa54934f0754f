/*
 * JobConsole: a job that runs attached, as its user sees it: progress in place on a terminal,
 * events worth knowing everywhere, and Ctrl-C. All of it goes to stderr; stdout belongs to the
 * data.
 */
import type { Job, JobEnd, JobEvent, JobHandle, JobStart, RunOptions } from "oxbow";
import { startJob } from "oxbow";
import { exitCodeOfEnd } from "./exit-codes.ts";
import { exitCodeOfSignal, onInterrupt } from "./interrupts.ts";
import type { InterruptSignal } from "./interrupts.ts";
import { eventText } from "./job-events.ts";
import { JobSampler } from "./job-sampler.ts";
import type { JobFigures } from "./job-sampler.ts";
import { progressLine, progressLines } from "./progress.ts";
import { Screen } from "./screen.ts";

const REDRAW_MS = 250;
const PLAIN_LINE_MS = 1_000;

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
   * Starts a job and shows it until it has ended. The first Ctrl-C cancels it, the second ends the
   * process. Rejects with what `startJob` rejects with.
   */
  async run(
    job: Job | string | URL,
    options: RunOptions = {},
  ): Promise<AttachedEnd | Extract<JobStart, { kind: "over" }>> {
    const interrupt = Promise.withResolvers<void>();
    let signal: InterruptSignal | undefined;
    // Before the job starts, since it may be canceled while it does.
    const stopListening = onInterrupt((received) => {
      signal = received;
      this.print("Canceling the job; once more to end at once.");
      interrupt.resolve();
    });
    try {
      const onEvent = (event: JobEvent): void => {
        const text = eventText(event);
        if (text !== undefined) this.print(text);
        options.onEvent?.(event);
      };
      const start = await startJob(job, { ...options, onEvent });
      if (start.kind === "over") return start;
      // How it went is told by `ended`.
      void interrupt.promise.then(() => start.job.cancel());
      const { end, figures } = await this.#watch(start.job);
      const isInterrupted = end.status === "CANCELED" && signal !== undefined;
      const exitCode = isInterrupted ? exitCodeOfSignal(signal!) : exitCodeOfEnd(end);
      return { kind: "ended", job: start.job, end, figures, exitCode };
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
