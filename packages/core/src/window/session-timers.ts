/*
 * SessionTimers: when the engine has next to look at each session. The time is a column of the
 * session, so nothing more has to be stored; a heap in memory, which follows from the column, gives
 * the earliest.
 *
 * I1. A timer may go off too early, when the session has grown since; never too late.
 * I2. Every session that has a time has an entry in the heap for it. Other entries are stale and
 *     dropped when met.
 */
import { TimerHeap } from "../state/timer-heap.ts";
import { MAX_WATERMARK } from "../time/timestamp.ts";
import { NO_TIMER } from "./session-table.ts";
import type { SessionTable } from "./session-table.ts";

/** A heap with fewer entries is not rebuilt. */
const REBUILD_COUNT_MIN = 1024;

/** See the file header. */
export class SessionTimers {
  readonly #sessions: SessionTable;
  readonly #heap = new TimerHeap();

  constructor(sessions: SessionTable) {
    this.#sessions = sessions;
  }

  /** Makes the heap anew from the sessions; after loading. */
  restore(): void {
    const { table } = this.#sessions;
    this.#heap.clear();
    for (let row = table.nextRow(0); row !== 0; row = table.nextRow(row)) {
      const timestamp = this.#sessions.timerOf(row);
      if (timestamp !== NO_TIMER) this.#heap.push(timestamp, row);
    }
  }

  /** Sees to it that the timer goes off no later than `timestamp`. */
  arm(row: number, timestamp: number): void {
    if (this.#sessions.timerOf(row) > timestamp) this.set(row, timestamp);
  }

  /** The timer goes off at `timestamp`, and not before. */
  set(row: number, timestamp: number): void {
    // A session that never ends by time stays until the job does.
    const isNever = timestamp >= MAX_WATERMARK;
    this.#sessions.setTimer(row, isNever ? NO_TIMER : timestamp);
    if (isNever) return;
    const { count } = this.#heap;
    if (count > REBUILD_COUNT_MIN && count > this.#sessions.table.rowsCount * 2) this.restore();
    else this.#heap.push(timestamp, row);
  }

  /** The earliest timer's timestamp, ms; Infinity for none. */
  nextTimestamp(): number {
    const heap = this.#heap;
    while (heap.count > 0) {
      const row = heap.firstRow;
      const isLive = this.#sessions.table.live.has(row);
      if (isLive && this.#sessions.timerOf(row) === heap.firstTimestamp) break;
      heap.pop();
    }
    return heap.firstTimestamp;
  }

  /**
   * Takes the timer of `nextTimestamp`, of which there must be one; returns its session's row. It
   * is to be set again, or the session to be removed.
   */
  take(): number {
    const row = this.#heap.firstRow;
    this.#heap.pop();
    return row;
  }
}
