/*
 * SessionTimers: the engine's one timer per session, of the current key. Its namespace is [id, id),
 * which no window is; what it is set for is a column of the session.
 *
 * I1. A timer may go off too early, when the session has grown since; never too late.
 */
import type { TimerService } from "../state/keyed-backend.ts";
import { MAX_WATERMARK } from "../time/timestamp.ts";
import { NO_TIMER } from "./session-table.ts";
import type { SessionTable } from "./session-table.ts";

/** See the file header. */
export class SessionTimers {
  readonly #sessions: SessionTable;
  readonly #timers: TimerService;

  constructor(sessions: SessionTable, timers: TimerService) {
    this.#sessions = sessions;
    this.#timers = timers;
  }

  /** Sees to it that the timer goes off no later than `timestamp`. */
  arm(row: number, timestamp: number): void {
    const armed = this.#sessions.timerOf(row);
    if (armed <= timestamp) return;
    this.disarm(row);
    // A session that never ends by time stays until the job does.
    if (timestamp >= MAX_WATERMARK) return;
    const id = this.#sessions.idOf(row);
    this.#timers.register(timestamp, { start: id, end: id });
    this.#sessions.setTimer(row, timestamp);
  }

  /** The timer, if there is one, goes. */
  disarm(row: number): void {
    const armed = this.#sessions.timerOf(row);
    if (armed === NO_TIMER) return;
    const id = this.#sessions.idOf(row);
    this.#timers.delete(armed, { start: id, end: id });
    this.#sessions.setTimer(row, NO_TIMER);
  }
}
